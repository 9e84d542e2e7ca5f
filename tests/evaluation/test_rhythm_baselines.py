import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation.rhythm_baselines import END, REST, Event, RhythmBaseline, event_row, melody_from
from melgen.music import Melody
from tests.evaluation import rhythms

A, B, R = Event(60, 24), Event(62, 12), Event(REST, 12)
TUNES = [melody_from([A, B, R, A]), melody_from([R, B, A]), melody_from([A])]


def spellings(events, longest):
    """All spellings of tunes of up to `longest` events, `END` not counted."""
    for length in range(1, longest + 1):
        for each in product([event for event in events if event != END], repeat=length):
            rests = [event.pitch == REST for event in each]
            if not rests[-1] and not any(a and b for a, b in pairwise(rests)):
                yield list(each)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_probabilities_of_all_tunes_add_up_to_one(order):
    model = RhythmBaseline.fit(TUNES, order)

    def probability(events):
        return math.prod(model.following(events[:i])[model.events.index(event)] for i, event in enumerate(events))

    longest = 6
    ended = sum(probability([*events, END]) for events in spellings(model.events, longest))
    # Longer tunes are those that go on after so many events, whatever they are.
    longer = 0.0
    for each in product([A, B, R], repeat=longest):
        if not any(a == b == R for a, b in pairwise(each)):
            longer += probability(list(each)) * (1 - model.following(list(each))[-1])
    assert ended + longer == pytest.approx(1)
    assert ended > 0.4


@pytest.mark.parametrize("order", [1, 2, 3])
def test_bits_are_the_likelihood_of_the_tune(order):
    """Pitches of the first two notes are given: their probability is divided out."""
    model = RhythmBaseline.fit(TUNES, order)
    events = [A, B, R, A, END]
    bits, given_bits = 0.0, 0.0
    for i, event in enumerate(events):
        p = dict(zip(model.events, model.following(events[:i]), strict=True))
        bits -= math.log2(p[event])
        if i < 2:
            given_bits -= math.log2(p[event] / (p[A] + p[B]))  # each pitch has one length here
    found = model.bits_per_note([TUNES[0]])
    assert found.total == pytest.approx(bits - given_bits)
    p = dict(zip(model.events, model.following(events[:3]), strict=True))
    assert found.pitch == pytest.approx(-math.log2(p[A] / (p[A] + p[B])))


def test_the_unigram_by_hand():
    model = RhythmBaseline.fit(TUNES, 1)
    assert model.events == (R, A, B, END)
    # Counts 2, 4, 2 and 3, one added to each; the end of an empty tune is not possible.
    assert model.following([]) == pytest.approx(np.array([3, 5, 3, 0]) / 11)
    assert model.following([A]) == pytest.approx(np.array([3, 5, 3, 4]) / 15)
    assert model.following([R]) == pytest.approx(np.array([0, 5, 3, 0]) / 8)


def test_the_bigram_by_hand():
    model = RhythmBaseline.fit(TUNES, 2)
    unigram = np.array([3, 5, 3, 4]) / 15
    # After A: B once and the end three times, two different ones.
    assert model.following([A]) == pytest.approx((np.array([0, 0, 1, 3]) + 2 * unigram) / 6)


notes = st.lists(st.tuples(st.none() | st.integers(0, 127), st.integers(1, 99)), min_size=1, max_size=12)


@settings(max_examples=50)
@given(notes.filter(lambda drawn: any(pitch is not None for pitch, _ in drawn)))
def test_there_and_back(drawn):
    song = rhythms.melody_of(drawn)
    assert melody_from(event_row(song)) == song
    events = event_row(song)
    assert not any(a.pitch == REST and not b.is_note for a, b in pairwise(events))


@pytest.mark.slow
def test_songs_of_real_tunes():
    melodies = FolkCorpus(["misc_folk"]).load(progress=False).melodies
    training, held_out = [melodies[i] for i in range(120)], [melodies[i] for i in range(120, 150)]
    models = [RhythmBaseline.fit(training, order) for order in (1, 2, 3)]
    scored = [tune for tune in held_out if models[0].can_spell(tune)]
    assert len(scored) > 10
    bits = [model.bits_per_note(scored) for model in models]
    assert bits[0].total > bits[1].total > 0
    assert bits[0].rhythm > bits[1].rhythm
    songs = models[1].write(20, seed=1, most_notes=100)
    assert models[1].write(5, seed=1, most_notes=100) == songs[:5]
    assert models[1].write(5, seed=2, most_notes=100) != songs[:5]
    assert all(1 <= len(song) <= 100 for song in songs)
    known = {event for tune in training for event in event_row(tune)}
    assert all(set(event_row(song)) <= known for song in songs)
    assert any(len(song) < 100 for song in songs), "songs end"
    assert [model.name for model in models] == ["rhythm-unigram", "rhythm-bigram", "rhythm-trigram"]


def test_a_primer_is_continued():
    model = RhythmBaseline.fit(TUNES, 2)
    primer = melody_from([A, B])
    for song in model.write(5, seed=0, primer=primer):
        assert (song.pitches[:2], song.durations[:2]) == (primer.pitches, primer.durations)
    with pytest.raises(
        ValueError, match="pitch 61 of 24 steps never occurred in training; known are 3 notes and rests"
    ):
        model.write(1, seed=0, primer=melody_from([Event(61, 24)]))


def test_overlapping_notes_are_cut():
    assert event_row(Melody((60, 62), (0, 12), (24, 12))) == [Event(60, 12), Event(62, 12), END]


def test_no_tune_with_a_third_note():
    assert math.isnan(RhythmBaseline.fit(TUNES, 1).bits_per_note([TUNES[2]]).total)


@pytest.mark.parametrize(
    ("tunes", "order", "message"),
    [
        ([], 1, "at least one note"),
        ([Melody((), (), ())], 1, "at least one note"),
        (TUNES, 0, "order=0"),
        ([Melody((60,), (0,), (0,), source="a.mid")], 1, "note 1 of a.mid has a length of 0 steps"),
        ([Melody((60, 62), (0, 0), (6, 6))], 1, "note 1 of a melody has a length of 0 steps"),
    ],
)
def test_what_cannot_be_fitted(tunes, order, message):
    with pytest.raises(ValueError, match=message):
        RhythmBaseline.fit(tunes, order)


def test_sampling_options_are_those_of_networks():
    model = RhythmBaseline.fit(TUNES, 2)
    first, second = model.write(2, seed=0, most_notes=5, selection="greedy")
    assert first == second
    events = []
    while END not in events and sum(event.is_note for event in events) < 5:
        events.append(model.events[model.following(events).argmax()])
    assert event_row(first)[:-1] == [event for event in events if event != END]
    assert model.write(3, seed=4, most_notes=5, top_k=1) == [first] * 3
    assert model.write(5, seed=1)[:2] == model.write(2, seed=1), "a larger number of songs begins with the same ones"
    with pytest.raises(ValueError, match="temperature=-1"):
        model.write(1, seed=0, temperature=-1)
