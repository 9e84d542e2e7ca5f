"""The order in which the segments of a score are played: repeats, endings, da capo, dal segno and coda.

A *segment* is a piece of music with marks at its two edges only: a bar, a part of a bar, or several bars. This
module is independent of file formats: a reader cuts its music at the marks, and gets the numbers of the segments
in the order of playing.

The rules, from the ABC 2.1 and MusicXML 4.0 standards where these state one:

* An end of repeat goes back to the latest start of a repeat that no end has closed (so repeats nest), else to
  the latest double bar, jump, end of a repeated passage, or the beginning. The passage is played ``ends_repeat`` times.
* Endings that follow each other directly belong together. Pass *n* plays the endings that contain *n*; the
  highest number is the number of passes, whatever end of repeat closes the last ending. A single first ending is
  skipped in one more pass. An ending reaches to its stop, or to the next ending, start or end of a repeat, or
  double bar.
* A jump (D.C., D.S.) is taken once, the last time that its segment is played. After it each repeated passage is
  played once, with its last ending (unless its end has ``repeats_after_jump``), up to Fine or To Coda; the music
  after the coda sign is played with its repeats. If another jump follows, Fine ends the part and not the tune:
  A (Fine) B D.C. C D.C. is A B A C A. A jump that names neither Fine nor To Coda stops at the first of either;
  without either, playing continues past the jump to the end.
* D.S. goes to the segno that it names, else to the latest one before it. If a jump is *al coda* and no To Coda is
  marked, the first of two coda signs counts as To Coda.

Inconsistent marks are played as far as they make sense, and named in ``faults``: a start that no end closes is
played once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from melgen.errors import ReadError

AS_WRITTEN = "repeats that do not add up, played as far as they make sense"  # the remark of a tune with faults
MAX_TIMES = 100  # of a repeated passage
MAX_PLAYED = 2_000_000  # size of all segments that are played
_MAX_NESTING = 16
_MAX_JUMPS = 100


class Jump(NamedTuple):
    """Da capo or dal segno, and where it stops: at Fine, at To Coda, or ``None`` if this is not stated.

    ``segno_name`` is the name of its segno, if it names one.
    """

    to: Literal["capo", "segno"]
    until: Literal["fine", "coda"] | None = None
    segno_name: str = ""


@dataclass(frozen=True)
class Marks:
    """The marks of one segment.

    Attributes:
        starts_repeat: a repeated passage begins before it.
        starts_ending: numbers of the ending (volta) that begins before it; empty for none.
        segno: a segno is before it.
        segno_name: the name of that segno, where a score names several.
        coda: a coda sign is before it: the target of To Coda.
        ends_ending: the ending that contains it stops (or is discontinued) after it.
        ends_repeat: how often the passage that ends after it is played in total; 0 if no repeat ends there.
        repeats_after_jump: this repeat is played after a jump too.
        double_bar: a double or final bar line is after it.
        fine: Fine is after it.
        to_coda: To Coda is after it.
        jump: the jump after it.
    """

    starts_repeat: bool = False
    starts_ending: frozenset[int] = frozenset()
    segno: bool = False
    coda: bool = False
    ends_ending: bool = False
    ends_repeat: int = 0
    repeats_after_jump: bool = False
    double_bar: bool = False
    fine: bool = False
    to_coda: bool = False
    jump: Jump | None = None
    segno_name: str = ""


NO_MARKS = Marks()


def merged(one: Marks, other: Marks) -> Marks:
    """The marks of one segment from two sources, such as two staves, merged."""
    return Marks(
        starts_repeat=one.starts_repeat or other.starts_repeat,
        starts_ending=one.starts_ending or other.starts_ending,
        segno=one.segno or other.segno,
        coda=one.coda or other.coda,
        ends_ending=one.ends_ending or other.ends_ending,
        ends_repeat=max(one.ends_repeat, other.ends_repeat),
        repeats_after_jump=one.repeats_after_jump or other.repeats_after_jump,
        double_bar=one.double_bar or other.double_bar,
        fine=one.fine or other.fine,
        to_coda=one.to_coda or other.to_coda,
        jump=_fuller(one.jump, other.jump),
        segno_name=one.segno_name or other.segno_name,
    )


def _fuller(one: Jump | None, other: Jump | None) -> Jump | None:
    """The one of two jumps that states where it stops."""
    if one is None or (one.until is None and other is not None and other.until is not None):
        return other
    return one


class PlayingOrder(NamedTuple):
    """Numbers of the segments in the order of playing, and the inconsistencies of their marks."""

    segments: list[int]
    faults: tuple[str, ...]


def playing_order(segments: Sequence[Marks], sizes: Sequence[int] | None = None) -> PlayingOrder:
    """The segments in the order of playing.

    Args:
        segments: the marks of each segment, in the order of writing.
        sizes: how much each segment counts against `MAX_PLAYED`, such as its number of notes; 1 each by default.

    Raises:
        ReadError: if a passage is repeated more than `MAX_TIMES` times, or the music would be too long.

    >>> first, second = Marks(starts_repeat=True), Marks(starts_ending=frozenset({1}), ends_repeat=2)
    >>> playing_order([first, second, Marks(starts_ending=frozenset({2}))]).segments
    [0, 1, 0, 2]
    >>> playing_order([Marks(), Marks(starts_repeat=True)])
    PlayingOrder(segments=[0, 1], faults=('a repeat that is not closed',))
    """
    for marks in segments:
        if marks.ends_repeat > MAX_TIMES:
            raise ReadError(f"a repeat of {marks.ends_repeat!s:.20} times; must be at most {MAX_TIMES}")
    unfolding = _Unfolding(segments, sizes)
    whole = unfolding.unfold()
    played = _follow_jumps(segments, whole, unfolding)
    if len(set(played)) < len(segments):
        unfolding.fault("music that is never played")
    return PlayingOrder(played, tuple(unfolding.faults))


@dataclass
class _Item:
    """A segment, or a repeated passage inside another one.

    ``played`` is its order of playing, ``once`` its order after a jump, ``ending`` the numbers of the ending that
    contains it, ``times`` how often the passage around it is played if the passage ends here.
    """

    played: list[int]
    once: list[int]
    ending: frozenset[int] = frozenset()
    times: int = 0
    after_jump: bool = False


@dataclass
class _Passage:
    """Items since a start of repeat; an end without a start goes back to ``boundary``."""

    is_opened: bool = False
    items: list[_Item] = field(default_factory=list)
    boundary: int = 0


class _Unfolding:
    """Repeats and endings played out, passage by passage, the inner ones first."""

    def __init__(self, segments: Sequence[Marks], sizes: Sequence[int] | None):
        self.segments, self.sizes = segments, sizes
        self.faults: list[str] = []
        self.passages = [_Passage()]

    def fault(self, text: str) -> None:
        if text not in self.faults:
            self.faults.append(text)

    def unfold(self) -> _Item:
        segments, index = self.segments, 0
        while index < len(segments):
            marks = segments[index]
            if marks.starts_repeat:
                self._open(index)
            if marks.starts_ending and not (marks.starts_repeat and self._is_led_to_by_an_ending(index)):
                index = self._endings(index)
                continue
            passage = self.passages[-1]
            passage.items.append(self._segment(index))
            index += 1
            if marks.ends_repeat:
                self._close()
            elif marks.double_bar or marks.jump is not None:
                passage.boundary = len(passage.items)
        while len(self.passages) > 1:
            self._abandon()
        items = self.passages[0].items
        return _Item(
            self._limited([number for item in items for number in item.played]),
            [number for item in items for number in item.once],
        )

    def _segment(self, index: int, ending: frozenset[int] = frozenset()) -> _Item:
        marks = self.segments[index]
        return _Item([index], [index], ending, marks.ends_repeat, marks.repeats_after_jump)

    def _open(self, index: int) -> None:
        nests_too_deep = len(self.passages) > _MAX_NESTING
        if self.passages[-1].is_opened and (nests_too_deep or self.segments[index - 1].double_bar):
            self._abandon()
        self.passages.append(_Passage(is_opened=True))

    def _abandon(self) -> None:
        """Give the items since the latest start, which has no end, to the passage around it."""
        self.fault("a repeat that is not closed")
        items = self.passages.pop().items
        self.passages[-1].items += items

    def _close(self) -> None:
        passage = self.passages[-1]
        if passage.is_opened:
            repeated = self.passages.pop().items
        else:
            repeated = passage.items[passage.boundary :]
            del passage.items[passage.boundary :]
        around = self.passages[-1]
        around.items.append(self._repeated(repeated))
        around.boundary = len(around.items)

    def _is_led_to_by_an_ending(self, index: int) -> bool:
        """Whether the ending that begins here is empty, because the next passage starts here."""
        before = self.segments[index - 1] if index else NO_MARKS
        return bool(before.ends_repeat) and 1 not in self.segments[index].starts_ending

    def _endings(self, index: int) -> int:
        """Read the consecutive endings that begin here; return the index of the segment after them."""
        segments, items = self.segments, self.passages[-1].items
        numbers: set[int] = set()
        any_repeats = False
        while index < len(segments):
            marks = segments[index]
            if not marks.starts_ending or numbers & marks.starts_ending or (numbers and marks.starts_repeat):
                break
            numbers |= marks.starts_ending
            stop = self._end_of_ending(index)
            items += [self._segment(each, marks.starts_ending) for each in range(index, stop)]
            any_repeats = any_repeats or any(segments[each].ends_repeat for each in range(index, stop))
            index = stop
        if index < len(segments) and segments[index].starts_repeat and segments[index].starts_ending:
            # `:|2 |:`: the second time the next passage follows.
            numbers_of_empty = segments[index].starts_ending
            if not numbers & numbers_of_empty:
                items.append(_Item([], [], numbers_of_empty))
        if any_repeats:
            self._close()
        elif not self._is_repeated_after(index):
            self.fault("endings without a repeat")
            if len(numbers) > 1:
                self._close()
            else:
                for item in items:
                    item.ending = frozenset()
        return index

    def _end_of_ending(self, start: int) -> int:
        segments = self.segments
        for index in range(start, len(segments)):
            if index > start and (segments[index].starts_ending or segments[index].starts_repeat):
                return index
            marks = segments[index]
            if marks.ends_ending or marks.ends_repeat or marks.double_bar:
                return index + 1
        return len(segments)

    def _is_repeated_after(self, index: int) -> bool:
        """Whether the passage of endings that have no repeat of their own is repeated later."""
        is_opened = self.passages[-1].is_opened
        for marks in self.segments[index:]:
            if marks.starts_repeat:
                return False
            if marks.ends_repeat:
                return True
            if marks.double_bar and not is_opened:
                return False
        return False

    def _repeated(self, items: list[_Item]) -> _Item:
        """A passage, played as often as its ends and endings ask for."""
        passes = self._passes(items)
        played: list[int] = []
        once: list[int] = []
        size = 0
        for place, number in enumerate(passes):
            is_last = place == len(passes) - 1
            for item in items:
                if item.ending and number not in item.ending:
                    continue
                played += item.played
                size += max(1, self._size(item.played))
                if size > MAX_PLAYED:
                    raise ReadError(_TOO_LONG)
                if is_last:
                    once += item.once
                elif item.times:
                    break
        if any(item.after_jump for item in items):
            once = played
        return _Item(played, once)

    def _passes(self, items: list[_Item]) -> list[int]:
        """The number of each pass; a number occurs twice if endings are played more often than they have numbers."""
        times = max((item.times for item in items), default=0)
        endings = list(dict.fromkeys(item.ending for item in items if item.ending))
        if not endings:
            return list(range(1, times + 1))
        passes = sorted(set().union(*endings))
        if passes != list(range(1, len(passes) + 1)):
            self.fault("endings whose numbers are not 1, 2, 3, ...")
        if len(endings) == 1 and times:
            passes.append(passes[-1] + 1)
        missing = times - len(passes)
        if missing > 0 and times > 2:
            repeated = next(item for item in items if item.times == times)
            number = max(repeated.ending, default=passes[0])
            place = passes.index(number)
            passes[place:place] = [number] * missing
        if len(passes) > MAX_TIMES:
            raise ReadError(f"a repeat of {len(passes)} times; must be at most {MAX_TIMES}")
        return passes

    def _size(self, numbers: list[int]) -> int:
        return len(numbers) if self.sizes is None else sum(self.sizes[number] for number in numbers)

    def _limited(self, played: list[int]) -> list[int]:
        if self._size(played) > MAX_PLAYED:
            raise ReadError(_TOO_LONG)
        return played


_TOO_LONG = f"with its repeats it has more than {MAX_PLAYED} notes"


def _follow_jumps(segments: Sequence[Marks], whole: _Item, unfolding: _Unfolding) -> list[int]:
    jumps = [index for index, marks in enumerate(segments) if marks.jump is not None]
    if not jumps or len(jumps) > _MAX_JUMPS:
        if jumps or any(marks.fine or marks.to_coda for marks in segments[:-1]):
            unfolding.fault("Fine or To Coda without a jump" if not jumps else f"more than {_MAX_JUMPS} jumps")
        return whole.played
    last_places = {number: place for place, number in enumerate(whole.played)}
    waiting = sorted((last_places[index], index) for index in jumps if index in last_places)
    played: list[int] = []
    place = 0
    while (following := next((each for each in waiting if each[0] >= place), None)) is not None:
        waiting.remove(following)
        jump_place, origin = following
        played += whole.played[place : jump_place + 1]
        jump = segments[origin].jump
        assert jump is not None
        target = _target(segments, jump, origin)
        if target is None:
            unfolding.fault("D.S. without a segno")
            place = jump_place + 1
            continue
        part, coda = _after_jump(segments, whole.once, jump, origin, target)
        played = unfolding._limited(played + part)
        if coda == _THE_END:
            if not waiting or waiting[-1][0] <= jump_place:
                return played
            place = jump_place + 1  # a rondo: another jump follows, and before it music that is still to come
            continue
        if coda is not None:
            place = next((each for each, number in enumerate(whole.played) if number >= coda), len(whole.played))
            continue
        if jump.until is not None:
            unfolding.fault(f"a jump to {jump.until.capitalize()}, which does not follow")
        place = jump_place + 1
    return unfolding._limited(played + whole.played[place:])


_THE_END = -1


def _target(segments: Sequence[Marks], jump: Jump, origin: int) -> int | None:
    if jump.to == "capo":
        return 0
    before = [index for index in range(origin, -1, -1) if segments[index].segno]
    named = [index for index in before if jump.segno_name and segments[index].segno_name == jump.segno_name]
    return next(iter(named or before), None)


def _after_jump(
    segments: Sequence[Marks], once: list[int], jump: Jump, origin: int, target: int
) -> tuple[list[int], int | None]:
    """The segments played from a jump's target, and where playing continues: a coda, the end, or None for the jump."""
    codas = [index for index, marks in enumerate(segments) if marks.coda]
    leaves_before = None  # the first of two coda signs where no To Coda is marked
    if jump.until == "coda" and len(codas) > 1 and not any(marks.to_coda for marks in segments):
        leaves_before = next((index for index in codas if target <= index <= origin), None)
    part: list[int] = []
    last_places = {number: place for place, number in enumerate(once)}
    last_origin = last_places.get(origin, len(once) - 1)
    start = next((place for place, number in enumerate(once) if number >= target), len(once))
    for place in range(start, last_origin + 1):
        number = once[place]
        marks = segments[number]
        if number == leaves_before:
            coda = next((index for index in codas if index > number), None)
            if coda is not None:
                return part, coda
        part.append(number)
        if place < last_places[number]:  # a passage that is repeated after a jump too: not its last time
            continue
        if marks.fine and jump.until != "coda":
            return part, _THE_END
        if marks.to_coda and jump.until != "fine":
            coda = next((index for index in codas if index > number), None)
            if coda is not None:
                return part, coda
    return part, None
