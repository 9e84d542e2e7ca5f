"""Attention over a window, one note after another, without gradients: how songs are written.

The call of the layer moves its keys and values with each note, so that every slot has one distance. A stepper writes
each note over the oldest one instead: a ring buffer, in which the distances move.

Letters as in `melgen.networks.model`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from melgen.networks.layers.recurrent import State
from melgen.networks.scans.step_projection import StepProjection
from melgen.networks.stepping import AbstractStepper


class RingStepper(AbstractStepper):
    """The steps of `melgen.networks.cells.attention.Attention`.

    Args:
        projection: the products of the input with the weights of q, k and v.
        distance_bias: the bias of each head and distance, the present note first, ``[heads, window]``.
        output: the layer's last product.
        state: as of the layer; it is copied.
    """

    def __init__(self, projection: StepProjection, distance_bias: Tensor, output: nn.Linear, state: State):
        keys, values, count = state
        heads, self._window = distance_bias.shape
        batch_size, _, width = keys.shape
        self._projection, self._output = projection, output
        self._products = keys.new_empty(batch_size, 3 * width)
        self._keys, self._values = (
            by_head(each, heads).clone(memory_format=torch.contiguous_format) for each in (keys, values)
        )
        self._scale = (width // heads) ** -0.5
        # The table twice, oldest note first: its part from window - 1 - p on has the bias of each slot if p is present.
        oldest_first = distance_bias.flip(1)
        self._bias = torch.cat([oldest_first, oldest_first], dim=1)
        slots = torch.arange(self._window, device=keys.device)
        self._hidden = (slots < self._window - count[:, None])[:, None, None]
        self._slot = 0
        """Of the oldest note, or one that was never written, which the next note overwrites."""

    def step(self, input: Tensor) -> Tensor:
        """The output after one more time step."""
        slot, heads = self._slot, len(self._bias)
        self._projection.write(input, self._products)
        query, key, value = self._products.unflatten(1, (3, heads, -1)).unbind(1)
        self._keys[:, :, slot], self._values[:, :, slot] = key, value
        self._hidden[..., slot] = False
        self._slot = (slot + 1) % self._window
        scores = torch.matmul((query * self._scale).unsqueeze(2), self._keys.transpose(2, 3))
        first = self._window - 1 - slot
        scores.add_(self._bias[:, None, first : first + self._window]).masked_fill_(self._hidden, -math.inf)
        found = torch.matmul(scores.softmax(dim=-1), self._values)
        output: Tensor = self._output(found.flatten(1))
        return output


def by_head(sequence: Tensor, heads: int) -> Tensor:
    """``[B, T, H]`` as ``[B, heads, T, H / heads]``, in the same memory."""
    return sequence.unflatten(2, (heads, -1)).transpose(1, 2)
