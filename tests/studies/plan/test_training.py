"""The trainings of a study that are refused before anything is trained."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from melgen.files import write_json
from melgen.runs.budget import BUDGET
from melgen.runs.directory import FINISHED, INTERRUPTED, RunDirectory
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.training import refuse_larger_budgets
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


@pytest.fixture
def planned(tmp_path):
    """Writes a run, and plans it with the limits of a trainer."""

    def planned(name, result, state=FINISHED, **trainer):
        path = tmp_path / name
        path.mkdir()
        RunDirectory(path).set_status(state)
        write_json(path / "result.json", result)
        return PlannedRun(path, OmegaConf.create({"trainer": {"max_steps": -1, "max_epochs": -1, **trainer}}))

    return planned


def test_runs_with_more_updates_than_planned_are_refused_by_name(planned, tmp_path):
    runs = [
        planned("as-planned", {"updates": 500, "epochs": 2}, max_steps=500),
        planned("continued", {"updates": 2000, "epochs": 8}, max_steps=500),
        planned("stopped-early", {"updates": 700, "epochs": 2, "stopped_by": "callback"}, max_steps=500),
    ]
    message = (
        f"{tmp_path}: 2 of 3 runs have made more updates than planned, which would be an advantage in a comparison:\n"
        "  continued: 2,000 updates, planned: trainer.max_steps=500\n"
        "  stopped-early: 700 updates, planned: trainer.max_steps=500\n"
        "trainer.max_steps=2000 gives all runs the same budget, name=... trains others elsewhere"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        refuse_larger_budgets(runs)
    with pytest.raises(ValueError, match=r"\n  continued: 2,000 updates, planned: tune.max_steps=500\n"):
        refuse_larger_budgets(runs, "tune.max_steps")


def test_more_epochs_than_planned_are_refused(planned):
    run = planned("continued", {"updates": 750, "epochs": 3}, max_epochs=2)
    with pytest.raises(ValueError, match=r"1 of 1 run has made .*\n  continued: 3 epochs, planned: trainer.max_ep"):
        refuse_larger_budgets([run])


@pytest.mark.parametrize(
    ("result", "trainer"),
    [
        ({"updates": 500, "epochs": 2}, {"max_steps": 500}),
        ({"updates": 500, "epochs": 2}, {"max_steps": 500, "max_epochs": 2}),
        ({"updates": 400, "epochs": 1, BUDGET: {"max_steps": 500}}, {"max_steps": 500}),
        # 620 updates are two epochs and a half, of which only whole ones are counted
        ({"updates": 620, "epochs": 2}, {"max_epochs": 2}),
        # its training has yet to say what is wrong
        ({"updates": "many", "epochs": 2}, {"max_steps": 500}),
    ],
)
def test_runs_without_more_updates_than_planned_are_compared(planned, result, trainer):
    refuse_larger_budgets([planned("run", result, **trainer)])


def test_each_run_is_compared_with_its_own_plan(planned):
    """As in a study whose budget depends on the representation."""
    refuse_larger_budgets(
        [
            planned("control", {"updates": 3000, "epochs": 300}, max_epochs=300),
            planned("db12", {"updates": 6000, "epochs": 50}, max_epochs=50),
        ]
    )


def test_a_run_that_goes_on_is_left_to_its_training(planned):
    refuse_larger_budgets([planned("run", {"updates": 2000, "epochs": 8}, INTERRUPTED, max_steps=500)])
