"""The classes that a linear probe looks for: the place of each note in its bar, and the tonic of its tune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.probes.linear import UNKNOWN
from melgen.evaluation.rhythm_descriptors import place_in_bar
from melgen.music.melody import Melody
from melgen.music.metre import COMMON_TIME, STEPS_PER_QUARTER, Metre

Target = Literal["bar", "tonic", "degree"]

TARGETS = MappingProxyType(
    {
        "bar": "place in the bar",
        "tonic": "tonic",
        "degree": "degree of the scale",
    }
)
"""The targets of a probe, with their names for readers."""

_SLOT_STEPS = STEPS_PER_QUARTER // 2
_CUT_TIME = Metre(2, 2)
_PITCH_CLASSES = 12


def metre_of(melody: Melody) -> Metre | None:
    """The one metre of a tune, where 2/2 counts as 4/4; None if it is unknown or changes."""
    return COMMON_TIME if melody.metre == _CUT_TIME else melody.metre


def commonest_metre(tunes: Iterable[Melody]) -> Metre | None:
    """The metre of most notes, of tunes whose bars are known; of equals the first. None if there is none.

    >>> from melgen.music.metre import MetreChange
    >>> tune = Melody((60, 62), (0, 24), (24, 24), metres=(MetreChange(0, Metre(2, 2)),), pickup=0)
    >>> commonest_metre([tune]), commonest_metre([])
    (Metre(beats=4, beat_type=4), None)
    """
    notes: Counter[Metre] = Counter()
    for tune in tunes:
        metre = metre_of(tune)
        if metre is not None and tune.onsets and place_in_bar(tune, tune.onsets[0]) is not None:
            notes[metre] += len(tune)
    return notes.most_common(1)[0][0] if notes else None


def bar_classes(melody: Melody, metre: Metre) -> NDArray[np.int64]:
    """The eighth of the bar in which each note begins, from 0: ``[notes]``.

    `UNKNOWN` for all notes of a tune in another metre, or whose bars are unknown, and for a note beyond the length of a
    bar. A pickup is the end of a bar.

    >>> from melgen.music.metre import MetreChange
    >>> waltz = {"metres": (MetreChange(0, Metre(3, 4)),), "pickup": 24}
    >>> bar_classes(Melody((67, 72, 74, 72), (0, 24, 60, 68), (24, 36, 8, 24), **waltz), Metre(3, 4)).tolist()
    [4, 0, 3, 3]
    """
    classes = np.full(len(melody), UNKNOWN, np.int64)
    if metre_of(melody) != metre:
        return classes
    for note, onset in enumerate(melody.onsets):
        placed = place_in_bar(melody, onset)
        if placed is not None:
            classes[note] = placed[0] // _SLOT_STEPS
    return classes


def tonic_classes(melody: Melody) -> NDArray[np.int64]:
    """The pitch class of the tonic of the tune's key at each note, from C = 0: ``[notes]``; `UNKNOWN` without a key.

    The key is that which holds where the last note begins; a tune that changes its key has a wrong tonic before.
    """
    tonic = UNKNOWN if melody.key is None else melody.key.pitch_class
    return np.full(len(melody), tonic, np.int64)


def degree_classes(melody: Melody) -> NDArray[np.int64]:
    """The semitones from the tonic up to each note, 0 to 11: ``[notes]``; `UNKNOWN` without a key.

    Where the tonic is, for a network that reads intervals and does not know pitches.

    >>> from melgen.music.key import Key
    >>> degree_classes(Melody((62, 60, 69), (0, 24, 48), (24, 24, 24), key=Key(2, "major"))).tolist()
    [0, 10, 7]
    """
    if melody.key is None:
        return tonic_classes(melody)
    return (np.asarray(melody.pitches, np.int64) - melody.key.pitch_class) % _PITCH_CLASSES


def classes_of(target: Target, tunes: Sequence[Melody], metre: Metre | None) -> list[NDArray[np.int64]]:
    """The classes of the notes of each tune."""
    if target == "bar":
        return [np.full(len(tune), UNKNOWN) if metre is None else bar_classes(tune, metre) for tune in tunes]
    return [tonic_classes(tune) if target == "tonic" else degree_classes(tune) for tune in tunes]
