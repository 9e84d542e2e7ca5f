"""Choosing a token by its score, compared with a plain reference in double precision."""

import math

import pytest
import torch
from scipy import stats

from melgen.generation.sampling import uniform_draws
from melgen.generation.selection import NUCLEUS_TOLERANCE, select
from tests.tiers import quick_rows

DRAWS = 20_000
# A correct sampler fails a chi-square test at this level once in ten thousand seeds; the seeds are fixed.
SIGNIFICANCE = 1e-4


def draw(probabilities, **options):
    logits = torch.tensor(probabilities).log().expand(DRAWS, -1)
    tokens = select(logits, generator=torch.Generator().manual_seed(0), **options)
    return torch.bincount(tokens, minlength=len(probabilities)).tolist()


def power(probabilities, exponent):
    raised = [p**exponent for p in probabilities]
    return [p / sum(raised) for p in raised]


@pytest.mark.parametrize(
    ("probabilities", "options", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], {}, [0.1, 0.2, 0.3, 0.4]),
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 0.5}, power([0.1, 0.2, 0.3, 0.4], 2)),
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 2.0}, power([0.1, 0.2, 0.3, 0.4], 0.5)),
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 0.6}, [0, 0, 3 / 7, 4 / 7]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 0.75}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 1.0}, [0.1, 0.2, 0.3, 0.4]),
        # Of the two most probable, 4/7 alone reaches a half of what top_k left.
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 2, "top_p": 0.5}, [0, 0, 0, 1]),
        # Squared and renormalised, the likeliest has 16/30, which reaches a half only after the temperature.
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 0.5, "top_p": 0.5}, [0, 0, 0, 1]),
        ([0.4, 0.0, 0.6], {}, [0.4, 0, 0.6]),
    ],
)
def test_sampling_draws_from_the_stated_distribution(probabilities, options, expected):
    counts = draw(probabilities, **options)
    possible = [i for i, p in enumerate(expected) if p > 0]
    assert sum(counts[i] for i in possible) == DRAWS
    test = stats.chisquare([counts[i] for i in possible], [DRAWS * expected[i] for i in possible])
    assert len(possible) == 1 or test.pvalue > SIGNIFICANCE


def test_ties_are_settled_towards_lower_tokens():
    logits = torch.zeros(5, 6)
    assert select(logits, top_k=1).tolist() == [0] * 5
    assert select(logits, top_p=1e-9).tolist() == [0] * 5
    assert select(torch.tensor([[1.0, 3.0, 3.0]]), "max").tolist() == [1]


@pytest.mark.parametrize(
    ("probabilities", "top_p", "nucleus"),
    [
        ([0.5, 0.25, 0.25], 0.5, {0}),
        ([0.25, 0.25, 0.5], 0.5, {2}),
        ([0.5, 0.25, 0.25], 0.500001, {0, 1}),
        ([0.5, 0.25, 0.25], 0.499999, {0}),
        ([0.5, 0.25, 0.25], 0.75, {0, 1}),
        ([0.5, 0.25, 0.25], 0.750002, {0, 1, 2}),
        ([0.5, 0.25, 0.25], 1.0, {0, 1, 2}),
        # Ties: the lower tokens are the more probable ones.
        ([0.25, 0.25, 0.25, 0.25], 0.5, {0, 1}),
        ([0.25, 0.25, 0.25, 0.25], 0.25, {0}),
        ([0.2, 0.4, 0.4], 0.4, {1}),
        ([0.2, 0.4, 0.4], 0.8, {1, 2}),
        # Eight times 0.1 add up to 0.7999999999999999.
        *(([0.1] * 10, n / 10, set(range(n))) for n in range(1, 11)),
        ([1 / 3] * 3, 1 / 3, {0}),
        ([1 / 3] * 3, 2 / 3, {0, 1}),
        ([0.7, 0.2, 0.1], 0.9, {0, 1}),
        ([0.3, 0.3, 0.3, 0.1], 0.9, {0, 1, 2}),
        ([0.4, 0.3, 0.2, 0.1], 0.7, {0, 1}),
        ([1.0, 0.0, 0.0], 1.0, {0}),
    ],
)
@quick_rows(1, "dtype", [torch.float32, torch.float64])
@quick_rows(1, "shift", [0.0, 3.7])
def test_the_nucleus_at_an_exact_boundary(probabilities, top_p, nucleus, dtype, shift):
    """The fewest tokens that reach ``top_p``, for logits of either precision."""
    logits = torch.tensor(probabilities, dtype=dtype).log() + shift
    evenly = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    assert set(select(logits.expand(4000, -1), top_p=top_p, draws=evenly).tolist()) == nucleus


