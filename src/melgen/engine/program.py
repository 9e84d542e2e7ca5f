"""A program: operations on arrays of single precision, in the order in which an interpreter runs them.

Every array is a value with a number and a shape; its numbers are in memory row by row. A value is one of

- an input of the program, or the output of an operation;
- a constant, numbered in `melgen.engine.network.NetworkData`;
- a view: consecutive numbers of another value, from an offset on, with a shape of their own.

Truth values are 1 and 0, and whole numbers are single precision too. The operations:

==================  ========================================================================================
operation           output
==================  ========================================================================================
``abs`` ... (1)     the function of each number
``add`` ... (2)     the function of each pair of numbers; shapes are broadcast as in numpy
``where``           the second input where the first is not 0, else the third; shapes are broadcast
``rows``            a row of the first input, ``[V, E]``, for each number of the second
``product``         ``a @ b.T`` for a ``[..., M, K]`` and b ``[..., N, K]``, plus a bias ``[N]`` if there is a third
                    input; one product for each leading index
``concatenate``     the numbers of all inputs, one input after another
``arrange``         numbers of the input at ``offset + sum(index * strides)``, or at ``indices``
``sum`` ... (3)     the reduction of each run of numbers: as many runs as the output has numbers
==================  ========================================================================================

1. abs, ceil, cos, erf, exp, expm1, floor, log, log1p, neg, not, reciprocal, relu, round (halves to even), rsqrt,
   sigmoid, sign, sin, sqrt, tanh, trunc
2. add, sub, mul, div, pow, maximum, minimum, remainder (has the sign of the divisor), fmod (that of the dividend),
   eq, ne, lt, le, gt, ge, and, or, xor
3. sum, mean, amax, amin

Operations that depend on constants alone are ``prepared``: an interpreter runs them once, when it loads the program.
This keeps the data small, since their outputs need no memory in the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypeAlias, TypedDict

import torch
from torch import Tensor

_UNARY = (
    "abs ceil cos erf exp expm1 floor log log1p neg not reciprocal relu round rsqrt sigmoid sign sin sqrt tanh trunc"
)
_BINARY = "add sub mul div pow maximum minimum remainder fmod eq ne lt le gt ge and or xor"
UNARY, BINARY = frozenset(_UNARY.split()), frozenset(_BINARY.split())
REDUCTIONS = frozenset({"sum", "mean", "amax", "amin"})
OPERATIONS = UNARY | BINARY | REDUCTIONS | {"where", "rows", "product", "concatenate", "arrange"}


class ValueData(TypedDict):
    """A value: ``constant`` for a constant, ``of`` and ``offset`` for a view, neither for an array of its own."""

    shape: list[int]
    constant: NotRequired[int]
    of: NotRequired[int]
    offset: NotRequired[int]


class OperationData(TypedDict):
    """An operation: its name, the numbers of its values, and for ``arrange`` where the numbers come from."""

    name: str
    inputs: list[int]
    output: int
    offset: NotRequired[int]
    strides: NotRequired[list[int]]
    indices: NotRequired[list[int]]


class ProgramData(TypedDict):
    """A program. Inputs and outputs are numbers of values, and a view has a higher number than its value."""

    values: list[ValueData]
    inputs: list[int]
    prepared: list[OperationData]
    operations: list[OperationData]
    outputs: list[int]


@dataclass(frozen=True)
class Value:
    """A value of a program that is being built."""

    number: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    is_prepared: bool = False


Operand: TypeAlias = Value | Tensor
"""A tensor is a constant. It becomes a value when an operation needs it, in the arrangement that this one needs."""


class Constants:
    """The constants of several programs; equal ones are kept once."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self._numbers: dict[Any, int] = {}

    def number_of(self, tensor: Tensor) -> int:
        """The number of a constant, which is added if it is new."""
        tensor = tensor.detach().to(torch.float32).contiguous()
        key = (tuple(tensor.shape), tensor.numpy().tobytes())
        if key not in self._numbers:
            self._numbers[key] = len(self.tensors)
            self.tensors.append(tensor)
        return self._numbers[key]


