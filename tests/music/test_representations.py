from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.music import (
    DB12,
    REPRESENTATIONS,
    AbstractRepresentation,
    Control,
    Interval,
    Melody,
    fold_pitch,
    representation_named,
    transpositions,
)
from tests.builders import original_twelve_keys
from tests.music.rough_abc import real_tunes

pitches = st.integers(0, 127)
melodies = st.lists(pitches, min_size=1, max_size=40)
any_integers = st.lists(st.integers(), max_size=40)
every_representation = pytest.mark.parametrize("name", list(REPRESENTATIONS))


def original_interval_decoding(intervals, first_pitch):
    """(beat, pitch) of the notes that the original stores."""
    running = first_pitch
    notes = [(0, running)]
    for beat, interval in enumerate(intervals, start=1):
        running += interval
        if running > 12:
            notes.append((beat, running))
        else:
            running = 60
    return notes


@given(melodies)
def test_db12_equals_the_original(song):
    versions = DB12().augmentations(song)
    assert [version.tolist() for version in versions] == original_twelve_keys(song)
    assert len(versions) == 12
    assert len({version[0] for version in versions}) == 12
    assert all(version.dtype == np.int16 for version in versions)


def test_db12_equals_the_original_on_real_tunes():
    for tune in real_tunes():
        versions = DB12().augmentations(np.array(tune, np.int16))
        assert [version.tolist() for version in versions] == original_twelve_keys(tune)


@pytest.mark.parametrize(
    ("lowest", "highest", "down", "up"),
    [
        (60, 60, 6, 5),
        (60, 61, 6, 5),  # the middle is floored
        (0, 127, 4 + 3, 4),  # middle 63: pitches from -7 to 131, nothing is clamped
        (49, 49, 0, 11),
        (48, 48, 0, 11),
        (71, 71, 11, 0),
        (72, 72, 11, 0),
        (59, 59, 5, 6),
        (61, 61, 6, 5),
    ],
)
def test_transpositions_at_the_edges_of_the_rule(lowest, highest, down, up):
    expected = [0, *range(-1, -down - 1, -1), *range(1, up + 1)]
    assert transpositions(lowest, highest).tolist() == expected


def test_db12_clamps_nothing():
    versions = DB12().augmentations([0, 127])
    assert min(version.min() for version in versions) == -7
    assert max(version.max() for version in versions) == 131


def test_db12_refuses_a_melody_without_notes():
    with pytest.raises(ValueError, match="without notes"):
        DB12().augmentations([])


@given(melodies)
def test_control_round_trip(song):
    assert Control().decode(Control().encode(song)) == Melody.from_pitches(song)


@given(st.lists(st.integers(13, 127), min_size=1, max_size=40))
def test_interval_round_trip(song):
    values = Interval().encode(song)
    assert len(values) == len(song) - 1
    assert Interval().decode(values, first_pitch=song[0]) == Melody.from_pitches(song)


@given(st.lists(st.integers(11, 116), min_size=1, max_size=40))
def test_db12_round_trip_in_each_of_twelve_keys(song):
    shifts = transpositions(min(song), max(song))
    for shift, version in zip(shifts, DB12().augmentations(song), strict=True):
        assert DB12().decode(version) == Melody.from_pitches(pitch + shift for pitch in song)


@every_representation
def test_round_trip_of_real_tunes(name):
    representation = representation_named(name)
    for tune in real_tunes():
        decoded = representation.decode(representation.encode(tune), first_pitch=tune[0])
        assert decoded == Melody.from_pitches(tune)


@every_representation
@given(values=any_integers, first_pitch=st.integers())
def test_decoding_is_total(name, values, first_pitch):
    melody = representation_named(name).decode(values, first_pitch)
    assert all(0 <= pitch <= 127 for pitch in melody.pitches)
    assert all(duration == 24 for duration in melody.durations)
    assert all(later - earlier >= 24 for earlier, later in zip(melody.onsets, melody.onsets[1:], strict=False))


@given(st.lists(st.integers(-30, 30), max_size=40), pitches)
def test_interval_decoding_equals_the_original_below_the_top(intervals, first_pitch):
    notes = original_interval_decoding(intervals, first_pitch)
    if max(pitch for _, pitch in notes) <= 127:
        melody = Interval().decode(intervals, first_pitch)
        assert list(zip(melody.onsets, melody.pitches, strict=True)) == [(24 * beat, p) for beat, p in notes]


