"""The music of one voice, cut into segments at each bar line or other mark.

Times are in ticks from the beginning of the segment; they are integers, or fractions where an integer is not exact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from melgen.corpora.readers.playing_order import Jump
from melgen.music.key import Key, keys_between
from melgen.music.metre import Metre

Ticks = int | Fraction

INSIDE, BAR_LINE, MAYBE_INSIDE = 0, 1, 2
"""The end of a segment: no bar line, a bar line, or a bar line that may be in the middle of a bar."""


class Edge(NamedTuple):
    """A note at an edge of a layer that may be tied: ``place`` is its index among the notes.

    ``is_signed`` is true if it has an accidental of its own.
    """

    position: int
    pitch: int
    is_signed: bool
    place: int


class Layer:
    """Notes of a segment, each a list of onset, duration and pitch; overlays have layers of their own.

    ``first`` are the notes at the beginning of the layer: ``None`` while it is empty, an empty list if it begins with
    a rest. ``tied`` are the notes of the last event that are tied to the next.
    """

    __slots__ = ("first", "length", "notes", "tied")

    def __init__(self) -> None:
        self.notes: list[list[Ticks]] = []
        self.length: Ticks = 0
        self.first: list[Edge] | None = None
        self.tied: list[Edge] = []


class Segment:
    """Music without a mark inside it.

    Attributes:
        layers: its notes; each overlay is a separate layer.
        length: in ticks.
        line: its end, one of `INSIDE`, `BAR_LINE` and `MAYBE_INSIDE`.
        metre, part: the metre and part at its beginning.
        keys: the key at its beginning, and later ones, each with the time from which it holds.
        starts, ends: how often the passage of a repeat sign before or after it is played; 0 without a sign.
        ending: numbers of the ending that begins before it.
        double: a double bar is after it.
        segno, coda: the sign is before it.
        fine, to_coda, jump: the mark is after it.
        fine_onset: the onset of the note with Fine over it.
        fermata: number of notes before the last fermata.
    """

    __slots__ = (
        "coda", "double", "ending", "ends", "fermata", "fine", "fine_onset", "jump", "keys", "layers", "length",
        "line", "metre", "part", "segno", "starts", "to_coda",
    )  # fmt: skip

    def __init__(self, metre: Metre | None, part: str | None, key: Key | None = None):
        self.keys: list[tuple[Ticks, Key | None]] = [(0, key)]
        self.layers = [Layer()]
        self.length: Ticks = 0
        self.line = INSIDE
        self.metre, self.part = metre, part
        self.starts = self.ends = 0
        self.ending: frozenset[int] = frozenset()
        self.double = self.segno = self.coda = self.fine = self.to_coda = False
        self.jump: Jump | None = None
        self.fine_onset: Ticks | None = None
        self.fermata: int | None = None

    @property
    def ends_with_fermata(self) -> bool:
        """Whether a fermata is over its last note or after it."""
        return self.fermata is not None and self.fermata >= len(self.layers[0].notes) - 1

    @property
    def is_empty(self) -> bool:
        """Whether it has no notes and rests yet."""
        return self.layers[0].first is None and len(self.layers) == 1

    def split(self, time: Ticks) -> Segment:
        """Cut off the notes from a time on: the rest of a bar after Fine."""
        rest = Segment(self.metre, self.part)
        rest.keys = [*keys_between(self.keys, time, self.length)]
        rest.length, self.length = self.length - time, time
        for layer in self.layers:
            other = rest.layers[0] if layer is self.layers[0] else Layer()
            if other is not rest.layers[0]:
                rest.layers.append(other)
            here = [note for note in layer.notes if note[0] < time]
            other.notes = [[note[0] - time, *note[1:]] for note in layer.notes if note[0] >= time]
            other.first = []
            other.tied = [edge._replace(place=edge.place - len(here)) for edge in layer.tied if edge.place >= len(here)]
            other.length, layer.length = layer.length - time, min(layer.length, time)
            layer.notes, layer.tied = here, []
        return rest
