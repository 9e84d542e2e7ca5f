"""The files of ``conf/cell/``, read as Hydra reads them."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from melgen.networks import AbstractRecurrentLayer, MelodyModel

CONF = Path(__file__).parents[2] / "conf" / "cell"
TOKENS = torch.zeros(2, 3, dtype=torch.int64)


def test_every_named_cell_has_its_file():
    named = {name for name, kind in AbstractRecurrentLayer.known.items() if kind.__module__.startswith("melgen.")}
    assert {path.stem for path in CONF.glob("*.yaml")} == named | {"mixed"}


@pytest.mark.parametrize("path", sorted({*CONF.glob("*.yaml")} - {CONF / "mixed.yaml"}), ids=lambda path: path.stem)
def test_a_cell_is_built_by_its_file(path):
    factory = instantiate(OmegaConf.load(path))
    assert factory.func is AbstractRecurrentLayer.known[path.stem]
    logits, _ = MelodyModel(7, hidden_size=8, cell=factory)(TOKENS)
    assert logits.shape == (2, 3, 7)


def test_a_mixed_stack_is_built_by_its_file():
    cell = OmegaConf.load(CONF / "mixed.yaml").cell
    cell.stack = ["lstm", "nas", {"_target_": "melgen.networks.GRU", "_partial_": True, "reset_after": False}]
    node = OmegaConf.create({"_target_": "melgen.networks.MelodyModel", "layers": 3, "hidden_size": 8, "cell": cell})
    model = instantiate(node, vocab_size=7)
    assert [type(layer).__name__ for layer in model.stack.layers] == ["LSTM", "NAS", "GRU"]
    assert "weight_hh" in dict(model.stack.layers[2].reading.named_parameters())
    assert model(TOKENS)[0].shape == (2, 3, 7)
