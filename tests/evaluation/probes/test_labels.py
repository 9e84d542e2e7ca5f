"""Places in the bar and tonics of notes."""

import dataclasses

import numpy as np

from melgen.evaluation.probes.labels import bar_classes, classes_of, commonest_metre, degree_classes, tonic_classes
from melgen.evaluation.probes.linear import UNKNOWN
from melgen.music.key import Key
from melgen.music.melody import Melody
from melgen.music.metre import Metre, MetreChange
from tests.evaluation.rhythms import in_metre, melody_of

EIGHTHS = [(60, 12)] * 12


def test_eighths_count_from_the_bar_line():
    jig = melody_of(EIGHTHS, **in_metre(Metre(6, 8), 12))
    assert bar_classes(jig, Metre(6, 8)).tolist() == [5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4]
    assert bar_classes(melody_of(EIGHTHS, **in_metre(Metre(3, 4))), Metre(3, 4)).tolist() == [*range(6), *range(6)]


def test_a_bar_that_a_repeat_cuts_short_begins_where_its_source_states():
    bars = (0, 12, 84, 132)  # a pickup, a whole bar, one without its last eighth
    tune = melody_of(EIGHTHS, **in_metre(Metre(6, 8), 12, bars))
    assert bar_classes(tune, Metre(6, 8)).tolist() == [5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 0]


def test_a_note_beyond_the_length_of_a_bar_has_no_place():
    quarters = melody_of([(60, 24)] * 6, **in_metre(Metre(4, 4), 0, (0, 120)))
    assert bar_classes(quarters, Metre(4, 4)).tolist() == [0, 2, 4, 6, UNKNOWN, 0]


def test_cut_time_is_common_time():
    tune = melody_of(EIGHTHS, **in_metre(Metre(2, 2)))
    assert commonest_metre([tune]) == Metre(4, 4)
    assert bar_classes(tune, Metre(4, 4)).tolist()[:8] == list(range(8))


def test_other_and_unknown_metres_have_no_places():
    waltz = melody_of(EIGHTHS, **in_metre(Metre(3, 4)))
    changing = melody_of(EIGHTHS, metres=(MetreChange(0, Metre(3, 4)), MetreChange(72, Metre(4, 4))), pickup=0)
    free = melody_of(EIGHTHS)
    without_bars = melody_of(EIGHTHS, metres=(MetreChange(0, Metre(4, 4)),))
    for tune in (waltz, changing, free, without_bars):
        assert set(bar_classes(tune, Metre(4, 4)).tolist()) == {UNKNOWN}
    assert commonest_metre([changing, free, without_bars]) is None
    assert commonest_metre([waltz, free, free]) == Metre(3, 4)
    assert set(classes_of("bar", [waltz], None)[0].tolist()) == {UNKNOWN}


def test_the_commonest_metre_is_that_of_most_notes():
    long, short = (melody_of(EIGHTHS * count, **in_metre(metre)) for count, metre in
                   ((3, Metre(6, 8)), (1, Metre(2, 4))))  # fmt: skip
    assert commonest_metre([short, short, long]) == Metre(6, 8)


def test_tonics_and_degrees():
    tune = dataclasses.replace(Melody.from_pitches([55, 62, 66]), key=Key(1, "major"))
    assert tonic_classes(tune).tolist() == [7, 7, 7]
    assert degree_classes(tune).tolist() == [0, 7, 11]
    higher = dataclasses.replace(Melody.from_pitches([57, 64, 68]), key=Key(3, "major"))
    assert np.array_equal(degree_classes(higher), degree_classes(tune)), "the same in any key"
    without = Melody.from_pitches([60, 62])
    assert tonic_classes(without).tolist() == degree_classes(without).tolist() == [UNKNOWN, UNKNOWN]
    assert [each.tolist() for each in classes_of("tonic", [tune, without], None)] == [[7] * 3, [UNKNOWN] * 2]
    assert classes_of("degree", [tune], None)[0].tolist() == [0, 7, 11]
