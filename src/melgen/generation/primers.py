"""Reading primers, and checking them against the training data: songs that start on a rare pitch go astray.

A network of plain pitches has learnt almost nothing about a pitch that occurs a few dozen times in training. Songs
that start on it leap, and depend more on the primer than on the network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import ListConfig

from melgen.errors import CorpusError, ReadError
from melgen.files import read_json
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, Melody
from melgen.music.note_names import looks_like_names, melody_of_names
from melgen.music.representations import (
    REPRESENTATIONS,
    SEMITONES_PER_OCTAVE,
    AbstractRepresentation,
    representation_named,
)
from melgen.nested import value_at
from melgen.runs.config import plain_config

OPENINGS_PRIMER = "openings"
"""Given instead of a primer's pitches: use the openings of test tunes, a different one for each song."""

RARE_SHARE = 1 / 1000
"""A value is rare if its share of the training data is below this."""

SONGS = "songs"
TRAINING_VALUES = "training_values"
"""Key of a run's ``data.json``: how often each value occurs in the training data."""

_RULE = (
    "must be a list of pitches like [60,62,64,62], names of notes like C4 D4 E4 D4, ABC text like CDEF, or the path "
    "of a MIDI, ABC, MusicXML or **kern file"
)
_ONLY_IN_ABC = frozenset("|[(^=_',<>\n")
"""Signs that are not in names of notes; a text with one of them is ABC."""
_LONGEST_SHOWN = 80  # characters of a primer in an error

_SHIFTS = tuple(sorted(range(-36, 37), key=lambda shift: (shift % SEMITONES_PER_OCTAVE != 0, abs(shift), -shift)))
"""Whole octaves first, because they keep the names of the notes; then the smallest shifts."""


def read_primer(primer: Any) -> list[int]:
    """The pitches of a primer in any of the forms that `read_primer_melody` reads.

    Raises:
        ValueError: if it is none of them.
    """
    return list(read_primer_melody(primer).pitches)


def read_primer_melody(primer: Any) -> Melody:
    """The melody of a primer, with the rhythm, the metre and the pickup that it states.

    Args:
        primer: one of

            - a list of pitches, ``[60,62,64,62]``: quarter notes;
            - names of notes, ``C4 D4 E4 D4``, also as a list: quarter notes where no length is written; see
              `melgen.music.note_names` for lengths and rests, ``C4:3/8 D4:1/8 r:1/4 E4``;
            - ABC notation, ``CDEF``: eighth notes in C major if no field states something else, as in
              ``[M:6/8][K:D] A|dfd ecA|``. Text with a word such as ``C4`` is names, not ABC, unless it contains a bar
              line or another sign that only ABC has: ``|C4 D2 E2|``;
            - the path of a file of one of the types that `melgen.corpora.read_melody` reads: its first melody.

    Raises:
        ValueError: if it is none of them; names the primer and the rule.

    >>> read_primer_melody("C4 D4:1/8 E4").durations, read_primer_melody([60, 62]).durations
    ((24, 12, 12), (24, 24))
    >>> tune = read_primer_melody("[M:6/8] C|DEF G3|")
    >>> tune.pitches, tune.durations, tune.metre.name, tune.pickup
    ((60, 62, 64, 65, 67), (12, 12, 12, 12, 36), '6/8', 12)
    """
    try:
        if isinstance(primer, str):
            return _melody_of_text(primer)
        if isinstance(primer, ListConfig | Sequence):
            return _melody_of_list(list(primer))
    except CorpusError as error:  # begins with the path
        raise CorpusError(f"primer={error}") from error
    except ValueError as error:
        raise ValueError(f"primer={_shown(primer)}: {error}") from error
    raise ValueError(f"primer={primer}: {_RULE}")


def _melody_of_text(text: str) -> Melody:
    from melgen.corpora import read_melody
    from melgen.corpora.folder import READERS
    from melgen.corpora.readers.abc.short import melody_of_abc

    if os.path.splitext(text)[1].lower() in READERS or os.path.isfile(os.path.expanduser(text)):
        return read_melody(text)
    if _ONLY_IN_ABC.isdisjoint(text) and looks_like_names(text):
        try:
            return melody_of_names(text)
        except ValueError as error:
            hint = "" if ":" in text else f"; ABC text with such words needs a bar line, |{text}|"
            raise ValueError(f"{error}{hint}") from error
    try:
        return melody_of_abc(text)
    except ReadError as error:
        raise ValueError(f"{_RULE} ({error})") from error


def _melody_of_list(notes: list[Any]) -> Melody:
    if all(isinstance(note, str) for note in notes) and notes:
        return melody_of_names(" ".join(notes))
    if any(isinstance(note, str) for note in notes):
        raise ValueError("must be a list of pitches or of names of notes, not a mixture of both")
    if not all(isinstance(note, Integral) and not isinstance(note, bool) for note in notes):
        raise ValueError(_RULE)
    if outside := [note for note in notes if not LOWEST_PITCH <= note <= HIGHEST_PITCH]:
        raise ValueError(f"pitch {outside[0]} is outside {LOWEST_PITCH} to {HIGHEST_PITCH}")
    return Melody.from_pitches(notes)


def _shown(primer: Any) -> Any:
    """A primer as typed, but short."""
    return primer if not isinstance(primer, str) or len(primer) <= _LONGEST_SHOWN else f"{primer[:_LONGEST_SHOWN]}..."


