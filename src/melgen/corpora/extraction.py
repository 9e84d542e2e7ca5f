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

`melgen.corpora.rounding` then rounds the melody to steps.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.cleaning import TOO_LONG, Cleaning
from melgen.corpora.highest_line import Notes, PlayedNotes, highest_lines
from melgen.corpora.rounding import Line, RoundedLines, steps
from melgen.music.key import Key, key_at
from melgen.music.melody import MAX_STEPS, Melody
from melgen.music.metre import STEPS_PER_QUARTER, STEPS_PER_SIXTEENTH, Metre, MetreChange
from melgen.plurals import counted

POLYPHONIC, DRUMS_ONLY, NO_NOTES = "polyphonic", "drums only", "no notes"

_MELODY_NAME = re.compile(
    r"melod|vocal|vox\b|voice|voz\b|sing|lead(?!ing)|solo|soprano|descant|cantus|canto|theme|tune\b",
    re.IGNORECASE,
)
_TOGETHER = 32  # notes closer than 1/32 of a quarter note begin together
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
    ``metres`` (the tick from which each holds, and the metre), ``pickup`` and ``bars`` (where each bar begins,
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


def extract_melody(tune: Tune, cleaning: Cleaning, source: str) -> tuple[Melody, int] | Rejection:
    """The melody of a tune, chosen by the rule above and rounded to steps, or the reason why it has none.

    Returns:
        The melody, and the number of its notes that are off the grid of steps.
    """
    line = melody_line(tune, cleaning, source)
    if isinstance(line, Rejection):
        return line
    rounded = RoundedLines([line])
    return too_long(int(rounded.ends[0]), source) or (rounded.melody(0), int(rounded.notes_off_grid[0]))


def too_long(end: int, source: str) -> Rejection | None:
    """The rejection of a melody that ends so late, in steps, that it cannot be packed."""
    if end <= MAX_STEPS:
        return None
    return Rejection(TOO_LONG, f"ends {end} steps after its start; at most {MAX_STEPS} are allowed", source)


def melody_line(tune: Tune, cleaning: Cleaning, source: str) -> Line | Rejection:
    """The melody of a tune, chosen by the rule above, or the reason why it has none."""
    return melody_lines([(tune, source)], cleaning)[0]


def melody_lines(tunes: Sequence[tuple[Tune, str]], cleaning: Cleaning) -> list[Line | Rejection]:
    """As `melody_line`, for many tunes at once, each with its source."""
    pitched = [[track for track in tune.tracks if len(track.notes) and not track.is_drum] for tune, _ in tunes]
    lines = iter(
        highest_lines(
            [
                played_notes(track, tune.ticks_per_quarter, tune.is_written)
                for (tune, _), tracks in zip(tunes, pitched, strict=True)
                for track in tracks
            ]
        )
    )
    found: list[Line | Rejection] = []
    for (tune, source), tracks in zip(tunes, pitched, strict=True):
        chosen = _choose_track(tune, [(track, *next(lines)) for track in tracks], cleaning, source)
        found.append(chosen if isinstance(chosen, Rejection) else _line(tune, *chosen, source))
    return found


def played_notes(track: Track, ticks_per_quarter: int, is_written: bool = False) -> PlayedNotes:
    """The notes of a track, with the rule for those that sound together."""
    together = 1 if is_written else max(1, ticks_per_quarter // _TOGETHER)
    sixteenth = ticks_per_quarter * STEPS_PER_SIXTEENTH // STEPS_PER_QUARTER
    return PlayedNotes(track.notes, together, sixteenth)


def _line(tune: Tune, track: Track, notes: Notes, source: str) -> Line:
    pickup = -1 if tune.pickup is None else int(steps(tune.pickup, tune.ticks_per_quarter))
    about = Melody(
        (),
        (),
        (),
        title=tune.title,
        source=source,
        metres=_metre_changes(tune),
        pickup=pickup if 0 <= pickup <= MAX_STEPS else None,
        key=key_at(tune.keys if track.keys is None else track.keys, int(notes[-1, 0])),
    )
    return Line(notes, np.asarray(tune.bars, np.int64), tune.ticks_per_quarter, about, tune.remarks)


def _choose_track(
    tune: Tune, pitched: Sequence[tuple[Track, Notes, float]], cleaning: Cleaning, source: str
) -> tuple[Track, Notes] | Rejection:
    """The track of a tune's melody and its notes, or the reason why it has none.

    Args:
        tune: the tune.
        pitched: each track that has notes and is not a drum track, with its highest line and the share of its notes
            that are crowded.
        cleaning: the rules.
        source: the source of the tune.
    """
    if not pitched:
        drums = sum(len(track.notes) > 0 for track in tune.tracks)
        if not drums:
            return Rejection(NO_NOTES, "the tune contains no notes", source)
        return Rejection(DRUMS_ONLY, f"{counted(drums, 'drum track')}, nothing else", source)
    candidates = [(track, line) for track, line, share in pitched if share <= cleaning.max_chord_share]
    if not candidates:
        least_crowded = min(share for _, _, share in pitched)
        detail = (
            f"no melody among {counted(len(pitched), 'track')}: at best {least_crowded:.0%} of the notes sound "
            f"together, max_chord_share={cleaning.max_chord_share:g}"
        )
        return Rejection(POLYPHONIC, detail, source)
    long_enough = [each for each in candidates if len(each[1]) >= cleaning.min_length_notes]
    return _best_line(long_enough or candidates)


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


def _best_line(candidates: Sequence[tuple[Track, Notes]]) -> tuple[Track, Notes]:
    if len(candidates) == 1:
        return candidates[0]
    for track, line in candidates:
        if _MELODY_NAME.search(_without_accents(track.name)):
            return track, line
    return max(candidates, key=lambda each: int(each[1][:, 2].sum()) / len(each[1]))
