"""The key of a melody, and its notes as a musician writes them: B flat or A sharp?

The key is the one whose profile correlates best with the durations of the pitch classes (Krumhansl 1990, chapter 4),
with the profiles of Temperley, *Music and Probability* (2007), table 6.1. Melodies tend to end on their tonic, which
has a small weight. As in much folk music, a major key whose seventh is mostly lowered is mixolydian, and a minor key
whose sixth is mostly raised is dorian. On Aird's Airs the signature found is the printed one for 95 of 100 tunes; in
O'Neill's collection, which prints dorian tunes as minor, for 90.

Names come from the line of fifths (Temperley, *The Cognition of Basic Musical Structures*, 2001, chapter 5), on which
... B flat, F, C, G, D ... are neighbours: each pitch class gets its name nearest to the key. So the leading tone of a
minor key is a raised seventh, not a lowered tonic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.music.key import SIGNS, Key, position_of, step_at

MAJOR_PROFILE = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
MINOR_PROFILE = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)
FINAL_NOTE_BONUS = 0.1
"""Added to the correlations of the two keys whose tonic is the last note."""

STEPS = "CDEFGAB"
# Between the usual names of chromatic notes: E flat to G sharp in C major, B flat to D sharp in A minor.
_CENTRE, _CENTRE_WITH_MINOR_THIRD = 2.5, 0.5
# How much further away a name counts that is hard to read, B sharp for C or F double sharp. Leading tones are exempt.
_HARD_TO_READ = 4
_LEADING_TONE = 5  # fifths above the tonic
_NATURALS = (0, 2, 4, 5, 7, 9, 11)


class SpelledNote(NamedTuple):
    """A note as written: its letter, the alteration in semitones, and its octave (C4 is middle C)."""

    step: str
    alter: int
    octave: int

    @property
    def name(self) -> str:
        """Its name, such as ``Bb3``."""
        return f"{self.step}{SIGNS[self.alter]}{self.octave}"

    @property
    def staff_position(self) -> int:
        """Diatonic steps above C0: lines and spaces, regardless of accidentals."""
        return 7 * self.octave + STEPS.index(self.step)


class Spelling(NamedTuple):
    """A melody's key and its notes by name."""

    key: Key
    notes: tuple[SpelledNote, ...]


def spell(pitches: Sequence[int], durations: ArrayLike | None = None, key: Key | None = None) -> Spelling:
    """Spell the notes of a melody in its key.

    Args:
        pitches: MIDI numbers.
        durations: length of each note, in any unit; by default all are equal.
        key: the key that the source of the melody states; without one, it is found.

    >>> spell([62, 65, 69, 70, 69, 67, 65, 64, 61, 62]).key.name
    'D minor'
    >>> [note.name for note in spell([62, 65, 69, 70, 69, 67, 65, 64, 61, 62]).notes][-3:]
    ['E4', 'C#4', 'D4']
    """
    key = find_key(pitches, durations) if key is None else key.with_few_signs()
    names = [_name_in(key, pitch_class) for pitch_class in range(12)]
    notes = []
    for pitch in pitches:
        step, alter = names[pitch % 12]
        notes.append(SpelledNote(step, alter, (pitch - alter) // 12 - 1))
    return Spelling(key, tuple(notes))


def find_key(pitches: Sequence[int], durations: ArrayLike | None = None) -> Key:
    """The most likely key; C major for a melody without notes, or if all pitch classes are equally frequent.

    >>> find_key([67, 69, 71, 72, 74, 76, 78, 79]).name, find_key([69, 73, 76, 79, 76, 73, 71, 69]).name
    ('G major', 'A mixolydian')
    """
    if not len(pitches):
        return Key(0, "major")
    weights = np.ones(len(pitches)) if durations is None else np.maximum(np.asarray(durations, float), 0.0)
    classes = np.asarray(pitches) % 12
    sounding = np.bincount(classes, weights, 12)
    scores = _PROFILES @ _standardized(sounding)  # [24]
    scores[classes[-1] :: 12] += FINAL_NOTE_BONUS
    # Sums in another order may differ in the last bits, but equal scores must stay equal.
    best = int(np.argmax(scores.round(9)))
    tonic, mode = best % 12, "major" if best < 12 else "minor"
    key = Key.on(tonic, mode)
    degrees = np.roll(sounding, -tonic)
    if mode == "major" and degrees[10] > degrees[11]:
        return key._replace(mode="mixolydian")
    if mode == "minor" and degrees[9] > degrees[8]:
        return key._replace(mode="dorian")
    return key


def _name_in(key: Key, pitch_class: int) -> tuple[str, int]:
    """Letter and alteration of a pitch class in a key."""

    centre = _CENTRE_WITH_MINOR_THIRD if key.has_minor_third else _CENTRE

    def distance(position: int) -> float:
        step, alter = step_at(position)
        hard = abs(alter) > 1 or (alter != 0 and pitch_class in _NATURALS)
        far = abs(position - key.tonic - centre)
        usual = alter == key.alter_of(step) or position == key.tonic + _LEADING_TONE
        return far + (_HARD_TO_READ if hard and not usual else 0)

    first = position_of(pitch_class, -13)
    return step_at(min((first, first + 12, first + 24), key=distance))


def _standardized(values: ArrayLike) -> NDArray[np.float64]:
    """Shift and scale rows so that the product of two is their correlation; zeros if all values are equal."""
    rows = np.asarray(values, float)
    centred = rows - rows.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(lengths > 0, lengths, 1.0)


# [24, 12]: the major keys from C upwards, then the minor ones.
_PROFILES = _standardized(
    [np.roll(profile, tonic) for profile in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)]
)