class Builder:
    """Builds a program, one operation after another."""

    def __init__(self) -> None:
        self._values: list[ValueData] = []
        self._constants: dict[int, Tensor] = {}
        self._inputs: list[int] = []
        self._operations: list[tuple[bool, OperationData]] = []

    def input(self, shape: Sequence[int], dtype: torch.dtype) -> Value:
        """Add an input."""
        value = self._add(shape, dtype)
        self._inputs.append(value.number)
        return value

    def value(self, operand: Operand | float) -> Value:
        """An operand as a value; a constant becomes one here."""
        if isinstance(operand, Value):
            return operand
        tensor = operand if isinstance(operand, Tensor) else torch.tensor(float(operand))
        value = self._add(tensor.shape, tensor.dtype, is_prepared=True)
        self._constants[value.number] = tensor
        return value

    def emit(self, name: str, operands: Sequence[Operand | float], shape: Sequence[int], **options: Any) -> Value:
        """Add an operation and return its output."""
        assert name in OPERATIONS, name
        inputs = [self.value(operand) for operand in operands]
        is_prepared = all(value.is_prepared for value in inputs)
        output = self._add(shape, torch.float32, is_prepared)
        operation: Any = {"name": name, "inputs": [value.number for value in inputs], "output": output.number}
        self._operations.append((is_prepared, operation | options))
        return output

    def each(self, name: str, *operands: Operand | float) -> Value:
        """Add an operation on each number, with broadcasting."""
        shapes = [operand.shape for operand in operands if isinstance(operand, Value | Tensor)]
        return self.emit(name, operands, torch.broadcast_shapes(*shapes))

    def moved(self, operand: Operand, places: Tensor) -> Operand:
        """The numbers of an operand at certain places.

        Args:
            places: for each number of the output its place among the numbers of the operand, row by row; best a view
                of ``torch.arange``, whose strides describe it in a few numbers.
        """
        if isinstance(operand, Tensor):
            return operand.flatten()[places]
        first = int(places.flatten()[0])
        if torch.equal(places.flatten(), torch.arange(first, first + places.numel())):
            return self._view(operand, places.shape, first)
        where: dict[str, Any] = {"indices": places.flatten().tolist()}
        all_places = torch.arange(_count(operand.shape))
        if places.untyped_storage().nbytes() == all_places.untyped_storage().nbytes():
            strided = all_places.as_strided(places.shape, places.stride(), places.storage_offset())
            if torch.equal(strided, places):
                where = {"offset": places.storage_offset(), "strides": list(places.stride())}
        return replace(self.emit("arrange", [operand], places.shape, **where), dtype=operand.dtype)

    def reshaped(self, operand: Operand, shape: Sequence[int]) -> Operand:
        """The same numbers in another shape."""
        return operand.reshape(*shape) if isinstance(operand, Tensor) else self._view(operand, shape, 0)

    def finish(self, outputs: Sequence[Operand], constants: Constants) -> ProgramData:
        """The program without what its outputs do not need."""
        wanted = [self.value(output).number for output in outputs]
        needed = {*self._inputs, *wanted}
        kept = []
        for is_prepared, operation in reversed(self._operations):
            # A view has a higher number than its value, and a lower one than the operations that read it.
            needed |= self._bases(needed)
            if operation["output"] in needed:
                needed |= {*operation["inputs"]}
                kept.append((is_prepared, operation))
        needed |= self._bases(needed)
        numbers = {old: new for new, old in enumerate(sorted(needed))}
        values = []
        for old in numbers:
            value = self._values[old]
            if old in self._constants:
                value["constant"] = constants.number_of(self._constants[old])
            if "of" in value:
                value["of"] = numbers[value["of"]]
            values.append(value)
        for _, operation in kept:
            operation["inputs"] = [numbers[number] for number in operation["inputs"]]
            operation["output"] = numbers[operation["output"]]
        return {
            "values": values,
            "inputs": [numbers[number] for number in self._inputs],
            "prepared": [operation for is_prepared, operation in reversed(kept) if is_prepared],
            "operations": [operation for is_prepared, operation in reversed(kept) if not is_prepared],
            "outputs": [numbers[number] for number in wanted],
        }

    def _add(self, shape: Sequence[int], dtype: torch.dtype, is_prepared: bool = False) -> Value:
        self._values.append({"shape": list(shape)})
        return Value(len(self._values) - 1, tuple(shape), dtype, is_prepared)

    def _view(self, value: Value, shape: Sequence[int], offset: int) -> Value:
        if tuple(shape) == value.shape:
            return value
        base = self._values[value.number]
        view = self._add(shape, value.dtype, value.is_prepared)
        # A view of a view is a view of the array itself.
        self._values[view.number]["of"] = base.get("of", value.number)
        self._values[view.number]["offset"] = base.get("offset", 0) + offset
        return view

    def _bases(self, numbers: set[int]) -> set[int]:
        return {self._values[number]["of"] for number in numbers if "of" in self._values[number]}


def _count(shape: Sequence[int]) -> int:
    return torch.Size(shape).numel()
