"""What a training sets in torch before it begins."""

import pytest
import torch

from melgen.training.build import prepare_torch
from tests.training.small import small_config


@pytest.mark.parametrize(("precision", "rounds"), [("highest", False), ("high", True)])
def test_loops_of_cudnn_round_only_if_products_may(tmp_path, monkeypatch, precision, rounds):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not rounds)
    try:
        prepare_torch(small_config(tmp_path, f"matmul_precision={precision}"))
        assert torch.backends.cudnn.allow_tf32 is rounds
    finally:
        torch.set_float32_matmul_precision("highest")
