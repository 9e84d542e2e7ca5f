"""From operations of torch to operations of a program (`melgen.engine.program`).

An operation of torch is looked up by its name, whatever its overload. Operations that only move numbers (views,
transposes, slices) are not described here: torch itself applies them to the places of the numbers. Most of them turn
out to change nothing in memory, since a batch of one melody and one step has many axes of length 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from melgen.engine.program import BINARY, REDUCTIONS, UNARY, Builder, Operand, Value

MOVES = """
view _unsafe_view reshape squeeze unsqueeze permute transpose t slice select split split_with_sizes chunk unbind expand
alias clone detach contiguous lift_fresh_copy flip roll repeat narrow diagonal unfold index index_select
"""
"""Operations that move numbers; the places that an index selects must be constant."""

CREATIONS = "full full_like zeros zeros_like ones ones_like scalar_tensor arange eye"
"""Operations that make constants."""

IGNORED = frozenset({"_assert_tensor_metadata"})
"""Operations without an output."""

_UNARY = {name: name for name in UNARY - {"not"}} | {"logical_not": "not"}
_BINARY = {name: name for name in BINARY - {"add", "sub", "div", "and", "or", "xor"}} | {
    "logical_and": "and",
    "logical_or": "or",
    "logical_xor": "xor",
}
_OF_TRUTH_VALUES = {"bitwise_not": "not", "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}

Lowering = Callable[..., Any]
_lowerings: dict[str, Lowering] = {}


class UnknownOperationError(Exception):
    """The interpreter has no equivalent of an operation, or of its options."""


def lower(builder: Builder, name: str, target: Any, arguments: Mapping[str, Any]) -> Any:
    """Add the equivalent of an operation of torch to a program.

    Args:
        name: the operation's name without its overload, such as ``addmm``.
        target: the operation itself.
        arguments: by their names in torch's schema; a tensor is an operand.

    Returns:
        An operand, or a tuple of operands for an operation with several outputs.

    Raises:
        UnknownOperationError: if there is no equivalent.
    """
    if name in MOVES.split():
        return _move(builder, target, arguments)
    if name in CREATIONS.split():
        return target(**{key: _example(value) for key, value in arguments.items()})
    if name in _UNARY:
        return builder.each(_UNARY[name], arguments["self"])
    if name in _BINARY:
        return builder.each(
            _BINARY[name], arguments["self"], arguments["other" if "other" in arguments else "exponent"]
        )
    if name in _OF_TRUTH_VALUES:
        operands = [arguments[key] for key in ("self", "other") if key in arguments]
        if any(not isinstance(each, bool) and each.dtype != torch.bool for each in operands):
            raise UnknownOperationError("of whole numbers")
        return builder.each(_OF_TRUTH_VALUES[name], *operands)
    if (plain := name.lstrip("_")) in _lowerings:
        return _lowerings[plain](builder, **arguments)
    raise UnknownOperationError


def _move(builder: Builder, target: Any, arguments: Mapping[str, Any]) -> Any:
    key = next(key for key in ("self", "input") if key in arguments)
    operand, others = arguments[key], {name: value for name, value in arguments.items() if name != key}
    if isinstance(operand, Tensor):
        return target(operand, **others)
    places = torch.arange(math.prod(operand.shape)).view(operand.shape)
    found = target(places, **others)
    if isinstance(found, Tensor):
        return builder.moved(operand, found)
    return tuple(builder.moved(operand, part) for part in found)


def _example(value: Any) -> Any:
    """A tensor with the shape of a value, for operations that read only its shape."""
    return torch.empty(value.shape, dtype=value.dtype) if isinstance(value, Value) else value


def _transposed(builder: Builder, operand: Operand) -> Operand:
    """The last two axes exchanged; a constant is stored so."""
    if isinstance(operand, Tensor):
        return operand.mT
    return builder.moved(operand, torch.arange(math.prod(operand.shape)).view(operand.shape).mT)


def _is(value: Any, number: float) -> bool:
    return not isinstance(value, Value | Tensor) and value == number


def _scaled(builder: Builder, operand: Operand | float, by: float) -> Operand | float:
    return operand if _is(by, 1) else builder.each("mul", operand, by)


def _lowers(*names: str) -> Callable[[Lowering], Lowering]:
    def register(function: Lowering) -> Lowering:
        _lowerings.update(dict.fromkeys(names, function))
        return function

    return register


# Sums and products. Torch's names of arguments are kept, but for `self`, which is the second parameter here.


@_lowers("add")
def _add(b: Builder, self: Operand, other: Operand | float, alpha: float = 1) -> Value:
    return b.each("add", self, _scaled(b, other, alpha))


@_lowers("sub")
def _sub(b: Builder, self: Operand, other: Operand | float, alpha: float = 1) -> Value:
    return b.each("sub", self, _scaled(b, other, alpha))


@_lowers("rsub")
def _rsub(b: Builder, self: Operand, other: Operand | float, alpha: float = 1) -> Value:
    return b.each("sub", other, _scaled(b, self, alpha))


@_lowers("div")
def _div(b: Builder, self: Operand, other: Operand | float, rounding_mode: str | None = None) -> Value:
    quotient = b.each("div", self, other)
    return quotient if rounding_mode is None else b.each(rounding_mode, quotient)


@_lowers("addcmul")
def _addcmul(b: Builder, self: Operand, tensor1: Operand, tensor2: Operand, value: float = 1) -> Value:
    return b.each("add", self, _scaled(b, b.each("mul", tensor1, tensor2), value))


@_lowers("addcdiv")
def _addcdiv(b: Builder, self: Operand, tensor1: Operand, tensor2: Operand, value: float = 1) -> Value:
    return b.each("add", self, _scaled(b, b.each("div", tensor1, tensor2), value))


@_lowers("lerp")
def _lerp(b: Builder, self: Operand, end: Operand, weight: Operand | float) -> Value:
    return b.each("add", self, b.each("mul", weight, b.each("sub", end, self)))


@_lowers("mm", "bmm")
def _mm(b: Builder, self: Operand, mat2: Operand) -> Value:
    return b.emit("product", [self, _transposed(b, mat2)], [*self.shape[:-1], mat2.shape[-1]])


@_lowers("addmm")
def _addmm(b: Builder, self: Operand, mat1: Operand, mat2: Operand, beta: float = 1, alpha: float = 1) -> Value:
    columns = mat2.shape[-1]
    if not (_is(beta, 1) and _is(alpha, 1)) or math.prod(self.shape) != columns or self.shape[-1] != columns:
        return b.each("add", _scaled(b, self, beta), _scaled(b, _mm(b, mat1, mat2), alpha))
    return b.emit("product", [mat1, _transposed(b, mat2), self], [mat1.shape[0], columns])


@_lowers("baddbmm")
def _baddbmm(b: Builder, self: Operand, batch1: Operand, batch2: Operand, beta: float = 1, alpha: float = 1) -> Value:
    return b.each("add", _scaled(b, self, beta), _scaled(b, _mm(b, batch1, batch2), alpha))


@_lowers("linear")
def _linear(b: Builder, input: Operand, weight: Operand, bias: Operand | None = None) -> Operand:
    rows = b.reshaped(input, [-1 if isinstance(input, Tensor) else math.prod(input.shape[:-1]), input.shape[-1]])
    operands = [rows, weight] if bias is None else [rows, weight, bias]
    return b.reshaped(
        b.emit("product", operands, [rows.shape[0], weight.shape[0]]), [*input.shape[:-1], weight.shape[0]]
    )


# Choices, look-ups, arrangements.


@_lowers("where")
def _where(b: Builder, condition: Operand, self: Operand | float, other: Operand | float) -> Value:
    return b.each("where", condition, self, other)


@_lowers("embedding")
def _embedding(b: Builder, weight: Operand, indices: Operand, **others: Any) -> Value:
    return b.emit("rows", [weight, indices], [*indices.shape, weight.shape[1]])


@_lowers("cat")
def _cat(b: Builder, tensors: Sequence[Operand], dim: int = 0) -> Operand:
    if all(isinstance(operand, Tensor) for operand in tensors):
        return torch.cat([operand for operand in tensors if isinstance(operand, Tensor)], dim)
    if len(tensors) == 1:
        return tensors[0]
    counts = [math.prod(operand.shape) for operand in tensors]
    places = torch.arange(sum(counts)).split(counts)
    shaped = [part.view(operand.shape) for part, operand in zip(places, tensors, strict=True)]
    return b.moved(b.emit("concatenate", tensors, [sum(counts)]), torch.cat(shaped, dim))


@_lowers("to_copy")
def _to_copy(b: Builder, self: Operand, dtype: torch.dtype | None = None, **others: Any) -> Operand:
    if isinstance(self, Tensor):
        return self if dtype is None else self.to(dtype)
    if dtype == torch.bool and self.dtype != torch.bool:
        return b.each("ne", self, 0)
    if dtype in (torch.int64, torch.int32) and self.dtype == torch.float32:
        return b.each("trunc", self)
    return self


# Reductions, and functions that are made of them.


def _reduction(name: str) -> Lowering:
    def reduce(
        b: Builder, self: Operand, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None
    ) -> Operand:
        count = len(self.shape)
        axes = [dim] if isinstance(dim, int) else list(dim or range(count))
        axes = sorted(axis % count for axis in axes)
        order = [axis for axis in range(count) if axis not in axes] + axes
        last = _move(b, torch.Tensor.permute, {"self": self, "dims": order})
        shape = [1 if axis in axes else size for axis, size in enumerate(self.shape)]
        found = b.emit(name, [last], shape)
        return found if keepdim else b.reshaped(found, [size for axis, size in enumerate(shape) if axis not in axes])

    return reduce


_lowerings.update({name: _reduction(name) for name in REDUCTIONS})


@_lowers("var")
def _var(b: Builder, self: Operand, dim: Any = None, correction: float | None = 1, keepdim: bool = False) -> Operand:
    centred = b.each("sub", self, _lowerings["mean"](b, self, dim, keepdim=True))
    total = _lowerings["sum"](b, b.each("mul", centred, centred), dim, keepdim)
    count = math.prod(self.shape) / math.prod(total.shape) - (1 if correction is None else correction)
    return b.each("div", total, count)


@_lowers("linalg_vector_norm")
def _norm(b: Builder, self: Operand, ord: float = 2, dim: Any = None, keepdim: bool = False, **others: Any) -> Value:
    if ord != 2:
        raise UnknownOperationError(f"with ord={ord}")
    return b.each("sqrt", _lowerings["sum"](b, b.each("mul", self, self), dim, keepdim))


@_lowers("native_layer_norm")
def _layer_norm(
    b: Builder, input: Operand, normalized_shape: list[int], weight: Operand | None, bias: Operand | None, eps: float
) -> tuple[Operand, None, None]:
    axes = list(range(-len(normalized_shape), 0))
    centred = b.each("sub", input, _lowerings["mean"](b, input, axes, keepdim=True))
    variance = _lowerings["mean"](b, b.each("mul", centred, centred), axes, keepdim=True)
    found = b.each("mul", centred, b.each("rsqrt", b.each("add", variance, eps)))
    found = found if weight is None else b.each("mul", found, weight)
    return (found if bias is None else b.each("add", found, bias)), None, None


@_lowers("softmax")
def _softmax(b: Builder, self: Operand, dim: int, **others: Any) -> Value:
    exponentials = b.each("exp", b.each("sub", self, _lowerings["amax"](b, self, dim, keepdim=True)))
    return b.each("div", exponentials, _lowerings["sum"](b, exponentials, dim, keepdim=True))


@_lowers("log_softmax")
def _log_softmax(b: Builder, self: Operand, dim: int, **others: Any) -> Value:
    centred = b.each("sub", self, _lowerings["amax"](b, self, dim, keepdim=True))
    return b.each("sub", centred, b.each("log", _lowerings["sum"](b, b.each("exp", centred), dim, keepdim=True)))


# Activations that torch keeps whole.


@_lowers("clamp", "hardtanh")
def _clamp(b: Builder, self: Operand, **bounds: Any) -> Operand:
    least, most = bounds.get("min_val", bounds.get("min")), bounds.get("max_val", bounds.get("max"))
    found = self if least is None else b.each("maximum", self, least)
    return found if most is None else b.each("minimum", found, most)


@_lowers("leaky_relu")
def _leaky_relu(b: Builder, self: Operand, negative_slope: float = 0.01) -> Value:
    return b.each("where", b.each("gt", self, 0), self, b.each("mul", self, negative_slope))


@_lowers("elu")
def _elu(b: Builder, self: Operand, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Operand | float:
    below = b.each("mul", b.each("expm1", _scaled(b, self, input_scale)), alpha)
    return _scaled(b, b.each("where", b.each("gt", self, 0), self, below), scale)


@_lowers("gelu")
def _gelu(b: Builder, self: Operand, approximate: str = "none") -> Value:
    if approximate == "tanh":
        cubed = b.each("mul", b.each("mul", self, self), self)
        inner = b.each("mul", b.each("add", self, b.each("mul", cubed, 0.044715)), math.sqrt(2 / math.pi))
        share = b.each("tanh", inner)
    else:
        share = b.each("erf", b.each("mul", self, math.sqrt(0.5)))
    return b.each("mul", b.each("mul", self, 0.5), b.each("add", share, 1))
