"""JavaScript reads and writes tunes as Python does: symbols, grammar and notes, for any tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.engine.writing import writing_data
from melgen.errors import EngineError
from melgen.generation.headers import header_for
from melgen.music import AbstractRepresentation, Control, Interval, Joint, Melody, NoRhythm, Vocabulary
from melgen.music.encoding import Encoding
from melgen.music.events import Header
from melgen.music.metre import Metre, bar_starts
from melgen.music.tune_vocabulary import EncodedTune, TuneVocabulary
from tests.engine.cases import PAIRS, WITH_RHYTHM, airs, case, notes_of
from tests.engine.javascript import JavaScriptError
from tests.tiers import quick_rows

each_case = quick_rows(1, "name", PAIRS)
any_tokens = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tokens_of(data: st.DataObject, name: str) -> list:
    """Any tokens of a case."""
    found = case(name)
    number = st.integers(0, found.size - 1)
    if found.rhythm.streams == 1:
        return data.draw(st.lists(number, max_size=40))
    assert isinstance(found.vocabulary, TuneVocabulary)
    assert found.vocabulary.durations is not None
    return data.draw(
        st.lists(st.tuples(number, st.integers(0, len(found.vocabulary.durations))).map(list), max_size=40)
    )


@each_case
def test_real_tunes_become_the_same_tokens_and_come_back(prepared, name):
    node, found = prepared(name)
    for tune in found.tunes:
        tokens = found.tokens(tune)
        assert node.call("encode", name, notes_of(tune)) == tokens
        back, expected = node.call("decode", name, tokens, tune.pitches[0]), found.decode(tokens, tune.pitches[0])
        assert back == {key: list(getattr(expected, key)) for key in ("pitches", "onsets", "durations")}


@each_case
@any_tokens
@given(data=st.data())
def test_any_tokens_are_the_same_notes(prepared, name, data):
    node, found = prepared(name)
    tokens, first = tokens_of(data, name), data.draw(st.integers(0, 127))
    expected = found.decode(tokens, first)
    notes = {key: list(getattr(expected, key)) for key in ("pitches", "onsets", "durations")}
    assert node.call("decode", name, tokens, first) == notes


@quick_rows(1, "name", WITH_RHYTHM)
@any_tokens
@given(data=st.data())
def test_the_same_tokens_may_follow(prepared, name, data):
    node, found = prepared(name)
    grammar = found.encoding.grammar(found.vocabulary)
    # Half of them spell tunes, so that all states are reached; the others leave the grammar and the range of MIDI.
    tune = found.tunes[data.draw(st.integers(0, len(found.tunes) - 1))]
    tokens = found.tokens(tune)[: data.draw(st.integers(0, 60))] + tokens_of(data, name)
    reading, expected = grammar.begin([tune.pitches[0]]), []
    for token in tokens:
        expected.append(grammar.next_allowed(reading)[0].astype(int).tolist())
        reading = grammar.read(reading, np.array([token if isinstance(token, int) else token[0]]))
    assert node.call("masks", name, tokens, tune.pitches[0]) == expected


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - set(WITH_RHYTHM)))
def test_without_rhythm_everything_may_follow(prepared, name):
    node, found = prepared(name)
    assert node.call("masks", name, [0, found.size - 1], 127) == [[1] * found.size] * 2


@each_case
@any_tokens
@given(data=st.data())
def test_pitches_that_come_next_are_those_that_decoding_gives(prepared, name, data):
    node, found = prepared(name)
    tune = found.tunes[data.draw(st.integers(0, len(found.tunes) - 1))]
    tokens = found.tokens(tune)[: data.draw(st.integers(1, 30))]
    probabilities = np.random.default_rng(data.draw(st.integers(0, 9))).dirichlet(np.ones(found.size))
    classes = data.draw(st.sets(st.integers(0, 11), min_size=1))
    answer = node.call("next", name, tokens, tune.pitches[0], probabilities.tolist(), sorted(classes))

    # The pitch of a symbol is that of the one note more that it makes; a first note in the middle repeats the last.
    before = found.decode(tokens, tune.pitches[0])
    pitches: dict[int, float] = {}
    silent = 0.0
    is_note = [found.data["kind_names"][kind] in ("note", "first") for kind in found.data["kinds"]]
    for symbol in np.flatnonzero(is_note).tolist():
        token = symbol if found.rhythm.streams == 1 else [symbol, 0]
        after = found.decode([*tokens, token], tune.pitches[0])
        if len(after) > len(before):
            pitches[after.pitches[-1]] = pitches.get(after.pitches[-1], 0) + probabilities[symbol]
            is_first = found.data["kind_names"][found.data["kinds"][symbol]] == "first"
            assert answer["inside"][symbol] == (is_first or after.pitches[-1] % 12 in classes)
        else:
            silent += probabilities[symbol]
            assert answer["inside"][symbol] == 1
    note = sum(pitches.values())
    assert answer["note"] == pytest.approx(note)
    assert {int(pitch): share for pitch, share in answer["pitches"].items()} == pytest.approx(
        {pitch: share / note for pitch, share in pitches.items()}
    )
    assert sum(answer[key] for key in ("note", "rest", "end", "hold", "duration")) == pytest.approx(1)
    assert answer["rest"] >= silent

    # A key that is lit can be played: the tune with it becomes tokens, and is the same pitch when it is read back.
    melody = Melody(tune.pitches[: len(before)], before.onsets, before.durations)
    for pitch in answer["possible"]:
        values = found.representation.encode([*melody.pitches, pitch])
        known = values[-1] in found.data["note_values"]
        assert known
        assert found.representation.decode(values.tolist(), melody.pitches[0]).pitches[-1] == pitch


def test_any_pitch_can_begin_where_intervals_are_read(prepared):
    node, _ = prepared("interval-1-joint")
    assert node.call("openPitches", "interval-1-joint") == list(range(128))
    node, found = prepared("control-1-joint")
    assert node.call("openPitches", "control-1-joint") == sorted(set().union(*(tune.pitches for tune in found.tunes)))


@pytest.mark.parametrize("name", ["control-2-factored", "interval-6-factored", "db12-1-joint", "control-0-none"])
def test_headers(prepared, name):
    node, found = prepared(name)
    metres = (None, Metre(3, 4), Metre(6, 8), Metre(4, 4), Metre(7, 16))
    for metre in metres:
        for pickup in (None, 0, 12, 24, 31):
            header = {"metre": metre and list(metre), "pickup": pickup}
            if isinstance(found.vocabulary, Vocabulary):
                assert node.call("opening", name, header) == []
                continue
            tune = EncodedTune(Header(metre, pickup), np.zeros((0, found.rhythm.streams), np.int64), 60, 0)
            assert node.call("opening", name, header) == found.vocabulary.encode(tune).tolist()
            try:
                completed = header_for(Melody((), (), ()), found.vocabulary, Header(metre, pickup))
            except ValueError:
                with pytest.raises(JavaScriptError, match="not shorter than a bar"):
                    node.call("completeHeader", name, header)
                continue
            answer = node.call("completeHeader", name, header)
            assert answer == {"metre": completed.metre and list(completed.metre), "pickup": completed.pickup}
            bars = [] if completed.metre is None else list(bar_starts(completed.metre, completed.pickup, 200))
            assert node.call("bars", name, answer, 200) == bars


def refusal(node, name, *notes):
    with pytest.raises(JavaScriptError) as caught:
        node.call("encode", name, [{"pitch": 67, "duration": 12}, *notes])
    return caught.value


@quick_rows(1, "name", WITH_RHYTHM)
def test_what_is_not_in_the_vocabulary_is_refused_with_what_is(prepared, name):
    node, found = prepared(name)
    far = refusal(node, name, {"pitch": 1, "duration": 12})
    assert far.details["note"] == 1
    pitches = far.details["possible"]["pitches"]
    assert 1 not in pitches
    assert all(found.representation.encode([67, pitch])[-1] in found.data["note_values"] for pitch in pitches)
    long = refusal(node, name, {"pitch": 69, "duration": 1001}, {"pitch": 67, "duration": 12})
    assert long.details["note"] == 1
    assert long.details["possible"]["durations"]
    for duration in long.details["possible"]["durations"][:20]:
        notes = [{"pitch": 67, "duration": 12}, {"pitch": 69, "duration": duration}, {"pitch": 67, "duration": 12}]
        assert found.decode(node.call("encode", name, notes), 67).durations[1] == duration
    rest = refusal(node, name, {"pitch": 69, "duration": 12, "rest": 1001})
    assert rest.details["possible"]["ofRest"]


def test_a_primer_that_is_too_short_or_overlaps(prepared):
    node, _ = prepared("interval-0-none")
    with pytest.raises(JavaScriptError, match="needs 2 notes"):
        node.call("encode", "interval-0-none", [{"pitch": 60}])
    node, _ = prepared("control-2-factored")
    assert node.call("encode", "control-2-factored", []) == []
    overlap = refusal(node, "control-2-factored", {"pitch": 69, "duration": 12, "onset": 6})
    assert "before the note before it ends" in str(overlap)


@pytest.mark.slow
@any_tokens
@given(values=st.lists(st.integers(-127, 127), max_size=30), first=st.integers(0, 127))
def test_the_rule_of_the_original_for_intervals(writing_node, values, first):
    vocabulary = Vocabulary(sorted({0, *values}))
    writing_node.call("add", "intervals", writing_data(Interval(), NoRhythm(), vocabulary), {"scores": []})
    expected = Interval().decode(values, first)
    answer = writing_node.call("decode", "intervals", vocabulary.encode(values).tolist(), first)
    assert (answer["pitches"], answer["onsets"]) == (list(expected.pitches), list(expected.onsets))
    # The last value, as one that has yet to come: silent, or a note from the pitch that the values before it lead to.
    *before, last = vocabulary.encode([*values, 0]).tolist()
    chance = [float(token == last) for token in range(len(vocabulary))]
    after = Interval().decode([*values, 0], first)
    sounds = {str(after.pitches[-1]): 1} if len(after) > len(expected) else {}
    assert writing_node.call("next", "intervals", before, first, chance, [0])["pitches"] == sounds


@dataclass(frozen=True)
class Nearest(AbstractRepresentation):
    """Pitch classes; each note is as near as possible to the one before."""

    name: ClassVar[str] = "nearest"
    first_predicted_note: ClassVar[int] = 2

    def encode(self, pitches):
        """The pitch classes."""
        return Control().encode(pitches) % 12

    def augmentations(self, pitches):
        """One version."""
        return [self.encode(pitches)]

    def decode(self, values, first_pitch=60):
        """From any integers."""
        running, pitches = first_pitch, []
        for value in values:
            running += (int(value) - running + 6) % 12 - 6
            running += 12 * (running < 0) - 12 * (running > 127)
            pitches.append(running)
        return Melody.from_pitches(pitches)

    def value_name(self, value):
        """The number."""
        return str(value)


class Parity(Nearest):
    """The octave of a note depends on its place, which tables cannot hold."""

    name: ClassVar[str] = "parity"

    def decode(self, values, first_pitch=60):
        """From any integers."""
        return Melody.from_pitches(60 + value % 12 + 12 * (place % 2) for place, value in enumerate(values))


class Second(Nearest):
    """A value of the pitch and its place."""

    name: ClassVar[str] = "second"

    def encode(self, pitches):
        """The pitch classes from the first pitch of all."""
        return (Control().encode(pitches) + np.arange(len(pitches)) // 7) % 12


class MyRhythm(Joint):
    """A rhythm of one's own."""

    name: ClassVar[str] = "mine"


