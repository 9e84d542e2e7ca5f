"""Keys: their names, tonics and signatures, with music21 as an independent reader, and where they change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.music.key import MODES, Key, key_at, keys_between

KEYS = st.builds(Key.on, st.integers(0, 11), st.sampled_from([*MODES]))


@given(KEYS, st.integers(-40, 40))
def test_a_tune_and_its_key_are_transposed_together(key, semitones):
    moved = key.transposed(semitones)
    assert moved.pitch_class == (key.pitch_class + semitones) % 12
    assert moved.mode == key.mode
    assert abs(moved.fifths) <= 6


@given(st.integers(-14, 14), st.sampled_from([*MODES]))
def test_there_and_back_by_name_and_by_signature(fifths, mode):
    key = Key.of_signature(fifths, mode)
    assert (key.fifths, key.mode) == (fifths, mode)
    assert Key.parse(key.name) == key
    plain = key.with_few_signs()
    assert abs(plain.fifths) <= 7
    assert (plain.pitch_class, plain.mode) == (key.pitch_class, mode)
    assert plain == key or abs(fifths) > 7


@pytest.mark.parametrize("name", ["", "C", "C ", "H major", "Cx major", "C none", " major", "Cmajor"])
def test_what_is_not_the_name_of_a_key(name):
    assert Key.parse(name) is None


@pytest.mark.parametrize(("fifths", "mode"), [(15, "major"), (-15, "minor"), (0, "none"), (0, "")])
def test_what_is_not_a_signature(fifths, mode):
    assert Key.of_signature(fifths, mode) is None


def test_the_key_at_a_place():
    first, second = Key.on(0, "major"), Key.on(7, "major")
    changes = [(24, first), (96, second), (120, None)]
    assert [key_at(changes, place) for place in (0, 24, 95, 96, 120, 500)] == [None, first, first, second, None, None]
    assert key_at([(0, first), (0, second)], 0) == second, "of two at one place, the last"
    assert keys_between(changes, 0, 96) == ((0, None), (24, first))
    assert keys_between(changes, 96, 121) == ((0, second), (24, None))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_signatures_are_those_of_music21(mode):
    import music21

    for pitch_class in range(12):
        key = Key.on(pitch_class, mode)
        found = music21.key.Key(key.tonic_name.replace("b", "-"), mode)
        assert (found.sharps, found.tonic.pitchClass) == (key.fifths, key.pitch_class)
