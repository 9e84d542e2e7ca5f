"""Finding the triplets of a bar, and rounding times that cannot be written.

Outside triplets every time is a multiple of a thirty-second. A triplet divides a half, a quarter, an eighth, ...
into three, and each third once or twice more into halves. Among all ways to cover the times of a bar that are not
thirty-seconds, the one with the fewest ties, and then with the fewest and simplest triplets, is taken.

Other times, such as those of a quintuplet, are rounded, but only on the page: all times within that quarter of the bar
move to sixteenths or to triplets of eighths, whichever moves them less. If two notes would start together, they move
to thirty-seconds or triplets of sixteenths, and if even these are too few, to finer triplets.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from melgen.music.melody import STEPS_PER_QUARTER
from melgen.music.metre import STEPS_PER_SIXTEENTH
from melgen.rendering.bar_lines import FINEST_STEPS, BarLines

TRIPLET_VALUES = (64, 48, 32, 24, 16, 12, 8, 6, 4, 2, 1)
"""Lengths in steps that can be written as one note of a triplet: two thirds of plain values, with at most one dot."""
UNDOTTED_TRIPLET_VALUES = (64, 32, 16, 8, 4, 2, 1)

ARTICULATION_STEPS = 2
"""A rest as short as this is a matter of performance: on the page the note lasts until the next one."""

_SPANS: tuple[int, ...] = (96, 48, 24, 12, 6)
_TINY_SPAN = 3  # of sixty-fourths, only where more than twelve notes start in a quarter
# Grids to round to, in order, and whether notes that are nearest to the same place may move on to the next.
_GRIDS = (((6, 8), False), ((3, 4), False), ((3, 4), True), ((2,), True))

# Costs, by which one way of writing is preferred to another.
_ROUNDED, _TIE, _FINE, _BRACKET, _OFF_BEAT = 1000.0, 4.0, 1.0, 1.0, 1.0


class Part(NamedTuple):
    """A part of a bar, in steps from its beginning: a triplet, a quarter whose times are rounded, or plain."""

    start: int
    end: int
    kind: str


PLAIN, TRIPLET, ROUNDED = "plain", "triplet", "rounded"


class Written(NamedTuple):
    """Onsets and ends that can be written, and the parts of each bar."""

    onsets: list[int]
    ends: list[int]
    parts: list[list[Part]]


def written(onsets: Sequence[int], ends: Sequence[int], bars: Sequence[BarLines]) -> Written:
    """The times of a melody on the page.

    Args:
        onsets: in order; each note ends no later than the next one starts.
        ends: of the same notes.
        bars: consecutive bars, whose lengths are multiples of a thirty-second.

    Returns:
        Times that can be written, in the same order; every note has a length above 0.
    """
    new_onsets, new_ends = list(onsets), _without_articulation(onsets, ends)
    if not any(time % FINEST_STEPS for times in (new_onsets, new_ends) for time in times):
        return Written(new_onsets, new_ends, [[Part(0, bar.length, PLAIN)] for bar in bars])
    parts = []
    for bar in bars:
        spans = _SPANS
        while True:
            found = _parts(_times_in(bar, new_onsets, new_ends), bar, spans)
            rounded = [(bar.start + part.start, bar.start + part.end) for part in found if part.kind == ROUNDED]
            if not rounded:
                break
            before = (list(new_onsets), list(new_ends))
            for start, end in rounded:
                _round(start, end, new_onsets, new_ends, bars[-1].end)
            if before == (new_onsets, new_ends):  # more notes than the grids have room for
                spans = (*_SPANS, _TINY_SPAN)
        parts.append(found)
    return Written(new_onsets, new_ends, parts)


def _without_articulation(onsets: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The ends, moved to the next onset if it follows almost at once."""
    return [
        onset if onset - end <= ARTICULATION_STEPS else end for end, onset in zip(ends, onsets[1:], strict=False)
    ] + list(ends[-1:])