@pytest.mark.slow
@any_tokens
@given(values=st.lists(st.integers(0, 11), max_size=30), first=st.integers(0, 127))
def test_a_representation_of_a_user_whose_pitches_follow_from_the_pitch_before(writing_node, values, first):
    vocabulary = Vocabulary(range(12))
    writing_node.call("add", "nearest", writing_data(Nearest(), NoRhythm(), vocabulary), {"scores": []})
    expected = list(Nearest().decode(values, first).pitches)
    assert writing_node.call("decode", "nearest", values, first)["pitches"] == expected
    primer = [{"pitch": pitch} for pitch in expected or [first]]
    assert (
        writing_node.call("encode", "nearest", primer) == Nearest().encode([each["pitch"] for each in primer]).tolist()
    )


@pytest.mark.slow
@any_tokens
@given(rows=st.lists(st.integers(0, 30), max_size=30), first=st.integers(0, 127))
def test_a_representation_of_a_user_with_rhythm(writing_node, rows, first):
    encoding = Encoding(Nearest(), Joint())
    tunes = [encoding.encode(tune) for tune in airs()[:5]]
    vocabulary = encoding.vocabulary_of(tunes)
    writing_node.call("add", "mine", writing_data(Nearest(), Joint(), vocabulary), {"scores": []})
    tokens = [row % len(vocabulary) for row in rows]
    expected = encoding.decode(vocabulary.decode(np.array(tokens, np.int64)), first)
    answer = writing_node.call("decode", "mine", tokens, first)
    assert answer == {key: list(getattr(expected, key)) for key in ("pitches", "onsets", "durations")}
    encoded = vocabulary.encode(tunes[0])[-len(tunes[0].symbols) : -1]
    assert writing_node.call("encode", "mine", notes_of(airs()[0])) == encoded.tolist()


@pytest.mark.parametrize(
    ("representation", "rhythm", "reason"),
    [
        (Parity(), NoRhythm(), "dataset=parity: .*the pitch of a note depends on more"),
        (Second(), NoRhythm(), "dataset=second: .*the value of a note depends on more"),
        (Control(), MyRhythm(), "rhythm=mine: .*tables cannot hold a rhythm of your own"),
    ],
)
def test_what_tables_cannot_hold_is_refused(representation, rhythm, reason):
    with pytest.raises(EngineError, match=reason):
        writing_data(representation, rhythm, Vocabulary(range(12)))
