"""The check of a state that a caller gives, against what the layer keeps.

Only shapes, types and places are read, so that nothing waits for a GPU and the operations of a step can be recorded.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor

StateShape: TypeAlias = "torch.Size | tuple[StateShape, ...]"
"""The shape of a state of one melody: `torch.Size` for a tensor without the axis of the batch, a tuple for a tuple."""

_SHOWN = 6
"""Parts of a tuple that a message shows."""


@cache
def several_states(hidden_size: int, count: int) -> StateShape:
    """The shape of a state of one or several tensors of H numbers.

    >>> several_states(8, 1), several_states(8, 2)
    (torch.Size([8]), (torch.Size([8]), torch.Size([8])))
    """
    each = torch.Size([hidden_size])
    return each if count == 1 else (each,) * count


def fits(state: Any, shape: StateShape | None, batch_size: int, like: Tensor) -> bool:
    """Whether a layer can have a state.

    Args:
        state: what was given; a list may take the place of a tuple.
        shape: the layer's `melgen.networks.layers.recurrent.AbstractRecurrentLayer.state_shape`. If it is None, only
            the axis of the batch is compared.
        batch_size: B.
        like: what the layer reads, or another tensor of its type and on its device. A state may also have single
            precision where this has half, and any precision under autocast.

    >>> fits(torch.zeros(2, 8), torch.Size([8]), 2, torch.zeros(2)), fits(torch.zeros(2, 8), None, 3, torch.zeros(2))
    (True, False)
    """
    return _has_shape(state, shape, batch_size) and (shape is None or _of_other_kind(state, like) is None)


def refusal(state: Any, shape: StateShape | None, batch_size: int, like: Tensor, name: str) -> str:
    """Why a state does not fit a layer of this name: what was found and what is needed.

    >>> refusal(torch.zeros(2, 8), (torch.Size([8]), torch.Size([8])), 2, torch.zeros(2), "layer 1 (lstm)")
    'layer 1 (lstm) needs as its state a tuple of [2, 8], [2, 8], got a tensor [2, 8]'
    """
    if not _has_shape(state, shape, batch_size):
        first = _first(state)
        if first is not None and first.ndim and _has_shape(state, shape, len(first)):
            return f"a state of batch size {len(first)} was given to {name} with a batch of {batch_size}"
        needed = f"tensors whose first axis is {batch_size}" if shape is None else _needed(shape, batch_size)
        return f"{name} needs as its state {needed}, got {_found(state)}"
    other = _of_other_kind(state, like)
    assert other is not None
    needed = f"{_word(like.dtype)} on {like.device}"
    return f"{name} needs a state of type {needed}, got {_word(other.dtype)} on {other.device}"


def check_stack_state(state: Any, layers: int) -> None:
    """Refuse what is not a tuple or list with as many parts as there are layers.

    Raises:
        ValueError: if it is not.

    >>> check_stack_state(torch.zeros(2, 8), 2)
    Traceback (most recent call last):
        ...
    ValueError: the state of 2 layers must be a tuple with the state of each, got a tensor [2, 8]
    """
    if not isinstance(state, tuple | list):
        raise ValueError(f"the state of {layers} layers must be a tuple with the state of each, got {_found(state)}")
    if len(state) != layers:
        raise ValueError(f"a state of {len(state)} layers was given to a stack of {layers}")


def _has_shape(state: Any, shape: StateShape | None, batch_size: int) -> bool:
    if isinstance(state, Tensor):
        if shape is None:
            return state.ndim > 0 and state.shape[0] == batch_size  # a state of batch size 1 would be broadcast
        return isinstance(shape, torch.Size) and state.shape == (batch_size, *shape)
    if not isinstance(state, tuple | list) or isinstance(shape, torch.Size):
        return False
    if shape is None:
        return all(_has_shape(part, None, batch_size) for part in state)
    return len(state) == len(shape) and all(map(_has_shape, state, shape, [batch_size] * len(shape)))


def _of_other_kind(state: Any, like: Tensor) -> Tensor | None:
    """The first tensor of another type or on another device."""
    if not isinstance(state, Tensor):
        return next((found for part in state if (found := _of_other_kind(part, like)) is not None), None)
    if state.device == like.device:
        if state.dtype == like.dtype or state.dtype == torch.promote_types(like.dtype, torch.float32):
            return None
        if state.is_floating_point() and torch.is_autocast_enabled(like.device.type):
            return None
    return state


def _first(state: Any) -> Tensor | None:
    if isinstance(state, tuple | list):
        return next((found for part in state if (found := _first(part)) is not None), None)
    return state if isinstance(state, Tensor) else None


def _needed(shape: StateShape, batch_size: int) -> str:
    if isinstance(shape, torch.Size):
        return f"a tensor {[batch_size, *shape]}"
    return f"a tuple of {', '.join(_needed(part, batch_size).removeprefix('a tensor ') for part in shape)}"


def _found(state: Any) -> str:
    if isinstance(state, Tensor):
        return f"a tensor {list(state.shape)}"
    if not isinstance(state, tuple | list):
        return f"{type(state).__name__}"
    parts = [_found(part).removeprefix("a tensor ") for part in state[:_SHOWN]]
    rest = [f"... ({len(state)} in all)"] if len(state) > _SHOWN else []
    return f"a {type(state).__name__} of {', '.join([*parts, *rest]) or 'nothing'}"


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
