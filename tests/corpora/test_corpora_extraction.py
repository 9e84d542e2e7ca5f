"""The choice of the melody and the rounding to steps, checked by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection, Track, Tune, melody_lines, played_notes
from melgen.corpora.highest_line import highest_lines
from melgen.corpora.rounding import is_off_grid, steps
from melgen.music.metre import Metre, MetreChange
from tests.builders import melody_of

TPQ = 480
RULES = Cleaning(min_length_notes=4)


def line(*pitches: int, length: int = 240) -> list[tuple[int, int, int]]:
    return [(place * 240, length, pitch) for place, pitch in enumerate(pitches)]


def melody(*tracks: Track, rules: Cleaning = RULES):
    return melody_of(Tune(list(tracks), TPQ), rules, "file")


LOW, HIGH = (48, 50, 52, 53), (72, 74, 76, 77)


def test_steps_equal_the_formula():
    for tpq in (1, 24, 96, 480, 960, 1023):
        for ticks in range(3 * tpq):
            assert steps(ticks, tpq) == math.floor(Fraction(24 * ticks, tpq) + Fraction(1, 2))


@pytest.mark.parametrize(
    ("tpq", "onsets", "expected"),
    [
        (480, [0, 160, 320, 480], [0, 8, 16, 24]),  # an eighth-note triplet
        (480, [0, 80, 160, 240, 480], [0, 4, 8, 12, 24]),  # a sixteenth triplet
        (480, [0, 60, 120, 240, 480], [0, 3, 6, 12, 24]),  # thirty-seconds
        (1024, [0, 341, 683, 1024], [0, 8, 16, 24]),  # a triplet whose ticks are rounded
        (480, [0, 96, 192, 288, 384, 480], [0, 5, 10, 14, 19, 24]),  # a quintuplet, which is rounded
    ],
)
def test_notes_that_follow_each_other_leave_no_gap(tpq, onsets, expected):
    notes = [(start, end - start, 60 + place) for place, (start, end) in enumerate(pairwise(onsets))]
    found = melody_of(Tune([Track(notes)], tpq), Cleaning(min_length_notes=1), "file")
    assert found.onsets == tuple(expected[:-1])
    assert [onset + length for onset, length in zip(found.onsets, found.durations, strict=True)] == expected[1:]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1500), st.integers(40, 80)), min_size=1, max_size=40),
    st.sampled_from([1, 4, 24, 96, 100, 480, 960, 1023, 10080]),
)
def test_rounding_leaves_notes_in_order_and_without_overlap(notes, tpq):
    found = melody_of(Tune([Track(notes)], tpq), Cleaning(min_length_notes=1, max_chord_share=1), "file")
    assert list(found.onsets) == sorted(found.onsets)
    assert min(found.durations) >= 0
    ends = [onset + duration for onset, duration in zip(found.onsets, found.durations, strict=True)]
    assert all(end <= onset for end, onset in zip(ends, found.onsets[1:], strict=False))


def test_notes_that_round_to_one_step_keep_it():
    notes = [(0, 480, 60), (495, 15, 62), (510, 450, 64)]  # the second one: 24.75 to 25.5 steps
    found = melody(Track(notes), rules=Cleaning(min_length_notes=1))
    assert (found.onsets, found.durations) == ((0, 25, 26), (24, 1, 22))
    notes = [(0, 480, 60), (491, 15, 62), (509, 451, 64)]  # 24.55 to 25.3 steps: both are 25
    found = melody(Track(notes), rules=Cleaning(min_length_notes=1))
    assert (found.onsets, found.durations) == ((0, 25, 25), (24, 0, 23))


def test_metres_pickup_and_bars_are_carried_in_steps():
    metres = ((0, Metre(4, 4)), (0, Metre(6, 8)), (960, Metre(6, 8)), (1920, Metre(2, 2)), (2400, Metre(0, 4)))
    tune = Tune([Track(line(*HIGH))], TPQ, metres=metres, pickup=240, bars=(0, 240, 960, 960, 1680))
    found = melody_of(tune, RULES, "file")
    assert found.metres == (MetreChange(0, Metre(6, 8)), MetreChange(96, Metre(2, 2)))
    assert found.metre is None, "it changes"
    assert (found.pickup, found.bars) == (12, (0, 12, 48, 84))
    nothing_stated = melody_of(Tune([Track(line(*HIGH))], TPQ), RULES, "file")
    assert (nothing_stated.metres, nothing_stated.pickup, nothing_stated.bars) == ((), None, ())


@pytest.mark.parametrize(
    ("notes", "tpq", "rounded"),
    [
        ([(0, 160, 60), (160, 160, 62), (320, 160, 64)], 480, 0),  # a triplet
        ([(0, 96, 60), (96, 96, 62), (192, 288, 64)], 480, 3),  # a quintuplet's beginning: all ends or onsets are off
        ([(0, 480, 60), (480, 69, 62), (549, 411, 64)], 480, 2),  # a septuplet
        ([(0, 341, 60), (341, 342, 62), (683, 341, 64)], 1024, 0),  # the nearest ticks to a triplet
        ([(0, 33, 60), (33, 34, 62), (67, 33, 64)], 100, 0),
        ([(0, 20, 60), (20, 80, 62)], 100, 2),  # a quintuplet where a tick is short
        ([(0, 4, 60), (4, 16, 62)], 20, 2),  # a quintuplet where a tick is long
        ([(3, 471, 60), (481, 470, 62)], 480, 2),  # played by hand
    ],
)
def test_notes_off_the_grid_are_counted(notes, tpq, rounded):
    bounds = [(onset, onset + duration) for onset, duration, _ in notes]
    assert np.count_nonzero(is_off_grid(bounds, tpq).any(axis=1)) == rounded


def test_the_highest_track_is_the_melody():
    assert melody(Track(line(*LOW)), Track(line(*HIGH))).pitches == HIGH


def test_the_first_of_equally_high_tracks():
    first, second = (60, 62, 64, 65), (65, 64, 62, 60)
    assert melody(Track(line(*first)), Track(line(*second))).pitches == first


@pytest.mark.parametrize("name", ["Melody", "VOCALS", "lead guitar", "Solo", "Soprano", "Voice 2", "Mélodie"])
def test_a_named_track_wins(name):
    assert melody(Track(line(*HIGH), "flute"), Track(line(*LOW), name)).pitches == LOW


def test_a_track_named_leading_tones_is_not_the_lead():
    assert melody(Track(line(*HIGH), "flute"), Track(line(*LOW), "leading tones")).pitches == HIGH


def test_a_named_track_that_is_too_short_does_not_win():
    assert melody(Track(line(60, 62), "melody"), Track(line(*LOW))).pitches == LOW


def test_a_short_melody_is_still_found_so_that_cleaning_can_report_it():
    assert melody(Track(line(60, 62))).pitches == (60, 62)


def single_line(notes, tpq=TPQ):
    """The highest line of one recorded track, and the share of its notes that are crowded."""
    return highest_lines([played_notes(Track(notes), tpq)])[0]


def test_chords_keep_the_highest_note_and_count_the_others():
    notes = [(0, 240, 60), (0, 240, 67), (0, 240, 64), (240, 240, 62)]
    kept, share = single_line(notes)
    assert (kept.tolist(), share) == ([[0, 240, 67], [240, 240, 62]], 0.5)


def test_a_strummed_chord_is_a_chord():
    kept, share = single_line([(0, 240, 60), (10, 230, 64), (240, 240, 62)])
    assert [pitch for _, _, pitch in kept] == [64, 62]
    assert share == pytest.approx(1 / 3)


def test_legato_is_cut_and_not_counted():
    kept, share = single_line(line(60, 62, 64, length=350))  # 110 ticks of overlap, a sixteenth is 120
    assert kept.tolist() == [[0, 240, 60], [240, 240, 62], [480, 350, 64]]
    assert share == 0


def test_a_drone_counts_under_every_note():
    _, share = single_line([(0, 4000, 36), *((240 * k, 240, 60 + k) for k in range(1, 10))])
    assert share == 0.9


@pytest.mark.parametrize(("chords", "kept"), [(1, True), (2, False)])
def test_the_share_of_chords_is_bounded(chords, kept):
    notes = line(*range(60, 60 + 12)) + [(240 * place, 240, 40) for place in range(chords)]
    found = melody(Track(notes))  # 1 of 13 is 8%, 2 of 14 are 14%
    assert isinstance(found, Rejection) is not kept
    if not kept:
        assert found.reason == "polyphonic"
        assert "14%" in found.detail
        assert "max_chord_share=0.1" in found.detail
        assert not isinstance(melody(Track(notes), rules=Cleaning(max_chord_share=0.2)), Rejection)


def test_drums_are_not_a_melody():
    found = melody(Track(line(*HIGH), is_drum=True))
    assert isinstance(found, Rejection)
    assert found.reason == "drums only"
    assert melody(Track(line(*HIGH), is_drum=True), Track(line(*LOW))).pitches == LOW


def test_without_notes_there_is_no_melody():
    assert melody().reason == "no notes"
    assert melody(Track([])).reason == "no notes"


def test_a_tune_that_never_ends_is_refused():
    found = melody(Track([(0, 10, 60), (2**40, 10, 62)]))
    assert found.reason == "too long"


def note_by_note(notes, tpq):
    """The rule of the module's docstring, one note after the other."""
    ordered = sorted(notes, key=lambda note: (note[0], -note[2]))
    line, crowded, group_onset, sounding_until = [], 0, 0, 0
    for onset, duration, pitch in ordered:
        if line and onset - group_onset < max(1, tpq // 32):
            crowded += 1
            if pitch > line[-1][2]:
                line[-1] = [line[-1][0], duration, pitch]
        else:
            if line:
                line[-1][1] = min(line[-1][1], onset - line[-1][0])
                crowded += sounding_until - onset > tpq // 4
            group_onset = onset
            line.append([onset, duration, pitch])
        sounding_until = max(sounding_until, onset + duration)
    return line, crowded / len(ordered) if ordered else 0.0


NOTES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200), st.integers(58, 62)), min_size=1, max_size=40)
LINES = st.integers(1, 12).map(lambda notes: line(*range(60, 60 + notes)))  # one note after the other


