"""How large a network is: its parameters, the numbers in its state, and the products for one note."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from melgen.networks.blocks import BlockFactory, NoBlock
from melgen.networks.cells import LSTM
from melgen.networks.layers.recurrent import LayerFactory, State, map_state
from melgen.networks.model import MelodyModel
from melgen.networks.size_checks import check_count


@dataclass(frozen=True)
class NetworkSize:
    """The size of a network on its different axes.

    Attributes:
        parameters: trained numbers.
        recurrent_parameters: those of the recurrent layers, without tables, output layers and what surrounds a layer.
        remembered: numbers in the state of one melody.
        operations: multiplications, each with an addition, in the matrix products for one note that is read by itself,
            and for its duration if it has one. None for a cell that computes in single precision only.
    """

    parameters: int
    recurrent_parameters: int
    remembered: int
    operations: int | None

    def to_dict(self) -> dict[str, int | None]:
        """The numbers by their names."""
        return asdict(self)


def count_parameters(module: nn.Module) -> int:
    """Number of trained parameters.

    >>> count_parameters(nn.Linear(3, 4))
    16
    """
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def size_of(model: MelodyModel) -> NetworkSize:
    """The size of a network. The network and torch's generators do not change.

    >>> size_of(MelodyModel(vocab_size=10, hidden_size=16, layers=1)).to_dict()
    {'parameters': 2442, 'recurrent_parameters': 2112, 'remembered': 32, 'operations': 2208}
    """
    copied = copy.deepcopy(model).cpu().float().eval()
    copied.use("reference")
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        _, state = copied.read(_note(model))
        operations = _operations(copied)
    return NetworkSize(
        parameters=count_parameters(model),
        recurrent_parameters=sum(count_parameters(layer) for layer in model.layers),
        remembered=_numbers_in(state),
        operations=operations,
    )


def estimate_parameters(
    vocab_size: int,
    hidden_size: int = 128,
    layers: int = 2,
    cell: LayerFactory | Sequence[LayerFactory] = LSTM,
    embedding_size: int | None = None,
    initialization: str = "paper",
    output_size: int | None = None,
    duration_size: int | None = None,
    block: BlockFactory = NoBlock,
) -> int:
    """Number of trained parameters of a `MelodyModel`, without the memory and time to build it.

    Raises:
        ValueError: as `MelodyModel` does, and for sizes beyond what a tensor can address.

    >>> estimate_parameters(vocab_size=10, hidden_size=16, layers=3)
    6666
    >>> f"{estimate_parameters(vocab_size=60, hidden_size=100_000, layers=1_000_000):.1e}"
    '8.0e+16'
    """
    # From the second on, layers of one kind have equal sizes: a million of them need not be built.
    different = layers if isinstance(cell, Sequence) else min(check_count("layers", layers), 2)
    try:
        with torch.device("meta"):
            model = MelodyModel(
                vocab_size,
                hidden_size,
                different,
                cell,
                embedding_size,
                initialization=initialization,
                output_size=output_size,
                duration_size=duration_size,
                block=block,
            )
    except RuntimeError as error:  # torch counts bytes in 64 bits
        raise ValueError(
            f"hidden_size={hidden_size} with embedding_size={embedding_size or hidden_size} and a vocabulary of "
            f"{vocab_size}: the weights have more bytes than a computer can address"
        ) from error
    highest = count_parameters(model.stack.layers[-1]) + count_parameters(model.stack.blocks[-1])
    return count_parameters(model) + (layers - different) * highest


def estimate_remembered(**options: Any) -> int:
    """The number of numbers in the state of one melody of a `MelodyModel`, without the memory to build it.

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
    from torch.utils.flop_counter import FlopCounterMode  # it imports Triton where that is installed

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
