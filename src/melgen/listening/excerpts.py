"""Excerpts of equal length, from each condition of a listening test: networks, held-out tunes, a baseline.

Every song loses as many notes at its beginning as the primer of the study has: all songs of networks and baselines
begin with the primer, and held-out tunes do not, so that a listener would soon know them. Songs of pitches are played
as equal notes, and so are the tunes that they are compared with; songs with rhythm, and their tunes, as their scores
are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from melgen.evaluation.rhythm_baselines import rhythm_baseline_name
from melgen.music.melody import Melody
from melgen.music.metre import STEPS_PER_QUARTER
from melgen.plurals import counted
from melgen.rendering.measures import playable

Role = Literal["network", "reference", "anchor"]

REFERENCE = "held-out tunes"
"""Name of the hidden reference."""
ANCHOR, RHYTHM_ANCHOR = "bigram", rhythm_baseline_name(2)
"""The default baselines for songs of pitches and for songs with rhythm."""


@dataclass(frozen=True)
class Excerpt:
    """A part of a song, as it is played.

    Attributes:
        source: the song: its path in the study without its suffix, or the name of a tune of the corpus.
        melody: the notes, from step 0 on.
        title: of a tune.
    """

    source: str
    melody: Melody
    title: str = ""

    @property
    def notes(self) -> tuple[tuple[int, ...], ...]:
        """Pitches, onsets and durations."""
        return self.melody.pitches, self.melody.onsets, self.melody.durations


@dataclass(frozen=True)
class Cut:
    """How excerpts are cut.

    Attributes:
        skip: notes left out at the beginning.
        notes: of an excerpt of equal notes.
        quarters: quarter notes that an excerpt with rhythm lasts.
        with_rhythm: whether songs are played as written.
    """

    skip: int
    notes: int
    quarters: int
    with_rhythm: bool

    @property
    def steps(self) -> int:
        """The length of every excerpt."""
        return (self.quarters if self.with_rhythm else self.notes) * STEPS_PER_QUARTER

    @property
    def length_in_words(self) -> str:
        """The length of every excerpt, for readers."""
        return counted(self.quarters, "quarter note") if self.with_rhythm else counted(self.notes, "note")

    def longest(self, song: Melody) -> int:
        """The length of the longest excerpt of a song, in notes or whole quarters.

        >>> song = Melody((60, 62, 64), (0, 24, 36), (24, 12, 24))
        >>> Cut(1, 2, 1, with_rhythm=False).longest(song), Cut(1, 2, 1, with_rhythm=True).longest(song)
        (2, 1)
        """
        if not self.with_rhythm or len(song) <= self.skip:
            return max(0, len(song) - self.skip)
        song = playable(song)
        ends = [onset + duration for onset, duration in zip(song.onsets, song.durations, strict=True)]
        return (max(ends[self.skip :]) - song.onsets[self.skip]) // STEPS_PER_QUARTER

    def excerpt(self, song: Melody) -> Melody | None:
        """The excerpt of a song; ``None`` if the song is too short.

        >>> song = Melody((60, 62, 64), (0, 24, 36), (24, 12, 24))
        >>> Cut(1, 2, 1, with_rhythm=False).excerpt(song)
        Melody(pitches=(62, 64), onsets=(0, 24), durations=(24, 24), title='', source='', metres=(), pickup=None, \
bars=(), key=None)
        >>> part = Cut(1, 2, 1, with_rhythm=True).excerpt(song)
        >>> part.onsets, part.durations  # the last note is cut at the end of the quarter
        ((0, 12), (12, 12))
        """
        if not self.with_rhythm:
            pitches = song.pitches[self.skip : self.skip + self.notes]
            return Melody.from_pitches(pitches) if len(pitches) == self.notes else None
        if len(song) <= self.skip:
            return None
        song = playable(song)  # a listener would not hear a note without a length
        start = song.onsets[self.skip]
        ends = [onset + duration for onset, duration in zip(song.onsets, song.durations, strict=True)]
        if max(ends[self.skip :]) - start < self.steps:
            return None
        kept = [i for i in range(self.skip, len(song)) if song.onsets[i] - start < self.steps]
        onsets = tuple(song.onsets[i] - start for i in kept)
        return Melody(
            tuple(song.pitches[i] for i in kept),
            onsets,
            tuple(min(song.durations[i], self.steps - onset) for i, onset in zip(kept, onsets, strict=True)),
        )


@dataclass(frozen=True)
class Condition:
    """What is compared: the songs of one network, of the reference or of the baseline.

    Attributes:
        name: of the network or baseline, or `REFERENCE`.
        role: its role in the test.
        excerpts: those that are played.
        songs: how many songs there were.
        short: how many of them are shorter than the excerpts.
        repeated: how many excerpts are equal to an earlier one.
    """

    name: str
    role: Role
    excerpts: tuple[Excerpt, ...]
    songs: int
    short: int
    repeated: int


class TooFewExcerptsError(ValueError):
    """A condition has fewer excerpts than a test needs.

    Args:
        name: of the condition.
        role: of the condition.
        found: how many different excerpts it has.
        songs: how many songs.
        short: how many of them are too short.
        longest: the length of the longest in notes or quarters, as in `Cut.longest`.
    """

    def __init__(self, name: str, role: Role, found: int, songs: int, short: int, longest: int):
        self.role, self.found, self.short, self.longest = role, found, short, longest
        super().__init__(
            f"{name} has {counted(found, 'different excerpt')} ({counted(songs, 'song')}, {short} too short, "
            f"{songs - short - found} equal to another; the longest has {longest})"
        )


def refusal_of(errors: Sequence[TooFewExcerptsError], cut: Cut, count: int) -> str:
    """One message for all conditions with too few excerpts, with what would help all of them."""
    key, length = ("quarters", cut.quarters) if cut.with_rhythm else ("notes", cut.notes)
    skipped = f" after the first {counted(cut.skip, 'note')}" if cut.skip else ""
    advice = []
    if all(error.short for error in errors):
        longest = min(error.longest for error in errors)
        fits = f", such as {key}={longest}" if 0 < longest < length else ""
        advice.append(f"a shorter excerpt helps{fits}")
    if fewest := min(error.found for error in errors):
        advice.append(f"songs={fewest} is possible")
    if all(error.role != "reference" and error.found for error in errors):
        advice.append("more generate.songs of the study give more excerpts")
    lines = [f"songs={count}: too few excerpts of {cut.length_in_words}{skipped}", *(f"  {error}" for error in errors)]
    return "\n".join([*lines, *(f"  {one}" for one in advice)])


def choose_excerpts(
    name: str, role: Role, songs: Mapping[str, Melody], cut: Cut, count: int, generator: np.random.Generator
) -> Condition:
    """Cut the songs of a condition, and choose as many excerpts at random.

    Args:
        songs: by their sources.

    Raises:
        TooFewExcerptsError: if there are fewer.
    """
    usable: dict[tuple[tuple[int, ...], ...], Excerpt] = {}
    short, longest = 0, 0
    for source, song in songs.items():
        part = cut.excerpt(song)
        longest = max(longest, cut.longest(song))
        if part is None:
            short += 1
            continue
        found = Excerpt(source, part, song.title if role == "reference" else "")
        usable.setdefault(found.notes, found)
    if len(usable) < count:
        raise TooFewExcerptsError(name, role, len(usable), len(songs), short, longest)
    chosen = generator.permutation(len(usable))[:count].tolist()
    excerpts = [*usable.values()]
    return Condition(
        name, role, tuple(excerpts[i] for i in chosen), len(songs), short, len(songs) - short - len(usable)
    )


def check_excerpts(excerpts: Sequence[Excerpt], count: int, generator: np.random.Generator) -> list[Excerpt]:
    """Tunes that repeat one note, in the rhythm of an excerpt: the right answers of attention checks."""
    made = []
    for number in generator.integers(len(excerpts), size=count).tolist():
        melody = excerpts[number].melody
        pitch = sorted(melody.pitches)[len(melody) // 2]
        made.append(Excerpt("", Melody((pitch,) * len(melody), melody.onsets, melody.durations)))
    return made


def is_of_equal_notes(songs: Iterable[Melody]) -> bool:
    """Whether songs have no rhythm: each is a row of equal notes without rests.

    >>> is_of_equal_notes([Melody.from_pitches([60, 62])]), is_of_equal_notes([Melody((60,), (0,), (12,))])
    (True, False)
    """
    rows = ((song, Melody.from_pitches(song.pitches)) for song in songs)
    return all((song.onsets, song.durations) == (row.onsets, row.durations) for song, row in rows)
