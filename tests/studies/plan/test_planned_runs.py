"""The trainings that a study plans: the same runs and directories as `melgen.train` makes of the same arguments."""

from contextlib import contextmanager
from itertools import product
from math import prod

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from melgen.configuration.conf_dir import CONF_DIR
from melgen.runs.identity import identity_of
from melgen.studies.plan.planned_runs import (
    arguments_of_some,
    as_typed,
    planned_runs,
    training_arguments,
    with_sweeps_as_parameters,
)
from melgen.sweeps.plan import planned_axes, planned_jobs


@contextmanager
def study(*arguments):
    """Hydra's part of the configuration of ``python -m melgen.study arguments``."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        overrides = with_sweeps_as_parameters(arguments)
        yield compose("study", overrides=overrides, return_hydra_config=True).hydra


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "runs", "cells"),
    [
        (["experiment=quick"], 45, "lstm gru rnn"),
        (["experiment=quick", "seed=0,1,2", "layers=1,2"], 54, "lstm gru rnn"),
        (["experiment=paper"], 45, "lstm nas ugrnn"),
        (["experiment=common_cells"], 45, "lstm gru rnn"),
        (["experiment=cost_validation"], 1, "lstm"),
        (["experiment=cost_validation_quick"], 1, "lstm"),
        (["cell=nas", "dataset=control", "layers=range(1,4)"], 3, "nas"),
    ],
)
def test_the_planned_runs_of_experiments(arguments, runs, cells, monkeypatch):
    with study(*arguments) as hydra:
        loader = GlobalHydra.instance().config_loader()
        compositions = []
        original = loader.load_configuration
        monkeypatch.setattr(loader, "load_configuration", lambda *a: (compositions.append(a), original(*a))[1])
        planned = planned_runs(hydra)
    assert len({run.path for run in planned}) == len(planned) == runs
    assert list(dict.fromkeys(run.path.name.split("-")[1] for run in planned)) == cells.split()
    assert len(compositions) <= 9, "a composition for each dataset and cell"
    if arguments == ["experiment=paper"]:
        epochs = {run.path.name.split("-")[0]: run.config.trainer.max_epochs for run in planned}
        assert epochs == {"control": 300, "interval": 300, "db12": 50}


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "seeds", "settings"), [("cells", 10, 16), ("cells_exploratory", 3, 13)])
def test_comparisons_of_cells_have_equally_large_networks(experiment, seeds, settings):
    with study(f"experiment={experiment}") as hydra:
        axes = planned_axes(hydra)
        planned = planned_runs(hydra, {"seed": ["seed=0"]})
    assert len(axes["seed"]) == seeds
    assert prod(len(overrides) for overrides in axes.values()) == settings * seeds
    assert len({run.path for run in planned}) == len(planned) == settings
    assert (
        len({run.path.name.partition("-seed")[0] + str(run.config.rhythm) + str(run.config.block) for run in planned})
        == settings
    )
    assert {run.config.parameters for run in planned} == {200_000}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["experiment=paper_rhythm", "cell=gru"], 15),
        (["experiment=quick_rhythm"], 8),
        (["experiment=rhythms", "dataset=interval"], 24),
    ],
)
def test_experiments_with_rhythm_have_one_layer_in_a_study_too(arguments, runs):
    with study(*arguments) as hydra:
        planned = planned_runs(hydra)
    assert len({run.path for run in planned}) == len(planned) == runs
    assert {run.config.layers for run in planned} == {1}


def test_some_of_the_planned_runs_are_trained_by_sweeps_of_these_alone():
    changes = {"optimizer.lr": [f"optimizer.lr={rate}" for rate in (0.001, 0.01, 0.1)]}
    with study("cell=lstm,gru", "dataset=control", "layers=1,2", "hidden_size=8", "~callbacks.sampling") as hydra:
        planned = planned_runs(hydra, changes)
        some = [run for run in planned if "gru-2" not in run.path.name or "lr-0.1" not in run.path.name]
        commands = arguments_of_some(hydra, changes, some)
        (all_,) = arguments_of_some(hydra, changes, planned)
        trained = []
        for command in commands:
            task = [word for word in command if not word.startswith(("-", "hydra"))]
            swept = compose("config", overrides=["hydra.mode=MULTIRUN"], return_hydra_config=True)
            swept.hydra.overrides.task = task
            trained += [str(job.run.path) for job in planned_jobs(swept.hydra, "config")]
    assert (len(planned), len(some), len(commands)) == (12, 11, 3)
    assert sorted(trained) == sorted(str(run.path) for run in some)
    assert sorted(all_) == sorted(training_arguments(hydra, changes))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["experiment=quick", "layers=1,3", "seed=0,7", "cell=gru,nas", "dataset=control,db12"],
        [
            "corpus=misc_folk",
            "name=mine",
            "hidden_size=8,16",
            "optimizer.lr=0.1,0.2",
            "cell=lstm",
            "layers=2",
            "dataset=control",
            "~callbacks.sampling",
        ],
        ["cell=mixed", "cell.stack=[lstm,nas],[gru,gru]", "dataset=interval", "layers=2"],
        [
            "+optimizer.weight_decay=0,0.1",
            "scheduler=decay,decay_per_epoch",
            "dataset=control",
            "cell=lstm",
            "layers=2,1",
        ],
    ],
    ids=["quick", "values", "mixed", "added keys"],
)
def test_planned_runs_equal_those_of_a_training(arguments):
    """Compare with the composition of each job, and with the sweep of `melgen.train` for the same arguments."""
    with study(*arguments) as hydra:
        planned = planned_runs(hydra)
        command = training_arguments(hydra)
        assert sorted(as_typed(hydra)) == sorted(arguments)
        task = [word for word in command if not word.startswith(("-", "hydra"))]
        axes = planned_axes(OmegaConf.create({"sweeper": {"params": None}, "overrides": {"task": task}}))
        jobs = list(product(*axes.values()))
        reference = {}
        for job in jobs:
            config = compose("config", overrides=list(job), return_hydra_config=True)
            reference[str(config.run_dir)] = identity_of(config, fingerprint="")
    assert {str(run.path): run.identity for run in planned} == reference
    assert len(reference) == len(jobs) == len(planned)
    assert command[:2] == ["--multirun", "hydra/launcher=local"]


def test_launchers_and_the_users_configuration_reach_the_training(tmp_path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "mine.yaml").write_text("_target_: melgen.networks.RNN\n_partial_: true\n")
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        overrides = ["hydra/launcher=basic", "hydra.launcher._target_=x", f"hydra.searchpath=[file://{tmp_path}]"]
        hydra = compose("study", overrides=[*overrides, "cell=mine"], return_hydra_config=True).hydra
        arguments = training_arguments(hydra)
    assert "hydra/launcher=basic" in arguments
    assert "hydra.launcher._target_=x" in arguments
    assert overrides[-1] in arguments
    assert "cell=mine" in arguments


@pytest.mark.slow
def test_the_last_of_two_values_of_a_key_counts():
    assert with_sweeps_as_parameters(["layers=1", "layers=2,3"]) == ["++hydra.sweeper.params={layers:'2,3'}"]
    assert with_sweeps_as_parameters(["layers=1,2", "layers=2,3"]) == ["++hydra.sweeper.params={layers:'2,3'}"]
    with study("layers=1,2", "layers=4", "dataset=control", "cell=lstm") as hydra:
        assert [run.config.layers for run in planned_runs(hydra)] == [4]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("corpus=airds,ryans", "a study compares runs in one directory, on the same split of one corpus"),
        ("split_seed=0,1", "split_seed=0,1: a study compares"),
        ("name=a,b", "name=a,b: a study compares"),
        ("cleaning.min_length_notes=3,4", "cleaning.min_length_notes=3,4: a study compares"),
        ("generate.temperature=1,2", "generate.temperature=1,2: must be one value for all runs"),
        ("runs=a,b", "runs=a,b: must be one value for all runs"),
        ("++runs=a,b", "runs=a,b: must be one value for all runs"),
        ("++dataset.split_fractions=[1,1,1],[2,1,1]", "a study compares runs"),
    ],
)
def test_keys_with_one_value_for_each_study_are_not_swept_over(argument, message):
    with pytest.raises(ValueError, match=message):
        with_sweeps_as_parameters([argument])


def test_lists_and_flags_are_left_alone():
    arguments = [
        "--config-dir",
        "a=b,c",
        "primer=[60,62]",
        "stages=[tables,figures]",
        "hydra.launcher.n_jobs=2",
        "path=x",
    ]
    assert with_sweeps_as_parameters(arguments) == arguments
