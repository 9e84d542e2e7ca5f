"""The state after a window has memory of its own: a view would keep, and save, the states of all its steps."""

import pytest
import torch

from melgen.networks import MelodyModel, choosing_backends, map_state
from tests.networks.conftest import CELLS, each_of
from tests.networks.test_kernel_scan import flat

VOCABULARY, WIDTH, STEPS = 11, 16, 30

each_cell = each_of(CELLS)


def state_of(cell, batch_size, backend="torch", implementation="fast"):
    """The state after two windows, that of the first being carried."""
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell, implementation=implementation)
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend))
    state = None
    for window in torch.randint(VOCABULARY, (batch_size, 2 * STEPS)).split(STEPS, 1):
        _, state = model(window, map_state(torch.Tensor.detach, state))
    return state


@pytest.mark.parametrize("implementation", ["fast", "reference"])
@pytest.mark.parametrize("backend", ["torch", "onednn"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_no_tensor_of_a_state_has_more_memory_than_its_numbers(cell, batch_size, backend, implementation):
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch has no oneDNN here")
    for part in flat(state_of(cell, batch_size, backend, implementation)):
        assert part.untyped_storage().nbytes() == part.numel() * part.element_size()


def test_changing_a_state_does_not_change_the_output(cell):
    torch.manual_seed(0)
    layer = cell(WIDTH, WIDTH)
    with torch.no_grad():
        output, state = layer(torch.randn(4, STEPS, WIDTH))
        kept = output.clone()
        for part in flat(state):
            part.add_(1)
    assert torch.equal(output, kept)
