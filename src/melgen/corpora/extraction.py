"""Choose the melody of a tune from its tracks.

One rule applies to every source that can contain several tracks, voices or chords:

1. Within a track, of notes that begin together (in notation at the same time, otherwise within a 128th note) only
   the highest is kept. A note that still sounds when the next begins is cut there. A note is *crowded* if it was
   removed in this way, or if it begins while an earlier note has more than a sixteenth left to sound; shorter
   overlaps are legato, which keyboard players and sequencers produce.
2. A track is a melody if it is not a drum track and at most ``max_chord_share`` of its notes are crowded.
3. Among the melodies with at least ``min_length_notes`` notes, the first one named as a melody (melody, vocal,
   voice, lead, solo, soprano, ...) is taken; without such a name, the one with the highest mean pitch, the
   first of equals. If none is long enough, the same choice is made among the short ones.

Onsets and ends are rounded, as positions in the tune, to steps of 1/24 of a quarter note, half up:
``floor(24 * ticks / ticks_per_quarter + 1/2)``. A duration is the difference of the two, so rounding makes no gap
and no overlap between consecutive notes. A note whose onset and end round to the same step is kept and lasts 0
steps. Metres, pickup and bars are rounded in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.corpora.cleaning import TOO_LONG, Cleaning
from melgen.music.key import Key, key_at
from melgen.music.melody import MAX_STEPS, Melody
from melgen.music.metre import STEPS_PER_QUARTER, STEPS_PER_SIXTEENTH, Metre, MetreChange

POLYPHONIC, DRUMS_ONLY, NO_NOTES = "polyphonic", "drums only", "no notes"

_MELODY_NAME = re.compile(
    r"melod|vocal|vox\b|voice|voz\b|sing|lead(?!ing)|solo|soprano|descant|cantus|canto|theme|tune\b",
    re.IGNORECASE,
)
_TOGETHER = 32  # notes closer than 1/32 of a quarter note begin together
_FINE_TICKS = 4 * STEPS_PER_QUARTER  # per quarter; from here on, the tick nearest to a step counts as the step
_MAX_METRE = 1000  # of both numbers of a time signature; a larger one is a mistake


@dataclass(frozen=True)
class Rejection:
    """A tune or file that is not kept, and the reason."""

    reason: str
    detail: str
    source: str = ""


@dataclass(eq=False)
class Track:
    """Notes of one track or voice, in any order.

    ``keys`` are its keys where a voice may have its own, as in `Tune`; ``None`` if they are those of the tune.

    Shape:
        notes: ``[notes, 3]``, each onset, duration and pitch, the first two in ticks; or anything that NumPy can
        turn into such an array.
    """

    notes: NDArray[np.int64]
    name: str = ""
    is_drum: bool = False
    keys: tuple[tuple[int, Key | None], ...] | None = None

    def __post_init__(self) -> None:
        self.notes = np.asarray(self.notes, np.int64).reshape(-1, 3)


@dataclass
class Tune:
    """A tune from a reader, before its melody is chosen.

    ``number`` is its number in a file of several tunes; ``remarks`` name deviations that the reader had to make.
    ``metres`` (the tick from which each holds, beats, beat type), ``pickup`` and ``bars`` (where each bar begins,
    repeats played out) are as in `Melody`, in ticks. ``keys`` are the keys of all tracks as they sound, in order,
    each with the tick from which it holds; ``None`` ends a key. ``is_written`` is true for notation, whose times are
    exact, and false for recordings that may have been played.
    """

    tracks: list[Track]
    ticks_per_quarter: int
    title: str = ""
    number: int | None = None
    remarks: tuple[str, ...] = field(default=())
    metres: tuple[tuple[int, Metre], ...] = ()
    pickup: int | None = None
    bars: tuple[int, ...] | NDArray[np.int64] = ()
    keys: tuple[tuple[int, Key | None], ...] = ()
    is_written: bool = False


def steps(ticks: ArrayLike, ticks_per_quarter: int) -> NDArray[np.int64]:
    """Ticks rounded to steps of 1/24 of a quarter note, half up.

    >>> steps([9, 10, 20, 29, 30, 160], 480).tolist()
    [0, 1, 1, 1, 2, 8]
    """
    return (2 * STEPS_PER_QUARTER * np.asarray(ticks, np.int64) + ticks_per_quarter) // (2 * ticks_per_quarter)


def notes_off_grid(line: NDArray[np.int64], ticks_per_quarter: int) -> int:
    """Number of notes of a line that begin or end between two steps, so that rounding moves them.

    Where a step is not a whole number of ticks, as with 1,024 per quarter note, the tick nearest to a step counts as
    that step. With fewer than 96 ticks per quarter note, a tick is too long for that.

    >>> quintuplet = np.array([[0, 96, 60], [96, 96, 62], [192, 288, 64]])
    >>> notes_off_grid(quintuplet, 480), notes_off_grid(quintuplet // 96 * 80, 480)
    (3, 0)
    """
    positions = np.stack([line[:, 0], line[:, 0] + line[:, 1]])
    nearest = steps(positions, ticks_per_quarter)
    if ticks_per_quarter >= _FINE_TICKS:
        moved = positions != (2 * ticks_per_quarter * nearest + STEPS_PER_QUARTER) // (2 * STEPS_PER_QUARTER)
    else:
        moved = STEPS_PER_QUARTER * positions != ticks_per_quarter * nearest
    return int(np.count_nonzero(moved.any(axis=0)))


def single_line(track: Track, ticks_per_quarter: int, is_written: bool = False) -> tuple[NDArray[np.int64], float]:
    """The highest line of a track, as an array of notes in order, and the share of its notes that are crowded.

    Args:
        track: the track.
        ticks_per_quarter: its resolution.
        is_written: whether only notes of equal onset begin together.

    >>> line, share = single_line(Track([(0, 480, 60), (0, 480, 64), (470, 480, 62)]), 480)
    >>> line.tolist(), round(share, 3)
    ([[0, 470, 64], [470, 480, 62]], 0.333)
    """
    if not len(track.notes):
        return track.notes, 0.0
    together = 1 if is_written else max(1, ticks_per_quarter // _TOGETHER)
    ordered = track.notes
    last_before: NDArray[np.int64] | slice = slice(-1)
    if (np.diff(ordered[:, 0]) < together).any():
        ordered = ordered[np.lexsort((-ordered[:, 2], ordered[:, 0]))]
        firsts = _first_of_each_group(ordered[:, 0], together)
        group = np.zeros(len(ordered), np.int64)
        group[firsts[1:]] = 1
        highest = np.lexsort((-ordered[:, 2], group.cumsum()))[firsts]
        line = ordered[highest]
        line[:, 0] = ordered[firsts, 0]
        last_before = firsts[1:] - 1
    else:  # most melodies: there is nothing to sort or to group
        line = ordered.copy()
    sounding_until = np.maximum.accumulate(ordered[:, 0] + ordered[:, 1])[last_before]
    starts, durations = line[:, 0], line[:, 1]
    np.minimum(durations[:-1], np.diff(starts), out=durations[:-1])
    sixteenth = ticks_per_quarter * STEPS_PER_SIXTEENTH // STEPS_PER_QUARTER
    overlaps = np.count_nonzero(sounding_until - starts[1:] > sixteenth)
    return line, (len(ordered) - len(line) + int(overlaps)) / len(ordered)


def _first_of_each_group(onsets: NDArray[np.int64], together: int) -> NDArray[np.int64]:
    """Indices of the notes that begin at least ``together`` ticks after the first note of the previous group."""
    gaps = np.diff(onsets)
    separate = gaps >= together
    if not ((gaps > 0) & ~separate).any():
        return np.concatenate([[0], np.flatnonzero(separate) + 1])
    # Played, not written: the end of a group depends on its beginning.
    times = onsets.tolist()
    firsts, following = [], 0
    while following < len(times):
        firsts.append(following)
        following = bisect_left(times, times[following] + together, following + 1)
    return np.array(firsts)


def extract_melody(tune: Tune, cleaning: Cleaning, source: str) -> tuple[Melody, int] | Rejection:
    """The melody of a tune, chosen by the rule above, or the reason why it has none.

    Returns:
        The melody, and the number of its notes that are off the grid of steps.
    """
    chosen = _melody_line(tune, cleaning, source)
    if isinstance(chosen, Rejection):
        return chosen
    track, line = chosen
    melody = _rounded_melody(line, tune, tune.keys if track.keys is None else track.keys, source)
    return melody if isinstance(melody, Rejection) else (melody, notes_off_grid(line, tune.ticks_per_quarter))


def _melody_line(tune: Tune, cleaning: Cleaning, source: str) -> tuple[Track, NDArray[np.int64]] | Rejection:
    """The track of a tune's melody and its notes, not yet rounded, or the reason why it has none.

    Shape:
        ``[notes, 3]``, as in `Track`, in order and without overlap.
    """
    sounding = [track for track in tune.tracks if len(track.notes)]
    if not sounding:
        return Rejection(NO_NOTES, "the file contains no notes", source)
    pitched = [track for track in sounding if not track.is_drum]
    if not pitched:
        return Rejection(DRUMS_ONLY, f"{len(sounding)} drum track(s), nothing else", source)
    candidates: list[tuple[Track, NDArray[np.int64]]] = []
    least_crowded = 1.0
    for track in pitched:
        line, share = single_line(track, tune.ticks_per_quarter, tune.is_written)
        least_crowded = min(least_crowded, share)
        if share <= cleaning.max_chord_share:
            candidates.append((track, line))
    if not candidates:
        detail = (
            f"no melody among {len(pitched)} track(s): at best {least_crowded:.0%} of the notes sound "
            f"together, max_chord_share={cleaning.max_chord_share:g}"
        )
        return Rejection(POLYPHONIC, detail, source)
    long_enough = [each for each in candidates if len(each[1]) >= cleaning.min_length_notes]
    return _best_line(long_enough or candidates)


def _rounded_melody(
    line: NDArray[np.int64], tune: Tune, keys: Sequence[tuple[int, Key | None]], source: str
) -> Melody | Rejection:
    """The melody of the line that `_melody_line` chose, with the last of its keys and the tune's metres and bars."""
    onsets = steps(line[:, 0], tune.ticks_per_quarter)
    ends = steps(line[:, 0] + line[:, 1], tune.ticks_per_quarter)
    if (end := int(ends.max())) > MAX_STEPS:
        return Rejection(TOO_LONG, f"ends {end} steps after its start; at most {MAX_STEPS} are allowed", source)
    bars = steps(tune.bars, tune.ticks_per_quarter)
    pickup = -1 if tune.pickup is None else int(steps(tune.pickup, tune.ticks_per_quarter))
    return Melody(
        pitches=tuple(line[:, 2].tolist()),
        onsets=tuple(onsets.tolist()),
        durations=tuple((ends - onsets).tolist()),
        title=tune.title,
        source=source,
        metres=_metre_changes(tune),
        pickup=pickup if 0 <= pickup <= MAX_STEPS else None,
        bars=tuple(np.unique(bars[(bars >= 0) & (bars <= MAX_STEPS)]).tolist()),
        key=key_at(keys, int(line[-1, 0])),
    )


def _metre_changes(tune: Tune) -> tuple[MetreChange, ...]:
    """Each metre that differs from the one before it, in steps; of several at one step, the last."""
    at_step: dict[int, Metre] = {}
    for tick, metre in tune.metres:
        step = int(steps(tick, tune.ticks_per_quarter))
        if 0 <= step <= MAX_STEPS and all(0 < number <= _MAX_METRE for number in metre):
            at_step[step] = metre
    changes: list[MetreChange] = []
    for step, metre in sorted(at_step.items()):
        if not changes or changes[-1].metre != metre:
            changes.append(MetreChange(step, metre))
    return tuple(changes)


def _without_accents(name: str) -> str:
    """A name in plain letters: ``Mélodie`` becomes ``Melodie``."""
    return "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))


def _best_line(candidates: Sequence[tuple[Track, NDArray[np.int64]]]) -> tuple[Track, NDArray[np.int64]]:
    for track, line in candidates:
        if _MELODY_NAME.search(_without_accents(track.name)):
            return track, line
    return max(candidates, key=lambda each: int(each[1][:, 2].sum()) / len(each[1]))
