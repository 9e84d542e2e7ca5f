"""Turn the segments of a voice into notes in the order of playing, with bars and metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.readers.abc.fields import bar_ticks
from melgen.corpora.readers.abc.segments import INSIDE, MAYBE_INSIDE, Edge, Segment, Ticks
from melgen.corpora.readers.playing_order import AS_WRITTEN, Marks, playing_order
from melgen.errors import ReadError
from melgen.music.key import Key
from melgen.music.metre import Metre

MAX_PLAYED_NOTES = 1_000_000
MAX_TICKS = 2**53


WITHOUT_FINE = "da capo or dal segno without Fine or coda, played to the end again"
PARTS_AS_WRITTEN = "an order of parts (P:) that does not match the parts, played as written"
PARTS_LEFT_OUT = "an order of parts (P:) that names missing parts, played without them"


def order_of_playing(segments: Sequence[Segment], parts: Sequence[str], remarks: set[str]) -> list[int]:
    """Numbers of the segments in the order of playing; adds inconsistencies to the remarks.

    Args:
        segments: the segments of one voice.
        parts: the order of parts in the header; empty for the order of writing.
        remarks: set to which deviations from the written order are added.
    """
    labels = [label for label, _ in groupby(segment.part for segment in segments) if label is not None]
    if parts and labels != list(parts):
        if set(parts) & set(labels):
            return _limited(_order_of_parts(segments, parts, remarks), segments)
        remarks.add(PARTS_AS_WRITTEN)
    return _limited(_order(segments, remarks), segments)


def _order(segments: Sequence[Segment], remarks: set[str], first: int = 0, keeps_jumps: bool = True) -> list[int]:
    if not any(_is_marked(segment) for segment in segments):
        return list(range(first, first + len(segments)))
    keeps_jumps = keeps_jumps and any(segment.jump for segment in segments)
    marks = [_marks(segment, keeps_jumps) for segment in segments]
    stops = any(each.fine or each.to_coda for each in marks)
    if keeps_jumps and not stops and not _reads_a_fermata_as_fine(segments, marks):
        remarks.add(WITHOUT_FINE)
    order, faults = playing_order(marks, [_notes(segment) for segment in segments])
    if faults:
        remarks.add(AS_WRITTEN)
    return [first + number for number in order] if first else order


def _is_marked(segment: Segment) -> bool:
    return bool(segment.ends or segment.starts or segment.ending or segment.jump or segment.fine or segment.to_coda)


def _marks(segment: Segment, keeps_jumps: bool) -> Marks:
    return Marks(
        starts_repeat=segment.starts > 0,
        starts_ending=segment.ending,
        segno=segment.segno,
        coda=segment.coda,
        ends_repeat=segment.ends,
        double_bar=segment.double,
        fine=segment.fine and keeps_jumps,
        to_coda=segment.to_coda and keeps_jumps,
        jump=segment.jump if keeps_jumps else None,
    )


def _reads_a_fermata_as_fine(segments: Sequence[Segment], marks: list[Marks]) -> bool:
    """Read a fermata at the end of a section as Fine, as in old prints; returns whether there is one."""
    for number, segment in enumerate(segments[:-1]):
        is_end = segment.double or segment.ends or segments[number + 1].starts
        if is_end and segment.ends_with_fermata:
            marks[number] = replace(marks[number], fine=True)
            return True
    return False


def has_marks(segments: Sequence[Segment]) -> bool:
    """Whether a voice has repeats or jumps of its own."""
    return any(_is_marked(segment) for segment in segments)


def _notes(segment: Segment) -> int:
    return sum(len(layer.notes) for layer in segment.layers)


def _order_of_parts(segments: Sequence[Segment], parts: Sequence[str], remarks: set[str]) -> list[int]:
    """The parts in their order; each time a part is played, its own repeats are played out.

    If a part is played as often in a row as it has endings, each time takes the next ending.
    """
    ranges: dict[str | None, tuple[int, int]] = {}
    place = 0
    for label, group in groupby(segment.part for segment in segments):
        stop = place + len(list(group))
        ranges.setdefault(label, (place, stop))
        place = stop
    order = _order(segments[slice(*ranges[None])], remarks, 0, keeps_jumps=False) if None in ranges else []
    if any(segment.jump is not None for segment in segments):
        remarks.add(AS_WRITTEN)
    known: dict[tuple[str, bool], list[int]] = {}
    for label, run in groupby(parts):
        times = len(list(run))
        if label not in ranges:
            remarks.add(PARTS_LEFT_OUT)
            continue
        start, stop = ranges[label]
        part = segments[start:stop]
        ends_by_itself = times > 1 and max((max(each.ending, default=0) for each in part), default=0) == times
        if (label, ends_by_itself) not in known:
            known[label, ends_by_itself] = _order(part, remarks, start, keeps_jumps=False)
        order += known[label, ends_by_itself] * (1 if ends_by_itself else times)
        if len(order) > MAX_PLAYED_NOTES:
            raise ReadError(_TOO_LONG)
    return order


_TOO_LONG = f"with its repeats it has more than {MAX_PLAYED_NOTES} notes"


def _limited(order: list[int], segments: Sequence[Segment]) -> list[int]:
    if len(order) > len(segments):
        sizes = [_notes(segment) for segment in segments]
        if sum(sizes[number] for number in order) > MAX_PLAYED_NOTES:
            raise ReadError(_TOO_LONG)
    return order


def layer_count(segments: Sequence[Segment]) -> int:
    """Number of layers of a voice: 1 plus its overlays."""
    return max((len(segment.layers) for segment in segments), default=1)


def played_notes(segments: Sequence[Segment], order: Sequence[int], layer_number: int = 0) -> NDArray[np.int64]:
    """The notes of a layer in the order of playing, ties joined.

    A tie joins a note to the next one if both have the same pitch, or the same letter and octave and the second
    has no accidental of its own. So it also leads into the ending or repeat that is played next.

    Shape:
        ``[notes, 3]``: onset, duration and pitch, the first two in ticks.
    """
    notes: list[list[Ticks]] = []
    time: Ticks = 0
    held: list[Edge] = []
    for number in order:
        segment = segments[number]
        layers = segment.layers
        if layer_number < len(layers):
            layer = layers[layer_number]
            start = len(notes)
            joined = _joined(held, layer.first) if held and layer.first else {}
            if joined:
                places = []
                for index, (onset, duration, pitch) in enumerate(layer.notes):
                    place = joined.get(index, len(notes))
                    places.append(place)
                    if place < start:
                        notes[place][1] += duration
                    else:
                        notes.append([time + onset, duration, pitch])
                held = [_moved(edge, places[edge.place], notes) for edge in layer.tied]
            else:
                notes += [[time + onset, duration, pitch] for onset, duration, pitch in layer.notes]
                if layer.tied:
                    held = [_moved(edge, start + edge.place, notes) for edge in layer.tied]
                elif layer.first is not None:
                    held = []
        elif segment.length:
            held = []
        time += segment.length
    if time > MAX_TICKS:
        raise ReadError("it is too long for 64-bit times")
    if not notes:
        return np.zeros((0, 3), np.int64)
    try:
        return np.array(notes, np.int64)
    except TypeError:  # fractions
        rounded = [(round(onset), round(onset + duration), pitch) for onset, duration, pitch in notes]
        return np.array([(onset, end - onset, pitch) for onset, end, pitch in rounded], np.int64)


def _moved(edge: Edge, place: int, notes: Sequence[Sequence[Ticks]]) -> Edge:
    return edge._replace(place=place, pitch=int(notes[place][2]))


def _joined(held: Sequence[Edge], first: Sequence[Edge]) -> dict[int, int]:
    """The index of each of the first notes that continues a tied note, with the index of the tied note."""
    joined: dict[int, int] = {}
    free = list(held)
    for edge in first:
        for tied in free:
            if tied.pitch == edge.pitch or (not edge.is_signed and tied.position == edge.position):
                joined[edge.place] = tied.place
                free.remove(tied)
                break
    return joined


def bars_and_metres(
    segments: Sequence[Segment], order: Sequence[int]
) -> tuple[tuple[int, ...], int | None, tuple[tuple[int, Metre], ...]]:
    """The starts of the bars in the order of playing, the pickup's length, and the start of each metre, in ticks.

    A bar that a repeat sign, a double bar or the end of a repeated passage divides counts as one bar if its parts
    add up to the length of one.
    """
    whole = _lengths_to_the_line(segments)
    bars: list[Ticks] = [0]
    metres: list[tuple[int, Metre]] = []
    time: Ticks = 0
    before: int | None = None
    line = INSIDE
    for number in order:
        segment = segments[number]
        if before is not None:
            line = max(line, segments[before].line if number == before + 1 else MAYBE_INSIDE)
        before = number
        if not segment.length:
            continue
        if line != INSIDE and time > bars[-1]:
            length = 0 if segment.metre is None else bar_ticks(segment.metre)
            is_inside = line == MAYBE_INSIDE and time - bars[-1] + whole[number] == length
            if not is_inside:
                bars.append(time)
        line = INSIDE
        if segment.metre is not None and (not metres or metres[-1][1] != segment.metre):
            metres.append((round(time), segment.metre))
        time += segment.length
    starts = tuple(round(bar) for bar in bars)
    pickup = None
    if metres and not metres[0][0]:
        first = (bars[1] if len(bars) > 1 else time) - bars[0]
        pickup = round(first) if first < bar_ticks(metres[0][1]) else 0
    return starts, pickup, tuple(metres)


def played_keys(segments: Sequence[Segment], order: Sequence[int]) -> tuple[tuple[int, Key | None], ...]:
    """The start of each key in the order of playing, in ticks."""
    keys: list[tuple[int, Key | None]] = []
    time: Ticks = 0
    for number in order:
        for place, key in segments[number].keys:
            if not keys or keys[-1][1] != key:
                keys.append((round(time + place), key))
        time += segments[number].length
    return tuple(keys)


def _lengths_to_the_line(segments: Sequence[Segment]) -> list[Ticks]:
    """The distance from the beginning of each segment to the next bar line."""
    lengths: list[Ticks] = []
    length: Ticks = 0
    for segment in reversed(segments):
        length = segment.length + (length if segment.line == INSIDE else 0)
        lengths.append(length)
    return lengths[::-1]
