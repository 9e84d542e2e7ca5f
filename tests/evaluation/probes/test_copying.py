"""Repeats against a search by brute force, and what the probe reports of models that can and cannot copy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.evaluation.probes.copied_bits import COUNTED_FROM, POSITIONS, CopiedBits, range_of
from melgen.evaluation.probes.copying import (
    Repeat,
    find_repeats,
    heard_twice,
    keys_of,
    others_for,
    without_first_hearing,
)
from melgen.music.melody import Melody
from melgen.music.metre import Metre
from tests.evaluation.rhythms import in_metre, melody_of

SECTION = [60, 62, 64, 65, 67, 69, 71, 72, 74, 72, 71, 69, 67, 65, 64, 62]
OTHER = [67, 67, 69, 71, 72, 71, 74, 76, 72, 67, 64, 60, 62, 64, 67, 60]


def longest_before(notes, place):
    """By brute force: the longest passage at a place that occurs before it without overlap, the earliest of equals."""
    best = (0, 0)
    for first in range(place):
        length = 0
        while first + length < place and place + length < len(notes) and notes[first + length] == notes[place + length]:
            length += 1
        if length > best[0]:
            best = (length, first)
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 4))
def test_repeats_are_those_of_a_search_by_brute_force(notes, least):
    expected, place = [], 0
    while place < len(notes):
        length, first = longest_before(notes, place)
        if length >= least:
            expected.append(Repeat(first, place, length))
        place += max(length, 1) if length >= least else 1
    assert find_repeats(notes, least) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 4))
def test_a_note_is_paired_with_its_first_hearing_once(notes, least):
    pairs = heard_twice(find_repeats(notes, least), len(notes))
    assert len(set(pairs.first.tolist())) == len(pairs.first)
    assert not set(pairs.first.tolist()) & set(pairs.second.tolist())
    assert (pairs.first < pairs.second).all()
    assert [notes[place] for place in pairs.first] == [notes[place] for place in pairs.second]
    # Whoever is not heard a second time here is the first hearing of a note, or a third one of a pair.
    repeated = {place for each in find_repeats(notes, least) for place in range(each.second, each.second + each.length)}
    assert set(pairs.second.tolist()) <= repeated


def test_sections_that_are_played_twice_and_the_whole_again():
    tune = [*SECTION, *SECTION, *OTHER, *OTHER]
    repeats = find_repeats(tune)
    assert repeats == [Repeat(0, 16, 16), Repeat(32, 48, 16)]
    pairs = heard_twice(repeats, len(tune))
    assert pairs.place.tolist() == [*range(1, 17)] * 2
    again = heard_twice(find_repeats(tune + tune), 2 * len(tune))
    assert [each.tolist() for each in again] == [each.tolist() for each in pairs], "third hearings do not count"


def test_a_repeat_needs_enough_notes_and_does_not_overlap():
    assert find_repeats(SECTION[:15] * 2) == []
    assert find_repeats([60] * 31) == []
    assert find_repeats([60] * 32) == [Repeat(0, 16, 16)]
    assert find_repeats([]) == []
    with pytest.raises(ValueError, match="least=0: must be"):
        find_repeats(SECTION, 0)


def test_with_rhythm_durations_and_rests_must_be_equal():
    plain = melody_of([(pitch, 24) for pitch in SECTION * 2])
    assert find_repeats(keys_of(plain, with_rhythm=True)) == [Repeat(0, 16, 16)]
    longer = melody_of([(pitch, 24 if number != 20 else 36) for number, pitch in enumerate(SECTION * 2)])
    rested = melody_of([*((pitch, 24) for pitch in SECTION), *((pitch, 24) for pitch in SECTION[:8]), (None, 12),
                        *((pitch, 24) for pitch in SECTION[8:])])  # fmt: skip
    for melody in (longer, rested):
        assert find_repeats(keys_of(melody, with_rhythm=True)) == []
        assert find_repeats(keys_of(melody, with_rhythm=False)) == [Repeat(0, 16, 16)]


# --- the control


def in_time(pitches, lengths):
    return melody_of(list(zip(pitches, lengths, strict=True)), **in_metre(Metre(4, 4), 24))


def test_the_control_replaces_first_hearings_alone():
    tune = in_time([*SECTION, *SECTION, 60], [24, 12, 12] * 11)
    other = in_time([50, 51, 52, 53], [6, 18, 12, 36])
    pairs = heard_twice(find_repeats(keys_of(tune, with_rhythm=False)), len(tune))
    control = without_first_hearing(tune, pairs, other)
    assert control.pitches == (*[50, 51, 52, 53] * 4, *SECTION, 60)
    assert control.durations == (*[6, 18, 12, 36] * 4, *tune.durations[16:])
    ends = np.add(control.onsets, control.durations)
    assert control.onsets == (tune.onsets[0], *ends[:-1].tolist()), "without rests before and after"
    assert (control.metres, control.pickup) == (tune.metres, tune.pickup)
    assert find_repeats(keys_of(control, with_rhythm=False), 8) == [Repeat(0, 8, 8)], "of the other tune itself"


def test_every_tune_gets_another_one():
    others = others_for(50, seed=3)
    assert sorted(others.tolist()) == list(range(50))
    assert (others != np.arange(50)).all()
    assert others_for(1).tolist() == [0]
    assert others_for(0).tolist() == []


# --- what is reported


def tunes(count=40, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        section = rng.integers(60, 68, rng.integers(16, 40)).tolist()
        found.append(Melody.from_pitches([*section, *section, *rng.integers(60, 68, 10).tolist()]))
    return found


def copied(bits_of, melodies):
    """What the probe reports of a model, given as a function from pitches to the bits of each note."""
    pairs = [heard_twice(find_repeats(keys_of(each, with_rhythm=False)), len(each)) for each in melodies]
    others = [melodies[other] for other in others_for(len(melodies))]
    controls = [without_first_hearing(*each) for each in zip(melodies, pairs, others, strict=True)]
    bits = [[bits_of(np.array(each.pitches)) for each in those] for those in (melodies, controls)]
    return CopiedBits.of(pairs, *bits)


def bigram_bits(pitches):
    """A model that remembers one note."""
    table = np.random.default_rng(1).random((10, 10)) + 1
    return np.concatenate([[np.nan, np.nan], table[pitches[1:-1] - 60, pitches[2:] - 60]])


def copier_bits(pitches):
    """A model that knows every note whose four predecessors have occurred before with the same continuation."""
    bits = np.full(len(pitches), 3.0)
    for place in range(5, len(pitches)):
        passage = pitches[place - 4 : place + 1]
        bits[place] = 3.0 * (not any((pitches[at : at + 5] == passage).all() for at in range(place - 4)))
    return bits


def test_a_model_that_remembers_one_note_copies_nothing():
    found = copied(bigram_bits, tunes()).counted
    assert found.notes.sum() > 500
    assert np.array_equal(found.first, found.second)
    assert np.array_equal(found.first, found.replaced)


def test_a_model_that_copies_is_found_and_its_control_reports_nothing():
    found = copied(copier_bits, tunes())
    counted = found.counted
    total = counted.notes.sum()
    assert (counted.second - counted.first).sum() / total < -2.9
    assert abs((counted.replaced - counted.first).sum() / total) < 0.05
    early = found.second[:, : POSITIONS.index(COUNTED_FROM)]
    assert early.sum() / found.notes[:, : POSITIONS.index(COUNTED_FROM)].sum() > 2.5, "a repeat is not known yet"


def test_only_notes_whose_bits_are_known_at_both_hearings_count():
    pairs = heard_twice([Repeat(0, 3, 3)], 6)
    bits, control = np.array([np.nan, 2.0, 3.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 5.0, 5.0, np.inf])
    found = CopiedBits.of([pairs, heard_twice([], 4)], [bits, bits[:4]], [control, control[:4]])
    assert found.notes.tolist() == [[0, 1, 0, 0, 0, 0], [0] * 6]
    assert (found.first.sum(), found.second.sum(), found.replaced.sum()) == (2.0, 1.0, 5.0)
    back = CopiedBits.from_dict(found.to_dict())
    assert back.to_dict() == found.to_dict()
    assert found.minus(found).first.sum() == 0
    assert CopiedBits.from_dict(CopiedBits.of([], [], []).to_dict()).notes.shape == (0, 6)


def test_ranges_of_places_have_no_gap():
    assert (np.diff(range_of(np.arange(1, 100))) >= 0).all()
    assert set(range_of(np.arange(1, 100)).tolist()) == set(range(len(POSITIONS)))