@dataclass(frozen=True)
class PrimerFit:
    """Whether the values of a primer are common in the training data.

    Attributes:
        primer: its pitches.
        rare: its rare values by name (``C4``), with their counts in training.
        total: number of values in training.
        fitting: the primer transposed so that none of its values is rare; None if no transposition achieves this.
    """

    primer: tuple[int, ...]
    rare: Mapping[str, int]
    total: int
    fitting: tuple[int, ...] | None = None

    @property
    def fits(self) -> bool:
        """Whether none of its values is rare."""
        return not self.rare

    def note(self, key: str = "primer") -> str:
        """A warning about a primer that does not fit, with a value of `key` that fits; empty for one that fits.

        >>> PrimerFit((60, 74), {"C4": 44}, 187_459, (72, 86)).note()
        'primer=[60,74]: C4 is only 44 of 187,459 training notes, so the network has learnt little about it; \
primer=[72,86] is in range'
        """
        if self.fits:
            return ""
        counted = ", ".join(f"{name} is {f'only {count:,}' if count else 'none'}" for name, count in self.rare.items())
        unit = "notes" if next(iter(self.rare))[0].isalpha() else "intervals"
        them = "it" if len(self.rare) == 1 else "them"
        warning = f"{key}={written(self.primer)}: {counted} of {self.total:,} training {unit}, so the network has "
        warning += f"learnt little about {them}"
        if self.fitting is None:
            return f"{warning}; no transposition of the primer is in range"
        return f"{warning}; {key}={written(self.fitting)} is in range"


def written(primer: Sequence[int]) -> str:
    """A primer in the form in which a user types it.

    >>> written((60, 62))
    '[60,62]'
    """
    return f"[{','.join(map(str, primer))}]"


def fit_of(primer: Sequence[int], counts: Mapping[int, int], representation: AbstractRepresentation) -> PrimerFit:
    """Check a primer against the counts of each value in training.

    >>> from melgen.music import Control, Interval
    >>> fit_of([60, 62], {60: 1, 62: 500, 72: 999, 74: 500}, Control()).fitting
    (72, 74)
    >>> fit_of([60, 62], {2: 5, -2: 5}, Interval()).fits
    True
    """
    total = sum(counts.values())
    values = _values(primer, representation)
    rare = {value: counts.get(value, 0) for value in dict.fromkeys(values or ()) if _is_rare(value, counts, total)}
    fitting = None
    for shift in _SHIFTS if rare else ():
        shifted = tuple(pitch + shift for pitch in primer)
        if min(shifted) < LOWEST_PITCH or max(shifted) > HIGHEST_PITCH:
            continue
        if (moved := _values(shifted, representation)) and not any(_is_rare(one, counts, total) for one in moved):
            fitting = shifted
            break
    names = {representation.value_name(value): count for value, count in rare.items()}
    return PrimerFit(tuple(primer), names, total, fitting)


def fit_in_run(primer: Sequence[int], run: Path, representation: str) -> PrimerFit | None:
    """Check a primer against the training data of a run, by its ``data.json``; None if that has no counts."""
    found = read_json(run / "data.json").get(TRAINING_VALUES)
    if not isinstance(found, dict):
        return None
    try:
        counts = {int(value): int(count) for value, count in found.items()}
        return fit_of(primer, counts, representation_named(representation))
    except (TypeError, ValueError):
        return None


def note_of(primer: Sequence[int], run: Path, representation: str, key: str = "primer") -> str:
    """`PrimerFit.note` for a run; empty if the primer fits, or the run has no counts."""
    fit = fit_in_run(primer, run, representation)
    return "" if fit is None else fit.note(key)


def note_of_songs(run: Path) -> str:
    """`note_of` for the songs that a run generated at its end."""
    metadata = read_json(run / SONGS / "songs.json").get("metadata")
    primer = metadata.get("primer") if isinstance(metadata, dict) else None
    target = str(value_at(plain_config(run), "dataset.representation._target_") or "")
    representation = {kind.__name__: name for name, kind in REPRESENTATIONS.items()}.get(target.rpartition(".")[2])
    if not isinstance(primer, list) or representation is None:
        return ""
    return note_of(primer, run, representation)


def openings_of(tunes: Sequence[np.ndarray], notes: int, songs: int, seed: int) -> list[list[int]]:
    """The first notes of tunes, from a different tune for each song as long as there are enough.

    Args:
        tunes: pitches of held-out tunes; those with fewer than `notes` + 1 notes are left out.
        notes: length of an opening.
        songs: number of songs.
        seed: decides which tunes are taken.

    Raises:
        ValueError: if no tune is long enough.
    """
    long_enough = [tune[:notes].tolist() for tune in tunes if len(tune) > notes]
    if not long_enough:
        raise ValueError(f"{OPENINGS_PRIMER}: no held-out tune has more than {notes} notes")
    order = np.random.default_rng(seed).permutation(len(long_enough))
    return [long_enough[int(order[song % len(order)])] for song in range(songs)]


def _values(primer: Sequence[int], representation: AbstractRepresentation) -> list[int] | None:
    try:
        return [int(value) for value in representation.encode_primer(primer)]
    except Exception:  # a representation that a user wrote may raise anything
        return None


def _is_rare(value: int, counts: Mapping[int, int], total: int) -> bool:
    return counts.get(value, 0) < RARE_SHARE * total
