"""The width for a number of parameters, against a search through all widths."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.networks import GRU, MelodyModel, NoBlock, ResidualBlock, count_parameters, estimate_parameters, mixed
from melgen.networks.widths import WIDEST_GAP, width_for
from tests.networks.conftest import CELLS

ALL_WIDTHS = range(1, 700)
RHYTHM = {"vocab_size": 21, "output_size": 17, "duration_size": 9}


@given(
    st.integers(1, 300_000),
    st.tuples(st.integers(1, 3), st.integers(0, 300), st.integers(0, 5_000)),
    st.integers(1, WIDEST_GAP),
)
def test_it_is_the_nearest_of_all_widths_that_the_cell_allows(parameters, polynomial, step):
    def count(width):
        if width % step:
            raise ValueError("the heads do not divide it")
        squared, linear, constant = polynomial
        return squared * width**2 + linear * width + constant

    allowed = {width: count(width) for width in ALL_WIDTHS if width % step == 0}
    nearest = min(allowed, key=lambda width: (abs(allowed[width] - parameters), width))
    if abs(allowed[nearest] - parameters) <= 0.02 * parameters:
        assert width_for(parameters, count) == nearest
        return
    smaller = [width for width in allowed if allowed[width] <= parameters]
    below = max(smaller, default=step)
    with pytest.raises(ValueError, match="within 2%") as error:
        width_for(parameters, count)
    assert str(error.value).endswith(
        f"the nearest are hidden_size={below} with {allowed[below]:,} parameters and "
        f"hidden_size={below + step} with {allowed[below + step]:,}"
    )


def test_what_refuses_every_width_is_reported_as_it_is():
    def count(width):
        raise ValueError(f"too large for a tensor: {width}")

    with pytest.raises(ValueError, match="too large for a tensor"):
        width_for(1000, count)


@pytest.mark.parametrize("block", [NoBlock, ResidualBlock])
@pytest.mark.parametrize("sizes", [{"vocab_size": 13}, RHYTHM], ids=["pitches", "rhythm"])
@pytest.mark.parametrize(
    ("cell", "layers"),
    [*((cell, 2) for cell in CELLS.values()), (mixed(["lstm", "gru", "rnn"]), 3)],
    ids=[*CELLS, "mixed"],
)
@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_the_estimate_is_the_number_of_trained_parameters(cell, layers, sizes, block, initialization):
    options = {"cell": cell, "layers": layers, "block": block, "initialization": initialization, **sizes}
    model = MelodyModel(hidden_size=8, embedding_size=10, **options)
    assert estimate_parameters(hidden_size=8, embedding_size=10, **options) == count_parameters(model)


@pytest.mark.parametrize("block", [NoBlock, ResidualBlock])
@pytest.mark.parametrize("layers", [1, 4])
def test_a_real_network_has_the_number_of_parameters(layers, block):
    options = {
        "cell": partial(GRU, reset_after=False),
        "layers": layers,
        "embedding_size": 128,
        "block": block,
        **RHYTHM,
    }
    width = width_for(250_000, lambda width: estimate_parameters(hidden_size=width, **options))
    assert count_parameters(MelodyModel(hidden_size=width, **options)) == pytest.approx(250_000, rel=0.02)