def _times_in(bar: BarLines, onsets: list[int], ends: list[int]) -> tuple[int, ...]:
    """The times within a bar at which a note begins or ends, without the two ends of the bar."""
    times = {
        time - bar.start
        for column in (onsets, ends)
        for time in column[bisect_right(column, bar.start) : bisect_left(column, bar.end)]
    }
    return tuple(sorted(times))


def _parts(times: tuple[int, ...], bar: BarLines, spans: tuple[int, ...]) -> list[Part]:
    """Parts that cover a bar at the least cost, with neighbouring plain parts joined."""
    if not any(time % FINEST_STEPS for time in times):
        return [Part(0, bar.length, PLAIN)]
    return list(_cheapest_parts(times, bar.length, bar.offset, bar.metre.beat_steps, spans))


@lru_cache(maxsize=4096)  # tunes repeat their rhythms
def _cheapest_parts(
    times: tuple[int, ...], bar_length: int, offset: int, beat_steps: int, spans: tuple[int, ...]
) -> tuple[Part, ...]:
    cuts = {0, *times, bar_length}
    uneven = [time for time in times if time % FINEST_STEPS]
    count = bar_length // FINEST_STEPS
    best: list[tuple[float, Part | None]] = [(0.0, None), *[(math.inf, None)] * count]

    def offer(part: Part, price: float) -> None:
        cost = best[part.start // FINEST_STEPS][0] + price
        if cost < best[part.end // FINEST_STEPS][0]:
            best[part.end // FINEST_STEPS] = (cost, part)

    for start in range(0, bar_length, FINEST_STEPS):
        place = offset + start
        following = next((time for time in uneven if time > start), math.inf)
        if following > start + FINEST_STEPS:
            offer(Part(start, start + FINEST_STEPS, PLAIN), 0.0)
        if start == 0 or place % STEPS_PER_QUARTER == 0:
            quarter_end = min(start + STEPS_PER_QUARTER - place % STEPS_PER_QUARTER, bar_length)
            offer(Part(start, quarter_end, ROUNDED), _ROUNDED)
        for span in spans:
            end = start + span
            off_beat = place % beat_steps % span
            is_odd = bool(off_beat % (STEPS_PER_QUARTER // 2))
            if end > bar_length or following >= end or (is_odd and start not in cuts):
                continue
            inside = [time - start for time in times[bisect_right(times, start) : bisect_left(times, end)]]
            if not _is_triplet(span, inside):
                continue
            cost = _BRACKET + _OFF_BEAT * (bool(off_beat) + is_odd)
            cost += _TIE * ((start not in cuts) + (end not in cuts))
            for length in _between(span, inside):
                cost += _TIE * (len(triplet_values(length)) - 1) + _FINE * (3 * length < span)
            offer(Part(start, end, TRIPLET), cost)
    return _traced_back([part for _, part in best])


def _traced_back(parts_by_end: Sequence[Part | None]) -> tuple[Part, ...]:
    """The parts from a bar's beginning to its end, given the last part before each place."""
    found: list[Part] = []
    place = len(parts_by_end) - 1
    while place:
        last = parts_by_end[place]
        assert last is not None
        place = last.start // FINEST_STEPS
        if found and last.kind == found[-1].kind == PLAIN:
            found[-1] = Part(last.start, found[-1].end, PLAIN)
        else:
            found.append(last)
    return tuple(found[::-1])


def _is_triplet(span: int, inside: list[int]) -> bool:
    """Whether times within a part are thirds of it, and halves and quarters of thirds.

    Triplets of thirty-seconds are rare, but notes are often played a little early or late; so all three notes of such
    a triplet must be present.
    """
    if span == _TINY_SPAN:
        return True
    thirds = [time for time in inside if 3 * time % span == 0]
    if not thirds or (span == _SPANS[-1] and len(thirds) < 2):
        return False
    return min(_between(span, inside)) * 12 >= span and not any(time % 2 for time in inside)


def _between(span: int, inside: list[int]) -> list[int]:
    return [second - first for first, second in pairwise([0, *inside, span])]


def triplet_values(length: int, values: Sequence[int] = TRIPLET_VALUES) -> list[int]:
    """A length in a triplet, split into values to be tied.

    >>> triplet_values(8), triplet_values(20)
    ([8], [16, 4])
    """
    found = []
    while length:
        found.append(next(value for value in values if value <= length))
        length -= found[-1]
    return found


def _round(start: int, end: int, onsets: list[int], ends: list[int], last_end: int) -> None:
    """Move the times within a quarter, or within the part of it in a bar, to a grid; no two notes start together.

    A note may move to the end of the quarter if no other note starts there. A rest shorter than a sixteenth after a
    note that ends within the quarter is left out.
    """
    notes = range(bisect_left(onsets, start), bisect_left(onsets, end))
    ending = range(bisect_right(ends, start), bisect_left(ends, end))
    followed = range(ending.start, min(ending.stop, len(onsets) - 1))
    legato = {note for note in followed if onsets[note + 1] - ends[note] < STEPS_PER_SIXTEENTH}
    is_free = notes.stop == len(onsets) or onsets[notes.stop] > end
    grid, places = _grid_for(
        [onsets[note] - start for note in notes],
        [ends[note] - start for note in ending if note not in legato],
        end - start,
        is_free and end + STEPS_PER_SIXTEENTH <= last_end,
    )
    for note, place in zip(notes, places, strict=True):
        onsets[note] = start + place
    for note in ending:
        latest = onsets[note + 1] if note + 1 < len(onsets) else end
        earliest = onsets[note] + grid if note in notes else start
        moved = min(start + _nearest(ends[note] - start, grid) * grid, end)
        ends[note] = latest if note in legato else min(max(moved, earliest), latest)
    if notes and ends[notes[-1]] <= onsets[notes[-1]]:  # moved to the end of the quarter
        following = onsets[notes.stop] if notes.stop < len(onsets) else last_end
        ends[notes[-1]] = min(onsets[notes[-1]] + STEPS_PER_SIXTEENTH, following)


def _grid_for(onsets: list[int], ends: list[int], length: int, may_pass: bool) -> tuple[int, list[int]]:
    """The grid for the times within a quarter, and the rounded onsets."""
    for grids, may_move_on in _GRIDS:
        choices: list[tuple[int, int, int, list[int]]] = []
        for grid in grids:
            places = -(-length // grid)
            if may_pass and onsets and _nearest(onsets[-1], grid) == places:
                places += 1
            if len(onsets) > places or not _fits(grid, length):
                continue
            nearest = [min(_nearest(onset, grid), places - 1) for onset in onsets]
            if not may_move_on and len(set(nearest)) < len(nearest):
                continue
            rounded = [min(place * grid, length) for place in _apart(nearest, places)]
            moves = sum(abs(place - onset) for place, onset in zip(rounded, onsets, strict=True))
            moves += sum(abs(_nearest(each, grid) * grid - each) for each in ends)
            choices.append((moves, len(choices), grid, rounded))
        if choices:
            *_, grid, rounded = min(choices)
            return grid, rounded
    return 1, list(onsets)


def _nearest(time: int, grid: int) -> int:
    return (time + grid // 2) // grid


def _fits(grid: int, length: int) -> bool:
    """Whether a part of this length can be written in a grid: thirds need the length of a triplet."""
    return grid % FINEST_STEPS == 0 or (length % (3 * grid) == 0 and length in _SPANS)


def _apart(nearest: list[int], slots: int) -> list[int]:
    """Different places in order, as near as possible to the given ones.

    >>> _apart([0, 0, 3, 3], 4)
    [0, 1, 2, 3]
    """
    places: list[int] = []
    for wish in nearest:
        places.append(max(wish, places[-1] + 1) if places else wish)
    latest = slots
    for index in range(len(places) - 1, -1, -1):
        places[index] = latest = min(places[index], latest - 1)
    return places
