"""Baselines that write rhythm: n-gram models of notes with their lengths, which end their songs themselves.

A tune is a sequence of *events*: a note is its pitch and duration, a rest is a duration, and `END` is the last event.
Silence before the first note is a rest, too. Each tune has one spelling: no rest follows another, and none comes before
the end. These events and the empty tune have probability 0, and the others are renormalised. So the probabilities of
all tunes add up to 1.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.checking import check_whole
from melgen.evaluation.flat_rhythm import Tunes
from melgen.generation.sampling import Selection, check_sampling, select, uniform_draws
from melgen.music import rhythms
from melgen.music.events import REST, Events, events_of, melody_of
from melgen.music.melody import Melody
from melgen.music.representations import Control

_FIRST_SCORED_PLACE = 2  # as for `melgen.evaluation.baselines`
_START = -1  # number of the event before the first

Probabilities = NDArray[np.float64]


class Event(NamedTuple):
    """A note or rest with its duration in steps; `END` has neither. The pitch of a rest is `REST`."""

    pitch: int
    duration: int

    @property
    def is_note(self) -> bool:
        """Whether it is a note, neither a rest nor the end."""
        return self.pitch not in (REST, END.pitch)


END = Event(rhythms.END, rhythms.NO_DURATION)


class RhythmBits(NamedTuple):
    """Bits per note: sums of ``-log2 p`` over whole tunes, divided by the number of notes from the third of each on.

    Attributes:
        pitch: of ``p(pitch | it is a note, past)`` of these notes.
        rhythm: of all else: note, rest or end, and durations. Those of the first two notes are included; their
            pitches are given.
    """

    pitch: float
    rhythm: float

    @property
    def total(self) -> float:
        """Bits per note: pitch bits + rhythm bits."""
        return self.pitch + self.rhythm


def event_row(melody: Melody) -> list[Event]:
    """The events of a melody, `END` included. A note that overlaps the next is cut at its onset.

    Raises:
        ValueError: if a note has no length, two notes begin together, or a note or rest is too long.

    >>> event_row(Melody((60, 62), (12, 48), (24, 24)))[:3]
    [Event(pitch=1000, duration=12), Event(pitch=60, duration=24), Event(pitch=1000, duration=12)]
    """
    longest = [following - onset for onset, following in pairwise(melody.onsets)]
    durations = [*map(min, melody.durations, longest), *melody.durations[-1:]]
    for number, duration in enumerate(durations, start=1):
        if duration < 1:
            raise ValueError(
                f"note {number} of {melody.source or 'a melody'} has a length of {duration} steps, not 1 or more"
            )
    events = events_of(replace(melody, durations=tuple(durations)), np.array(melody.pitches))
    return [*map(Event, events.values.tolist(), events.durations.tolist()), END]


def has_events(melody: Melody) -> bool:
    """Whether a melody can be spelled as events: it has notes, all of some length, and no two begin together.

    >>> has_events(Melody((60, 62), (0, 0), (24, 24)))
    False
    """
    try:
        return event_row(melody) != [END]
    except ValueError:
        return False


def melody_from(events: Iterable[Event]) -> Melody:
    """The melody of events; a rest before the end is not heard. The inverse of `event_row`.

    >>> melody_from([Event(REST, 12), Event(60, 24), END]).onsets
    (12,)
    """
    row = np.array([*takewhile(END.__ne__, events)], np.int64).reshape(-1, 2)
    return melody_of(Events(*row.T), Control())


def rhythm_baseline_name(order: int) -> str:
    """The name of a baseline in tables.

    >>> rhythm_baseline_name(2), rhythm_baseline_name(4)
    ('rhythm-bigram', 'rhythm-4gram')
    """
    return f"rhythm-{ngram_name(order)}"


def ngram_name(order: int) -> str:
    """The name of an n-gram by its n.

    >>> ngram_name(2), ngram_name(4)
    ('bigram', '4gram')
    """
    return {1: "unigram", 2: "bigram", 3: "trigram"}.get(order, f"{order}gram")


class RhythmBaseline:
    """An n-gram model of events, fitted with `fit`; ``order=1`` is a unigram.

    Interpolated after Witten and Bell (1991): with h the last n - 1 events, c(h) the number of events after h, T(h) the
    number of different ones, and h' without the first event of h,
    ``p(x | h) = (c(h, x) + T(h) p(x | h')) / (c(h) + T(h))``. The unigram is smoothed by adding one,
    ``(c(x) + 1) / (all + V)``, as the baselines of pitches are. The start of a tune is part of h.

    Attributes:
        order: n.
        events: the V different events of the training tunes: the rests and the notes, each sorted, then `END`.

    >>> waltz = Melody((60, 62, 60), (0, 24, 48), (24, 24, 48))
    >>> model = RhythmBaseline.fit([waltz] * 9, order=2)
    >>> model.write(1, seed=0)[0].pitches[:3], model.name
    ((60, 62, 60), 'rhythm-bigram')
    """

    def __init__(self, events: Sequence[Event], counts: Sequence[dict[tuple[int, ...], Counter[int]]]):
        self.events = tuple(events)
        self.order = len(counts)
        self._counts = counts
        self._numbers = {event: number for number, event in enumerate(self.events)}
        self._pitches = np.array([event.pitch for event in self.events])
        self._known: dict[tuple[int, ...], Probabilities] = {}

    @classmethod
    def fit(cls, tunes: Tunes, order: int) -> RhythmBaseline:
        """A baseline fitted on training tunes; those without notes are left out.

        Raises:
            ValueError: if `order` is below 1, the tunes contain no notes, or a tune has a note of no length.
        """
        check_whole("order", order)
        spelled = [event_row(tune) for tune in tunes if len(tune)]
        if not spelled:
            raise ValueError("a baseline must be fitted on at least one note, but the training tunes contain none")
        different = {event for tune in spelled for event in tune} - {END}
        events = [*sorted(different, key=lambda event: (event.is_note, event)), END]
        numbers = {event: number for number, event in enumerate(events)}
        counts: list[dict[tuple[int, ...], Counter[int]]] = [defaultdict(Counter) for _ in range(order)]
        for tune in spelled:
            history = [_START] * (order - 1)
            for event in tune:
                number = numbers[event]
                for length in range(order):
                    counts[length][tuple(history[len(history) - length :])][number] += 1
                history = [*history, number][1:] if order > 1 else []
        return cls(events, counts)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return rhythm_baseline_name(self.order)

    def following(self, past: Sequence[Event]) -> Probabilities:
        """Probability of each of `events` after those of a tune so far: ``[V]``.

        Raises:
            ValueError: if one of the last n - 1 events never occurred in training.
        """
        recent = past[max(len(past) - self.order + 1, 0) :]
        history = [_START] * (self.order - 1 - len(recent)) + [self._number(event) for event in recent]
        allowed = np.ones(len(self.events), bool)
        if not past or past[-1].pitch == REST:
            allowed[-1] = False  # an empty tune, or a rest before the end
        if past and past[-1].pitch == REST:
            allowed[self._pitches == REST] = False
        probabilities = self._interpolated(tuple(history)) * allowed
        return probabilities / probabilities.sum()

    def can_spell(self, melody: Melody) -> bool:
        """Whether all events of a tune occurred in training; only such tunes have a likelihood."""
        return has_events(melody) and all(event in self._numbers for event in event_row(melody))

    def write(
        self,
        songs: int,
        seed: int,
        most_notes: int = 500,
        primer: Melody | None = None,
        selection: Selection = "sample",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[Melody]:
        """Generate songs, each until its end.

        The same seed gives the same songs; a larger number of songs begins with the same ones.

        Args:
            songs: how many.
            seed: of the random choices.
            most_notes: a song that has not ended after so many notes ends there.
            primer: with which each song begins; by default songs begin as the training tunes do.
            selection, temperature, top_k, top_p: see `melgen.generation.sampling.select`.

        Raises:
            ValueError: if a number is negative, an option is out of its range, or the primer contains a note or rest
                that never occurred in training.
        """
        check_sampling(1, 1, selection, temperature, top_k, top_p, seed)
        check_whole("songs", songs, 0)
        check_whole("most_notes", most_notes)
        start = [] if primer is None else event_row(primer)[:-1]
        for event in start:
            self._number(event)
        written = [list(start) for _ in range(songs)]
        of_primer = sum(event.is_note for event in start)
        notes = np.full(songs, of_primer)
        unfinished = np.flatnonzero(notes < most_notes)
        number = 0
        while len(unfinished):
            logits = torch.from_numpy(np.stack([self._log_following(written[song]) for song in unfinished]))
            draws = uniform_draws(seed, number, songs)[unfinished]
            chosen = select(logits, selection, temperature, top_k, top_p, draws=draws).tolist()
            for song, token in zip(unfinished.tolist(), chosen, strict=True):
                written[song].append(self.events[token])
                notes[song] += self.events[token].is_note
            is_going_on = [written[song][-1] != END for song in unfinished]
            unfinished = unfinished[is_going_on & (notes[unfinished] < most_notes)]
            number += 1
        return [melody_from(events) for events in written]

    def bits_per_note(self, tunes: Tunes) -> RhythmBits:
        """Bits per note over whole tunes; nan if no tune has a third note.

        A tune contributes only if it has a third note.

        Raises:
            ValueError: if a tune contains an event that never occurred in training, see `can_spell`.
        """
        pitch_bits = rhythm_bits = 0.0
        scored = 0
        is_note = np.array([event.is_note for event in self.events])
        for tune in tunes:
            if len(tune) <= _FIRST_SCORED_PLACE:
                continue
            scored += len(tune) - _FIRST_SCORED_PLACE
            past: list[Event] = []
            place = 0
            for event in event_row(tune):
                p = self.following(past)
                bits = -math.log2(p[self._number(event)])
                if event.is_note:
                    of_pitch = -math.log2(p[self._pitches == event.pitch].sum() / p[is_note].sum())
                    bits -= of_pitch
                    pitch_bits += of_pitch if place >= _FIRST_SCORED_PLACE else 0.0
                    place += 1
                rhythm_bits += bits
                past.append(event)
        return RhythmBits(pitch_bits / scored, rhythm_bits / scored) if scored else RhythmBits(math.nan, math.nan)

    def _log_following(self, past: Sequence[Event]) -> Probabilities:
        with np.errstate(divide="ignore"):
            return np.log(self.following(past))

    def _number(self, event: Event) -> int:
        if event not in self._numbers:
            what = "a rest" if event.pitch == REST else f"pitch {event.pitch}"
            raise ValueError(
                f"{what} of {event.duration} steps never occurred in training; known are {len(self.events) - 1} "
                "notes and rests with their lengths"
            )
        return self._numbers[event]

    def _interpolated(self, history: tuple[int, ...]) -> Probabilities:
        """Probability of each event after others, without regard to its spelling: ``[V]``."""
        if history not in self._known:
            found = self._counts[len(history)].get(history, Counter())
            counts = np.zeros(len(self.events))
            counts[list(found)] = list(found.values())
            if history:
                mass = len(found)
                values = self._interpolated(history[1:])
                if mass:
                    values = (counts + mass * values) / (counts.sum() + mass)
            else:
                values = (counts + 1) / (counts.sum() + len(counts))
            if len(history) > 1:
                return values  # too many to keep
            self._known[history] = values
        return self._known[history]
