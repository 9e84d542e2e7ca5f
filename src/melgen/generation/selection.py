"""Choosing a token by its score: the most probable one, or one that is drawn.

Letters: N songs, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor

from melgen.checking import check_number, check_one_of, check_whole, is_number, require

Selection = Literal["sample", "greedy"]
FORMER_SELECTIONS = {"roulette": "sample", "max": "greedy"}
"""The names of the original, which are accepted too, and ours for them."""

NUCLEUS_TOLERANCE = 1e-6
"""A relative tolerance: probabilities from single-precision logits are exact to about 1e-7; 0.5 may be 0.49999997."""


def select(
    logits: Tensor,
    selection: Selection = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    draws: Tensor | None = None,
) -> Tensor:
    """Choose a token for each row of logits.

    ``greedy`` takes the most probable token and ignores the other options. ``sample`` draws from the softmax of
    ``logits / temperature``. It is first restricted to the `top_k` most probable tokens and normalised again, and then
    to the nucleus: the fewest of the most probable tokens whose probabilities add up to `top_p` (except for rounding:
    see `NUCLEUS_TOLERANCE`). Of tokens with equal scores the lower counts as the more probable.

    Args:
        logits: the scores of the tokens.
        selection: ``sample`` or ``greedy``, or a former name of one.
        temperature: a positive number.
        top_k: at least 1; None for all tokens.
        top_p: above 0 and at most 1; None for all tokens.
        generator: a generator on the CPU. One uniform number per row is drawn there in double precision, so the
            result does not depend on the device, nor on how torch implements its distributions.
        draws: these uniform numbers, from 0 up to but not including 1; then `generator` is not used.

    Shape:
        logits ``[N, V]`` and draws ``[N]`` to ``[N]``, on the device of `logits`.

    Raises:
        ValueError: if an option is out of range, or `logits` contain NaN.

    >>> select(torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 5.0]]), "greedy")
    tensor([1, 0])
    """
    selection = selection_named(selection)
    check_options(selection, temperature, top_k, top_p)
    scores = logits.detach().cpu()
    if scores.dtype != torch.float64:
        scores = scores.float()  # NumPy lacks bfloat16
    # The best first: NumPy sorts short rows about twenty times as fast as torch, and puts NaN last.
    costs = scores.neg()
    costs.numpy().sort(axis=-1)
    if costs[:, -1].isnan().any():
        raise ValueError("cannot choose a note: the network's logits contain NaN")
    if selection == "greedy":
        rank = torch.zeros(len(scores), 1, dtype=torch.int64)
    else:
        mass = _cumulative(costs, temperature)
        total = mass[:, (mass.shape[1] if top_k is None else min(top_k, mass.shape[1])) - 1, None].contiguous()
        if top_p is not None and top_p < 1:
            total = mass.gather(-1, torch.searchsorted(mass, top_p * (1 - NUCLEUS_TOLERANCE) * total))
        if draws is None:
            draws = torch.rand(len(mass), dtype=torch.float64, generator=generator)
        # Below the total even after rounding, so that the token drawn has a probability above 0.
        drawn = (draws[:, None] * total).minimum(total.nextafter(torch.zeros_like(total)))
        rank = torch.searchsorted(mass, drawn, right=True)
    return _tokens_of(scores, costs, rank).to(logits.device)


def _cumulative(costs: Tensor, temperature: float) -> Tensor:
    """The sums of the probabilities up to each rank; the total of a row is not 1.

    Shape:
        costs (negative scores), in ascending order, and sums, float64, ``[N, V]``.
    """
    best = costs[:, :1].double()
    exponents = best - costs
    if temperature != 1:
        # The largest exponent is 0 before the division, so that a tiny temperature cannot overflow it.
        exponents /= temperature
    if np.isinf(best.numpy()).any():  # the difference of two infinities is NaN: the first token is certain
        rows = best.isinf()[:, 0]
        exponents[rows, 0] = 0
        exponents[rows, 1:] = -torch.inf
    np.exp(exponents.numpy(), out=exponents.numpy())  # in half of torch's time
    return exponents.cumsum_(dim=-1)


def _tokens_of(scores: Tensor, costs: Tensor, rank: Tensor) -> Tensor:
    """The token of each row whose score has this rank; of equal scores, that of the lower token has the lower rank.

    Shape:
        scores, and the same negated and in ascending order, ``[N, V]``; rank ``[N, 1]``, tokens ``[N]``.
    """
    cost = costs.gather(-1, rank)
    is_it = (scores == -cost).numpy()
    tokens = is_it.argmax(axis=-1)
    is_tied = (costs.gather(-1, (rank - 1).clamp_(min=0)) == cost) & (rank > 0)
    for row in is_tied[:, 0].nonzero()[:, 0].tolist():
        lower = int(rank[row]) - int((costs[row] < cost[row]).sum())
        tokens[row] = np.flatnonzero(is_it[row])[lower]
    return torch.from_numpy(tokens)


def selection_named(name: str) -> Selection:
    """The way to select notes that has this name or former name.

    Raises:
        ValueError: if none has.

    >>> selection_named("sample"), selection_named("max")
    ('sample', 'greedy')
    """
    check_one_of("selection", name_now(name), get_args(Selection))
    return cast(Selection, name_now(name))


def name_now(selection: str) -> str:
    """The name today of a way to select notes; a name that is unknown is left as it is."""
    return FORMER_SELECTIONS.get(selection, selection) if isinstance(selection, str) else selection


def check_options(selection: Selection, temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Check the options of `select`.

    Raises:
        ValueError: if an option is out of its range; names the option, its value and the rule.
    """
    rule = "a finite number above 0" if temperature == math.inf else "a number above 0"
    holds = is_number(temperature) and temperature > 0
    if is_number(temperature) and temperature == 0:
        # A temperature of 0 means greedy selection, so it is allowed with it, which does not use the temperature.
        holds = selection == "greedy"
        rule += "; selection=greedy takes the most probable note each time"
    require(holds, "temperature", temperature, rule)
    check_whole("top_k", top_k, null="for all")
    if top_p is not None:
        check_number("top_p", top_p, above=0, most=1)
