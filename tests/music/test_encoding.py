"""Tunes with rhythm: events, symbols and back, their vocabulary, and their canonical spelling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.music import (
    DB12,
    AbstractRepresentation,
    Control,
    Factored,
    Grid,
    Interleaved,
    Interval,
    Joint,
    Melody,
    NoRhythm,
    rhythm_from,
)
from melgen.music.abstract_rhythm import END, HOLD, OFF
from melgen.music.encoding import NOT_A_NOTE, Encoding
from melgen.music.events import FIRST, REST, Events, Header, RhythmError, events_of, melody_of
from melgen.music.metre import Metre, MetreChange
from melgen.music.tune_vocabulary import NOT_PREDICTED, TuneVocabulary
from tests.music.encodings import ENCODINGS, RHYTHMS, canonical, comes_back
from tests.music.tunes import EXAMPLE, tunes
from tests.tiers import quick_rows

each_encoding = quick_rows(4, "encoding", ENCODINGS, ids=lambda each: f"{each.representation.name}-{each.rhythm}")


class TestTheExample:
    """The tune of `docs/concepts.md`."""

    def test_joint(self):
        encoded = Encoding(Control(), Joint()).encode(EXAMPLE)
        expected = [(67, 24), (69, 8), (71, 8), (72, 8), (74, 36), (REST, 12), (71, 12), (69, 12), (67, 24)]
        assert encoded.symbols[:, 0].tolist() == [*(Joint.pair(*pair) for pair in expected), END]

    def test_factored(self):
        rows = Encoding(Control(), Factored()).encode(EXAMPLE).symbols.tolist()
        assert rows[3:7] == [[72, 8], [74, 36], [REST, 12], [71, 12]]
        assert rows[-1] == [END, 0]

    def test_grid(self):
        symbols = Encoding(Control(), Grid()).encode(EXAMPLE).symbols[:, 0].tolist()
        assert symbols[:16] == [67, *[HOLD] * 11, 69, HOLD, HOLD, HOLD]
        assert symbols[24:49] == [74, *[HOLD] * 17, *[OFF] * 6, 71]
        assert len(symbols) == 144 // 2 + 1

    def test_interleaved(self):
        symbols = Encoding(Control(), Interleaved()).encode(EXAMPLE).symbols[:, 0].tolist()
        assert symbols[:4] == [67, 2024, 69, 2008]

    def test_intervals_belong_to_the_note_they_lead_to(self):
        rows = Encoding(Interval(), Factored()).encode(EXAMPLE).symbols.tolist()
        assert rows[:6] == [[FIRST, 24], [2, 8], [2, 8], [1, 8], [2, 36], [REST, 12]]
        assert rows[6] == [-3, 12]  # from the last note that sounded

    def test_twelve_keys_have_the_same_rhythm(self):
        versions = Encoding(DB12(), Factored()).augmentations(EXAMPLE)
        assert len(versions) == 12
        assert len({tuple(version.symbols[:, 1]) for version in versions}) == 1
        assert {int(version.symbols[0, 0]) for version in versions} == set(range(67 - 11, 67 + 1))


@each_encoding
@settings(deadline=None)
@given(data=st.data())
def test_any_tune_comes_back(encoding, data):
    unit = 24 // getattr(encoding.rhythm, "steps_per_quarter", 24)
    tune = data.draw(tunes(unit))
    encoded = encoding.encode(tune)
    back = encoding.decode(encoded.symbols, encoded.first_pitch, encoded.header)
    assert back == tune
    assert canonical(encoding, tune)


@each_encoding
@settings(deadline=None)
@given(symbols=st.data())
def test_any_symbols_are_a_valid_melody(encoding, symbols):
    encoded = [encoding.encode(EXAMPLE), encoding.encode(Melody((60, 1), (12, 96), (24, 48)))]
    vocabulary = encoding.vocabulary_of(encoded)
    rows = symbols.draw(st.lists(st.integers(0, len(vocabulary) - 1), max_size=30))
    tokens = np.array(rows, np.int64)
    if vocabulary.durations is not None:
        durations = symbols.draw(
            st.lists(st.integers(0, len(vocabulary.durations)), min_size=len(rows), max_size=len(rows))
        )
        tokens = np.stack([tokens, np.array(durations, np.int64)], 1)
    melody = encoding.decode(vocabulary.decode(tokens), 60)
    assert all(0 <= pitch <= 127 for pitch in melody.pitches)
    assert all(duration > 0 for duration in melody.durations)
    ends = [onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True)]
    assert all(end <= onset for end, onset in zip(ends, melody.onsets[1:], strict=False))


@quick_rows(2, "encoding", ENCODINGS, ids=lambda each: f"{each.representation.name}-{each.rhythm}")
def test_real_tunes_come_back(encoding):
    for tune in FolkCorpus(["misc_folk"]).load(progress=False).melodies[:40]:
        if (reason := encoding.reason_against(tune)) is not None:
            assert "grid of 12" in reason
            continue
        assert comes_back(encoding, tune)


class TestWhatCannotBeWritten:
    @pytest.mark.parametrize(
        ("tune", "reason"),
        [
            (Melody((), (), ()), "no notes"),
            (Melody((60, 62), (0, 12), (24, 24)), "overlapping"),
            (Melody((60, 62), (0, 0), (24, 24)), "overlapping"),
            (Melody((60, 62), (0, 24), (0, 24)), "without length"),
            (Melody((60, 62), (0, 24 * 100), (24, 24)), "more than 2047 steps"),
            (Melody((60,), (0,), (24 * 100,)), "more than 2047 steps"),
        ],
    )
    def test_each_has_its_reason(self, tune, reason):
        encoding = Encoding(Control(), Factored())
        assert reason in encoding.reason_against(tune)
        with pytest.raises(RhythmError, match=reason):
            encoding.encode(tune)

    def test_a_grid_too_coarse_for_a_triplet(self):
        assert "grid of 4" in Encoding(Control(), Grid(steps_per_quarter=4)).reason_against(EXAMPLE)

    def test_a_grid_with_twelve_keys(self):
        with pytest.raises(ValueError, match="rhythm=grid: composes with dataset=control and dataset=interval only"):
            Encoding(DB12(), Grid())

    @pytest.mark.parametrize("steps", [0, 5, 48, 2.0, True])
    def test_a_grid_that_does_not_divide_a_quarter(self, steps):
        with pytest.raises(ValueError, match=r"rhythm\.steps_per_quarter"):
            Grid(steps_per_quarter=steps)

    def test_an_unknown_condition(self):
        with pytest.raises(ValueError, match=r"rhythm\.condition=metre"):
            Joint(condition="metre")

    def test_a_representation_that_skips_two_notes(self):
        @dataclass(frozen=True)
        class Skips(AbstractRepresentation):
            name: ClassVar[str] = "skips two"
            first_predicted_note: ClassVar[int] = 4
            encode = augmentations = decode = value_name = None

        with pytest.raises(ValueError, match="writes no value for 2 notes"):
            Encoding(Skips(), Joint())

    def test_a_representation_that_does_not_write_one_value_for_each_note(self):
        @dataclass(frozen=True)
        class EverySecond(AbstractRepresentation):
            name: ClassVar[str] = "every second"
            first_predicted_note: ClassVar[int] = 2
            augmentations = decode = value_name = None

            def encode(self, pitches):
                return Control().encode(pitches)[::2]

        message = "dataset=every second writes 4 values for 8 notes; a representation with rhythm writes one for each"
        with pytest.raises(ValueError, match=message):
            Encoding(EverySecond(), Joint()).encode(EXAMPLE)

    def test_no_rhythm_has_no_option(self):
        assert NoRhythm().describe() == {"name": "none"}
        with pytest.raises(ValueError, match="rhythm none"):
            rhythm_from({"name": "none", "condition": "none"})


class TestSpelling:
    """Each tune has one spelling: what would be another one of it is not allowed."""

    @pytest.mark.parametrize(
        ("rhythm", "symbols", "allowed"),
        [
            (Factored(), [60, REST, 60, END], True),
            (Factored(), [60, REST, REST, 60, END], False),
            (Factored(), [60, REST, END], False),
            (Factored(), [END], False),
            (Factored(), [REST, END], False),
            (Factored(), [REST, 60, END], True),
            (Grid(), [OFF, OFF, 60, HOLD, OFF, OFF, 60, END], True),
            (Grid(), [HOLD, 60, END], False),
            (Grid(), [60, OFF, HOLD, 60, END], False),
            (Grid(), [60, OFF, END], False),
            (Interleaved(), [60, 2024, REST, 2012, 60, 2024, END], True),
            (Interleaved(), [60, 60, 2024, END], False),
            (Interleaved(), [60, 2024, 2024, END], False),
            (Interleaved(), [2024, 60, END], False),
            (Interleaved(), [60, END], False),
        ],
    )
    def test_rules(self, rhythm, symbols, allowed):
        encoding = Encoding(Control(), rhythm)
        vocabulary = TuneVocabulary.from_dict(
            {
                "symbols": sorted({*symbols, END}),
                "durations": [12, 24] if rhythm.streams == 2 else None,
                "headers": [],
                "first_pitch": 60,
                "longest": 1,
                "has_header": True,
            }
        )
        grammar = encoding.grammar(vocabulary)
        reading = grammar.begin([60])
        follows = []
        for token in vocabulary.symbols.encode(symbols):
            follows.append(bool(grammar.next_allowed(reading)[0, token]))
            reading = grammar.read(reading, np.array([token]))
        assert all(follows) == allowed

    def test_intervals_that_leave_the_range_are_not_allowed(self):
        encoding = Encoding(Interval(), Factored())
        vocabulary = encoding.vocabulary_of([encoding.encode(Melody((60, 67, 60), (0, 24, 48), (24, 24, 24)))])
        grammar = encoding.grammar(vocabulary)
        first, up, down = vocabulary.symbols.encode([FIRST, 7, -7], strict=True)
        reading = grammar.read(grammar.begin([124, 3, 60]), np.array([first] * 3))
        allowed = grammar.next_allowed(reading)
        assert allowed[:, up].tolist() == [False, True, True]
        assert allowed[:, down].tolist() == [True, False, True]

    def test_the_first_note_has_no_interval(self):
        encoding = Encoding(Interval(), Factored())
        vocabulary = encoding.vocabulary_of([encoding.encode(EXAMPLE)])
        allowed = encoding.grammar(vocabulary).next_allowed(encoding.grammar(vocabulary).begin([60]))[0]
        assert vocabulary.symbols.values[allowed].tolist() == [REST, FIRST]


class TestVocabulary:
    def test_tokens_begin_with_metre_pickup_and_start(self):
        encoding = Encoding(Control(), Factored())
        encoded = encoding.encode(EXAMPLE)
        vocabulary = encoding.vocabulary_of([encoded])
        tokens = vocabulary.encode(encoded)
        size = len(vocabulary)
        # start, unknown metre, 3/4, unknown pickup, no pickup
        assert tokens[:3, 0].tolist() == [size + 2, size + 4, size]
        assert (tokens[:3, 1] == len(vocabulary.durations)).all()
        unknown = vocabulary.encode(encoded._replace(header=Header(Metre(7, 8), 36)))
        assert unknown[:3, 0].tolist() == [size + 1, size + 3, size]
        assert vocabulary.sizes == {"vocab_size": size + 5, "output_size": size, "duration_size": 4}

    def test_what_is_only_read_is_not_predicted(self):
        for rhythm in (Factored(), Joint()):
            encoding = Encoding(Control(), rhythm)
            encoded = encoding.encode(EXAMPLE)
            vocabulary = encoding.vocabulary_of([encoded])
            targets = vocabulary.targets(vocabulary.encode(encoded)).reshape(-1, rhythm.streams)
            assert (targets[:3] == NOT_PREDICTED).all()
            assert (targets[3:, 0] >= 0).all()
            assert targets[-1].tolist()[1:] == [NOT_PREDICTED] * (rhythm.streams - 1)

    def test_without_a_header(self):
        encoding = Encoding(Control(), Joint(condition="none"))
        encoded = encoding.encode(EXAMPLE)
        vocabulary = encoding.vocabulary_of([encoded])
        assert len(vocabulary.encode(encoded)) == len(encoded.symbols) + 1

    @each_encoding
    def test_it_is_stored_as_plain_data(self, encoding):
        vocabulary = encoding.vocabulary_of(encoding.augmentations(EXAMPLE))
        assert TuneVocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary

    @pytest.mark.parametrize("damage", [{"symbols": None}, {"headers": [[["3", 4], 0]]}, {"longest": "many"}, {}])
    def test_a_damaged_one_is_refused(self, damage):
        encoding = Encoding(Control(), Joint())
        state = encoding.vocabulary_of([encoding.encode(EXAMPLE)]).to_dict()
        damaged = {**state, **damage} if damage else {}
        with pytest.raises(ValueError, match=r"vocabulary|headers|invalid literal"):
            TuneVocabulary.from_dict(damaged)

    def test_an_unknown_symbol_is_the_nearest_or_an_error(self):
        encoding = Encoding(Control(), Factored())
        vocabulary = encoding.vocabulary_of([encoding.encode(EXAMPLE)])
        other = encoding.encode(Melody((68,), (0,), (20,)))
        assert vocabulary.known(other).tolist() == [False, True]
        vocabulary.encode(other)
        with pytest.raises(ValueError, match="never occurred in training"):
            vocabulary.encode(other, strict=True)

    def test_the_commonest_header(self):
        encoding = Encoding(Control(), Joint())
        six_eight = Melody((60,), (0,), (24,), metres=(MetreChange(0, Metre(6, 8)),), pickup=12)
        vocabulary = encoding.vocabulary_of([encoding.encode(tune) for tune in (EXAMPLE, six_eight, six_eight)])
        assert vocabulary.commonest_header() == Header(Metre(6, 8), 12)
        assert vocabulary.commonest_header(Metre(3, 4)) == Header(Metre(3, 4), 0)
        assert vocabulary.commonest_header(Metre(5, 4)) == Header(Metre(5, 4), None)

    def test_a_larger_vocabulary_keeps_the_meaning_of_each_row(self):
        encoding = Encoding(Control(), Factored())
        old = encoding.vocabulary_of([encoding.encode(EXAMPLE)])
        other = Melody((61, 80), (0, 40), (40, 20), metres=(MetreChange(0, Metre(2, 4)),), pickup=12)
        both = old.union(encoding.vocabulary_of([encoding.encode(other)]))
        rows = old.rows_in(both)
        assert np.array_equal(
            rows["read"][old.encode(encoding.encode(EXAMPLE))[:, 0]], both.encode(encoding.encode(EXAMPLE))[:, 0]
        )
        assert np.array_equal(both.symbols.values[rows["symbols"]], old.symbols.values)
        assert np.array_equal(both.durations.values[rows["durations"]], old.durations.values)
        assert len(rows["read"]) == old.sizes["vocab_size"]


@each_encoding
def test_groups_put_the_symbols_of_a_pitch_together(encoding):
    encoded = encoding.encode(EXAMPLE)
    vocabulary = encoding.vocabulary_of([encoded])
    groups = encoding.groups(vocabulary)
    names = encoding.names(vocabulary)
    assert groups[names.index("end")] == NOT_A_NOTE
    different = len(set(EXAMPLE.pitches)) if encoding.representation.name != "interval" else len({2, 1, -3, -2}) + 1
    assert len(set(groups[groups != NOT_A_NOTE])) == different
    values, average = encoding.note_values(vocabulary)
    assert np.allclose(average.sum(1), 1)
    assert FIRST not in values


def test_events_of_a_tune_and_back():
    events = events_of(EXAMPLE, np.array(EXAMPLE.pitches))
    assert list(zip(*(column.tolist() for column in events), strict=True))[4:6] == [(74, 36), (REST, 12)]
    back = melody_of(events, Control(), header=Header(Metre(3, 4), 0))
    assert back == EXAMPLE


def test_rests_at_either_end_of_events_are_silence():
    melody = melody_of(Events(np.array([REST, REST, 60, REST]), np.array([12, 12, 24, 12])), Control())
    assert (melody.onsets, melody.durations) == ((24,), (24,))
    assert len(melody_of(Events(np.array([REST]), np.array([12])), Control())) == 0


@pytest.mark.parametrize("rhythm", RHYTHMS, ids=str)
def test_a_rhythm_is_described_by_plain_data(rhythm):
    assert rhythm_from(json.loads(json.dumps(rhythm.describe()))) == rhythm


@pytest.mark.parametrize("description", [{"name": "swing"}, {"name": "grid", "swing": 1}, {}])
def test_an_unknown_rhythm(description):
    with pytest.raises(ValueError, match="rhythm"):
        rhythm_from(description)
