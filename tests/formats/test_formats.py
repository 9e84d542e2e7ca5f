"""Checkpoints and sweeps that an earlier melgen has left; see ``make_fixture.py``."""

import json
import os
import shutil
from pathlib import Path

import pytest

from melgen.files import read_json
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import numbers_software
from melgen.sweeps.report import standings_below
from melgen.trained import load_model, read_checkpoint
from tests.commands.calling import call
from tests.formats.make_fixture import SMALL, UNTIL, UPDATES, run_of

KEPT = sorted(Path(__file__).parent.glob("version*"))
SAME_ON_EVERY_PROCESSOR = 1e-3
"""Nats; the last bits differ between processors, other arithmetic would differ by more."""


@pytest.fixture(params=KEPT, ids=[path.name for path in KEPT])
def sweep(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy = Path(shutil.copytree(request.param, "multirun/misc_folk"))
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (0, 0))  # what was written long ago on a machine elsewhere is at work no more
    return copy


def test_every_version_has_been_kept():
    from melgen.runs.directory import FORMAT_VERSION
    from melgen.trained import FORMAT_VERSION as OF_CHECKPOINTS

    assert [path.name for path in KEPT] == [f"version{number}" for number in range(1, FORMAT_VERSION + 1)]
    kept = {read_checkpoint(path)["melgen"]["format_version"] for path in KEPT[-1].rglob("*.ckpt")}
    assert kept == {OF_CHECKPOINTS}


def test_the_networks_write_songs(sweep):
    for cell in ("gru", "lstm"):
        assert load_model(sweep / run_of(cell)).updates in (UNTIL, UPDATES)
        answer = call("generate", f"checkpoint={sweep / run_of(cell)}", "songs=2", "notes=5", f"out={cell}")
        assert answer.code == 0, answer.text


def test_the_sweep_says_how_it_stands(sweep):
    states = {standing.path.name: standing.state for standing in standings_below(sweep)}
    assert states == {run_of("gru"): "finished", run_of("lstm"): "interrupted"}


def test_the_same_command_goes_on_with_it(sweep):
    before = RunDirectory(sweep / run_of("gru")).result
    # With another torch it would refuse to go on, as it should; that is tested elsewhere.
    for file in sweep.glob("*/identity.json"):
        identity = json.loads(file.read_text())
        identity["software"]["torch"] = numbers_software()["torch"]
        file.write_text(json.dumps(identity))
    answer = call("train", *SMALL, f"trainer.max_steps={UPDATES}")
    assert answer.code == 0, answer.text
    assert f"Resuming at update {UNTIL}" in answer.text
    assert "Already finished" in answer.text
    assert RunDirectory(sweep / run_of("gru")).result == before
    now, then = RunDirectory(sweep / run_of("lstm")).result, read_json(sweep / "expected.json")
    assert now["updates"] == then["updates"] == UPDATES
    for key in ("val/loss", "test/loss"):
        assert now[key] == pytest.approx(then[key], abs=SAME_ON_EVERY_PROCESSOR), (
            "melgen computes other numbers than it did: if that is meant, raise melgen.runs.identity.NUMBERS_VERSION "
            "and keep a new fixture"
        )


def test_a_report_is_made_of_it(sweep):
    answer = call("report", f"run={sweep / run_of('gru')}")
    assert answer.code == 0, answer.text
