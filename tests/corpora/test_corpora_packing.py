"""Joining and choosing packed melodies, and hashes of their intervals."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.corpora.packing import concatenate, interval_hashes, interval_keys, select
from melgen.music.key import MODES, Key
from melgen.music.melody import Melodies, Melody
from melgen.music.metre import Metre, MetreChange

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
changes = st.lists(st.builds(MetreChange, st.integers(0, 500), st.sampled_from([Metre(3, 4), Metre(6, 8)])), max_size=3)


@st.composite
def melodies(draw):
    notes = draw(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 300), st.integers(0, 300)), max_size=5))
    pitches, onsets, durations = zip(*notes, strict=True) if notes else ((), (), ())
    return Melody(
        pitches,
        onsets,
        durations,
        draw(st.sampled_from(["", "é"])),
        draw(st.sampled_from(["", "a.abc#1"])),
        metres=tuple(draw(changes)),
        pickup=draw(st.none() | st.integers(0, 96)),
        bars=tuple(draw(st.lists(st.integers(0, 500), max_size=4))),
        key=draw(st.none() | st.builds(Key, st.integers(-15, 19), st.sampled_from([*MODES]))),
    )


@pytest.mark.slow
@unhurried
@given(st.lists(st.lists(melodies(), max_size=4), max_size=4))
def test_packing_and_joining_keep_everything(parts):
    joined = concatenate([Melodies.from_list(part) for part in parts])
    assert list(joined) == [melody for part in parts for melody in part]


@pytest.mark.slow
@unhurried
@given(st.data(), st.lists(melodies(), max_size=6))
def test_choosing_keeps_everything_of_the_chosen(data, tunes):
    keep = data.draw(st.lists(st.booleans(), min_size=len(tunes), max_size=len(tunes)))
    chosen = select(Melodies.from_list(tunes), np.array(keep, bool))
    assert list(chosen) == [tune for tune, kept in zip(tunes, keep, strict=True) if kept]


def test_missing_metadata_is_unknown():
    notes = np.array([60, 62, 64], np.int16)
    times = np.array([0, 24, 0], np.int32)
    packed = Melodies(notes, times, times, np.array([0, 2, 3]), ["a", "b"], ["", ""])
    assert [(tune.metres, tune.pickup, tune.bars, tune.key) for tune in packed] == [((), None, (), None)] * 2
    assert list(concatenate([packed, packed])) == [*packed, *packed]


def test_hashes_are_those_of_the_interval_bytes():
    """Low byte first, on every machine. Runs store the hashes, so they must never change."""
    tunes = Melodies.from_list(map(Melody.from_pitches, [[60, 62, 57], [70, 72, 67], [60, 61], [64], [], [127, 0]]))
    expected = [b"\x02\x00\xfb\xff"] * 2 + [b"\x01\x00", b"", b"", b"\x81\xff"]
    assert list(interval_keys(tunes)) == expected
    numbers = [int.from_bytes(blake2b(key, digest_size=8).digest(), "little") for key in expected]
    assert interval_hashes(tunes).tolist() == numbers
    assert interval_hashes(tunes).dtype == np.uint64
    assert numbers[2] == 0x94297A5F7820E83A
    assert interval_hashes(Melodies.from_list([])).tolist() == []


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 1, 0]])
def test_hashes_follow_the_order(order):
    tunes = [Melody.from_pitches(pitches) for pitches in ([60, 62, 64], [], [50, 53])]
    hashes = interval_hashes(Melodies.from_list(tunes))
    assert interval_hashes(Melodies.from_list([tunes[i] for i in order])).tolist() == hashes[order].tolist()
