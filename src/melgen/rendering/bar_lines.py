"""The bars of a melody: as its source states, or else counted from its metre and pickup, or else in 4/4."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from melgen.music.melody import Melody
from melgen.music.metre import BEAT_TYPES, COMMON_TIME, STEPS_PER_WHOLE, Metre

FINEST_STEPS = 3
"""A thirty-second: the length of every bar, and of every note outside triplets, is a multiple of it."""

_LONGEST_BAR_STEPS = 4 * STEPS_PER_WHOLE


class BarLines(NamedTuple):
    """One bar.

    Attributes:
        start: its first step in the melody.
        length: in steps.
        metre: by which its beats are counted.
        offset: its beginning within a complete bar: more than 0 for a pickup, which is the end of a bar.
        number: as musicians count; 0 for a pickup, None for the second part of a bar that a bar line divides.
        changes_metre: whether to show a time signature: at the beginning, and when the metre changes.
        is_free: whether there is no metre, and no time signature is shown.
    """

    start: int
    length: int
    metre: Metre
    offset: int = 0
    number: int | None = 1
    changes_metre: bool = False
    is_free: bool = False

    @property
    def end(self) -> int:
        """The step after its last one."""
        return self.start + self.length

    @property
    def is_complete(self) -> bool:
        """Whether it has the length of its metre."""
        return self.length == self.metre.bar_steps and not self.is_free

    @property
    def is_counted(self) -> bool:
        """Whether it has a number of its own."""
        return self.number not in (0, None)


def lay_bars(melody: Melody, metre: Metre | None = None) -> list[BarLines]:
    """The bars of a melody, at least one; the last one ends with the melody or after it.

    A melody's own bars are kept, also incomplete and overlong ones. Without them, bars are counted from its metres and
    its pickup; without metres, in 4/4. The last bar is complete, or completes the pickup if its notes leave room.
    A stated bar longer than four whole notes, which does not fit on a line, is cut into bars of the metre.

    Args:
        melody: the melody.
        metre: instead of the melody's own metres and bars; the pickup is kept if it is shorter than a bar.

    >>> jig = Melody.from_pitches([60] * 8, 12)
    >>> [(bar.number, bar.start, bar.length) for bar in lay_bars(jig, Metre(6, 8))]
    [(1, 0, 72), (2, 72, 72)]
    """
    end = max(
        (onset + max(duration, 1) for onset, duration in zip(melody.onsets, melody.durations, strict=True)), default=1
    )
    pickup = melody.pickup or 0
    if metre is not None:
        changes, stated, pickup = [(0, metre)], [], pickup if pickup < metre.bar_steps else 0
    else:
        changes = [(step, each) for step, each in melody.metres if _is_usable(each)]
        stated = sorted({0, *(step for step in melody.bars if step > 0)}) if melody.bars else []
    is_free = not changes and bool(stated)
    if is_free and stated[-1] < end:
        stated.append(end)
    changes = changes or [(0, COMMON_TIME)]
    starts = _cut_long(stated, changes) if stated else _counted(changes, pickup, end)
    return _numbered(starts, changes, melody.pickup if metre is None else pickup, end, is_free)


def _is_usable(metre: Metre) -> bool:
    return metre.beats > 0 and metre.beat_type in BEAT_TYPES


def _metre_at(step: int, changes: list[tuple[int, Metre]]) -> Metre:
    """The metre at a step; the first metre also applies before its own step."""
    return changes[max(bisect_right([start for start, _ in changes], step) - 1, 0)][1]


def _counted(changes: list[tuple[int, Metre]], pickup: int, end: int) -> list[int]:
    """Starts of bars, up to the bar in which a melody ends; a new metre begins a new bar."""
    starts, forced = [0], [step for step, _ in changes if step > 0]
    length = pickup % changes[0][1].bar_steps or changes[0][1].bar_steps
    while True:
        start = starts[-1]
        following = next((step for step in forced if start < step < start + length), start + length)
        if following >= end:
            return starts
        starts.append(following)
        length = _metre_at(following, changes).bar_steps


def _cut_long(stated: list[int], changes: list[tuple[int, Metre]]) -> list[int]:
    starts: list[int] = []
    for start, following in zip(stated, [*stated[1:], stated[-1]], strict=True):
        step = (
            _metre_at(start, changes).bar_steps if following - start > _LONGEST_BAR_STEPS else max(following - start, 1)
        )
        starts += range(start, max(following, start + 1), step)
    return starts


def _numbered(
    starts: list[int], changes: list[tuple[int, Metre]], pickup: int | None, end: int, is_free: bool
) -> list[BarLines]:
    bars: list[BarLines] = []
    number, shown = 0, None
    starts = list(starts)
    index = 0
    while index < len(starts):
        start = starts[index]
        metre = _metre_at(start, changes)
        full = metre.bar_steps
        if index + 1 < len(starts):
            length = starts[index + 1] - start
        elif index == 0 and pickup and pickup < full:
            length = pickup
        elif bars and bars[0].number == 0 and end - start <= full - bars[0].length:
            length = full - bars[0].length
        else:
            length = full
        before = bars[-1] if bars else None
        offset, own_number = 0, True
        if length < full and not is_free:
            if before is None:
                is_pickup = pickup is None or pickup > 0
                offset, own_number = (full - length, False) if is_pickup else (0, True)
            elif before.offset == 0 and before.metre == metre and before.length + length == full:
                offset, own_number = full - length, False
        number += own_number
        label = number if own_number else 0 if before is None else None
        bars.append(BarLines(start, length, metre, offset, label, metre != shown, is_free))
        shown = metre
        index += 1
        if index == len(starts) and start + length < end:
            starts.append(start + length)
    while len(bars) > 1 and bars[-1].start >= end:
        bars.pop()
    return bars


def with_whole_lengths(bars: list[BarLines]) -> list[BarLines]:
    """The same bars with lengths that can be written: rounded up to thirty-seconds."""
    found, start = [], 0
    for bar in bars:
        length = -(-bar.length // FINEST_STEPS) * FINEST_STEPS
        found.append(bar._replace(start=start, length=length, offset=-(-bar.offset // FINEST_STEPS) * FINEST_STEPS))
        start += length
    return found


def lines_of(bars: list[BarLines], bars_per_line: int) -> list[range]:
    """The bars of each line: a given number of counted bars; a pickup goes with the bar after it.

    >>> bars = lay_bars(Melody((60,), (0,), (24 + 5 * 96,), pickup=24))
    >>> lines_of(bars, 4)
    [range(0, 5), range(5, 6)]
    """
    breaks, counted = [0], 0
    for index, bar in enumerate(bars):
        if counted == bars_per_line:
            breaks.append(index)
            counted = 0
        counted += bar.is_counted
    return [range(first, last) for first, last in zip(breaks, [*breaks[1:], len(bars)], strict=True)]
