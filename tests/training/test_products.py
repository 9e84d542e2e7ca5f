"""Who computes a run's products: asked for, chosen, recorded with the run, and kept for as long as it trains."""

import json
import logging

import pytest

from melgen.networks import backend_candidates, choosing_backends
from melgen.networks.products import measuring
from melgen.networks.products.measuring import machine
from melgen.train import train
from tests.networks.test_backends import needs_bfloat16
from tests.training.small import small_config
from tests.training.test_resume import assert_equal_runs

WIDE = ("hidden_size=192", "layers=2", "trainer.val_check_interval=10", "trainer.max_steps=3")
"""Wide enough for a library to matter; see `melgen.networks.products.backends.FEWEST_MULTIPLICATIONS`."""


@pytest.fixture(autouse=True)
def quick_choice(monkeypatch):
    """The last candidate is the fastest: packed, for each layer, as on a processor where oneDNN is exact."""
    for module in (measuring, backend_candidates):
        monkeypatch.setattr(module, "is_exact", lambda *_, **__: True)
    monkeypatch.setattr(choosing_backends, "fastest", lambda candidates: list(candidates)[-1])


def start(folder, name="run", *overrides):
    config = small_config(folder, *WIDE, f"run_dir={folder}/{name}", f"cache_dir={folder}/cache", *overrides)
    train(config)
    return folder / name


def recorded(run):
    return json.loads((run / "provenance.json").read_text())["products"]


def record(run, products):
    file = run / "provenance.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "products": products}))


def test_the_choice_is_recorded_and_kept_for_the_machine(folder):
    run = start(folder)
    assert recorded(run) == {"layer 1": "packed", "layer 2": "packed", "output": "torch"}
    known = json.loads((folder / "cache" / "products.json").read_text())["products"]
    assert sorted(known.values()) == ["packed", "packed", "torch"]
    assert all(key.startswith(machine()) for key in known)


def test_named_products_are_used_everywhere(folder):
    run = start(folder, "run", "products=sequences")
    assert set(recorded(run).values()) == {"sequences"}
    assert not (folder / "cache" / "products.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", pytest.param("bf16-mixed", marks=needs_bfloat16)])
def test_a_run_that_goes_on_keeps_its_products(folder, monkeypatch, precision):
    """Though the machine would choose others by now."""
    undisturbed = start(folder, "undisturbed", "trainer.max_steps=14", f"precision={precision}")
    resumed = start(folder, "resumed", "trainer.max_steps=7", f"precision={precision}")
    (folder / "cache" / "products.json").unlink()
    monkeypatch.setattr(choosing_backends, "fastest", lambda candidates: next(iter(candidates)))
    start(folder, "resumed", "trainer.max_steps=14", f"precision={precision}")
    assert recorded(resumed) == recorded(undisturbed)
    assert_equal_runs(resumed, undisturbed, paused_at=[7])


@pytest.mark.slow
def test_an_unfinished_run_of_an_earlier_melgen_goes_on_with_torchs_default(folder):
    run = start(folder, "run", "trainer.max_steps=4", "products=torch")
    file = run / "provenance.json"
    file.write_text(
        json.dumps({key: value for key, value in json.loads(file.read_text()).items() if key != "products"})
    )
    identity = json.loads((run / "identity.json").read_text())
    assert identity.pop("products") == "torch"
    (run / "identity.json").write_text(json.dumps(identity))  # the key did not exist
    start(folder, "run", "trainer.max_steps=8")
    assert recorded(run) == {}


@pytest.mark.slow
def test_products_that_the_machine_lacks_are_replaced_with_a_warning(folder, caplog, monkeypatch):
    run = start(folder, "run", "trainer.max_steps=4")
    record(run, {"layer 1": "of tomorrow", "layer 2": "packed", "output": "onednn"})
    monkeypatch.setattr(measuring, "packs_linear", lambda: False)
    with caplog.at_level(logging.WARNING):
        start(folder, "run", "trainer.max_steps=8")
    assert f"{run}: was begun with the products of tomorrow, packed, which this machine lacks, or" in caplog.text
    assert recorded(run) == {"layer 1": "torch", "layer 2": "torch", "output": "onednn"}


@pytest.mark.slow
def test_products_that_round_here_are_replaced_with_a_warning(folder, caplog, monkeypatch):
    run = start(folder, "run", "trainer.max_steps=4", "products=onednn")
    monkeypatch.setattr(measuring, "is_exact", lambda *_, **__: False)
    with caplog.at_level(logging.WARNING):
        start(folder, "run", "trainer.max_steps=8", "products=onednn")
    assert (
        f"{run}: was begun with the products onednn, which this machine lacks, or which are less exact" in caplog.text
    )
    assert set(recorded(run).values()) == {"torch"}


def test_products_that_cannot_be_used_are_refused_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr(measuring, "packs_linear", lambda: False)
    rule = "this machine lacks these, or they are less exact here than single precision"
    with pytest.raises(ValueError, match=f"products=packed: {rule}"):
        start(folder, "run", "products=packed")
    monkeypatch.setattr(measuring, "is_exact", lambda *_, **__: False)
    with pytest.raises(ValueError, match=f"products=onednn: {rule}"):
        start(folder, "run", "products=onednn")
    assert not (folder / "run" / "identity.json").exists()


@needs_bfloat16
def test_products_under_autocast_need_not_be_exact(folder, monkeypatch):
    """They are computed in bfloat16 anyway; a run that has begun with them goes on with them."""
    monkeypatch.setattr(measuring, "is_exact", lambda *_, **__: False)
    for updates in (3, 6):
        run = start(folder, "run", "products=onednn", "precision=bf16-mixed", f"trainer.max_steps={updates}")
        assert set(recorded(run).values()) == {"onednn"}


def test_unknown_products_are_refused(folder):
    with pytest.raises(
        ValueError, match="products=fast: must be one of auto, torch, module, sequences, onednn, packed"
    ):
        start(folder, "run", "products=fast")
    assert not (folder / "run").exists()


@pytest.mark.parametrize("override", ["model.implementation=reference", "precision=64-true", "precision=bf16-true"])
def test_what_has_no_kernels_has_no_products(folder, override):
    assert recorded(start(folder, "run", override)) == {}


@needs_bfloat16
def test_bfloat16_is_chosen_by_time_too(folder):
    run = start(folder, "run", "precision=bf16-mixed")
    assert recorded(run) == {"layer 1": "bfloat16_sequences", "layer 2": "bfloat16_sequences", "output": "bfloat16"}
