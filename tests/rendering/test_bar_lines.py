"""Tests of where bars begin."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.rendering.bar_lines import lay_bars, lines_of, with_whole_lengths
from tests.rendering.melodies import METRES, of_lengths, ragged_melodies

SIX_EIGHT = (MetreChange(0, Metre(6, 8)),)


def lengths(melody, metre=None):
    return [bar.length for bar in lay_bars(melody, metre)]


@pytest.mark.parametrize(
    ("melody", "bars"),
    [
        (of_lengths([24] * 5), [96, 96]),
        (Melody((), (), ()), [96]),
        (of_lengths([36] * 5, metres=SIX_EIGHT), [72] * 3),
        (of_lengths([12, 36, 36, 36], metres=SIX_EIGHT, pickup=12), [12, 72, 60]),
        (of_lengths([12, 36, 36, 36, 36], metres=SIX_EIGHT, pickup=12), [12, 72, 72]),  # a complete last bar
        (of_lengths([12], metres=SIX_EIGHT, pickup=12), [12]),
        (of_lengths([36] * 4, metres=SIX_EIGHT, pickup=0), [72, 72]),
        (of_lengths([36] * 4, metres=SIX_EIGHT, pickup=72 + 36), [36, 72, 36]),
        (of_lengths([24] * 8, metres=SIX_EIGHT, bars=(0, 48, 120)), [48, 72, 72]),  # the bars of the source
        (of_lengths([24] * 8, metres=SIX_EIGHT, bars=(0, 72)), [72, 72, 72]),  # and regular bars after its last one
        (of_lengths([24] * 8, metres=SIX_EIGHT, bars=(0, 100, 110)), [100, 10, 72, 72]),
        (of_lengths([24] * 8, bars=(0, 24)), [24, 168]),
        (of_lengths([24] * 7, metres=((0, Metre(4, 4)), (60, Metre(3, 4)))), [60, 72, 72]),
        (of_lengths([24] * 100, bars=(0, 24)), [24] + [96] * 24 + [72]),  # longer than a line can hold
        (of_lengths([24] * 4, metres=((0, Metre(3, 64)),)), [96]),  # a metre that cannot be written
    ],
)
def test_lengths(melody, bars):
    assert lengths(melody) == bars


def test_a_pickup_is_the_end_of_a_bar_and_not_counted():
    bars = lay_bars(of_lengths([12, 36, 36, 36], metres=SIX_EIGHT, pickup=12))
    assert [(bar.offset, bar.number, bar.is_counted) for bar in bars] == [(60, 0, False), (0, 1, True), (0, 2, True)]
    stated = lay_bars(of_lengths([12, 36, 36], metres=SIX_EIGHT, bars=(0, 12)))
    assert [bar.number for bar in stated] == [0, 1], "a short first bar is a pickup, unless pickup=0"
    complete = lay_bars(of_lengths([12, 36, 36], metres=SIX_EIGHT, bars=(0, 12), pickup=0))
    assert [bar.number for bar in complete] == [1, 2]


def test_a_divided_bar_is_counted_once():
    bars = lay_bars(of_lengths([12] * 19, metres=SIX_EIGHT, bars=(0, 72, 132, 144), pickup=0))
    assert [(bar.number, bar.offset) for bar in bars] == [(1, 0), (2, 0), (None, 60), (3, 0), (4, 0)]
    assert [line.start for line in lines_of(bars, 2)] == [0, 2], "the pickup is on the line of the bar after it"


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(ragged_melodies(), st.none() | st.sampled_from(METRES))
def test_bars_follow_one_another_to_the_end(melody, metre):
    bars = lay_bars(melody, metre)
    assert bars[0].start == 0
    assert all(bar.length > 0 for bar in bars)
    assert [bar.end for bar in bars[:-1]] == [bar.start for bar in bars[1:]]
    end = melody.onsets[-1] + melody.durations[-1]
    assert bars[-1].start < end <= bars[-1].end
    whole = with_whole_lengths(bars)
    assert all(0 <= after.length - before.length < 3 and after.length % 3 == 0
               for before, after in zip(bars, whole, strict=True))  # fmt: skip
    if melody.metres or metre:
        assert not any(bar.is_free for bar in bars)
