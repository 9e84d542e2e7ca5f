"""Metres, pickup and bars, counted from the time signatures.

MIDI has no sign for a pickup. Programs write one as a first time signature that lasts one bar and is shorter than
the second; it is read in this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.extraction import Tune
from melgen.music.metre import READ_BEAT_TYPES, Metre

MAX_BARS = 1_000_000


def count_bars(tune: Tune, signatures: Mapping[int, Metre], end: int) -> None:
    """Give a tune its metres, pickup and bars.

    Args:
        tune: the tune; all ticks are in its resolution.
        signatures: the metre at each tick where one is stated.
        end: the tick at which its last note ends.
    """
    tune.metres, tune.pickup = _metres_and_pickup(sorted(signatures.items()), tune.ticks_per_quarter)
    tune.bars = _bars(tune.metres, tune.pickup, tune.ticks_per_quarter, end)


def stated_metre(beats: int, beat_type: int) -> Metre | None:
    """The metre of a time signature; ``None`` if it makes no sense."""
    return Metre(beats, beat_type) if beat_type in READ_BEAT_TYPES and beats > 0 else None


def _metres_and_pickup(
    signatures: list[tuple[int, Metre]], division: int
) -> tuple[tuple[tuple[int, Metre], ...], int | None]:
    """The metres that differ from the one before, and the pickup in ticks, if the first bar is shorter."""
    metres: list[tuple[int, Metre]] = []
    for tick, metre in signatures:
        if not metres or metres[-1][1] != metre:
            metres.append((tick, metre))
    if len(metres) > 1 and metres[0][0] == 0:
        first, second = _bar_ticks(metres[0][1], division, 1), _bar_ticks(metres[1][1], division, 1)
        if metres[1][0] == first < second:
            return ((0, metres[1][1]), *metres[2:]), first
    return tuple(metres), None


def _bar_ticks(metre: Metre, division: int, bars: int) -> int:
    return 4 * division * metre.beats * bars // metre.beat_type


def _bars(
    metres: tuple[tuple[int, Metre], ...], pickup: int | None, division: int, end: int
) -> NDArray[np.int64] | tuple[int, ...]:
    """The start of each bar, counted from each time signature; empty if there are absurdly many."""
    if not metres:
        return ()
    begins = [np.zeros(1 if pickup else 0, np.int64)]
    starts = [(metres[0][0] + (pickup or 0), metres[0][1]), *metres[1:], (end, metres[-1][1])]
    total = 0
    for (start, metre), (stop, _) in pairwise(starts):
        length = 4 * division * metre.beats  # of a bar, times its beat type
        count = max(0, -(-(stop - start) * metre.beat_type // length))
        total += count
        if total > MAX_BARS:
            return ()
        begins.append(start + np.arange(count, dtype=np.int64) * length // metre.beat_type)
    return np.concatenate(begins)
