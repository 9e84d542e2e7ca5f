"""Initial weights: as in TensorFlow 1, which the paper used, or as in torch.

``paper`` draws every kernel Glorot-uniform, from ``[-a, a]`` with ``a = sqrt(6 / (fan_in + fan_out))``
(Glorot & Bengio, 2010), and sets biases to constants. The fans are those of TensorFlow's variables, which
are not always torch's: most cells of TensorFlow have one kernel ``[input_size + hidden_size, blocks *
hidden_size]`` for input and state together, so both parts share one range.

``torch`` keeps torch's defaults: uniform in ``[-1 / sqrt(H), 1 / sqrt(H)]`` for all parameters of a recurrent
layer, standard normal for an embedding, uniform for a linear layer. Cells that torch lacks follow the first of
these rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from melgen.checking import check_one_of

INITIALIZATIONS = ("paper", "torch")


def check_initialization(initialization: str) -> None:
    """Check that a word is in ``INITIALIZATIONS``.

    Raises:
        ValueError: if it is not.

    >>> check_initialization("keras")
    Traceback (most recent call last):
        ...
    ValueError: initialization=keras: must be paper or torch
    """
    check_one_of("initialization", initialization, INITIALIZATIONS)


def glorot_uniform_(tensor: torch.Tensor, fan_in: int, fan_out: int) -> None:
    """Fill a tensor in place from Glorot's uniform distribution for the given fans.

    >>> weight = torch.empty(100, 50)
    >>> glorot_uniform_(weight, fan_in=50, fan_out=100)
    >>> weight.abs().max().item() <= (6 / 150) ** 0.5
    True
    """
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(tensor, -bound, bound)


def torch_uniform_(tensor: torch.Tensor, hidden_size: int) -> None:
    """Fill a tensor in place as torch fills the weights and biases of its recurrent layers."""
    bound = 1 / math.sqrt(hidden_size)
    nn.init.uniform_(tensor, -bound, bound)


class WithoutInitialValues(TorchFunctionMode):
    """A context in which the functions of ``torch.nn.init`` leave tensors as they are.

    Tensors without memory need none, and for them torch would import its compiler, which takes seconds.

    >>> with WithoutInitialValues():
    ...     nn.init.uniform_(torch.zeros(2), 1, 2)
    tensor([0., 0.])
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        keywords: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of each of its functions."""
        keywords = keywords or {}
        if getattr(function, "__module__", None) == nn.init.__name__:
            return arguments[0] if arguments else keywords["tensor"]
        return function(*arguments, **keywords)


@dataclass(frozen=True)
class TensorFlowInit:
    """The initial weights that TensorFlow 1 gives to one kind of cell.

    Attributes:
        kernels: how many blocks of ``hidden_size`` rows each of TensorFlow's kernels covers, in our order.
        bias: the initial bias of each block; empty for a cell without biases.
        joint: whether one kernel multiplies input and state together, instead of one kernel each.
    """

    kernels: tuple[int, ...]
    bias: tuple[float, ...] = ()
    joint: bool = True

    @torch.no_grad()
    def fill_(self, weight_ih: torch.Tensor, weight_hh: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Fill a layer's weights in place.

        Shape:
            ``weight_ih``: ``[blocks * H, I]``, ``weight_hh``: ``[blocks * H, H]``, ``bias``: ``[blocks *
                H]``.

        >>> start = TensorFlowInit(kernels=(2,), bias=(1.0, 0.0))
        >>> bias = torch.empty(6)
        >>> start.fill_(torch.empty(6, 5), torch.empty(6, 3), bias)
        >>> bias.tolist()
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
        """
        input_size, hidden_size = weight_ih.shape[1], weight_hh.shape[1]
        rows = [blocks * hidden_size for blocks in self.kernels]
        for of_input, of_state in zip(weight_ih.split(rows), weight_hh.split(rows), strict=True):
            fan_out = of_input.shape[0]
            both = input_size + hidden_size
            glorot_uniform_(of_input, both if self.joint else input_size, fan_out)
            glorot_uniform_(of_state, both if self.joint else hidden_size, fan_out)
        if bias is not None:
            for block, value in zip(bias.split(hidden_size), self.bias, strict=True):
                block.fill_(value)


TensorFlowStart = TensorFlowInit
"""The former name, which cells of users may import."""
