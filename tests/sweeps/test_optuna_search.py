"""A search with Optuna: its space, its trials, and how it goes on. A function replaces the trainings."""

from __future__ import annotations

import math
import sys
from functools import partial
from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from hydra_plugins.melgen_optuna_sweeper import OptunaSweeper
from melgen.configuration.explanations import explained
from melgen.locks import LockedError, locked
from melgen.sweeps.optuna_search import JOURNAL, LOCK, RESULTS, Search, require_optuna, sampler_of, search_space

optuna = pytest.importorskip("optuna")
CategoricalDistribution, FloatDistribution, IntDistribution = (
    optuna.distributions.CategoricalDistribution,
    optuna.distributions.FloatDistribution,
    optuna.distributions.IntDistribution,
)
LR = "optimizer.lr=interval(0.0,1.0)"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("x=choice(1,2)", CategoricalDistribution(("1", "2"))),
        ("x=lstm,gru", CategoricalDistribution(("lstm", "gru"))),
        ("x='a b',null,true,[60,62]", CategoricalDistribution(("'a b'", "null", "True", "[60,62]"))),
        ("x=range(5)", IntDistribution(0, 4)),
        ("x=range(1,6,2)", IntDistribution(1, 5, step=2)),
        ("x=range(1,5,2)", IntDistribution(1, 3, step=2)),
        ("x=range(0.0,1.0,0.25)", FloatDistribution(0.0, 0.75, step=0.25)),
        ("x=range(3,0,-1)", CategoricalDistribution(("3", "2", "1"))),
        ("x=shuffle(range(1,3))", CategoricalDistribution(("1", "2"))),
        ("x=interval(0.1,1)", FloatDistribution(0.1, 1.0)),
        ("x=interval(1,4)", FloatDistribution(1.0, 4.0)),
        ("x=int(interval(1,4))", IntDistribution(1, 4)),
        ("x=tag(log,interval(0.001,0.1))", FloatDistribution(0.001, 0.1, log=True)),
        ("x=tag(log,int(interval(8,256)))", IntDistribution(8, 256, log=True)),
    ],
)
def test_sweeps_of_hydras_grammar(override, expected):
    space, fixed = search_space([override])
    (found,) = space.values()
    if isinstance(expected, CategoricalDistribution):
        assert sorted(found.choices) == sorted(expected.choices)
    else:
        assert found == expected
    assert fixed == {}


def test_of_several_overrides_of_one_key_the_last_counts():
    space, fixed = search_space(["layers=choice(1,2)", "seed=0", "seed=range(3)", "layers=3"])
    assert (set(space), fixed) == ({"seed"}, {"layers": "layers=3"})


def test_a_space_without_sense_is_refused():
    with pytest.raises(ValueError, match=r"x=tag\(log,interval\(0.0,1.0\)\): "):
        search_space(["x=tag(log,interval(0.0,1.0))"])


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("n_trials", 0, "whole number of at least 1"),
        ("n_trials", 2.5, "whole number of at least 1"),
        ("n_jobs", 0, "whole number of at least 1"),
        ("direction", "down", "minimize or maximize"),
    ],
)
def test_a_setting_without_sense_is_refused(tmp_path, key, value, rule):
    with pytest.raises(ValueError, match=f"hydra.sweeper.{key}={value}: must be {'a ' * rule.startswith('w')}{rule}"):
        make(tmp_path, [LR], **{key: value})


def test_a_search_without_a_choice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to choose"):
        make(tmp_path, ["seed=0"])


def make(folder, arguments, **options):
    sampler = partial(sampler_of, {"_target_": "optuna.samplers.RandomSampler", "seed": 1})
    return Search(*search_space(arguments), folder=folder / "tuned", **{"sampler": sampler, "n_trials": 6, **options})


def test_more_trials_of_a_sampler_with_a_seed_are_other_trials(tmp_path):
    launch = trainings(distance)
    for n_trials in (3, 6, 8):
        make(tmp_path, [LR], n_trials=n_trials).run(launch)
    assert len({as_values(batch)["optimizer.lr"] for batch in launch.batches}) == 8
    again = trainings(distance)
    for n_trials in (3, 6, 8):
        make(tmp_path / "again", [LR], n_trials=n_trials).run(again)
    assert again.batches == launch.batches, "the seed decides them"


def test_a_sampler_that_finds_its_place_in_the_study_keeps_its_seed():
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        assert sampler_of({"_target_": "optuna.samplers.QMCSampler", "seed": 1}, trials=5)._seed == 1


