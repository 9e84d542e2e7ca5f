"""Names of runs: made of the choices, readable, and the same for every way to write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from melgen.runs.naming import LONGEST_NAME, with_names
from tests.runs.composing import names_of
from tests.tiers import quick_rows

DEFAULT = "control-lstm-2-seed0"


@quick_rows(
    1,
    ("overrides", "expected"),
    [
        ([], ("folk", DEFAULT)),
        (["dataset=interval", "cell=gru", "layers=3", "seed=7"], ("folk", "interval-gru-3-seed7")),
        (["corpus=airds"], ("airds", DEFAULT)),
        (["hidden_size=64"], ("folk", f"{DEFAULT}-hidden_size-64")),
        (["hidden_size=64", "batch_size=5"], ("folk", f"{DEFAULT}-batch_size-5-hidden_size-64")),
        (["optimizer.lr=1e-3"], ("folk", f"{DEFAULT}-optimizer.lr-0.001")),
        (["scheduler=constant"], ("folk", f"{DEFAULT}-scheduler-constant")),
        (["gradient_clip_norm=null"], ("folk", f"{DEFAULT}-gradient_clip_norm-None")),
        (
            ["cell=mixed", "cell.stack=[lstm,lstm,nas]"],
            ("folk", "control-mixed-3-seed0-cell.stack-lstm+lstm+nas"),
        ),
        (["cell=gru", "cell.reset_after=false"], ("folk", "control-gru-2-seed0-cell.reset_after-False")),
        (["experiment=paper"], ("paper", DEFAULT)),
        (["experiment=paper", "corpus=airds"], ("paper", f"{DEFAULT}-corpus-airds")),
        (["name=mine"], ("mine", DEFAULT)),
        (["name=mine", "corpus=airds"], ("mine", f"{DEFAULT}-corpus-airds")),
        (["name=mine", "experiment=paper"], ("mine", f"{DEFAULT}-experiment-paper")),
        (["corpus=folder", "path=/data/My Tunes"], ("My_Tunes", DEFAULT)),
        (["corpus=pickles", "path=/data/train_song_list.p"], ("train_song_list", DEFAULT)),
        (["corpus=muspy", "corpus.name=Nottingham", "corpus.root=/data"], None),
        (["init_from=multirun/folk/old"], ("folk", f"{DEFAULT}-init_from-folk.old")),
        (["init_from=null"], ("folk", DEFAULT)),
        (["name=mine", "corpus=folder", "path=/data/a"], ("mine", f"{DEFAULT}-corpus-folder-path-a")),
        (["optimizer=adam", "corpus=folk"], ("folk", DEFAULT)),
        (["+trainer.accumulate_grad_batches=2"], ("folk", f"{DEFAULT}-trainer.accumulate_grad_batches-2")),
    ],
    ids=str,
)
def test_names(overrides, expected):
    name, run = names_of(*overrides)
    if expected is None:
        assert name == "Nottingham"
    else:
        assert (name, run) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["hidden_size=128"],
        ["seed=0", "layers=2", "cell=lstm", "dataset=control"],
        ["optimizer.lr=0.002"],
        ["dataset.shuffle=true"],
        ["model.embedding_size=null"],
        ["cleaning.min_length_notes=12"],
        ["optimizer=adam"],
        ["corpus=folk"],
        ["split_seed=0"],
        ["precision=32"],
    ],
    ids=str,
)
def test_an_override_with_the_default_value_adds_nothing(overrides):
    assert names_of(*overrides) == ("folk", DEFAULT)


@pytest.mark.slow
def test_a_precision_has_one_name():
    assert names_of("precision=16") == names_of("precision=16-mixed") == ("folk", f"{DEFAULT}-precision-16-mixed")
    assert names_of("precision=bf16") == names_of("precision=bf16-mixed")


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "earlier"), [("16-mixed", "16"), ("16", "16"), ("32", "32"), ("bf16", "bf16")])
def test_a_run_that_is_named_by_a_shorter_precision_keeps_its_name(typed, earlier, tmp_path):
    run = tmp_path / "folk" / f"{DEFAULT}-precision-{earlier}"
    run.mkdir(parents=True)
    (run / "identity.json").write_text("{}")
    assert names_of(f"precision={typed}", f"output_dir={tmp_path}") == ("folk", run.name)
    if earlier != "32":
        assert names_of("precision=64", f"output_dir={tmp_path}") == ("folk", f"{DEFAULT}-precision-64-true")


@pytest.mark.slow
def test_an_override_with_the_value_of_the_experiment_adds_nothing():
    assert names_of("experiment=paper", "cleaning.min_length_notes=3", "corpus=folk") == ("paper", DEFAULT)
    assert names_of("experiment=paper", "cleaning.min_length_notes=12")[1] == (
        f"{DEFAULT}-cleaning.min_length_notes-12"
    )


@pytest.mark.slow
def test_the_default_corpus_under_another_name_adds_nothing():
    assert names_of("name=mine", "corpus=folk") == ("mine", DEFAULT)


@quick_rows(
    2,
    "override",
    [
        "trainer.max_steps=7",
        "trainer=debug",
        "callbacks=none",
        "logger=wandb",
        "threads=2",
        "workers=1",
        "progress=false",
        "cache_dir=/tmp/x",
        "output_dir=/tmp/y",
        "force=true",
        "hydra.verbose=true",
        "callbacks.sampling.songs=3",
        "primer=[60,61]",
        "+logger.csv.flush_every_rows=3",
        "run_dir=/tmp/z",
    ],
)
def test_keys_that_do_not_decide_the_weights_are_not_in_the_name(override):
    assert names_of(override) == ("folk", DEFAULT)


ORDERED = ["hidden_size=64", "optimizer.lr=0.01", "dataset=interval", "batch_size=5", "cell=gru", "threads=2"]


@pytest.mark.slow
@settings(deadline=None, max_examples=4)
@given(st.permutations(ORDERED))
def test_the_order_of_overrides_does_not_matter(overrides):
    assert names_of(*overrides) == names_of(*ORDERED)


@pytest.mark.slow
def test_of_an_override_given_twice_the_last_counts():
    assert names_of("hidden_size=8", "hidden_size=64")[1] == f"{DEFAULT}-hidden_size-64"


@pytest.mark.slow
@pytest.mark.parametrize("override", ["+note='a b/c=d'", "+note={a:1,b:[2]}", '+note="äö*?"', "+note='..'"])
def test_names_are_made_of_harmless_characters(override):
    name = names_of(override)[1]
    assert re.fullmatch(r"[A-Za-z0-9._+-]+", name)
    assert name.startswith(f"{DEFAULT}-note-")


@pytest.mark.slow
def test_long_names_are_cut_and_stay_apart():
    stacks = [f"cell.stack=[{','.join(['lstm'] * 40 + [last])}]" for last in ("gru", "nas")]
    names = [names_of("cell=mixed", stack)[1] for stack in stacks]
    assert names[0] != names[1]
    assert all(LONGEST_NAME < len(name) < 200 for name in names)
    assert names[0] == names_of(stacks[0], "cell=mixed")[1]


def test_names_as_plain_values_change_nothing_else():
    OmegaConf.register_new_resolver("counted_name", lambda: computed.append(1) or "a-b", use_cache=False, replace=True)
    computed = []
    try:
        values = {
            "name": "a",
            "run_dir": "out/${counted_name:}",
            "seed": 1,
            "loggers": [{"dir": "${run_dir}/${seed}"}] * 9,
        }
        config = OmegaConf.create(values)
        OmegaConf.set_readonly(config, True)
        named = with_names(config)
        assert len(computed) == 1
        resolved = OmegaConf.to_container(named, resolve=True)
        assert len(computed) == 1
        assert resolved == OmegaConf.to_container(config, resolve=True)
        assert OmegaConf.is_readonly(named)
        assert OmegaConf.to_container(config) == values, "the configuration that was given is as before"
    finally:
        OmegaConf.clear_resolver("counted_name")