@pytest.mark.parametrize(
    ("first_pitch", "intervals", "decoded", "beats"),
    [
        (20, [-8, 1], [20, 61], [0, 2]),  # 12 is not above 12
        (20, [-7, 1], [20, 13, 14], [0, 1, 2]),
        (5, [], [5], [0]),  # the first pitch is exempt
        (5, [2, 2], [5, 62], [0, 2]),
        (60, [-60, -60, 2], [60, 62], [0, 3]),  # two rests in a row
        (
            60,
            [68, -1],
            [60, 116, 115],
            [0, 1, 2],
        ),  # 128 moves an octave down, and the tune goes on from there
        (127, [24], [127, 127], [0, 1]),
        (130, [0], [118, 118], [0, 1]),
        (-1, [3], [11, 14], [0, 1]),
    ],
)
def test_interval_decoding_by_hand(first_pitch, intervals, decoded, beats):
    melody = Interval().decode(intervals, first_pitch)
    assert list(melody.pitches) == decoded
    assert [onset / 24 for onset in melody.onsets] == beats


@given(st.integers())
def test_folding_keeps_the_pitch_class_and_moves_as_little_as_possible(pitch):
    folded = fold_pitch(pitch)
    assert 0 <= folded <= 127
    assert (folded - pitch) % 12 == 0
    if pitch < 0:
        assert folded < 12
    elif pitch > 127:
        assert folded > 115
    else:
        assert folded == pitch


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("control", 60, "C4"),
        ("db12", -1, "B-2"),
        ("interval", 2, "+2"),
        ("interval", -1, "-1"),
        ("interval", 0, "0"),
    ],
)
def test_value_names(name, value, expected):
    assert representation_named(name).value_name(value) == expected


@every_representation
def test_first_predicted_note_agrees_with_encoding(name):
    # The network predicts a[1:] from a[:-1], so its first prediction is the second value. Raise each note in turn:
    # the last note on which the second value depends is the first predicted note.
    representation = representation_named(name)
    tune = np.array([60, 62, 64, 60], np.int16)
    second_value = representation.encode(tune)[1]
    depends_on = [
        number
        for number in range(1, len(tune) + 1)
        if representation.encode(tune + (np.arange(1, 5) == number))[1] != second_value
    ]
    assert representation.first_predicted_note == max(depends_on)


@every_representation
@pytest.mark.parametrize(
    ("primer", "message"),
    [
        ([], "or more notes"),
        ([60, 128], "between 0 and 127, got 128"),
        ([60, -1], "got -1"),
        ([60, 2**70], "between 0 and 127"),
        ([60, 62.5], "whole numbers between"),
    ],
)
def test_primers_that_are_refused(name, primer, message):
    with pytest.raises(ValueError, match=message):
        representation_named(name).encode_primer(primer)


def test_primers():
    assert Control().encode_primer([60]).tolist() == [60]
    assert DB12().encode_primer((60, 62, 64, 62)).tolist() == [60, 62, 64, 62]
    assert Interval().encode_primer([60, 62, 64, 62]).tolist() == [2, 2, -2]
    with pytest.raises(ValueError, match=r"2 or more notes, got \[60\]"):
        Interval().encode_primer([60])


def test_intervals_of_unsigned_pitches_do_not_wrap():
    assert Interval().encode(np.array([64, 60], np.uint8)).tolist() == [-4]


@every_representation
def test_encoding_refuses_values_that_are_not_a_melody(name):
    with pytest.raises(ValueError, match="got an array of shape"):
        representation_named(name).encode([[60, 62]])


def test_representations_are_known_by_name():
    assert list(REPRESENTATIONS) == ["control", "interval", "db12"]
    assert all(representation_named(name).name == name for name in REPRESENTATIONS)
    with pytest.raises(ValueError, match="unknown representation 'intervall'; known are control, interval, db12"):
        representation_named("intervall")


def test_a_class_of_a_user_may_have_the_former_name_of_augmentations():
    class Octaves(AbstractRepresentation):
        name: ClassVar[str] = "octaves"
        first_predicted_note: ClassVar[int] = 2

        def encode(self, pitches):
            return np.asarray(pitches, np.int16) // 12

        def training_versions(self, pitches):
            return [self.encode(pitches), self.encode(pitches) + 1]

        def decode(self, values, first_pitch=60):
            return Melody.from_pitches(12 * value for value in values)

        def value_name(self, value):
            return str(value)

    assert [version.tolist() for version in Octaves().augmentations([60, 73])] == [[5, 6], [6, 7]]
    assert Control().training_versions([60])[0].tolist() == [60]
