"""Causal attention over a window of notes: a reference point for the recurrent cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks.cells.attention_stepping import RingStepper, by_head
from melgen.networks.initialization import check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, State
from melgen.networks.layers.state_checks import StateShape
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.fast_path import can_step
from melgen.networks.scans.step_projection import ProjectedInput, ProjectedTables
from melgen.networks.size_checks import check_count, check_heads
from melgen.networks.stepping import AbstractStepper


class Attention(AbstractRecurrentLayer):
    """Causal attention (Vaswani et al., arXiv:1706.03762) over the last notes, with a learnt bias for each distance.

    ::

        q, k, v = W x                                        a part of each for every head
        s_d = q . k_d / sqrt(H / heads) + bias_d             d: how many notes ago, from 0 to window - 1
        a = softmax over d of s
        h = W_o (sum over d of a_d v_d, all heads) + b_o

    The biases are all that it knows of positions. The state contains the keys and values of the last ``window`` notes,
    oldest first, and their number: they move by one with each note, so that a slot always has the same distance. Single
    steps write each note over the oldest one instead, in a ring buffer (`RingStepper`).
    Slots that were never written have no weight. The output of a note is the same for any split into chunks, and does
    not depend on notes before its window. All notes of a chunk are computed at once, in blocks of ``window``.

    With ``paper`` initialisation the weights are Glorot-uniform, those of q, k, v and each head's output apart from
    each other, and the biases zero.

    Args:
        input_size: width of the input.
        hidden_size: width of the output.
        heads: how many distributions over the notes are computed, each with its share of q, k and v.
        window: how many notes are read at most, the present one included.

    Raises:
        ValueError: if ``heads`` does not divide ``hidden_size``.

    Shape:
        state: keys and values ``[B, window, H]``, oldest first, and their number ``[B]``.

    Attributes:
        weight_qkv: ``[3 * H, I]``; distance_bias: ``[heads, window]``, the present note first; output: onto ``[H]``.

    >>> output, (keys, values, count) = Attention(3, 8)(torch.zeros(2, 5, 3))
    >>> output.shape, keys.shape, values.shape, count
    (torch.Size([2, 5, 8]), torch.Size([2, 128, 8]), torch.Size([2, 128, 8]), tensor([5., 5.]))
    """

    name = "attention"

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4, window: int = 128):
        super().__init__(input_size, hidden_size)
        self.heads, self.window = check_heads(heads, hidden_size), check_count("window", window)
        self.weight_qkv = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.distance_bias = nn.Parameter(torch.empty(heads, window))
        self.output = nn.Linear(hidden_size, hidden_size)
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """Heads and window, as plain data."""
        return {"heads": self.heads, "window": self.window}

    @property
    def state_shape(self) -> StateShape:
        """Keys, values and the number of notes."""
        notes = torch.Size([self.window, self.hidden_size])
        return notes, notes, torch.Size([])

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the state without notes if it is None."""
        steps = input.shape[1]
        query, key, value = F.linear(input, self.weight_qkv).chunk(3, dim=-1)
        keys, values, count = self._empty(len(input)) if state is None else state
        # The state has the type of the weights, even where autocast makes the products in another.
        keys, values = (torch.cat([old, new.to(old.dtype)], dim=1) for old, new in ((keys, key), (values, value)))
        output = self.output(self._attend(query, keys[:, 1:], values[:, 1:], count))
        # Not views, which would keep the memory of the whole sequence; of one melody `contiguous` would be a view.
        last = tuple(each[:, steps:].clone(memory_format=torch.contiguous_format) for each in (keys, values))
        return output, (*last, (count + steps).clamp(max=self.window))

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> AbstractStepper:
        """What reads one time step after another: with a ring buffer, unless a subclass has a `forward` of its own."""
        if not self.has_calls_of(Attention) or self.implementation == "reference" or not can_step(self.weight_qkv):
            return super().stepper(batch_size, state, tables, backend)
        weight = self.weight_qkv
        projection = ProjectedInput(weight, None) if tables is None else ProjectedTables(tables, weight, None)
        before = self._empty(batch_size) if state is None else state
        return RingStepper(projection, self.distance_bias, self.output, before)

    def _empty(self, batch_size: int) -> tuple[Tensor, Tensor, Tensor]:
        """The state without notes."""
        weight = self.weight_qkv
        empty = weight.new_zeros(batch_size, self.window, self.hidden_size)
        # The count is a whole number, which half precision would round.
        return empty, empty, empty.new_zeros(batch_size, dtype=torch.promote_types(weight.dtype, torch.float32))

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, count: Tensor) -> Tensor:
        """The weighted values of each query, in blocks of at most as many queries as the window has notes.

        Shape:
            query ``[B, T, H]``, keys and values ``[B, window - 1 + T, H]``, count ``[B]``; result ``[B, T, H]``.
        """
        batch_size, steps, _ = query.shape
        size = min(steps, self.window)
        blocks = -(-steps // size)
        reach = self.window - 1 + size
        position = torch.arange(keys.shape[1], device=query.device)
        is_written = position >= self.window - 1 - count[:, None]
        if blocks > 1:  # the last block is filled with notes that are dropped again
            missing = blocks * size - steps
            query, keys, values = (F.pad(each, (0, 0, 0, missing)) for each in (query, keys, values))
            is_written = F.pad(is_written, (0, missing))
            # Each block of keys begins a window before its block of queries: [B * blocks, reach, H].
            keys, values = (
                each.unfold(1, reach, size).transpose(2, 3).reshape(-1, reach, self.hidden_size)
                for each in (keys, values)
            )
            is_written = is_written.unfold(1, reach, size).reshape(-1, reach)
        bias, is_near = self._bias(size, reach)
        hidden = ~(is_near & is_written[:, None, None])
        query, keys, values = (
            by_head(each, self.heads) for each in (query.reshape(-1, size, self.hidden_size), keys, values)
        )
        if steps > 1:
            # A value that is not a number must not reach notes that cannot see it, not even multiplied by zero: it
            # makes its key NaN instead, so that the notes that can see it become NaN.
            keys = keys + values.detach() * 0
            values = values.nan_to_num(posinf=0.0, neginf=0.0)
        scores = torch.matmul(query * (self.hidden_size // self.heads) ** -0.5, keys.transpose(2, 3))
        shares = scores.add_(bias).masked_fill_(hidden, -math.inf).softmax(dim=-1)
        found = torch.matmul(shares, values).transpose(1, 2)
        return found.reshape(batch_size, blocks * size, self.hidden_size)[:, :steps]

    def _bias(self, size: int, reach: int) -> tuple[Tensor, Tensor]:
        """The bias of each query of a block for each of its keys, and whether the key is in the query's window.

        Shape:
            ``[heads, size, reach]`` and ``[size, reach]``.
        """
        oldest_first = self.distance_bias.flip(1)
        is_near = torch.ones(self.window, dtype=torch.bool, device=oldest_first.device)
        if size > 1:  # row i of the result is the table, moved by i
            oldest_first, is_near = (F.pad(each, (size - 1, size - 1)) for each in (oldest_first, is_near))
        return oldest_first.unfold(-1, reach, 1).flip(-2), is_near.unfold(-1, reach, 1).flip(-2)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            for weight in (*self.weight_qkv.chunk(3), self.output.weight):
                glorot_uniform_(weight, fan_in=weight.shape[1], fan_out=weight.shape[0])
            nn.init.zeros_(self.distance_bias)
            nn.init.zeros_(self.output.bias)
        else:
            for parameter in self.parameters():
                torch_uniform_(parameter, self.hidden_size)

    def extra_repr(self) -> str:
        """Sizes, heads and window."""
        return f"{super().extra_repr()}, heads={self.heads}, window={self.window}"
