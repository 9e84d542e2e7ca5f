"""Every cell on a GPU computes what it computes on the CPU; in bfloat16, about the same."""

import copy

import pytest
import torch

from melgen.networks import NAS, SLSTM, UGRNN, MelodyModel
from melgen.networks.scans.graphs import recorded_scans
from tests.networks.test_graphs import train
from tests.networks.test_kernel_scan import VOCABULARY, randomise

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

WIDTH = 32
WINDOWS = (3, 12, 7)  # each of twelve rows


@pytest.fixture(autouse=True)
def exact_cudnn(monkeypatch):
    """As a training has it: cuDNN's loops in single precision."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def pair(cell):
    """A network on the CPU, and its copy on the GPU."""
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell)
    randomise(model)
    return model, copy.deepcopy(model).cuda()


@pytest.mark.parametrize("implementation", ["fast", "reference"])
def test_losses_and_gradients(pair, implementation):
    on_cpu, on_gpu = pair
    on_cpu.use("reference")
    on_gpu.use(implementation)
    tokens = torch.randint(VOCABULARY, WINDOWS)
    rows = zip(train(on_gpu, tokens.cuda())[0], train(on_cpu, tokens)[0], strict=True)
    for got, wanted in rows:
        for ours, theirs in zip(got, wanted, strict=True):
            scale = max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-3, atol=1e-4 * scale)


def test_an_update_does_not_wait_for_the_gpu(pair):
    _, on_gpu = pair
    tokens = torch.randint(VOCABULARY, WINDOWS, device="cuda")
    train(on_gpu, tokens)
    torch.cuda.set_sync_debug_mode("error")
    try:
        train(on_gpu, tokens)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("cell", [NAS, SLSTM, UGRNN], indirect=True)
def test_anomalies_are_looked_for_without_recording(pair):
    _, on_gpu = pair
    with torch.autograd.detect_anomaly():
        train(on_gpu, torch.randint(VOCABULARY, WINDOWS, device="cuda"))
    assert not any(recorded_scans(layer).shapes for layer in on_gpu.layers)


@pytest.mark.parametrize("cell", [NAS, SLSTM, UGRNN], indirect=True)
def test_kernels_are_recorded(pair):
    _, on_gpu = pair
    train(on_gpu, torch.randint(VOCABULARY, WINDOWS, device="cuda"))
    assert all(recorded_scans(layer).shapes == 1 for layer in on_gpu.layers)


@pytest.mark.parametrize("implementation", ["fast", "reference"])
def test_bfloat16(pair, implementation):
    on_cpu, on_gpu = pair
    on_gpu.use(implementation)
    tokens = torch.randint(VOCABULARY, WINDOWS)
    with torch.autocast("cuda", torch.bfloat16):
        ours, _ = train(on_gpu, tokens.cuda())
    theirs, _ = train(on_cpu, tokens)
    for (loss, *gradients), (wanted, *exact) in zip(ours, theirs, strict=True):
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(wanted.item(), rel=0.03)
        flat, other = (torch.cat([each.cpu().flatten() for each in side]) for side in (gradients, exact))
        assert torch.cosine_similarity(flat, other, dim=0) > 0.99
