"""How many judgements an interval of a given width needs.

The interval is that of the preference score of a condition over another, near even odds, where it is widest. Each
of ``N`` judgements has the Fisher information ``(1 - ties) / 4`` about a difference of abilities. With ``K`` conditions
that are compared equally often, ``c`` judgements of each listener and ``m`` songs of each condition, the variance of
the difference of two abilities is ::

    V = 4 (K - 1) / ((1 - ties) N) + 2 listener_deviation² c / N + 2 song_deviation² / m

The score has the slope ``(1 - ties) / 4``, so its interval is ``2 z sqrt(V) (1 - ties) / 4`` wide, with the normal
quantile ``z``. More judgements make the first two parts smaller, only more songs the third.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from melgen.checking import check_number
from melgen.decimals import in_percent


@dataclass(frozen=True)
class Assumptions:
    """What is assumed before anybody has listened.

    Attributes:
        ties: the share of ties.
        listener_deviation, song_deviation: standard deviations of the ability of a condition over listeners, and over
            its songs, in log odds.

    Raises:
        ValueError: for a value that they cannot have.
    """

    ties: float = 0.2
    listener_deviation: float = 0.5
    song_deviation: float = 0.5

    def __post_init__(self) -> None:
        check_number("planning.ties", self.ties, least=0, below=1)
        check_number("planning.listener_deviation", self.listener_deviation, least=0)
        check_number("planning.song_deviation", self.song_deviation, least=0)


@dataclass(frozen=True)
class Design:
    """The numbers of a test.

    Attributes:
        conditions: their number.
        songs: of each condition.
        comparisons: of each listener.
    """

    conditions: int
    songs: int
    comparisons: int


@dataclass(frozen=True)
class Parts:
    """A variance as a function of the judgements: ``per_judgement / n + fixed``."""

    per_judgement: float
    fixed: float


def expected_parts(design: Design, assumed: Assumptions) -> Parts:
    """The variance of an ability against the reference, under the assumptions.

    >>> expected_parts(Design(2, 1, 1), Assumptions(0, 0, 0))
    Parts(per_judgement=4.0, fixed=0.0)
    """
    of_chance = 4 * (design.conditions - 1) / (1 - assumed.ties)
    of_listeners = 2 * assumed.listener_deviation**2 * design.comparisons
    return Parts(of_chance + of_listeners, 2 * assumed.song_deviation**2 / design.songs)


def judgements_for(width: float, parts: Parts, ties: float, confidence: float) -> int | None:
    """How many judgements make the interval of a preference score as narrow as wished.

    Args:
        width: of the interval, from 0 to 1.
        parts: of the variance.
        ties: the share of ties.
        confidence: of the interval.

    Returns:
        The number; ``None`` if the songs alone make the interval wider.

    >>> judgements_for(0.2, Parts(4.0, 0.0), 0, 0.95)  # as for a proportion: z² / width²
    97
    """
    wanted = (width / (2 * _quantile(confidence) * _slope(ties))) ** 2 - parts.fixed
    return math.ceil(parts.per_judgement / wanted) if wanted > 0 else None


def width_of(judgements: float, parts: Parts, ties: float, confidence: float) -> float:
    """The width of the interval of a preference score after so many judgements; infinity gives the narrowest."""
    return 2 * _quantile(confidence) * _slope(ties) * math.sqrt(parts.per_judgement / judgements + parts.fixed)


def plan_in_words(design: Design, assumed: Assumptions, width: float, confidence: float) -> str:
    """How many judgements and listeners the width needs, for the terminal."""
    parts = expected_parts(design, assumed)
    needed = judgements_for(width, parts, assumed.ties, confidence)
    interval = f"a {in_percent(confidence)} interval of a preference that is {width:g} wide"
    given = (
        f"assumed: {in_percent(assumed.ties)} ties; abilities with standard deviations of "
        f"{assumed.listener_deviation:g} over listeners and {assumed.song_deviation:g} over songs"
    )
    if needed is None:
        narrowest = width_of(math.inf, parts, assumed.ties, confidence)
        return (
            f"no number of judgements gives {interval}: with songs={design.songs} it stays {narrowest:.2f} wide; "
            f"songs={songs_for(width, assumed, confidence)} or more can ({given})"
        )
    listeners = max(2, math.ceil(needed / design.comparisons))
    return f"{needed:,} judgements of {listeners:,} listeners for {interval} ({given})"


def songs_for(width: float, assumed: Assumptions, confidence: float) -> int:
    """The fewest songs of each condition with which some number of judgements gives the width."""
    wanted = (width / (2 * _quantile(confidence) * _slope(assumed.ties))) ** 2
    return math.floor(2 * assumed.song_deviation**2 / wanted) + 1


def _slope(ties: float) -> float:
    """The slope of the preference score over the ability, at even odds."""
    return (1 - ties) / 4


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
