"""The pairs of songs that each listener hears: many sheets of comparisons. The page of a listener draws one sheet.

All listeners get the same page. It holds several hundred *sheets*, lists of pairs of songs that were laid out together.
The page draws a random code for its listener, and the code chooses the sheet, so that two listeners hardly ever get the
same one; no server and no list of listeners is needed. Sheets are made here and not in the page, so that the design is
in one place and the page does not hold which songs belong together.

On every sheet, and over any number of sheets from the first on,

* each pair of conditions occurs equally often, up to one;
* the songs of a condition occur equally often, up to one;

and over the sheets each pair of conditions has either of them first equally often, up to one. Within these bounds, and
with ties broken at random, each condition occurs on a sheet about as often as the others, and first about as often as
second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.random import Generator

ORDERS_TRIED = 20
"""Random orders of a sheet. The one with the fewest songs heard twice in a row is used."""


@dataclass(frozen=True)
class Comparison:
    """Two songs to compare.

    Attributes:
        first, second: the numbers of the songs, in the order of the page.
        is_check: whether it is an attention check.
    """

    first: int
    second: int
    is_check: bool = False


Sheet = tuple[Comparison, ...]


def lay_out(
    songs_of: Sequence[Sequence[int]], checks: Sequence[int], sheets: int, comparisons: int, checks_each: int, seed: int
) -> list[Sheet]:
    """The sheets of a test.

    Args:
        songs_of: the numbers of the songs of each condition; two or more conditions.
        checks: the numbers of the songs that are the right answer of an attention check.
        sheets: their number.
        comparisons: of a sheet, checks not counted.
        checks_each: attention checks of a sheet.
        seed: of all random choices.

    >>> sheets = lay_out([[0, 1], [2, 3]], [4], sheets=2, comparisons=2, checks_each=1, seed=0)
    >>> [sum(each.is_check for each in sheet) for sheet in sheets]
    [1, 1]
    """
    layout = _Layout(songs_of, np.random.default_rng(seed))
    return [layout.sheet(comparisons, checks, checks_each) for _ in range(sheets)]


class _Layout:
    """Counts of what the sheets so far contain."""

    def __init__(self, songs_of: Sequence[Sequence[int]], generator: Generator):
        self.songs_of, self.generator = songs_of, generator
        self.pairs = list(combinations(range(len(songs_of)), 2))
        self.pair_counts = dict.fromkeys(self.pairs, 0)
        self.lead = dict.fromkeys(self.pairs, 0)  # how much more often the lower condition was first
        self.song_counts = {song: 0 for songs in songs_of for song in songs}

    def sheet(self, comparisons: int, checks: Sequence[int], checks_each: int) -> Sheet:
        """The next sheet."""
        whole, rest = divmod(comparisons, len(self.pairs))
        pairs = [*self.pairs * whole, *self._rarest_pairs(rest)]
        self.generator.shuffle(pairs)
        in_sheet = dict.fromkeys(self.song_counts, 0)
        balance = [0] * len(self.songs_of)
        chosen = []
        for pair in pairs:
            self.pair_counts[pair] += 1
            first, second = self._in_order(pair, balance)
            chosen.append(Comparison(self._song(first, in_sheet), self._song(second, in_sheet)))
        return self._with_checks(self._spread(chosen), checks, checks_each, in_sheet)

    def _rarest_pairs(self, count: int) -> list[tuple[int, int]]:
        """The pairs that occurred least so far; of equals those whose conditions are least on this sheet."""
        free, chosen, conditions = set(self.pairs), [], [0] * len(self.songs_of)
        for _ in range(count):
            ties = {pair: self.generator.random() for pair in sorted(free)}
            pair = min(
                ties, key=lambda each: (self.pair_counts[each], sum(conditions[one] for one in each), ties[each])
            )
            free.remove(pair)
            chosen.append(pair)
            for one in pair:
                conditions[one] += 1
        return chosen

    def _in_order(self, pair: tuple[int, int], balance: list[int]) -> tuple[int, int]:
        """A pair in the order that makes up for the orders before; `balance` counts for each condition of a sheet."""
        one, other = pair
        lead = self.lead[pair] or balance[one] - balance[other]
        is_kept = lead < 0 or (lead == 0 and self.generator.random() < 0.5)
        self.lead[pair] += 1 if is_kept else -1
        first, second = pair if is_kept else (other, one)
        balance[first] += 1
        balance[second] -= 1
        return first, second

    def _song(self, condition: int, in_sheet: dict[int, int]) -> int:
        """The song of a condition that is least on this sheet, of equals the least so far."""
        songs = self.songs_of[condition]
        ties = self.generator.random(len(songs))
        place = min(range(len(songs)), key=lambda i: (in_sheet[songs[i]], self.song_counts[songs[i]], ties[i]))
        in_sheet[songs[place]] += 1
        self.song_counts[songs[place]] += 1
        return songs[place]

    def _spread(self, comparisons: list[Comparison]) -> list[Comparison]:
        """The comparisons in a random order in which few songs are heard twice in a row."""
        orders = [self.generator.permutation(len(comparisons)).tolist() for _ in range(ORDERS_TRIED)]
        tried = [[comparisons[i] for i in order] for order in orders]
        return min(tried, key=_heard_in_a_row)

    def _with_checks(
        self, comparisons: list[Comparison], checks: Sequence[int], count: int, in_sheet: dict[int, int]
    ) -> Sheet:
        """Checks between the comparisons: one at a random place of each of equal parts, never the very first."""
        ends = np.linspace(1, len(comparisons), count + 1).astype(int).tolist()
        found = list(comparisons)
        rights = self.generator.permutation(len(checks))[:count]
        least = sorted(in_sheet, key=lambda song: (in_sheet[song], self.generator.random()))
        for number in reversed(range(count)):
            place = int(self.generator.integers(ends[number], max(ends[number + 1], ends[number] + 1)))
            right, other = checks[int(rights[number % len(rights)])], least[number % len(least)]
            pair = (right, other) if self.generator.random() < 0.5 else (other, right)
            found.insert(place, Comparison(*pair, is_check=True))
        return tuple(found)


def _heard_in_a_row(order: list[Comparison]) -> int:
    return sum(len({one.first, one.second} & {other.first, other.second}) for one, other in pairwise(order))
