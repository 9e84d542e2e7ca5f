"""The pairs of the second paper (arXiv 2101.07669): its index, its pairing of intervals, and what it cannot hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.music import DB12, Control, Interval, Melody, PaperPairs
from melgen.music.abstract_rhythm import END
from melgen.music.encoding import Encoding
from melgen.music.melody import MIDDLE_C
from tests.music.tunes import EXAMPLE, tunes

SIXTEENTH = 6
CONTROL, INTERVAL, TWELVE_KEYS = (Encoding(each(), PaperPairs()) for each in (Control, Interval, DB12))
each_encoding = pytest.mark.parametrize(
    "encoding", [CONTROL, INTERVAL, TWELVE_KEYS], ids=lambda each: each.representation.name
)


def song(*pairs, rests=()):
    """Pairs of a pitch and a duration in sixteenths, with a sixteenth of rest after the notes numbered in `rests`."""
    lengths = [duration for _, duration in pairs]
    gaps = [number in rests for number in range(len(pairs))]
    onsets = np.cumsum([0, *lengths[:-1]]) + np.cumsum([0, *gaps[:-1]])
    return Melody(
        tuple(pitch for pitch, _ in pairs),
        tuple((SIXTEENTH * onsets).tolist()),
        tuple(SIXTEENTH * length for length in lengths),
    )


def in_sixteenths(melody):
    return [(pitch, steps / SIXTEENTH) for pitch, steps in zip(melody.pitches, melody.durations, strict=True)]


def tokens_and_vocabulary(encoding, *melodies):
    """The tokens of the first melody, with the vocabulary of all of them."""
    vocabulary = encoding.vocabulary_of([each for melody in melodies for each in encoding.augmentations(melody)])
    return vocabulary.symbols.encode(encoding.encode(melodies[0]).symbols[:, 0], strict=True).tolist(), vocabulary


PAIRS = [(60, 8), (61, 8), (61, 15), (62, 15)]


def test_a_token_is_sixteen_times_the_pitch_above_the_lowest_and_the_duration_from_1():
    tokens, vocabulary = tokens_and_vocabulary(CONTROL, song(*PAIRS))
    assert tokens == [7, 23, 30, 46, len(vocabulary) - 1]
    assert len(vocabulary) == (62 - 60 + 1) * 16 + 1, "16 durations of each pitch, and the end"
    decoded = CONTROL.decode(vocabulary.symbols.decode(tokens)[:, None])
    assert in_sixteenths(decoded) == PAIRS


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 127), st.integers(0, 127), st.data())
def test_the_index_is_that_of_the_paper(one, other, data):
    low, high = sorted((one, other))
    pitch, duration = data.draw(st.integers(low, high)), data.draw(st.integers(1, 16))
    tokens, vocabulary = tokens_and_vocabulary(CONTROL, song((pitch, duration), (low, 3), (high, 1)))
    assert tokens[0] == 16 * (pitch - low) + duration - 1
    # The paper's decoding.
    assert (tokens[0] // 16 + low, tokens[0] % 16 + 1) == (pitch, duration)
    assert len(vocabulary) == (high - low + 1) * 16 + 1


def test_pairs_that_training_lacks_have_tokens():
    _, vocabulary = tokens_and_vocabulary(CONTROL, song((60, 4), (70, 4)))
    between = CONTROL.encode(song((66, 7)))
    assert vocabulary.known(between).all()
    assert not vocabulary.known(CONTROL.encode(song((71, 4))))[0]


def test_rests_have_sixteen_tokens_after_those_of_pitches():
    tokens, vocabulary = tokens_and_vocabulary(CONTROL, song((60, 8), (61, 4), rests=[0]))
    assert tokens == [7, 32, 19, 48]
    assert len(vocabulary) == 2 * 16 + 16 + 1
    assert CONTROL.names(vocabulary)[32:34] == ["r:1/16", "r:1/8"]
    assert CONTROL.names(vocabulary)[7] == "C4:1/2"


def test_an_interval_has_the_duration_of_the_note_before_it():
    tune = song((62, 8), (64, 4), (65, 2), (60, 16))
    tokens, vocabulary = tokens_and_vocabulary(INTERVAL, tune)
    # [x[i + 1] - x[i], duration of note i]: [2, 8], [1, 4], [-5, 2]; the lowest interval is -5.
    assert tokens == [16 * (2 + 5) + 7, 16 * (1 + 5) + 3, 1, len(vocabulary) - 1]
    assert len(vocabulary) == (2 + 5 + 1) * 16 + 1
    assert INTERVAL.names(vocabulary)[tokens[0]] == "+2:1/2"


def test_the_last_duration_of_intervals_is_lost_and_decoded_as_a_quarter():
    tune = song((62, 8), (64, 4), (65, 2), (60, 16), rests=[0, 2])
    encoded = INTERVAL.encode(tune)
    back = INTERVAL.decode(encoded.symbols, encoded.first_pitch)
    assert back.pitches == tune.pitches
    assert back.onsets == tune.onsets
    assert in_sixteenths(back) == [(62, 8), (64, 4), (65, 2), (60, 4)]


def test_the_primer_of_the_paper():
    """Its generator begins with the first pitch 62 and [[2, 8], [1, 4]] for intervals."""
    primer = song((62, 8), (64, 4), (65, 4))
    encoded = INTERVAL.encode_primer(primer, INTERVAL.encode(primer).header)
    tokens, _ = tokens_and_vocabulary(INTERVAL, primer)
    assert encoded.first_pitch == 62
    assert len(encoded.symbols) == 2
    assert tokens[:-1] == [16 * (2 - 1) + 7, 16 * (1 - 1) + 3]


def test_twelve_keys_have_their_pitches_between_those_of_all_keys():
    tune = song((60, 8), (64, 4))
    tokens, vocabulary = tokens_and_vocabulary(TWELVE_KEYS, tune)
    pitches = [pitch for version in DB12().augmentations(tune.pitches) for pitch in version.tolist()]
    assert tokens[0] == 16 * (60 - min(pitches)) + 7
    assert len(vocabulary) == 16 * (max(pitches) - min(pitches) + 1) + 1


@each_encoding
@pytest.mark.parametrize(
    ("tune", "reason"),
    [
        (EXAMPLE, "a note between the sixteenths"),
        (song((60, 4), (62, 17)), "a note or rest of more than 16 sixteenths"),
        (Melody((60, 62), (0, 200 * SIXTEENTH), (6, 6)), "a note or rest of more than 16 sixteenths"),
        (Melody((60, 62), (0, 6), (0, 6)), "a note without length"),
    ],
)
def test_what_it_cannot_hold(encoding, tune, reason):
    assert encoding.reason_against(tune) == reason


@settings(deadline=None, max_examples=50)
@given(tunes(SIXTEENTH))
def test_tunes_of_pitches_come_back(tune):
    encoded = CONTROL.encode(tune)
    assert CONTROL.decode(encoded.symbols, encoded.first_pitch, encoded.header) == tune


@settings(deadline=None, max_examples=50)
@given(tunes(SIXTEENTH).filter(lambda tune: len(tune) > 1))
def test_tunes_of_intervals_come_back_but_for_the_last_duration(tune):
    encoded = INTERVAL.encode(tune)
    back = INTERVAL.decode(encoded.symbols, encoded.first_pitch)
    assert (back.pitches, back.onsets) == (tune.pitches, tune.onsets)
    assert back.durations == (*tune.durations[:-1], 4 * SIXTEENTH)


@each_encoding
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_any_tokens_are_a_valid_melody(encoding, data):
    _, vocabulary = tokens_and_vocabulary(encoding, song((1, 3), (126, 8), (60, 1), rests=[0, 1]))
    tokens = data.draw(st.lists(st.integers(0, len(vocabulary) - 1), max_size=30))
    melody = encoding.decode(vocabulary.decode(np.array(tokens, np.int64)), MIDDLE_C)
    assert all(0 <= pitch <= 127 for pitch in melody.pitches)
    assert all(duration > 0 for duration in melody.durations)
    ends = [onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True)]
    assert all(end <= onset for end, onset in zip(ends, melody.onsets[1:], strict=False))


@each_encoding
def test_real_tunes_have_allowed_spellings(encoding):
    melodies = list(FolkCorpus(["misc_folk"]).load(progress=False).melodies[:40])
    writable = [melody for melody in melodies if encoding.reason_against(melody) is None]
    assert 10 < len(writable) < 40
    vocabulary = encoding.vocabulary_of([encoding.encode(melody) for melody in writable])
    grammar = encoding.grammar(vocabulary)
    assert vocabulary.symbols.values[-1] == END
    for melody in writable:
        encoded = encoding.encode(melody)
        reading = grammar.begin([encoded.first_pitch])
        for token in vocabulary.symbols.encode(encoded.symbols[:, 0], strict=True):
            assert grammar.next_allowed(reading)[0, token]
            reading = grammar.read(reading, np.array([token]))
