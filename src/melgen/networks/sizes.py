"""How large a network is: its weights, the numbers that it remembers of a melody, and the products for one note."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from melgen.networks.model import MelodyModel, count_parameters
from melgen.networks.recurrent import State, map_state


@dataclass(frozen=True)
class NetworkSize:
    """The size of a network on its different axes.

    Attributes:
        parameters: trained numbers.
        recurrent_parameters: those of the recurrent layers, without tables, output layers and what surrounds a layer.
        remembered: numbers in the state of one melody.
        operations: multiplications, each with an addition, in the matrix products for one note, and for its duration
            if it has one; each note is read by itself. None for a cell that computes in single precision only.
    """

    parameters: int
    recurrent_parameters: int
    remembered: int
    operations: int | None

    def to_dict(self) -> dict[str, int | None]:
        """The numbers by their names."""
        return asdict(self)


def size_of(model: MelodyModel) -> NetworkSize:
    """The size of a network. The network and torch's generators do not change.

    >>> size_of(MelodyModel(vocab_size=10, hidden_size=16, layers=1)).to_dict()
    {'parameters': 2442, 'recurrent_parameters': 2112, 'remembered': 32, 'operations': 2208}
    """
    read = copy.deepcopy(model).cpu().float().eval()
    read.use("reference")
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        _, state = read.read(_note(model))
        operations = _operations(read)
    return NetworkSize(
        parameters=count_parameters(model),
        recurrent_parameters=sum(count_parameters(layer) for layer in model.layers),
        remembered=_numbers_in(state),
        operations=operations,
    )


def estimate_remembered(**options: Any) -> int:
    """The numbers that a `MelodyModel` remembers of a melody, without the memory to build it.

    Args:
        options: of `MelodyModel`.

    Raises:
        ValueError: as `MelodyModel` does.

    >>> estimate_remembered(vocab_size=10, hidden_size=16, layers=3)
    96
    """
    with torch.device("meta"), torch.no_grad():
        model = MelodyModel(**options).eval()
        model.use("reference")
        _, state = model.read(_note(model))
    return _numbers_in(state)


def _note(model: MelodyModel) -> Tensor:
    return torch.zeros(1, 1, *([] if model.duration_size is None else [2]), dtype=torch.int64)


def _operations(model: MelodyModel) -> int | None:
    """The products for a note after others."""
    model.double()  # torch has a fused LSTM in single precision, whose products the counter does not see
    token, counter = _note(model), FlopCounterMode(display=False)
    try:
        _, state = model.read(token)
        with counter:
            output, _ = model.read(token, state)
            model.logits(output)
            if model.duration_size is not None:
                model.duration_logits(output, token[..., 0])
    except Exception:  # a cell of a user, in a precision for which it was not written
        return None
    table = 0 if model.duration_size is None else _of_table(model)
    return int(counter.get_total_flops()) // 2 - table  # the counter counts an addition as an operation of its own


def _of_table(model: MelodyModel) -> int:
    """The products of `MelodyModel.duration_logits` beyond those for one note: it multiplies each row of the table."""
    return (model.output_size - 1) * model.embedding.embedding_dim * model.duration_hidden.out_features


def _numbers_in(state: State) -> int:
    count = 0

    def add(tensor: Tensor) -> Tensor:
        nonlocal count
        count += tensor.numel()
        return tensor

    map_state(add, state)
    return count