def trainings(loss):
    """A launcher whose jobs return ``loss`` of their overrides, given as a dictionary; it records the overrides."""

    def launch(jobs, initial_job_idx):
        launch.batches.append(list(map(tuple, jobs)))
        launch.numbers.append(initial_job_idx)
        return [answer(loss, job) for job in jobs]

    launch.batches, launch.numbers = [], []
    return launch


def answer(loss, job):
    returned = JobReturn()
    try:
        parsed = OverridesParser.create().parse_overrides(list(job))
        returned.return_value = loss({override.key_or_group: override.value() for override in parsed})
        returned.status = JobStatus.COMPLETED
    except RuntimeError as error:
        returned.return_value, returned.status = error, JobStatus.FAILED
    return returned


def distance(job):
    return abs(job["optimizer.lr"] - 0.3)


def results(folder):
    return OmegaConf.to_container(OmegaConf.load(folder / "tuned" / RESULTS))


def test_the_best_trial_is_written(tmp_path):
    launch = trainings(distance)
    make(tmp_path, ["seed=0", LR], n_jobs=2).run(launch)
    assert [len(batch) for batch in launch.batches] == [2, 2, 2]
    assert launch.numbers == [0, 2, 4]
    rates = [float(job[1].removeprefix("optimizer.lr=")) for batch in launch.batches for job in batch]
    assert all(job[0] == "seed=0" for batch in launch.batches for job in batch)
    best = min(rates, key=lambda rate: abs(rate - 0.3))
    assert results(tmp_path) == {
        "name": "optuna",
        "best_params": {"optimizer.lr": best},
        "best_value": abs(best - 0.3),
    }


def test_hydra_sweeps_with_the_plugin(tmp_path):
    """Hydra calls the plugin with the sweeps of ``params`` and the command line, and with its own launcher."""
    launch = trainings(lambda job: job["x"] + job["y"])
    sweeper = OptunaSweeper(
        sampler={"_target_": "optuna.samplers.RandomSampler", "seed": 1},
        n_trials=4,
        params={"x": "choice(1,2)", "y": 5},
    )
    sweeper.config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "tuned")}}})
    sweeper.hydra_context = SimpleNamespace(config_loader=None)
    sweeper.launcher = SimpleNamespace(launch=launch)
    sweeper.sweep(["y=choice(3,4)"])
    assert {job for (job,) in launch.batches} <= {(f"x={x}", f"y={y}") for x in (1, 2) for y in (3, 4)}
    best = results(tmp_path)
    assert best["best_value"] == sum(best["best_params"].values())


def test_the_greatest_value_may_be_the_best(tmp_path):
    launch = trainings(distance)
    make(tmp_path, [LR], direction="maximize").run(launch)
    assert results(tmp_path)["best_value"] == max(distance(one) for one in map(as_values, launch.batches))


def as_values(batch):
    return {"optimizer.lr": float(batch[0][0].removeprefix("optimizer.lr="))}


def test_choices_come_back_as_values(tmp_path):
    make(tmp_path, ["x=choice(1)", "y=choice('a b')", "z=null,null"], n_trials=1).run(trainings(lambda job: 1.0))
    assert results(tmp_path)["best_params"] == {"x": 1, "y": "a b", "z": None}


def test_trials_of_the_same_parameters_are_one_training(tmp_path):
    launch = trainings(lambda job: job["layers"])
    make(tmp_path, ["layers=choice(2)"], n_trials=3, n_jobs=3).run(launch)
    assert launch.batches == [[("layers=2",)]]
    assert len(trials(tmp_path)) == 3


def trials(folder):
    journal = optuna.storages.journal.JournalFileBackend(str(folder / "tuned" / JOURNAL))
    study = optuna.load_study(storage=optuna.storages.JournalStorage(journal), study_name="tuned")
    return study.get_trials()


def test_the_same_command_goes_on_with_interrupted_trials(tmp_path):
    undisturbed = trainings(distance)
    make(tmp_path / "undisturbed", [LR]).run(undisturbed)

    def interrupt(job):
        if len(first.batches) == 3:
            raise KeyboardInterrupt
        return distance(job)

    first = trainings(interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, [LR]).run(first)
    second = trainings(distance)
    make(tmp_path, [LR]).run(second)
    assert second.batches[0] == first.batches[2], "the one that was interrupted"
    assert len(second.batches) == 6 - 2
    third = trainings(distance)
    make(tmp_path, [LR]).run(third)
    assert third.batches == [], "six have a result"
    make(tmp_path, [LR], n_trials=8).run(third)
    assert len(third.batches) == 2


