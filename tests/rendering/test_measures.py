"""Bars, note values, ties, beams and accidentals."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.music import Melody
from melgen.music.metre import COMMON_TIME, Metre
from melgen.music.spelling import spell
from melgen.rendering import measures
from melgen.rendering.measures import NOTE_VALUES, cut_into_bars, playable, with_accidentals
from melgen.rendering.tuplets import TRIPLET_VALUES
from tests.rendering.melodies import (
    NONE,
    SCALE,
    measured_melodies,
    melodies,
    notes_of,
    of_lengths,
    ragged_melodies,
)

METRES = [Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(5, 8), Metre(12, 8), Metre(2, 2), Metre(3, 16)]


def notes_in(bars):
    """Onset, duration and number of every note; checks that the bars have neither gap nor overlap."""
    found, held = [], False
    for bar in bars:
        place = 0
        for symbol in bar.symbols:
            assert symbol.start == place, "no gap and no overlap"
            place += symbol.steps
            values = TRIPLET_VALUES if symbol.triplet else NOTE_VALUES
            assert symbol.steps in values or (symbol.note is None and bar.lines.is_complete)
            assert symbol.continues == held
            if symbol.note is not None:
                if held:
                    assert found[-1][2] == symbol.note
                    found[-1][1] += symbol.steps
                else:
                    found.append([bar.lines.start + symbol.start, symbol.steps, symbol.note])
            held = symbol.is_continued
        assert place == bar.lines.length
    assert not held
    return [tuple(note) for note in found]


@pytest.mark.slow
@given(melodies(), st.sampled_from(METRES))
def test_bars_hold_the_melody(melody, metre):
    bars = cut_into_bars(melody, metre)
    found = [(onset, duration, melody.pitches[note]) for onset, duration, note in notes_in(bars)]
    assert found == notes_of(melody)
    assert all(bar.lines.length == metre.bar_steps for bar in bars)
    assert any(symbol.note is not None for symbol in bars[-1].symbols), "no bar of silence at the end"


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(measured_melodies())
def test_triplets_pickups_and_thirty_seconds_are_exact(melody):
    found = notes_in(cut_into_bars(melody))
    assert found == [(*note[:2], index) for index, note in enumerate(notes_of(melody))]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(ragged_melodies())
def test_notes_that_cannot_be_written_are_rounded_and_never_lost(melody):
    found = notes_in(cut_into_bars(playable(melody)))
    assert [note for *_, note in found] == list(range(len(melody)))
    assert all(first[0] + first[1] <= second[0] for first, second in pairwise(found))


def shown(melody, metre=COMMON_TIME):
    return [
        [symbol.steps // 6 * (1 if symbol.note is not None else -1) for symbol in bar.symbols]
        for bar in cut_into_bars(melody, metre)
    ]


@pytest.mark.parametrize(
    ("onset", "duration", "bars"),
    [
        (0, 16, [[16]]),
        (0, 6, [[6, -2, -8]]),
        (4, 8, [[-4, 8, -4]]),  # a half note from the second beat, the usual notation
        (2, 4, [[-2, 4, -2, -8]]),  # a syncopation
        (1, 4, [[-1, 3, 1, -1, -2, -8]]),  # rests stay plain
        (0, 5, [[4, 1, -1, -2, -8]]),
        (0, 7, [[6, 1, -1, -8]]),
        (12, 8, [[-8, -4, 4], [4, -4, -8]]),  # over the bar line
        (16, 4, [[-16], [4, -4, -8]]),
        (0, 40, [[16], [16], [8, -8]]),
    ],
)
def test_note_values_leave_the_beats_visible(onset, duration, bars):
    found = shown(Melody((60,), (6 * onset,), (6 * duration,)))
    assert [[abs(value) if value > 0 else value for value in bar] for bar in found] == bars


def beams(melody, metre=COMMON_TIME):
    return [symbol.beams for bar in cut_into_bars(melody, metre) for symbol in bar.symbols if symbol.note is not None]


def rhythm(*sixteenths):
    return of_lengths([6 * each for each in sixteenths])


def test_beams_follow_the_beat():
    begin, on, end = ("begin",), ("continue",), ("end",)
    assert beams(rhythm(2, 2, 2, 2)) == [begin, end, begin, end]
    assert beams(rhythm(2, 2, 2, 2, 2, 2), Metre(6, 8)) == [begin, on, end, begin, on, end]
    assert beams(rhythm(4, 2, 4)) == [(), (), ()], "one eighth alone keeps its flag"
    assert beams(rhythm(1, 1, 2)) == [("begin", "begin"), ("continue", "end"), end]
    assert beams(rhythm(3, 1)) == [begin, ("end", "backward hook")]
    assert beams(rhythm(1, 3)) == [("begin", "forward hook"), end]


def test_beams_of_thirty_seconds_leave_the_eighths_visible():
    begin, on, end = ("begin",) * 3, ("continue",) * 3, ("end",) * 3
    half = [begin, on, on, ("continue", "end", "end"), ("continue", "begin", "begin"), on, on, end]
    assert beams(of_lengths([3] * 8)) == half
    assert beams(of_lengths([9, 3])) == [("begin", "begin"), ("end", "end", "backward hook")]


def test_beams_and_triplets():
    begin, on, end = ("begin",), ("continue",), ("end",)
    assert beams(of_lengths([8] * 3 + [12] * 2)) == [begin, on, end, begin, end]
    assert beams(of_lengths([8] * 3 + [12] * 4), Metre(6, 8)) == [begin, on, on, end, begin, on, end]
    assert beams(of_lengths([12, 8, 8, 8, 12])) == [(), begin, on, end, ()], "over the beat, but for itself"
    assert beams(of_lengths([4, 4, 4, 12]))[2:] == [("continue", "end"), end]
    assert beams(of_lengths([16, 8])) == [(), ()]
    assert beams(of_lengths([4, -4, 4, 12])) == [(), (), ()], "none that begins in a triplet and ends outside"
    assert beams(of_lengths([16] * 3)) == [(), (), ()]


@pytest.mark.parametrize(
    ("lengths", "triplets"),
    [
        ([8, 8, 8], ["begin", "continue", "end"]),
        ([16, 8], ["begin", "end"]),
        ([4] * 6, ["begin", "continue", "end"] * 2),
        ([16, 16, 16], ["begin", "continue", "end"]),
        ([32, 32, 32], ["begin", "continue", "end"]),
        ([12, 8, 8, 8], ["", "begin", "continue", "end"]),
        ([8, -8, 8], ["begin", "continue", "end"]),
        ([8, 12, 4], ["begin", "continue", "end"]),
        ([12, 4, 8], ["", "begin", "end"]),  # of sixteenths, after an eighth
        ([2, 2, 2, 6], ["begin", "continue", "end", ""]),
        ([18, 18], ["", "", "", ""]),  # dotted eighths, the second one tied over the beat
    ],
)
def test_triplets(lengths, triplets):
    (bar,) = cut_into_bars(of_lengths(lengths))
    found = [symbol.triplet for symbol in bar.symbols]
    assert found[: len(triplets)] == triplets
    assert not any(found[len(triplets) :])


@pytest.mark.parametrize(
    ("lengths", "written"),
    [
        ([5, 5, 5, 5, 4], [6, 3, 6, 6, 3]),  # a quintuplet, in thirty-seconds
        ([7, 7, 10, 24], [6, 6, 12, 24]),  # sixteenths move it least
        ([23, -1, 24], [24, 24]),  # a note played a moment too short
        ([23, 25], [24, 24]),  # and one a moment too early
        ([91, -5, 96], [96, 96]),
        ([1, 1, 22], [3, 3, 18]),
        ([1] * 8 + [16], [2] * 8 + [8]),  # too many for thirty-seconds
        ([1] * 24, [1] * 24),
    ],
)
def test_rounding_for_the_page(lengths, written):
    melody = of_lengths(lengths)
    assert [duration for _, duration, _ in notes_in(cut_into_bars(melody))] == written


def test_old_names():
    assert (measures.Metre, measures.COMMON_TIME) == (Metre, COMMON_TIME)


def signs(pitches, **options):
    melody = Melody.from_pitches(pitches)
    key, notes = spell(pitches)
    bars = with_accidentals(cut_into_bars(melody), notes, key, **options)
    return [symbol.accidental for bar in bars for symbol in bar.symbols if symbol.note is not None]


def test_accidentals_hold_for_a_bar():
    c_major = [60, 64, 67, 72, 65, 64, 62, 60]
    assert signs([66, 66, 65, 66, *c_major])[:4] == [1, None, 0, 1]
    assert signs([66, 67, 72, 67, 65, 67, 64, 60, *c_major])[4] is None, "a new bar, a new beginning"
    assert signs([66, 67, 78, 77, *c_major])[:4] == [1, None, 1, 0], "the sign is repeated in another octave"
    assert signs([66, 67, 77, 78, *c_major])[:4] == [1, None, 0, 1], "a sign for readers by octave"
    g_major = [67, 71, 74, 79, 72, 71, 69, 67]
    assert signs([66, 65, 66, 67, *g_major])[:4] == [None, 0, 1, None]


def test_each_note_outside_the_key_repeats_its_sign_for_abc_only():
    melody = of_lengths([24, 24, 24, 48, 24, 24, 24], [60, 64, 67, 66, 66, 60, 66])
    key, notes = spell(melody.pitches, [40, 40, 40, 1, 1, 40, 1])
    assert key.name == "C major"

    def found(**options):
        bars = with_accidentals(cut_into_bars(melody), notes, key, **options)
        return [symbol.accidental for bar in bars for symbol in bar.symbols if symbol.note in (3, 4, 6)]

    assert found() == [1, None, 1, None], "the tied note goes without, the one after it does not"
    assert found(in_abc=True) == [1, 1, 1, 1], "some readers forget a sign"


def test_melodies_are_made_playable():
    assert playable(SCALE) == SCALE
    assert playable(NONE) == NONE
    overlapping = Melody((60, 62), (0, 24), (54, 0), "t", "s")
    assert playable(overlapping) == Melody((60, 62), (0, 24), (24, 6), "t", "s")
    together = Melody((60, 62, 64), (0, 6, 6), (6, 0, 0), "t", "s")
    assert playable(together) == Melody((60, 62, 64), (0, 6, 12), (6, 6, 6), "t", "s")
    finer = Melody((60, 62, 64, 65, 67), (0, 12, 12, 18, 48), (12, 0, 6, 30, 24))
    assert playable(finer).onsets == (0, 12, 15, 18, 48), "the others stay in time"
    assert playable(finer).durations == (12, 3, 3, 30, 24)
    assert playable(Melody((60,) * 4, (0, 0, 0, 1), (0,) * 4)).onsets == (0, 1, 2, 3)
    assert playable(Melody((60,) * 3, (0,) * 3, (0,) * 3)).onsets == (0, 6, 12)
    exact = of_lengths([1, 3, 8, 8, 8, 5], metres=((0, Metre(3, 4)),), pickup=4)
    assert playable(exact) == exact
    for wrong, expected in ((Melody((128,), (0,), (1,)), "128"), (Melody((60,), (-1,), (1,)), "-1")):
        with pytest.raises(ValueError, match=expected):
            playable(wrong)


def test_a_melody_without_notes_is_a_bar_of_rest():
    (bar,) = cut_into_bars(NONE)
    assert [(symbol.note, symbol.steps) for symbol in bar.symbols] == [(None, 96)]


@pytest.mark.parametrize("text", ["", "4", "0/4", "4/3", "4/64", "four", "4/4/4", "-3/4"])
def test_no_time_signature(text):
    with pytest.raises(ValueError, match=r"metre=.*with 1, 2, 4, 8, 16 or 32 as the lower number"):
        Metre.parse(text)


@pytest.mark.parametrize("text", ["3/1", "3/32"])
def test_metres_that_notation_can_state_can_be_given(text):
    assert Metre.parse(text).name == text
