"""Tunes with rhythm for several test files."""

from __future__ import annotations

from hypothesis import strategies as st

from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange, bar_starts

EXAMPLE = Melody(
    (67, 69, 71, 72, 74, 71, 69, 67),
    (0, 24, 32, 40, 48, 96, 108, 120),
    (24, 8, 8, 8, 36, 12, 12, 24),
    metres=(MetreChange(0, Metre(3, 4)),),
    pickup=0,
    bars=(0, 72),
)
"""A tune in 3/4 with a triplet, a note tied over the bar line and a rest."""


@st.composite
def tunes(draw: st.DrawFn, unit: int = 1, most: int = 12) -> Melody:
    """Any monophonic tune whose notes begin and end on multiples of `unit` steps."""
    count = draw(st.integers(1, most))
    lengths = [unit * draw(st.integers(1, 96 // unit)) for _ in range(count)]
    gaps = [unit * draw(st.sampled_from([0, 0, 1, 3])) for _ in range(count)]
    onsets, now = [], 0
    for gap, length in zip(gaps, lengths, strict=True):
        onsets.append(now + gap)
        now += gap + length
    metre = draw(st.sampled_from([None, Metre(3, 4), Metre(6, 8), Metre(2, 2)]))
    pickup = draw(st.sampled_from([None, 0, 12, 24]))
    return Melody(
        tuple(draw(st.lists(st.integers(0, 127), min_size=count, max_size=count))),
        tuple(onsets),
        tuple(lengths),
        metres=() if metre is None else (MetreChange(0, metre),),
        pickup=pickup,
        bars=() if metre is None else bar_starts(metre, pickup, now),
    )