@pytest.mark.parametrize("temperature", [1e-300, 5e-324])
def test_a_temperature_near_zero_is_the_maximum(temperature):
    logits = torch.tensor([[1.0, 1.0 + 1e-6, -50.0], [-1e30, 1e30, 3.0]])
    assert select(logits, temperature=temperature).tolist() == select(logits, "max").tolist()


def test_a_high_temperature_is_even():
    counts = draw([0.01, 0.09, 0.9], temperature=1e9)
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_impossible_tokens_are_never_drawn_even_by_the_largest_draw(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size, dtype=torch.float64))
    assert select(torch.tensor([[0.0, 0.0, -math.inf]])).tolist() == [1]


@pytest.mark.parametrize("selection", ["sample", "greedy"])
def test_nan_is_refused(selection):
    with pytest.raises(ValueError, match="NaN"):
        select(torch.tensor([[0.0, math.nan]]), selection)


def cumulative(scores, temperature=1.0, top_k=None, top_p=None):
    """The tokens, most probable first, and the share of the probabilities up to each, by plain Python."""
    tokens = sorted(range(len(scores)), key=lambda token: (-scores[token], token))[:top_k]
    weights = [math.exp((scores[token] - scores[tokens[0]]) / temperature) for token in tokens]
    if top_p is not None:
        needed = top_p * (1 - NUCLEUS_TOLERANCE) * math.fsum(weights)
        kept = next((n for n in range(1, len(weights)) if math.fsum(weights[:n]) >= needed), len(weights))
        tokens, weights = tokens[:kept], weights[:kept]
    return tokens, [math.fsum(weights[: n + 1]) / math.fsum(weights) for n in range(len(weights))]


OPTIONS = [
    {},
    {"temperature": 0.7},
    {"temperature": 3.0},
    {"top_k": 5},
    {"top_p": 0.8},
    {"temperature": 0.7, "top_k": 20, "top_p": 0.9},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@quick_rows(1, "dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_each_token_has_its_share_of_the_draws(options, dtype):
    """A draw just below and just above each boundary; shares down to 1e-11, and equal scores."""
    generator = torch.Generator().manual_seed(1)
    for spread in (1.0, 6.0):
        scores = (spread * torch.randn(40, generator=generator)).to(dtype)
        scores[[3, 17, 31]] = scores[[5, 17, 2]]
        scores[11] = -math.inf
        tokens, shares = cumulative(scores.tolist(), **options)
        near = 1e-13
        bounds = [0.0, *(share for share in shares)]
        wide = [n for n, token in enumerate(tokens) if bounds[n + 1] - bounds[n] > 10 * near]
        for draws in ([bounds[n] + near for n in wide], [bounds[n + 1] - near for n in wide]):
            chosen = select(scores.expand(len(draws), -1), draws=torch.tensor(draws, dtype=torch.float64), **options)
            assert chosen.tolist() == [tokens[n] for n in wide]


def test_a_probability_of_1e_8_is_drawn_once_in_1e_8_draws():
    logits = torch.full((60,), math.log(1e-8))
    logits[7] = 0.0
    share = math.exp(float(logits[0])) / (1 + 59 * math.exp(float(logits[0])))
    others = [token for token in range(60) if token != 7]
    inside = [1 - (59 - n - within) * share for n in range(59) for within in (0.001, 0.999)]
    chosen = select(logits.expand(118, -1), draws=torch.tensor(inside, dtype=torch.float64))
    assert chosen.tolist() == [token for token in others for _ in range(2)]


ALWAYS = [1, 5, 7, 1, 3, 1, 8, 1, 6, 3, 3, 3], [1, 4, 7, 1, 3, 8, 8, 1, 5, 0, 2, 2]
"""By the first version of melgen that gave each song random numbers of its own."""


def test_a_seed_writes_what_it_has_always_written():
    """Other tokens here would mean other songs for every seed, see `melgen.generation.sampling.sample_values`."""
    logits = ((torch.arange(12 * 9) * 7919) % 1000).view(12, 9) / 250
    assert select(logits, draws=uniform_draws(3, 5, 12)).tolist() == ALWAYS[0]
    assert select(logits.round(), draws=uniform_draws(3, 5, 12), top_k=4, temperature=2.0).tolist() == ALWAYS[1]


def test_a_score_of_infinity_is_certain_and_the_lower_token_the_first():
    logits = torch.tensor([[0.0, math.inf, 1.0, math.inf], [-math.inf] * 4, [0.0, 1.0, -math.inf, 1.0]])
    draws = torch.full((3,), 0.99, dtype=torch.float64)
    assert select(logits, draws=draws).tolist() == [1, 0, 0]
    assert select(logits, "greedy").tolist() == [1, 0, 1]
