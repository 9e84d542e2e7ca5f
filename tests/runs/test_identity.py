"""The identity of a run: when two starts belong to the same run."""

from __future__ import annotations

import json

import pytest

from melgen.runs.directory import RunDirectory
from melgen.runs.identity import differences, identity_of
from tests.runs.composing import composed
from tests.tiers import quick_rows


def identity(*overrides, fingerprint="f", start=None):
    config = composed("name=n", "run_dir=/r", *overrides)
    config = type(config)({key: value for key, value in config.items_ex(resolve=False) if key != "hydra"})
    return identity_of(config, fingerprint, start)


@pytest.mark.slow
@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "output_dir=/elsewhere",
        "run_dir=/elsewhere",
        "cache_dir=/c",
        "workers=3",
        "threads=4",
        "progress=false",
        "force=true",
        "init_from=/some/run",
        "trainer.max_steps=9",
        "trainer=debug",
        "trainer.accelerator=gpu",
        "trainer.devices=2",
        "trainer.deterministic=true",
        "+trainer.benchmark=false",
        "+trainer.limit_val_batches=1.0",
        "+trainer.limit_train_batches=null",
        "+trainer.overfit_batches=0.0",
        "+trainer.accumulate_grad_batches=1",
        "+trainer.detect_anomaly=true",
        "dataset.seed=0",
        "callbacks=none",
        "callbacks.sampling.songs=1",
        "logger=wandb",
        "primer=[60,62]",
    ],
)
def test_it_leaves_out_paths_budget_machine_and_output(override):
    assert differences(identity(), identity(override)) == []


@pytest.mark.slow
def test_it_leaves_out_the_folder_of_the_corpus():
    here, there = (identity("corpus=folder", f"path=/{place}") for place in ("here", "there"))
    assert here == there
    assert here != identity("corpus=folder", "path=/here", fingerprint="other tunes")


@quick_rows(
    2,
    ("override", "key"),
    [
        ("seed=1", "seed"),
        ("split_seed=1", "split_seed"),
        ("layers=3", "layers"),
        ("hidden_size=64", "hidden_size"),
        ("batch_size=4", "batch_size"),
        ("seq_length=4", "seq_length"),
        ("optimizer.lr=0.1", "optimizer.lr"),
        ("scheduler=constant", "scheduler.schedule._target_"),
        ("gradient_clip_norm=1", "gradient_clip_norm"),
        ("dataset=db12", "dataset.representation._target_"),
        ("dataset.shuffle=false", "dataset.shuffle"),
        ("model.output_keep_prob=0.5", "model.output_keep_prob"),
        ("cell=nas", "cell._target_"),
        ("precision=bf16-mixed", "precision"),
        ("matmul_precision=medium", "matmul_precision"),
        ("model.initialization=torch", "model.initialization"),
        ("cleaning.min_length_notes=3", "cleaning.min_length_notes"),
        ("dataset.split_fractions=[0.5,0.25,0.25]", "dataset.split_fractions"),
        ("dataset.seed=1", "dataset.seed"),
        ("dataset.split_seed=1", "dataset.split_seed"),
        ("trainer.deterministic=false", "trainer.deterministic"),
        ("+trainer.benchmark=true", "trainer.benchmark"),
        ("+trainer.limit_train_batches=0.5", "trainer.limit_train_batches"),
        ("+trainer.limit_val_batches=1", "trainer.limit_val_batches"),
        ("+trainer.limit_test_batches=0.5", "trainer.limit_test_batches"),
        ("+trainer.overfit_batches=1", "trainer.overfit_batches"),
        ("+trainer.reload_dataloaders_every_n_epochs=1", "trainer.reload_dataloaders_every_n_epochs"),
    ],
)
def test_it_holds_the_keys_that_decide_the_weights(override, key):
    told = differences(identity(), identity(override))
    assert any(line.startswith(f"{key}: ") for line in told)


@pytest.mark.slow
@pytest.mark.parametrize(("short", "name"), [("32", "32-true"), ("16", "16-mixed"), ("bf16", "bf16-mixed")])
def test_a_precision_is_the_same_in_every_spelling(short, name, tmp_path):
    assert identity(f"precision={short}")["precision"] == identity(f"precision={name}")["precision"] == name
    (tmp_path / "identity.json").write_text(json.dumps({"precision": short, "seed": 0}))
    assert RunDirectory(tmp_path).recorded_identity == {"precision": name, "seed": 0}


def test_the_weights_a_run_started_from_are_part_of_it():
    assert differences(identity(start="abc"), identity()) == ["started_from: abc there, None now"]


def test_differences_are_listed_by_key():
    assert differences({"a": 1, "b": None, "d": 1}, {"a": 2, "c": [1], "d": 1}) == [
        "a: 1 there, 2 now",
        "b: None there, nothing now",
        "c: nothing there, [1] now",
    ]
    assert differences({"a": None}, {}) == ["a: None there, nothing now"]