def test_failed_trials_have_no_result_and_are_tried_again(tmp_path):
    def fail(job):
        if job["optimizer.lr"] > 0.5:
            raise RuntimeError("no room")
        return distance(job)

    first = trainings(fail)
    make(tmp_path, [LR]).run(first)
    failed = [batch for batch in first.batches if as_values(batch)["optimizer.lr"] > 0.5]
    assert 0 < len(failed) < 6
    assert results(tmp_path)["best_params"]["optimizer.lr"] <= 0.5
    second = trainings(distance)
    make(tmp_path, [LR]).run(second)
    assert second.batches == failed


@pytest.mark.parametrize(("direction", "worst"), [("minimize", math.inf), ("maximize", -math.inf)])
def test_a_trial_that_diverges_is_the_worst(tmp_path, direction, worst):
    make(tmp_path, [LR], direction=direction, n_trials=2).run(trainings(lambda job: math.inf))
    assert [trial.value for trial in trials(tmp_path)] == [worst, worst]
    assert results(tmp_path) == {"name": "optuna", "best_params": None, "best_value": None}


def test_without_any_result_there_is_no_best_choice(tmp_path, caplog):
    make(tmp_path, [LR], n_trials=2).run(trainings(lambda job: math.nan))
    assert results(tmp_path) == {"name": "optuna", "best_params": None, "best_value": None}
    assert "there is no best choice" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "options", "begun"),
    [
        (["seed=0", LR], {"direction": "maximize"}, "hydra.sweeper.direction=minimize"),
        (["seed=1", LR], {}, "seed=0"),
        (["seed=0", "trainer.max_steps=9", LR], {}, "seed=0"),
        (["seed=0", "optimizer.lr=choice(0.1,0.2)"], {}, "other choices"),
    ],
    ids=["direction", "override", "budget", "choices"],
)
def test_another_search_in_the_same_directory_is_refused(tmp_path, arguments, options, begun):
    make(tmp_path, ["seed=0", LR], n_trials=1).run(trainings(distance))
    with pytest.raises(ValueError, match=f"the study tuned in .* was begun with {begun}.*name=... begins another"):
        make(tmp_path, arguments, **options).run(trainings(distance))


def test_keys_that_do_not_change_the_loss_may_differ(tmp_path):
    make(tmp_path, ["seed=0", LR], n_trials=1).run(trainings(distance))
    launch = trainings(distance)
    make(tmp_path, ["seed=0", "progress=false", LR], n_trials=2).run(launch)
    assert len(launch.batches) == 1


@pytest.mark.slow
def test_a_storage_of_the_users_own(tmp_path):
    storage = f"sqlite:///{tmp_path}/studies.db"
    make(tmp_path, [LR], storage=storage, study_name="mine", n_trials=2).run(trainings(distance))
    assert len(optuna.load_study(storage=storage, study_name="mine").trials) == 2
    assert not (tmp_path / "tuned" / JOURNAL).exists()


@pytest.mark.slow
def test_running_trials_of_another_directory_are_left_alone(tmp_path):
    storage = f"sqlite:///{tmp_path}/studies.db"
    make(tmp_path, [LR], storage=storage, study_name="mine", n_trials=1).run(trainings(distance))
    study = optuna.load_study(storage=storage, study_name="mine")
    elsewhere = study.ask({"optimizer.lr": FloatDistribution(0.0, 1.0)})
    elsewhere.set_user_attr("melgen_sweep_dir", "/elsewhere")
    make(tmp_path, [LR], storage=storage, study_name="mine", n_trials=2).run(trainings(distance))
    assert study.trials[elsewhere.number].state == optuna.trial.TrialState.RUNNING


@pytest.mark.slow
def test_a_storage_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(ValueError, match="the study tuned in nothing://: cannot be opened"):
        make(tmp_path, [LR], storage="nothing://").run(trainings(distance))


def test_two_commands_in_one_directory_exclude_each_other(tmp_path):
    (tmp_path / "tuned").mkdir()
    with locked(tmp_path / "tuned" / LOCK), pytest.raises(LockedError):
        make(tmp_path, [LR]).run(trainings(distance))


def test_without_optuna_the_error_names_the_package_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna.storages.journal", None)
    with pytest.raises(ImportError, match=r"pip install 'melgen\[optuna\]'"):
        require_optuna()


def test_hydras_own_plugin_is_named_where_its_options_are_in_the_way():
    """The error is the one that Hydra 1.3.8 raises if hydra-optuna-sweeper 1.3.0 is installed."""
    error = ConfigCompositionException(
        "'hydra/sweeper/optuna' is validated against ConfigStore schema with the same name.\n"
        "This behavior is deprecated in Hydra 1.1 and will be removed in Hydra 1.2."
    )
    assert "pip uninstall hydra-optuna-sweeper" in str(explained(error, "config"))