@given(tracks=st.lists(st.tuples(NOTES | LINES, st.sampled_from([1, 24, 96, 480])), max_size=6))
def test_the_notes_of_all_tracks_at_once_equal_one_note_after_the_other(tracks):
    lines = highest_lines([played_notes(Track(notes), tpq) for notes, tpq in tracks])
    assert [(kept.tolist(), share) for kept, share in lines] == [note_by_note(*track) for track in tracks]


def test_of_equally_high_notes_that_begin_together_the_first_is_kept():
    kept, _ = single_line([(0, 100, 64), (0, 240, 67), (0, 120, 67), (4, 200, 67), (240, 240, 62)])
    assert kept.tolist() == [[0, 240, 67], [240, 240, 62]]


def test_melodies_of_many_tunes_at_once_equal_those_of_each_alone():
    chords = [(240 * place, 240, pitch) for place in range(4) for pitch in (40, 44, 47)]
    tunes = [
        Tune([Track(line(*LOW)), Track(chords), Track(line(*HIGH))], TPQ),
        Tune([Track(chords)], 2 * TPQ),
        Tune([Track([])], TPQ),
        Tune([Track(line(*HIGH), is_drum=True)], TPQ),
        Tune([Track(line(*LOW, length=350))], TPQ, is_written=True),
        Tune([Track(line(*HIGH)), Track([(place, 1, 90) for place in range(8)])], TPQ),
    ]
    together = melody_lines([(tune, str(place)) for place, tune in enumerate(tunes)], RULES)
    for place, (tune, found) in enumerate(zip(tunes, together, strict=True)):
        (alone,) = melody_lines([(tune, str(place))], RULES)
        if isinstance(alone, Rejection):
            assert found == alone
        else:
            assert (found.notes.tolist(), found.about) == (alone.notes.tolist(), alone.about)
    assert sum(isinstance(found, Rejection) for found in together) == 3


def test_written_notes_begin_together_only_at_one_time():
    notes = [
        (0, 280, 60),
        (280, 280, 62),
        (560, 280, 64),
        (560, 280, 60),
    ]  # 1/36 quarter, as of nine in the time of two
    for is_written, pitches in ((True, (60, 62, 64)), (False, (62, 64))):
        tune = Tune([Track(notes)], 10080, is_written=is_written)
        melody = melody_of(tune, Cleaning(min_length_notes=1, max_chord_share=1), "a")
        assert melody.pitches == pitches
