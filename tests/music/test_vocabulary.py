import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.music import DB12, Control, Interval, Vocabulary
from tests.music.rough_abc import real_tunes

values = st.integers(-200, 200)
value_sets = st.lists(values, min_size=1, max_size=30)


@pytest.mark.slow
@given(st.lists(value_sets, min_size=1, max_size=5))
def test_values_are_sorted_and_distinct_and_round_trip(melodies):
    vocabulary = Vocabulary.from_values(np.array(melody, np.int16) for melody in melodies)
    assert vocabulary.values.tolist() == sorted({value for melody in melodies for value in melody})
    for melody in melodies:
        tokens = vocabulary.encode(melody, strict=True)
        assert tokens.dtype == np.int64
        assert vocabulary.decode(tokens).tolist() == melody
        assert vocabulary.known(melody).all()


@given(value_sets, st.lists(st.integers(-(2**62), 2**62) | values, max_size=30))
def test_unknown_values_go_to_the_nearest_and_ties_to_the_lower(known, asked):
    vocabulary = Vocabulary.from_values([known])
    nearest = [min(sorted(set(known)), key=lambda value: abs(value - one)) for one in asked]
    assert vocabulary.decode(vocabulary.encode(asked)).tolist() == nearest
    assert vocabulary.known(asked).tolist() == [one in known for one in asked]


def test_shape_is_kept_and_narrow_integers_do_not_overflow():
    vocabulary = Vocabulary([-7, 60, 131])
    assert vocabulary.encode(np.array([[60, 100], [0, 127]], np.uint8)).tolist() == [[1, 2], [0, 2]]
    assert vocabulary.encode([]).tolist() == []
    assert vocabulary.decode([[0, 2]]).tolist() == [[-7, 131]]


def test_strict_encoding_names_values_and_range():
    with pytest.raises(
        ValueError, match="values 61, 90 never occurred in training; the vocabulary has 2 values from 60 to 62"
    ):
        Vocabulary([60, 62]).encode([90, 61, 60, 61], strict=True)


@pytest.mark.parametrize("wrong", [[], [60, 60], [62, 60], [60.5], ["C4"], [[60]], [True], [0, 2**20], 60])
def test_values_that_are_not_a_vocabulary(wrong):
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary(wrong)


@pytest.mark.parametrize("melodies", [[], [[]], [np.zeros(0, np.int16)]])
def test_no_values_at_all(melodies):
    with pytest.raises(ValueError, match="the training melodies contain none"):
        Vocabulary.from_values(melodies)


@pytest.mark.parametrize("tokens", [[2], [-1]])
def test_decoding_refuses_foreign_tokens(tokens):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Vocabulary([60, 62]).decode(tokens)


@pytest.mark.parametrize("state", [None, {}, {"values": []}, {"values": "ab"}, {"values": [1], "more": 1}, [60]])
def test_damaged_state_is_refused(state):
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary.from_dict(state)


def test_state_is_plain_and_restores_an_equal_vocabulary():
    vocabulary = Vocabulary.from_values([np.array([64, 60], np.int16)])
    state = vocabulary.to_dict()
    assert state == {"values": [60, 64]}
    assert all(type(value) is int for value in state["values"])
    assert Vocabulary.from_dict(state) == vocabulary
    assert hash(Vocabulary.from_dict(state)) == hash(vocabulary)
    assert vocabulary != Vocabulary([60])
    assert vocabulary != [60, 64]


def test_values_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Vocabulary([60]).values[0] = 61


@given(value_sets, value_sets)
def test_union_keeps_every_value_and_returns_its_new_token(old_values, new_values):
    old, new = Vocabulary.from_values([old_values]), Vocabulary.from_values([new_values])
    union = old.union(new)
    assert union == new.union(old)
    assert set(union.values.tolist()) == set(old_values) | set(new_values)
    assert np.array_equal(union.values[old.tokens_in(union)], old.values)


def test_tokens_in_a_vocabulary_that_lacks_a_value():
    with pytest.raises(ValueError, match="value 60 never occurred"):
        Vocabulary([60, 62]).tokens_in(Vocabulary([62]))


def test_table():
    assert Vocabulary([-2, 0, 11]).table(Interval()).splitlines() == [
        "token  value  name",
        "    0     -2  -2",
        "    1      0  0",
        "    2     11  +11",
    ]


def test_vocabulary_of_real_tunes():
    control = Vocabulary.from_values(Control().encode(tune) for tune in real_tunes())
    db12 = Vocabulary.from_values(version for tune in real_tunes() for version in DB12().augmentations(tune))
    assert db12.known(control.values).all()
    assert len(db12) > len(control)
