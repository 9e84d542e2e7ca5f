"""Excerpts of equal length: where they begin, where they end, and which songs are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from melgen.configuration.conf_dir import CONF_DIR
from melgen.generation.sampling import NOTES_WITHOUT_END
from melgen.listening.excerpts import Cut, TooFewExcerptsError, check_excerpts, choose_excerpts, refusal_of
from melgen.music import Melody
from tests.listening.studies import song

notes = st.tuples(st.integers(40, 80), st.integers(0, 30), st.integers(1, 60))


@st.composite
def melodies(draw):
    """A melody with rests, from the pitch, the rest before it and the duration of each note."""
    pitches, onsets, durations, now = [], [], [], 0
    for pitch, rest, duration in draw(st.lists(notes, min_size=1, max_size=30)):
        now += rest
        pitches.append(pitch)
        onsets.append(now)
        durations.append(duration)
        now += duration
    return Melody(tuple(pitches), tuple(onsets), tuple(durations))


@given(melodies(), st.integers(0, 8), st.integers(1, 8))
def test_with_rhythm_an_excerpt_is_the_same_music_from_a_note_on(melody, skip, quarters):
    cut = Cut(skip, 1, quarters, with_rhythm=True)
    part = cut.excerpt(melody)
    if part is None:
        end = max(onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True))
        assert len(melody) <= skip or end - melody.onsets[skip] < cut.steps
        return

    def sounding(song, start):
        """The pitch at each step, 0 for silence."""
        pitches = np.zeros(cut.steps, int)
        for pitch, onset, duration in zip(song.pitches, song.onsets, song.durations, strict=True):
            pitches[max(0, onset - start) : max(0, onset + duration - start)] = pitch if onset >= start else 0
        return pitches.tolist()

    assert part.onsets[0] == 0
    assert max(onset + duration for onset, duration in zip(part.onsets, part.durations, strict=True)) <= cut.steps
    assert sounding(part, 0) == sounding(melody, melody.onsets[skip])


def test_with_rhythm_every_note_can_be_heard_and_none_overlaps_the_next():
    cut = Cut(0, 1, 2, with_rhythm=True)
    part = cut.excerpt(Melody((60, 62, 64, 65), (0, 12, 24, 30), (24, 12, 0, 18)))
    assert (part.onsets, part.durations) == ((0, 12, 24, 30), (12, 12, 6, 18))
    ends_without_time = Melody((60, 62), (0, 42), (24, 0))
    assert cut.longest(ends_without_time) == 2
    assert cut.excerpt(ends_without_time).durations == (24, 6)


@given(melodies(), st.integers(0, 8), st.integers(1, 8))
def test_without_rhythm_an_excerpt_has_equal_notes(melody, skip, count):
    part = Cut(skip, count, 1, with_rhythm=False).excerpt(melody)
    if len(melody) < skip + count:
        assert part is None
    else:
        assert part == Melody.from_pitches(melody.pitches[skip : skip + count])


def test_short_and_equal_songs_are_counted():
    songs = {"a": song(1, 20), "b": song(2, 20), "copy of a": song(1, 30), "short": song(3, 8)}
    found = choose_excerpts("n", "network", songs, Cut(2, 10, 1, False), 2, np.random.default_rng(0))
    assert {excerpt.source for excerpt in found.excerpts} == {"a", "b"}
    assert (found.songs, found.short, found.repeated) == (4, 1, 1)


def too_few(cut, songs, role="network"):
    with pytest.raises(TooFewExcerptsError) as error:
        choose_excerpts("n", role, songs, cut, 2, np.random.default_rng(0))
    return error.value


def test_too_few_songs_are_refused_with_the_numbers():
    songs = {"a": song(1, 20), "copy of a": song(1, 30), "short": song(3, 8)}
    numbers = "(3 songs, 1 too short, 1 equal to another; the longest has 28)"
    assert str(too_few(Cut(2, 10, 1, False), songs)) == f"n has 1 different excerpt {numbers}"


def test_one_message_advises_only_what_helps_all():
    ten, forty = Cut(2, 10, 1, False), Cut(2, 40, 1, False)
    mixed = {"a": song(1, 20), "copy of a": song(1, 30), "short": song(3, 8)}
    equal = {"a": song(1, 20), "copy of a": song(1, 30)}
    assert refusal_of([too_few(forty, mixed)], forty, 2).splitlines() == [
        "songs=2: too few excerpts of 40 notes after the first 2 notes",
        "  n has 0 different excerpts (3 songs, 3 too short, 0 equal to another; the longest has 28)",
        "  a shorter excerpt helps, such as notes=28",
    ]
    # An excerpt that some songs are long enough for is not made longer.
    assert refusal_of([too_few(ten, mixed)], ten, 2).splitlines()[2:] == [
        "  a shorter excerpt helps",
        "  songs=1 is possible",
        "  more generate.songs of the study give more excerpts",
    ]
    assert refusal_of([too_few(ten, mixed), too_few(ten, equal, "reference")], ten, 2).splitlines()[3:] == [
        "  songs=1 is possible",
    ]


def test_the_longest_excerpt_is_the_largest_that_can_be_cut():
    for number in range(5):
        melody = song(number, with_rhythm=True)
        longest = Cut(3, 1, 1, with_rhythm=True).longest(melody)
        assert Cut(3, 1, longest, with_rhythm=True).excerpt(melody) is not None
        assert Cut(3, 1, longest + 1, with_rhythm=True).excerpt(melody) is None


def test_a_check_repeats_one_note_in_the_rhythm_of_an_excerpt():
    cut = Cut(0, 1, 4, with_rhythm=True)
    songs = {str(i): song(i, with_rhythm=True) for i in range(5)}
    excerpts = choose_excerpts("n", "network", songs, cut, 5, np.random.default_rng(0)).excerpts
    for check in check_excerpts(excerpts, 3, np.random.default_rng(0)):
        assert len(set(check.melody.pitches)) == 1
        assert check.melody.onsets in [each.melody.onsets for each in excerpts]


def test_a_default_study_suits_a_default_test():
    conf = OmegaConf.load(Path(CONF_DIR, "listen.yaml"))
    assert conf.notes == NOTES_WITHOUT_END
