"""From the tracks of a tune to its melody.

One rule for every source that can hold several tracks, voices or chords:

1. Inside a track, notes that begin together (within a 128th note) keep the highest; a note still sounding
   when the next begins is cut there. A note is *crowded* if it was removed so, or if it begins while an
   earlier one has more than a sixteenth left to sound; shorter overlaps are legato, as keyboard players and
   sequencers leave.
2. A track is a melody if it is no drum track and at most ``max_chord_share`` of its notes are crowded.
3. Among the melodies with at least ``min_length_notes`` notes, the first whose name says so (melody, vocal,
   voice, lead, solo, soprano, ...) is taken; without such a name, the one with the highest mean pitch, the
   first of equals. If none is long enough, the same choice is made among the short ones.

Onsets and durations are rounded to sixteenth-note steps, half up:
``floor(4 * ticks / ticks_per_quarter + 1/2)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from melgen.corpora.cleaning import TOO_LONG, Cleaning
from melgen.music.melody import MAX_STEPS, STEPS_PER_QUARTER, Melody

UNREADABLE, POLYPHONIC, DRUMS_ONLY, NO_NOTES = "unreadable", "polyphonic", "drums only", "no notes"

_MELODY_NAME = re.compile(
    r"melod|vocal|vox\b|voice|voz\b|sing|lead(?!ing)|solo|soprano|descant|cantus|canto|theme|tune\b",
    re.IGNORECASE,
)
_TOGETHER = 32  # notes closer than a quarter / 32 begin together


@dataclass(frozen=True)
class Rejection:
    """A tune or file that is not kept, and why."""

    reason: str
    detail: str
    source: str = ""


@dataclass
class Track:
    """Notes of one track or voice as ``(onset, duration, pitch)`` in ticks, in any order."""

    notes: list[tuple[int, int, int]]
    name: str = ""
    is_drum: bool = False


@dataclass
class Tune:
    """What a reader found: one tune, before its melody is chosen.

    ``number`` is its place in a file of several; ``remarks`` name what a reader had to do differently.
    """

    tracks: list[Track]
    ticks_per_quarter: int
    title: str = ""
    number: int | None = None
    remarks: tuple[str, ...] = field(default=())


def steps(ticks: int, ticks_per_quarter: int) -> int:
    """Ticks rounded to sixteenth-note steps, half up.

    >>> [steps(ticks, 480) for ticks in (59, 60, 120, 179, 180)]
    [0, 1, 1, 1, 2]
    """
    return (2 * STEPS_PER_QUARTER * ticks + ticks_per_quarter) // (2 * ticks_per_quarter)


def single_line(track: Track, ticks_per_quarter: int) -> tuple[list[tuple[int, int, int]], float]:
    """The highest line of a track and the share of its notes that are crowded.

    >>> single_line(Track([(0, 480, 60), (0, 480, 64), (470, 480, 62)]), 480)
    ([(0, 470, 64), (470, 480, 62)], 0.3333333333333333)
    """
    ordered = sorted(track.notes, key=lambda note: (note[0], -note[2]))
    together = max(1, ticks_per_quarter // _TOGETHER)
    legato = ticks_per_quarter // STEPS_PER_QUARTER
    line: list[tuple[int, int, int]] = []
    crowded, group_onset, sounding_until = 0, 0, 0
    for onset, duration, pitch in ordered:
        if line and onset - group_onset < together:
            crowded += 1
            if pitch > line[-1][2]:
                line[-1] = (line[-1][0], duration, pitch)
        else:
            if line:
                previous, length, height = line[-1]
                line[-1] = (previous, min(length, onset - previous), height)
                crowded += sounding_until - onset > legato
            group_onset = onset
            line.append((onset, duration, pitch))
        sounding_until = max(sounding_until, onset + duration)
    return line, crowded / len(ordered) if ordered else 0.0


def extract_melody(tune: Tune, cleaning: Cleaning, source: str) -> Melody | Rejection:
    """The melody of a tune by the rule above, or the reason why it has none."""
    sounding = [track for track in tune.tracks if track.notes]
    if not sounding:
        return Rejection(NO_NOTES, "the file holds no note", source)
    pitched = [track for track in sounding if not track.is_drum]
    if not pitched:
        return Rejection(DRUMS_ONLY, f"{len(sounding)} drum track(s), nothing else", source)
    candidates: list[tuple[str, list[tuple[int, int, int]]]] = []
    least_crowded = 1.0
    for track in pitched:
        line, share = single_line(track, tune.ticks_per_quarter)
        least_crowded = min(least_crowded, share)
        if share <= cleaning.max_chord_share:
            candidates.append((track.name, line))
    if not candidates:
        detail = (
            f"no melody among {len(pitched)} track(s): at best {least_crowded:.0%} of the notes sound "
            f"together, max_chord_share={cleaning.max_chord_share:g}"
        )
        return Rejection(POLYPHONIC, detail, source)
    long_enough = [each for each in candidates if len(each[1]) >= cleaning.min_length_notes]
    line = _melody_line(long_enough or candidates)
    end = max(steps(onset + duration, tune.ticks_per_quarter) for onset, duration, _ in line)
    if end > MAX_STEPS:
        return Rejection(TOO_LONG, f"ends {end} steps after its start, at most {MAX_STEPS}", source)
    return Melody(
        pitches=tuple(pitch for _, _, pitch in line),
        onsets=tuple(steps(onset, tune.ticks_per_quarter) for onset, _, _ in line),
        durations=tuple(steps(duration, tune.ticks_per_quarter) for _, duration, _ in line),
        title=tune.title,
        source=source,
    )


def _melody_line(
    candidates: Sequence[tuple[str, list[tuple[int, int, int]]]],
) -> list[tuple[int, int, int]]:
    for name, line in candidates:
        if _MELODY_NAME.search(name):
            return line
    return max((line for _, line in candidates), key=lambda line: sum(note[2] for note in line) / len(line))
