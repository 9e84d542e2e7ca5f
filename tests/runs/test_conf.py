"""Every choice composes, every part can be built, and every value is resolved."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from melgen.configuration.conf_dir import CONF_DIR
from melgen.music import REPRESENTATIONS
from melgen.studies.plan.planned_runs import STUDY_KEYS
from melgen.training import build
from melgen.training.checks import check
from tests.runs.composing import composed
from tests.tiers import quick_rows

CELLS = ["lstm", "gru", "rnn", "nas", "ugrnn", "slstm", "mogrifier", "attention"]
CELLS += ["mingru", "rglru", "lru", "indrnn", "hgrn2"]
PLACE = ["name=n", "run_dir=/nowhere"]
NEEDED = {
    "folder": ["path=/somewhere"],
    "pickles": ["path=/somewhere.p"],
    "muspy": ["corpus.name=NottinghamDatabase", "corpus.root=/somewhere"],
    "mixed": ["cell.stack=[lstm,nas]"],
}


def options(group):
    return sorted(path.stem for path in (Path(CONF_DIR) / group).glob("*.yaml"))


def plain(config):
    container = OmegaConf.to_container(config, resolve=False)
    del container["hydra"]
    return OmegaConf.create(container)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "dataset"), list(itertools.product(CELLS, REPRESENTATIONS)))
def test_every_network_of_the_sweep_composes_and_builds(cell, dataset):
    for layers in range(1, 6):
        config = plain(composed(*PLACE, f"cell={cell}", f"dataset={dataset}", f"layers={layers}", "hidden_size=4"))
        check(config)
        model = instantiate(config.model, vocab_size=7)
        assert len(model.layers) == layers
        assert {layer.stored_name() for layer in model.layers} == {cell}
        data = instantiate(config.dataset)
        assert data.representation.name == dataset
        assert data.batch_size == 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "option"),
    [
        (group, option)
        for group in (
            "corpus",
            "dataset",
            "cell",
            "optimizer",
            "scheduler",
            "trainer",
            "callbacks",
            "logger",
            "experiment",
        )
        for option in options(group)
    ],
)
def test_every_option_resolves_without_leftovers(group, option):
    config = plain(composed(*PLACE, f"{group}={option}", *NEEDED.get(option, [])))
    assert OmegaConf.missing_keys(config) == set()
    resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert "${" not in str(resolved)
    assert "???" not in str(resolved)


@pytest.mark.parametrize("program", ["config", "study", "evaluate"])
@quick_rows(1, "experiment", [None, *options("experiment")])
def test_every_program_composes_with_every_experiment(program, experiment):
    if program == "evaluate":
        if experiment is not None:
            return  # it measures existing songs; experiments configure trainings
        overrides = ["songs=/somewhere"]
    else:
        overrides = [*PLACE, *([f"experiment={experiment}"] if experiment else [])]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose(program, overrides=overrides)
    assert "${" not in str(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))
    if program == "study":
        assert not STUDY_KEYS - config.keys()
        assert config.generate.primer == config.primer


@pytest.mark.parametrize("experiment", ["paper", "common_cells"])
@quick_rows(1, ("dataset", "epochs"), [("control", 300), ("interval", 300), ("db12", 50)])
def test_experiments_are_the_recipe_of_the_paper(experiment, dataset, epochs):
    config = composed(*PLACE, f"experiment={experiment}", f"dataset={dataset}")
    cells = {"paper": "lstm,nas,ugrnn", "common_cells": "lstm,gru,rnn"}
    assert config.hydra.sweeper.params.cell == cells[experiment]
    assert config.hydra.sweeper.params.layers == "1,2,3,4,5"
    assert (config.trainer.max_epochs, config.trainer.max_steps) == (epochs, -1)
    assert (config.batch_size, config.seq_length, config.hidden_size, config.gradient_clip_norm) == (
        50,
        50,
        128,
        5,
    )
    assert (config.optimizer.lr, config.scheduler.schedule.gamma, config.cleaning.min_length_notes) == (
        0.002,
        0.97,
        3,
    )
    assert (config.dataset.shuffle, config.dataset.drop_tail) == (False, True)
    assert config.optimizer._target_ == "torch.optim.Adam"
    assert config.model.embedding_size is None


def test_quick_is_the_same_work_for_all_45():
    config = composed(*PLACE, "experiment=quick")
    params = config.hydra.sweeper.params
    assert (params.dataset, params.cell, params.layers) == ("control,interval,db12", "lstm,gru,rnn", "1,2,3,4,5")
    assert (config.trainer.max_steps, config.trainer.max_epochs) == (500, -1)
    assert config.corpus.collections == ["airds"]


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "budget", "every"), [("", (-1, 50), 250), ("_quick", (1000, -1), 25)])
def test_cost_validation_is_that_of_the_paper(experiment, budget, every):
    config = composed(*PLACE, f"experiment=cost_validation{experiment}")
    params = config.hydra.sweeper.params
    assert (params.dataset, params.cell, params.layers) == ("control", "lstm", 2)
    assert config.batch_size == 15
    assert (config.trainer.max_steps, config.trainer.max_epochs) == budget
    assert config.callbacks.checkpoint.keep_every_n_steps == config.trainer.val_check_interval == every
    assert config.callbacks.checkpoint.keep is None
    assert (config.optimizer.lr, config.scheduler.schedule.gamma) == (0.002, 0.97)
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        study = compose("study", overrides=[*PLACE, f"experiment=cost_validation{experiment}"])
    assert (study.select.by, study.select.checkpoints) == ("checkpoints", 10)


def test_the_command_line_overrides_an_experiment():
    config = composed(*PLACE, "experiment=paper", "dataset.shuffle=true", "trainer.max_epochs=1")
    assert config.dataset.shuffle is True
    assert config.trainer.max_epochs == 1


def test_a_mixed_stack_decides_the_number_of_layers():
    config = plain(composed(*PLACE, "cell=mixed", "cell.stack=[lstm,lstm,nas]", "hidden_size=4"))
    assert config.layers == 3
    model = instantiate(config.model, vocab_size=7)
    assert [layer.stored_name() for layer in model.layers] == ["lstm", "lstm", "nas"]


@quick_rows(
    2,
    ("override", "message"),
    [
        ("layers=0", "layers=0: must be a whole number of at least 1"),
        ("hidden_size=-4", "hidden_size=-4"),
        ("hidden_size=2.5", r"hidden_size=2\.5"),
        ("batch_size=true", "batch_size=true"),
        ("seq_length=null", "seq_length=null"),
        ("seed=-1", "seed=-1: must be a whole number from 0 to"),
        ("split_seed=x", "split_seed=x"),
        ("gradient_clip_norm=0", "gradient_clip_norm=0"),
        ("trainer.max_steps=0", r"trainer\.max_steps=0: must be .* or -1 for no limit"),
        ("trainer.max_steps=-1", "one of the two must limit the training"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(override, message):
    with pytest.raises(ValueError, match=message):
        check(plain(composed(*PLACE, override)))


def test_a_straight_line_to_zero_needs_a_number_of_updates():
    epochs = [*PLACE, "scheduler=linear", "trainer.max_steps=-1", "trainer.max_epochs=20"]
    with pytest.raises(ValueError, match=r"scheduler\.schedule\.total_iters=-1: must be .* of at least 1"):
        check(plain(composed(*epochs)))
    check(plain(composed(*epochs, "scheduler.schedule.total_iters=400")))
    check(plain(composed(*PLACE, "scheduler=linear", "trainer.max_steps=20")))


@quick_rows(1, "name", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_by_name(name, monkeypatch):
    for kind in (torch.cuda, torch.backends.mps):
        monkeypatch.setattr(kind, "is_available", lambda: False)
    with pytest.raises(ValueError, match=rf"trainer\.accelerator={name}: .* auto takes what is there"):
        check(plain(composed(*PLACE, f"trainer.accelerator={name}")))


def test_gpu_selects_the_kind_that_exists(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    check(plain(composed(*PLACE, "trainer.accelerator=gpu")))


def test_seed_zero_is_a_seed_and_no_clip_is_a_choice():
    check(plain(composed(*PLACE, "seed=0", "gradient_clip_norm=null")))


@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_a_misspelt_part_is_refused(group):
    config = plain(composed(*PLACE, f"+{group}.samplling.songs=3"))
    with pytest.raises(ValueError, match=rf"{group}\.samplling: has no _target_"):
        build.build_named(config[group], group)


def test_a_part_can_be_switched_off(tmp_path):
    config = plain(composed("name=n", f"run_dir={tmp_path}", "callbacks.sampling=null", "callbacks.checkpoint=null"))
    assert len(build.build_named(config.callbacks, "callbacks")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_every_part_instantiates(tmp_path, group):
    for option in options(group):
        if option == "wandb":
            continue  # its service is started in the tests of the logger
        config = plain(composed("name=n", f"run_dir={tmp_path}", f"{group}={option}"))
        assert len(build.build_named(config[group], group)) == len(config[group])
