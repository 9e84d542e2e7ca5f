"""Many lines rounded and packed at once, against one number after the other in exact fractions."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora.cleaning import Extent
from melgen.corpora.rounding import Line, RoundedLines
from melgen.music.key import Key
from melgen.music.melody import Melody
from melgen.music.metre import Metre, MetreChange
from tests.corpora.test_corpora_packing import melodies

RESOLUTIONS = st.sampled_from([1, 15, 24, 95, 96, 100, 480, 1023, 10080])


@st.composite
def lines(draw):
    lengths = draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 90), st.integers(-5, 200)), max_size=6))
    notes, now = [], draw(st.integers(0, 50))
    for duration, rest, pitch in lengths:
        notes.append((now, duration, pitch))
        now += duration + rest
    bars = draw(st.lists(st.integers(-50, 3000), max_size=5))
    about = Melody((), (), (), draw(st.sampled_from(["", "é"])), key=draw(st.sampled_from([None, Key(2, "dorian")])))
    about = replace(about, pickup=draw(st.sampled_from([None, 0, 12])), metres=(MetreChange(0, Metre(3, 4)),))
    return Line(np.array(notes, np.int64).reshape(-1, 3), np.array(bars, np.int64), draw(RESOLUTIONS), about)


def in_steps(ticks: int, resolution: int) -> int:
    return math.floor(Fraction(24 * int(ticks), resolution) + Fraction(1, 2))


def is_moved(ticks: int, resolution: int) -> bool:
    step = Fraction(resolution * in_steps(ticks, resolution), 24)
    return ticks != (step if resolution < 96 else math.floor(step + Fraction(1, 2)))


def one_after_the_other(line: Line) -> tuple[Melody, int]:
    resolution = line.ticks_per_quarter
    bounds = [(onset, onset + duration) for onset, duration, _ in line.notes.tolist()]
    onsets = tuple(in_steps(onset, resolution) for onset, _ in bounds)
    ends = tuple(in_steps(end, resolution) for _, end in bounds)
    bars = {in_steps(bar, resolution) for bar in line.bars}
    melody = replace(
        line.about,
        pitches=tuple(line.notes[:, 2].tolist()),
        onsets=onsets,
        durations=tuple(end - onset for onset, end in zip(onsets, ends, strict=True)),
        bars=tuple(sorted(bar for bar in bars if bar >= 0)),
    )
    return melody, sum(is_moved(onset, resolution) or is_moved(end, resolution) for onset, end in bounds)


@given(st.lists(lines(), max_size=5), st.data())
def test_lines_at_once_equal_one_number_after_the_other(group, data):
    expected = [one_after_the_other(line) for line in group]
    rounded = RoundedLines(group)
    assert [rounded.melody(place) for place in range(len(group))] == [melody for melody, _ in expected]
    assert rounded.notes_off_grid.tolist() == [moved for _, moved in expected]
    for (melody, _), end, extent in zip(expected, rounded.ends, rounded.extents(), strict=True):
        ends = [onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True)]
        assert end == max(ends, default=0)
        numbers = (*melody.pitches,) or (0,), (*melody.durations,) or (0,)
        assert extent == Extent(len(melody), *(bound(column) for column in numbers for bound in (min, max)))
    keep = data.draw(st.lists(st.booleans(), min_size=len(group), max_size=len(group)))
    kept = [melody for (melody, _), is_kept in zip(expected, keep, strict=True) if is_kept]
    assert list(rounded.packed(np.array(keep, np.bool_))) == kept


@given(st.lists(melodies(), max_size=4))
def test_melodies_in_steps_pass_unchanged(tunes):
    tunes = [replace(tune, bars=tuple(sorted({*tune.bars}))) for tune in tunes]
    rounded = RoundedLines([Line.of(tune) for tune in tunes])
    assert list(rounded.packed(np.ones(len(tunes), np.bool_))) == tunes
    assert not rounded.notes_off_grid.any()


def test_a_value_that_does_not_fit_is_refused():
    for pitch in (40_000, -40_000, 2**70):
        with pytest.raises(OverflowError):
            Line.of(Melody.from_pitches([60, pitch]))
    assert Line.of(Melody.from_pitches([])).notes.shape == (0, 3)
