"""The trainings of a study that are refused before anything is trained."""

from __future__ import annotations

from melgen.files import write_json
from tests.commands.calling import call, files_below
from tests.studies.conftest import HOME, MINI


def test_force_is_refused_and_deletes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(HOME / "control-lstm-1-seed0-hidden_size-8" / "result.json", {"updates": 6})
    before = files_below(HOME)
    answer = call("study", *MINI, "force=true")
    assert answer.code == 1
    assert "force=true: not for a study, which would delete all of its runs" in answer.text
    assert "python -m melgen.train -m ... force=true" in answer.text
    assert files_below(HOME) == before
