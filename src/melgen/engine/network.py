"""A network as plain data, for ``network.js``.

The weights are in half precision. The page's reference is therefore the network with `rounded` weights, which differs
from the trained one by less than what one update of its training changes.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from itertools import chain
from typing import NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from melgen.engine.program import Constants, ProgramData
from melgen.engine.tracing import layer_in, traced
from melgen.errors import EngineError
from melgen.networks import MelodyModel, map_state
from melgen.networks.layers.recurrent import State

FORMAT = 1
"""The version of the format, which ``network.js`` checks."""
MOST = 65504.0
"""The largest number in half precision."""


class ConstantData(TypedDict):
    """A constant: its numbers are in ``weights`` from ``offset`` on, or, if half precision would change them, here."""

    shape: list[int]
    offset: NotRequired[int]
    values: NotRequired[list[float]]


class NetworkData(TypedDict):
    """A network.

    Attributes:
        format: the version of this format.
        vocab_size, output_size, duration_size: as of `melgen.networks.MelodyModel`.
        weights: numbers in half precision (IEEE 754), 2 bytes each, little-endian, in base64.
        constants: those of all programs.
        step: reads one step. Inputs: the token ``[1, 1]``, or with durations both tokens ``[1, 1, 2]``, and the tensors
            of the state; outputs: the logits, the highest layer's output, and the tensors of the new state.
        first: reads the first step, without a state, if this differs from a state of zeros.
        durations: logits of the duration, from the highest layer's output and the first token; only with durations.
    """

    format: int
    vocab_size: int
    output_size: int
    duration_size: int | None
    weights: str
    constants: list[ConstantData]
    step: ProgramData
    first: ProgramData | None
    durations: ProgramData | None


def network_data(model: MelodyModel) -> NetworkData:
    """The data of a network in evaluation mode, with `rounded` weights. Equal networks have equal data.

    Raises:
        EngineError: for an operation that ``network.js`` lacks, with its name and layer; for a weight that half
            precision cannot represent, with its name; for a network whose operations depend on its numbers.
    """
    model = rounded(model).eval().requires_grad_(False)
    model.use("reference")
    streams = 1 if model.duration_size is None else 2
    token = torch.zeros(1, 1, *[2] * (streams - 1), dtype=torch.int64)
    with torch.no_grad():
        _, state = model.read(token)
        zeros = map_state(torch.zeros_like, state)
        tensors = list(_tensors(zeros))
        for tensor in tensors:
            if tensor.dtype != torch.float32:
                raise EngineError(f"a state of type {tensor.dtype} is not among those that a page can keep")
        step, constants = _Step(model, zeros), Constants()

        def name_of(path: str) -> str:
            cells, layer = [each.stored_name() for each in model.layers], layer_in(path)
            return f"the network ({', '.join(cells)})" if layer is None else f"layer {layer + 1} ({cells[layer]})"

        data: NetworkData = {
            "format": FORMAT,
            "vocab_size": model.vocab_size,
            "output_size": model.output_size,
            "duration_size": model.duration_size,
            "weights": "",
            "constants": [],
            "step": traced(step, [token, *tensors], constants, name_of),
            "first": traced(step, [token], constants, name_of) if _begins_unlike(model, token, zeros) else None,
            "durations": None,
        }
        if model.duration_size is not None:
            output = torch.zeros(1, 1, model.output.in_features)
            data["durations"] = traced(_Durations(model), [output, token[..., 0]], constants, name_of)
    data["weights"], data["constants"] = _packed(constants.tensors)
    return data


def rounded(model: MelodyModel) -> MelodyModel:
    """A copy whose weights are rounded to half precision, in single precision, on the CPU.

    Raises:
        EngineError: for a weight that is too large or is not a number, with its name.

    >>> model = MelodyModel(vocab_size=5, hidden_size=4)
    >>> weight = rounded(model).output.weight
    >>> torch.equal(weight, model.output.weight), torch.equal(weight, model.output.weight.half().float())
    (False, True)
    """
    found = copy.deepcopy(model).cpu().float()
    for name, weight in chain(found.named_parameters(), found.named_buffers()):
        if not weight.is_floating_point():
            continue
        if not bool((weight.detach().abs() <= MOST).all()):
            raise EngineError(
                f"weight {name} contains {_largest(weight):g}, which half precision cannot represent: the largest"
                f" number is {MOST:.0f}"
            )
        weight.data = weight.data.half().float()
    return found


class _Step(nn.Module):
    """One step, with the tensors of the state as inputs and outputs of their own."""

    def __init__(self, model: MelodyModel, state: State):
        super().__init__()
        self.model = model
        self.example = map_state(lambda tensor: tensor.to("meta"), state)

    def forward(self, tokens: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        waiting = iter(tensors)
        state = map_state(lambda _: next(waiting), self.example) if tensors else None
        output, after = self.model.read(tokens, state)
        found = list(_tensors(after))
        if [tensor.shape for tensor in found] != [tensor.shape for tensor in _tensors(self.example)]:
            raise EngineError("the state has other shapes after a step than before it")
        return self.model.logits(output), output, *found


class _Durations(nn.Module):
    """The scores of the duration of a chosen token."""

    def __init__(self, model: MelodyModel):
        super().__init__()
        self.model = model

    def forward(self, output: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        return (self.model.duration_logits(output, tokens),)


def _tensors(state: State) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    else:
        for part in state:
            yield from _tensors(part)


def _begins_unlike(model: MelodyModel, token: Tensor, zeros: State) -> bool:
    """Whether the network begins in another way than from zeros, such as from a trained state."""
    if not list(_tensors(zeros)):
        return False
    last = token.new_tensor([model.vocab_size - 1, model.duration_size or 0])[: token.shape[-1]].expand_as(token)
    for read in (token, last):
        without, with_zeros = (model(read, state) for state in (None, zeros))
        pairs = zip((without[0], *_tensors(without[1])), (with_zeros[0], *_tensors(with_zeros[1])), strict=True)
        if not all(torch.equal(*pair) for pair in pairs):
            return True
    return False


def _packed(tensors: list[Tensor]) -> tuple[str, list[ConstantData]]:
    """The constants, and those that are exact in half precision as one string."""
    halves, constants, offset = [], [], 0
    for tensor in tensors:
        numbers = tensor.numpy().ravel()
        with np.errstate(over="ignore"):
            half = numbers.astype("<f2")
        constant: ConstantData = {"shape": list(tensor.shape)}
        if np.array_equal(half.astype(np.float32), numbers, equal_nan=True):
            constant["offset"], offset = offset, offset + half.size
            halves.append(half.tobytes())
        else:
            constant["values"] = numbers.tolist()
        constants.append(constant)
    return base64.b64encode(b"".join(halves)).decode("ascii"), constants


def _largest(weight: Tensor) -> float:
    flat = weight.detach().flatten()
    return float(flat[flat.abs().nan_to_num(float("inf")).argmax()])
