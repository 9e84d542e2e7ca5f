"""When a run is finished."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from melgen.errors import IdentityError
from melgen.files import write_json
from melgen.runs.budget import BUDGET, asked_budget, exceeded_limit, is_finished, is_known_finished
from melgen.runs.directory import FINISHED, INTERRUPTED, RunDirectory


def config(**trainer):
    return OmegaConf.create({"trainer": {"max_steps": -1, "max_epochs": -1, **trainer}})


@pytest.fixture
def run(tmp_path):
    """Writes a run that has made 700 updates in 3 epochs."""

    def run(state=FINISHED, **result):
        directory = RunDirectory(tmp_path)
        directory.set_status(state)
        write_json(tmp_path / "result.json", {"updates": 700, "epochs": 3, **result})
        return directory

    return run


def test_the_budget_is_recorded_without_what_is_no_limit():
    asked = asked_budget(config(max_steps=1000, max_time={"hours": 1, "minutes": 30}))
    assert asked == {"max_steps": 1000, "max_epochs": None, "max_time": 5400, "min_steps": None, "min_epochs": None}
    assert asked_budget(config(max_time="01:02:03:04"))["max_time"] == 93784


@pytest.mark.parametrize(
    ("asked", "finished"),
    [
        ({"max_steps": 1000}, True),
        ({"max_steps": 800}, True),
        ({"max_steps": 1001}, False),
        ({"max_epochs": 4}, False),
        ({"max_epochs": 3}, True),
        ({"max_steps": 1000, "max_epochs": 4}, True),
        ({"max_steps": 1000, "min_steps": 900}, False),
    ],
)
def test_a_run_stopped_early_is_finished_until_more_is_asked_for(run, asked, finished):
    assert is_finished(run(**{BUDGET: asked_budget(config(max_steps=1000))}), config(**asked)) is finished


@pytest.mark.parametrize(("hours", "finished"), [(2, True), (1, True), (3, False), (None, False)])
def test_a_run_stopped_by_its_time_is_finished_until_it_gets_more(run, hours, finished):
    stopped = run(**{BUDGET: asked_budget(config(max_steps=1000, max_time="00:02:00:00"))})
    asked = {} if hours is None else {"max_time": {"hours": hours}}
    assert is_finished(stopped, config(max_steps=1000, **asked)) is finished


@pytest.mark.parametrize(
    ("asked", "exceeded"),
    [
        ({"max_steps": 699}, "trainer.max_steps"),
        ({"max_steps": 700}, None),
        ({"max_steps": 1000, "max_epochs": 2}, "trainer.max_epochs"),
        ({"max_epochs": 3}, None),
    ],
)
def test_a_limit_is_exceeded_by_what_is_above_it(asked, exceeded):
    limit = exceeded_limit(config(**asked), {"updates": 700, "epochs": 3})
    assert (None if limit is None else limit.key) == exceeded


def test_a_result_without_a_budget_counts_by_its_updates_and_epochs(run):
    assert is_finished(run(), config(max_steps=700))
    assert not is_finished(run(), config(max_steps=1000))


def test_the_result_of_a_run_that_went_on_and_was_interrupted_does_not_count(run):
    assert not is_finished(run(INTERRUPTED), config(max_steps=700))


def test_a_damaged_result_is_named_by_the_training_and_unfinished_in_a_plan(run):
    damaged = run(updates="many")
    with pytest.raises(IdentityError, match=r"result\.json: damaged"):
        is_finished(damaged, config(max_steps=700))
    assert not is_known_finished(damaged, config(max_steps=700))
