"""Descriptors of the rhythm of melodies, and the distributions of a set: note lengths, onsets, size.

Descriptors that `muspy` 0.5 also has give the same values as its functions. Lengths are given in quarter notes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.flat_rhythm import FlatRhythm, Numbers, Tunes, flatten_rhythm
from melgen.music.melody import Melody
from melgen.music.metre import STEPS_PER_QUARTER, Metre

RHYTHM_DESCRIPTORS = (
    "n_notes",
    "n_bars",
    "n_note_lengths",
    "mean_note_length",
    "commonest_note_length_share",
    "mean_inter_onset_interval",
    "silence_share",
    "empty_beat_rate",
    "groove_consistency",
)
END_DESCRIPTORS = ("ends_on_strong_beat", "ends_on_tonic")
"""Descriptors that need the end of a song, so that the beginning of a tune has none."""

DISTRIBUTIONS = ("note_length", "note_length_transition", "inter_onset_interval", "notes", "bars")

Shares = dict[str, float]

_CUT_TIME = Metre(2, 2)


def rhythm_table(melodies: Tunes, are_whole: bool = True) -> dict[str, NDArray[np.float64]]:
    """All descriptors of many melodies: an array ``[songs]`` each, in the order of `RHYTHM_DESCRIPTORS`.

    - ``n_notes``: number of notes.
    - ``n_bars``: number of bars that begin before the end, without a pickup; nan if the bars are unknown.
    - ``n_note_lengths``: number of different durations.
    - ``mean_note_length``: mean duration in quarters.
    - ``commonest_note_length_share``: share of the notes that have the commonest duration.
    - ``mean_inter_onset_interval``: mean time from onset to onset in quarters; nan for a single note.
    - ``silence_share``: share of the time up to the end of the last note in which no note sounds, silence before
      the first note included; nan if all notes are of no length.
    - ``empty_beat_rate``: as `muspy`: share of the quarters in which no note sounds, a note that ends on a beat
      counting for the quarter that follows, too; nan if all notes are of no length.
    - ``groove_consistency``: as `muspy`: 1 less the mean share of steps in which the onsets of neighbouring bars
      differ. Bars begin where the tune's bars begin, a pickup being the end of a bar. nan if the song has not one
      metre and known bars.
    - ``ends_on_strong_beat``: 1 if the last note begins on a strong beat (see `ends_on_strong_beat`), else 0; nan
      where the metre or the bars are unknown.
    - ``ends_on_tonic``: 1 if the last note is the tonic of the key (see `ends_on_tonic`), else 0; nan where the
      source states no key.

    Args:
        melodies: the songs.
        are_whole: whether the songs have their ends; without them, `END_DESCRIPTORS` are left out.

    Raises:
        ValueError: if a melody has no notes.

    >>> tune = Melody((60, 62, 64), (0, 24, 48), (24, 12, 48))
    >>> rhythm_table([tune])["silence_share"].tolist()
    [0.125]
    """
    notes = flatten_rhythm(melodies, fewest=1)
    songs = len(notes.lengths)
    ends = notes.last_end
    per_length = _counts(notes.song, notes.duration, songs)
    sums = np.bincount(notes.song, notes.duration, songs)
    spans = notes.onset[np.cumsum(notes.lengths) - 1] - notes.onset[notes.first]
    tunes = [*melodies]  # made once, since a packed corpus makes a melody whenever it is asked for one
    values = (
        notes.lengths,
        np.array([_bars_of(tune) for tune in tunes]),
        (per_length > 0).sum(axis=1),
        sums / notes.lengths / STEPS_PER_QUARTER,
        per_length.max(axis=1, initial=0) / notes.lengths,
        _ratio(spans, (notes.lengths - 1) * STEPS_PER_QUARTER),
        _ratio(_silence(notes), ends),
        _empty_beat_rate(notes),
        np.array([_groove_consistency(tune) for tune in tunes]),
    )
    table = {name: np.asarray(value, float) for name, value in zip(RHYTHM_DESCRIPTORS, values, strict=True)}
    if are_whole:
        table["ends_on_strong_beat"] = np.array([ends_on_strong_beat(tune) for tune in tunes], float)
        table["ends_on_tonic"] = np.array([ends_on_tonic(tune) for tune in tunes], float)
    return table


def ends_on_strong_beat(melody: Melody) -> float:
    """1 if the last note begins on a strong beat, 0 if not; nan where the metre or the bars are unknown.

    Strong beats are the first of a bar, and the one in the middle of a bar of four beats or of a larger even number:
    the third of 4/4 and 12/8. 2/2 counts as 4/4, since sources write the same tunes in either. A dotted quarter is a
    beat of 6/8, 9/8 and 12/8.

    >>> from melgen.music.metre import MetreChange
    >>> waltz = {"metres": (MetreChange(0, Metre(3, 4)),), "pickup": 24}
    >>> ends_on_strong_beat(Melody((67, 72), (0, 24), (24, 72), **waltz))
    1.0
    >>> ends_on_strong_beat(Melody((67, 72), (0, 48), (48, 48), **waltz))
    0.0
    """
    placed = place_in_bar(melody, melody.onsets[-1]) if melody.onsets else None
    if placed is None:
        return math.nan
    place, metre = placed
    beats = metre.bar_steps // metre.beat_steps
    has_middle = metre == _CUT_TIME or (beats >= 4 and beats % 2 == 0)
    strong = {0, metre.bar_steps // 2} if has_middle else {0}
    return float(place in strong)


def ends_on_tonic(melody: Melody) -> float:
    """1 if the last note is the tonic of the melody's key, in any octave, 0 if not; nan where its source states no key.

    A song of a network has no key, so it is not judged. A key that a method such as Krumhansl's (in music21 and
    `melgen.music.spelling`) finds from the notes depends on the last note itself: the share would measure the method.

    >>> from melgen.music.key import Key
    >>> ends_on_tonic(Melody((60, 62), (0, 24), (24, 24), key=Key(2, "dorian")))
    1.0
    """
    if melody.key is None or not melody.pitches:
        return math.nan
    return float(melody.pitches[-1] % 12 == melody.key.pitch_class)


def rhythm_distributions(melodies: Tunes) -> dict[str, Shares]:
    """The distributions of a set of songs, all its notes together: shares by category, which add up to 1.

    - ``note_length``: durations in quarters, as fractions: ``1/2`` for eighths.
    - ``note_length_transition``: the matrix of neighbouring durations, ``1/2 1`` for an eighth before a quarter.
    - ``inter_onset_interval``: time from onset to onset in quarters.
    - ``notes``, ``bars``: size of the songs; songs of unknown bars are left out.

    A distribution without cases, such as that of bars where no song has any, is empty.

    Raises:
        ValueError: if a melody has no notes.

    >>> tunes = [Melody((60, 62, 64), (0, 12, 24), (12, 12, 24))]
    >>> rhythm_distributions(tunes)["note_length"]
    {'1/2': 0.6666666666666666, '1': 0.3333333333333333}
    """
    notes = flatten_rhythm(melodies, fewest=1)
    later = notes.later
    bars = np.array([_bars_of(melody) for melody in melodies])
    transitions, counts = np.unique(
        np.stack([notes.duration[later - 1], notes.duration[later]], axis=1), axis=0, return_counts=True
    )
    pairs = zip(transitions.tolist(), counts.tolist(), strict=True)
    return {
        "note_length": _shares(notes.duration, in_quarters),
        "note_length_transition": {
            f"{in_quarters(before)} {in_quarters(after)}": count / len(later) for (before, after), count in pairs
        },
        "inter_onset_interval": _shares(notes.onset[later] - notes.onset[later - 1], in_quarters),
        "notes": _shares(notes.lengths, str),
        "bars": _shares(bars[~np.isnan(bars)].astype(np.int64), str),
    }


def beginning(melody: Melody, notes: int) -> Melody:
    """The first notes of a melody, with its metre.

    >>> beginning(Melody((60, 62, 64), (0, 24, 48), (24, 24, 48)), 2).durations
    (24, 24)
    """
    return replace(
        melody,
        pitches=melody.pitches[:notes],
        onsets=melody.onsets[:notes],
        durations=melody.durations[:notes],
    )


def in_quarters(steps: int) -> str:
    """A length in quarter notes, as a fraction.

    >>> in_quarters(24), in_quarters(36), in_quarters(8)
    ('1', '3/2', '1/3')
    """
    return str(Fraction(steps, STEPS_PER_QUARTER))


def _shares(values: Numbers, name: Callable[[int], str]) -> Shares:
    different, counts = np.unique(values, return_counts=True)
    return {name(value): count / len(values) for value, count in zip(different.tolist(), counts.tolist(), strict=True)}


def _counts(song: Numbers, value: Numbers, songs: int) -> Numbers:
    """The number of times that each of the different values occurs in each song: ``[songs, values]``."""
    different, number = np.unique(value, return_inverse=True)
    bins = max(len(different), 1)
    return np.bincount(song * bins + number, minlength=songs * bins).reshape(songs, bins)


def _ratio(part: Numbers, whole: Numbers) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _silence(notes: FlatRhythm) -> Numbers:
    """Steps of each song in which no note sounds, before the end of the last: ``[songs]``."""
    heard_until = notes.running_maximum(notes.end)
    before = np.zeros_like(heard_until)
    before[notes.later] = heard_until[notes.later - 1]
    gaps = np.maximum(notes.onset - before, 0)
    return np.bincount(notes.song, gaps, len(notes.lengths)).astype(np.int64)


def _empty_beat_rate(notes: FlatRhythm) -> NDArray[np.float64]:
    ends = notes.last_end
    beats = ends // STEPS_PER_QUARTER + 1
    first = notes.onset // STEPS_PER_QUARTER
    behind = notes.end // STEPS_PER_QUARTER + 1
    covered_until = notes.running_maximum(behind)
    before = np.zeros_like(covered_until)
    before[notes.later] = covered_until[notes.later - 1]
    fresh = np.maximum(behind - np.maximum(first, before), 0)
    covered = np.bincount(notes.song, fresh, len(notes.lengths))
    return np.where(ends > 0, 1 - covered / beats, np.nan)


def _groove_consistency(melody: Melody) -> float:
    metre, first = melody.metre, first_full_bar(melody)
    if metre is None or first is None:
        return math.nan
    bar = metre.bar_steps
    shift = -first % bar
    onsets = np.unique(np.asarray(melody.onsets, np.int64)) + shift
    end = max(onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True)) + shift
    bars = end // bar + 1  # as muspy: a song that ends with a bar has one more
    if bars < 2:
        return math.nan
    places = set(onsets.tolist())
    # An onset without one in the bar before or after is one difference each.
    differences = sum(
        (place - bar not in places) * (place >= bar) + (place + bar not in places) * (place < (bars - 1) * bar)
        for place in places
    )
    return 1 - differences / (bar * (bars - 1))


def first_full_bar(melody: Melody) -> int | None:
    """The step at which the first complete bar begins: the length of the pickup. None where that is unknown.

    >>> first_full_bar(Melody((60,), (0,), (24,)))
    """
    if not melody.metres:
        return None
    if melody.pickup is not None:
        return melody.pickup
    if len(melody.bars) < 2:
        return None
    first = melody.bars[1] - melody.bars[0]
    return melody.bars[1] if first < melody.metres[0].metre.bar_steps else melody.bars[0]


def place_in_bar(melody: Melody, step: int) -> tuple[int, Metre] | None:
    """Steps from the beginning of the bar, and the metre of the bar; None where either is unknown.

    It is unknown beyond the length of a bar: where bar lines are further apart, one may be missing.
    """
    full = first_full_bar(melody)
    if full is None:
        return None
    if not melody.bars:
        metre = melody.metre
        return None if metre is None else ((step - full) % metre.bar_steps, metre)
    begin = melody.bars[max(bisect_right(melody.bars, step) - 1, 0)]
    metre = [change.metre for change in melody.metres if change.step <= max(begin, melody.metres[0].step)][-1]
    if begin < full:  # the pickup is the end of a bar
        begin = full - metre.bar_steps
    if step - begin >= metre.bar_steps:
        return None
    return (step - begin) % metre.bar_steps, metre  # before the first bar line is the end of a bar


def _bars_of(melody: Melody) -> float:
    full = first_full_bar(melody)
    if full is None:
        return math.nan
    end = max(onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True))
    if melody.bars:
        return float(sum(full <= bar < end for bar in melody.bars))
    metre = melody.metre
    return math.nan if metre is None else float(-(-(end - full) // metre.bar_steps))
