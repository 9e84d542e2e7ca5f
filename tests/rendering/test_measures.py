"""Bars, note values, ties, beams and accidentals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.music import Melody
from melgen.rendering.measures import COMMON_TIME, NOTE_VALUES, Metre, cut_into_bars, playable, with_accidentals
from melgen.rendering.spelling import spell
from tests.rendering.melodies import NONE, SCALE, melodies, notes_of

METRES = [Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(5, 8), Metre(12, 8), Metre(2, 2), Metre(3, 16)]


@given(melodies(), st.sampled_from(METRES))
def test_bars_hold_the_melody(melody, metre):
    bars = cut_into_bars(melody, metre)
    found, held = [], False
    for number, bar in enumerate(bars):
        place = 0
        for symbol in bar:
            assert symbol.start == place, "no gap and no overlap"
            place += symbol.steps
            assert symbol.steps in NOTE_VALUES or (symbol.note is None and len(bar) == 1)
            assert symbol.continues == held
            if symbol.note is not None:
                onset = number * metre.bar_steps + symbol.start
                if held:
                    found[-1][1] += symbol.steps
                else:
                    found.append([onset, symbol.steps, melody.pitches[symbol.note]])
            held = symbol.is_continued
        assert place == metre.bar_steps
    assert not held
    assert [tuple(note) for note in found] == notes_of(melody)
    assert any(symbol.note is not None for symbol in bars[-1]), "no bar of silence at the end"


def shown(melody, metre=COMMON_TIME):
    return [
        [symbol.steps * (1 if symbol.note is not None else -1) for symbol in bar]
        for bar in cut_into_bars(melody, metre)
    ]


@pytest.mark.parametrize(
    ("onset", "duration", "bars"),
    [
        (0, 16, [[16]]),
        (0, 6, [[6, -2, -8]]),
        (4, 8, [[-4, 8, -4]]),  # a half note from the second beat, as everybody writes it
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
    found = shown(Melody((60,), (onset,), (duration,)))
    assert [[abs(value) if value > 0 else value for value in bar] for bar in found] == bars


def beams(melody, metre=COMMON_TIME):
    return [symbol.beams for bar in cut_into_bars(melody, metre) for symbol in bar if symbol.note is not None]


def rhythm(*durations):
    onsets = [sum(durations[:index]) for index in range(len(durations))]
    return Melody((60,) * len(durations), tuple(onsets), durations)


def test_beams_follow_the_beat():
    begin, on, end = ("begin",), ("continue",), ("end",)
    assert beams(rhythm(2, 2, 2, 2)) == [begin, end, begin, end]
    assert beams(rhythm(2, 2, 2, 2, 2, 2), Metre(6, 8)) == [begin, on, end, begin, on, end]
    assert beams(rhythm(4, 2, 4)) == [(), (), ()], "one eighth alone keeps its flag"
    assert beams(rhythm(1, 1, 2)) == [("begin", "begin"), ("continue", "end"), end]
    assert beams(rhythm(3, 1)) == [begin, ("end", "backward hook")]
    assert beams(rhythm(1, 3)) == [("begin", "forward hook"), end]


def signs(pitches, **options):
    melody = Melody.from_pitches(pitches, 4)
    key, notes = spell(pitches)
    bars = with_accidentals(cut_into_bars(melody), notes, key, **options)
    return [symbol.accidental for bar in bars for symbol in bar if symbol.note is not None]


def test_accidentals_hold_for_a_bar():
    c_major = [60, 64, 67, 72, 65, 64, 62, 60]
    assert signs([66, 66, 65, 66, *c_major])[:4] == [1, None, 0, 1]
    assert signs([66, 67, 72, 67, 65, 67, 64, 60, *c_major])[4] is None, "a new bar, a new beginning"
    assert signs([66, 67, 78, 77, *c_major])[:4] == [1, None, 1, 0], "said again in another octave"
    assert signs([66, 67, 77, 78, *c_major])[:4] == [1, None, 0, 1], "who reads by octaves could be in doubt"
    g_major = [67, 71, 74, 79, 72, 71, 69, 67]
    assert signs([66, 65, 66, 67, *g_major])[:4] == [None, 0, 1, None]


def test_a_tied_note_repeats_its_sign_for_abc_only():
    melody = Melody((60, 64, 67, 66, 66), (0, 4, 8, 12, 20), (4, 4, 4, 8, 4))
    key, notes = spell([60, 64, 67, 66, 66], [40, 40, 40, 1, 1])
    assert key.name == "C major"

    def found(**options):
        bars = with_accidentals(cut_into_bars(melody), notes, key, **options)
        return [symbol.accidental for bar in bars for symbol in bar if symbol.note in (3, 4)]

    assert found() == [1, None, 1], "the tied note goes without, the one after it does not"
    assert found(on_ties=True) == [1, 1, None]


def test_what_can_be_played():
    assert playable(SCALE) == SCALE
    assert playable(NONE) == NONE
    overlapping = Melody((60, 62), (0, 4), (9, 0), "t", "s")
    assert playable(overlapping) == Melody((60, 62), (0, 4), (4, 1), "t", "s")
    together = Melody((60, 62, 64), (0, 1, 1), (1, 0, 0), "t", "s")
    assert playable(together) == Melody((60, 62, 64), (0, 1, 2), (1, 1, 1), "t", "s")
    finer = Melody((60, 62, 64, 65, 67), (0, 2, 2, 3, 8), (2, 0, 1, 5, 4))
    assert playable(finer).onsets == (0, 2, 3, 4, 8)
    assert playable(finer).durations == (2, 1, 1, 4, 4), "in time again from the fourth note on"
    assert playable(Melody((60,) * 3, (0,) * 3, (0,) * 3)).onsets == (0, 1, 2)
    for wrong, said in ((Melody((128,), (0,), (1,)), "128"), (Melody((60,), (-1,), (1,)), "-1")):
        with pytest.raises(ValueError, match=said):
            playable(wrong)


def test_no_note_is_a_bar_of_rest():
    (bar,) = cut_into_bars(NONE)
    assert [(symbol.note, symbol.steps) for symbol in bar] == [(None, 16)]


@pytest.mark.parametrize("text", ["", "4", "0/4", "4/3", "4/32", "four", "4/4/4", "-3/4"])
def test_no_time_signature(text):
    with pytest.raises(ValueError, match="metre="):
        Metre.parse(text)
