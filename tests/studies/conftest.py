"""One tiny study, made once and copied by the tests that change it."""

import shutil
from pathlib import Path

import pytest

from melgen.software import software
from tests.commands.calling import call

MINI = (
    "corpus=misc_folk",
    "dataset=control,interval",
    "cell=lstm",
    "layers=1,2",
    "seed=0,1",
    "hidden_size=8",
    "trainer.max_steps=6",
    "trainer.val_check_interval=2",
    "callbacks=default",
    "callbacks.sampling=null",
    "callbacks.projection=null",
    "callbacks.checkpoint.keep_every_n_steps=2",
    "logger=csv",
    "generate.songs=3",
    "generate.notes=9",
    "evaluation.resamples=20",
    "hydra/launcher=basic",
)
"""A study of eight very short trainings."""
CELLS = (
    "corpus=misc_folk",
    "name=cells",
    "dataset=control",
    "cell=lstm,gru",
    "layers=1",
    "seed=0,1,2",
    "rhythm=none,factored",
    "hidden_size=8",
    "trainer.max_steps=4",
    "trainer.val_check_interval=2",
    "callbacks=default",
    "callbacks.sampling=null",
    "callbacks.projection=null",
    "logger=csv",
    "generate.songs=2",
    "generate.notes=9",
    "evaluation.resamples=50",
    "hydra/launcher=basic",
)
"""A study of two cells with three seeds, with and without rhythm."""
HOME = Path("multirun/misc_folk")
STUDY = HOME / "study"


@pytest.fixture(scope="session")
def same_software():
    """Keep the recorded state of the source, which would change if melgen were edited during the tests."""
    now = software()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("melgen.studies.study.software", lambda: now)
        yield


@pytest.fixture(scope="session")
def finished(made_once, same_software):
    """The directory in which the study was made. Tests only read it."""

    def study(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            answer = call("study", *MINI)
        assert answer.code == 0, answer.text

    return made_once("finished_study", study)


@pytest.fixture(scope="session")
def compared(made_once, same_software):
    """The directory in which the study was made. Tests only read it."""

    def study(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            answer = call("study", *CELLS)
            Path("output.txt").write_text(answer.text, encoding="utf-8")
        assert answer.code == 0, answer.text

    return made_once("study_of_cells", study)


@pytest.fixture
def mini(finished, tmp_path, monkeypatch):
    """A copy of the finished study, below the current directory."""
    shutil.copytree(finished / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)
    return tmp_path / HOME
