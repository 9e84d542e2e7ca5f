"""The second hierarchically gated recurrent network: a matrix memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.checking import check_number, require
from melgen.networks.initialization import check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.elementwise import AbstractElementwiseLayer
from melgen.networks.layers.projected import Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape
from melgen.networks.products.backends import Backend
from melgen.networks.scans.linear_scan import linear_scan
from melgen.networks.size_checks import check_heads

CHUNK = 5
"""Steps whose outputs are computed at once. More take longer, by the square of their number; fewer need more states."""

NORM_EPSILON = 1e-5
"""As in the publication's code."""


class HGRN2(AbstractElementwiseLayer):
    """Second hierarchically gated recurrent network (Qin et al., arXiv:2404.07904): a matrix memory in each head.

    ::

        q = silu(W x + b)                           each with its own weights
        f = m + (1 - m) * sigma(W x + b)            m = lower_bound
        v = W x + b
        S' = diag(f) S + (1 - f) v^T                for each head: d = H / heads, S is d x d
        y = S'^T q
        output = y / sqrt(mean(y^2) + 1e-5)         with norm; the mean is over all H numbers of y

    y is a product of two functions of the input, so without the normalisation it would be tiny in the second layer, and
    more so above. In the publication a scale and a linear layer follow, and the lower bound rises from 0 in the lowest
    layer; these belong to its block. With ``paper`` initialisation the bias of f starts at
    1, so that the cell begins by remembering, as melgen's GRU and LSTM do; other biases at 0.

    Args:
        input_size: width of the input.
        hidden_size: width of the output, H.
        heads: number of heads, a divisor of H. The state has ``heads * d * d`` numbers.
        norm: whether the output is normalised.
        lower_bound: the least share of the state that remains, from 0 to below 1.

    The state is ``[B, heads, d, d]``.

    >>> output, state = HGRN2(3, 8, heads=2)(torch.zeros(2, 5, 3))
    >>> output.shape, state.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 2, 4, 4]))
    """

    name = "hgrn2"

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4, norm: bool = True, lower_bound: float = 0.0):
        super().__init__(input_size, hidden_size)
        self.heads = check_heads(heads, hidden_size)
        require(isinstance(norm, bool), "norm", norm, "true or false")
        check_number("lower_bound", lower_bound, least=0, below=1)
        self.norm, self.lower_bound = norm, lower_bound
        self.weight = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(3 * hidden_size))
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """The number of heads, whether there is a normalisation, and the lower bound, as plain data."""
        return {"heads": self.heads, "norm": self.norm, "lower_bound": self.lower_bound}

    @property
    def state_shape(self) -> StateShape:
        """A matrix for each head."""
        width = self.hidden_size // self.heads
        return torch.Size([self.heads, width, width])

    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """q, f and v, each ``[T, B, H]``."""
        query, forget, value = project(self.weight, self.bias).chunk(3, dim=-1)
        return F.silu(query), self.lower_bound + (1 - self.lower_bound) * torch.sigmoid(forget), value

    def scan(
        self, coefficients: tuple[Tensor, ...], state: State, backend: Backend, fast: bool
    ) -> tuple[Tensor, State]:
        """Run all steps one by one, or several at once if ``fast``.

        With infinite numbers always one by one: sums in another order would give NaN in other places. On a GPU, where
        looking for them would wait for it, they are not looked for.
        """
        query, forget, value = (each.unflatten(-1, (self.heads, -1)) for each in coefficients)
        if state is None:
            state = value.new_zeros(*value.shape[1:], value.shape[-1])
        if fast and (query.is_cuda or bool((query.isfinite() & value.isfinite()).all())):
            output, state = chunked_memory(query, forget, value, state, min(CHUNK, len(query)))
            return self._normalised(output.flatten(-2)), state
        outputs = []
        for q, f, v in zip(query.unbind(0), forget.unbind(0), value.unbind(0), strict=True):
            state = f.unsqueeze(-1) * state + (1 - f).unsqueeze(-1) * v.unsqueeze(-2)
            outputs.append((q.unsqueeze(-2) @ state).squeeze(-2))
        return self._normalised(torch.stack(outputs).flatten(-2)), state

    def _normalised(self, output: Tensor) -> Tensor:
        if not self.norm:
            return output
        return output * torch.rsqrt((output * output).mean(-1, keepdim=True) + NORM_EPSILON)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "torch":
            torch_uniform_(self.weight, self.hidden_size)
            torch_uniform_(self.bias, self.hidden_size)
            return
        glorot_uniform_(self.weight, fan_in=self.input_size, fan_out=3 * self.hidden_size)
        for block, value in zip(self.bias.chunk(3), (0.0, 1.0, 0.0), strict=True):
            nn.init.constant_(block, value)


def chunked_memory(query: Tensor, forget: Tensor, value: Tensor, state: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The outputs of all steps and the last state, with a state for each chunk of steps only.

    Within a chunk, ``y_t = sum over s <= t of (q_t . k_s * f_(s+1) * ... * f_t) v_s``, plus what the state before the
    chunk adds. The products of the f are made one after another, so nothing is divided and nothing can overflow.

    Args:
        length: number of steps in a chunk.

    Shape:
        query, forget, value ``[T, B, heads, d]``, state ``[B, heads, d, d]``; outputs ``[T, B, heads, d]``.
    """
    steps = len(query)
    missing = -steps % length
    if missing:
        query, value = (F.pad(each, (0, 0, 0, 0, 0, 0, 0, missing)) for each in (query, value))
        forget = F.pad(forget, (0, 0, 0, 0, 0, 0, 0, missing), value=1.0)  # which keeps the state as it is
    query, forget, value = (each.unflatten(0, (-1, length)) for each in (query, forget, value))
    keys = (1 - forget).unbind(1)
    decayed, kept, outputs, queries = keys[0].unsqueeze(1), forget[:, 0], [], []
    for step, (q, f) in enumerate(zip(query.unbind(1), forget.unbind(1), strict=True)):
        if step:
            decayed = torch.cat([decayed * f.unsqueeze(1), keys[step].unsqueeze(1)], dim=1)
            kept = kept * f
        weights = (decayed * q.unsqueeze(1)).sum(-1, keepdim=True)
        outputs.append((weights * value[:, : step + 1]).sum(1))
        queries.append(q * kept)
    written = torch.einsum("nsbhd,nsbhe->nbhde", decayed, value)
    after, last = linear_scan(kept.unsqueeze(-1), written, state)
    before = torch.cat([state.unsqueeze(0), after[:-1]])
    output = torch.stack(outputs, 1) + torch.einsum("ntbhd,nbhde->ntbhe", torch.stack(queries, 1), before)
    return output.flatten(0, 1)[:steps], last
