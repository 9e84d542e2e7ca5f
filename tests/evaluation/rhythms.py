"""Melodies with rhythm for tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange

METRES = [Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(2, 2), Metre(12, 8)]


def melody_of(pairs, gap=0, **about):
    """A melody of pitches and lengths in steps, `gap` steps of silence before the first; pitch None is a rest."""
    ends = gap + np.cumsum([length for _, length in pairs])
    heard = [
        (pitch, int(end) - length, length)
        for (pitch, length), end in zip(pairs, ends, strict=True)
        if pitch is not None
    ]
    return Melody(*map(tuple, zip(*heard, strict=True)), **about)


def in_metre(metre, pickup=0, bars=()):
    """The parts of a melody that state its metre."""
    return {"metres": (MetreChange(0, metre),), "pickup": pickup, "bars": bars}


_NOTES = st.tuples(
    st.integers(55, 67), st.sampled_from([0, 0, 0, 3, 12, 60, 400]), st.sampled_from([0, 3, 8, 12, 24, 36])
)


@st.composite
def rough_melodies(draw, min_notes=1):
    """Melodies with rests, overlapping notes, notes that begin together and notes of no length."""
    drawn = draw(st.lists(_NOTES, min_size=min_notes, max_size=20))
    overlap = draw(st.sampled_from([0, 0, 9]))
    pitches, onsets, durations, onset = [], [], [], 0
    for pitch, gap, duration in drawn:
        onset += gap
        pitches.append(pitch)
        onsets.append(onset)
        durations.append(duration)
        onset += max(duration - overlap, 0)
    about = {}
    if draw(st.booleans()):
        metre = draw(st.sampled_from(METRES))
        about = in_metre(metre, draw(st.sampled_from([0, 12, 24])))
    return Melody(tuple(pitches), tuple(onsets), tuple(durations), **about)
