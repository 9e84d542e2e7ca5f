"""JavaScript chooses tokens and continues tunes as Python does, and each note has the same surprise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.data import WholeTuneLoader
from melgen.data.whole_tunes import WholeTune
from melgen.generation import sampling, tune_sampling
from melgen.generation.sampling import sample_melodies
from melgen.generation.selection import select
from melgen.generation.tune_sampling import sample_tunes
from melgen.music import Melody, Vocabulary
from melgen.music.encoding import NOT_A_NOTE
from melgen.music.events import header_of
from melgen.scoring.rhythm_scores import tune_nats
from tests.engine.cases import PAIRS, WITH_RHYTHM, notes_of, small_case
from tests.engine.javascript import JavaScriptError
from tests.music.tunes import EXAMPLE
from tests.tiers import quick_rows

pytestmark = pytest.mark.slow

each_case = quick_rows(1, "name", PAIRS)
with_rhythm = quick_rows(1, "name", WITH_RHYTHM)
IN_SIXTEENTHS = Melody((67, 69, 71, 69), (0, 24, 60, 72), (24, 24, 12, 24), metres=EXAMPLE.metres, pickup=0)
RELATIVE = 1e-9  # of sums in double precision


def log_softmax(logits, allowed=None):
    """In double precision, base 2."""
    scores = logits.double()
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    return scores.log_softmax(-1) / np.log(2)


def scored(found, tune):
    """The batch of a whole tune, what the network gives for it, and the bits of each target."""
    encoded = found.encoding.encode(tune)
    (batch,) = WholeTuneLoader([WholeTune(encoded, True)], found.vocabulary, found.encoding)
    output, _ = found.model.read(batch.tokens)
    targets = batch.targets if found.rhythm.streams == 1 else batch.targets[..., 0]
    keep = batch.counted[0]
    first = targets[0, keep]
    logs = log_softmax(found.model.logits(output)[0, keep], batch.allowed[0, keep])
    bits = -logs.gather(1, first[:, None])[:, 0]
    if found.rhythm.streams == 2:
        second = batch.targets[0, keep, 1]
        of_durations = log_softmax(found.model.duration_logits(output[:, keep], first[None])[0])
        has_duration = second < of_durations.shape[1]
        bits[has_duration] -= of_durations[has_duration, second[has_duration]]
    return batch, logs, first.numpy(), bits.numpy()


def owners(found, symbols):
    """For each symbol the number of the note to which it belongs; the number after the last for the end."""
    kinds = [found.data["kind_names"][found.data["kinds"][symbol]] for symbol in symbols]
    notes = int(found.data["first_note"] == "unwritten")
    owner: list[int] = []
    for kind in kinds:
        is_inside = found.data["value_is_of_next"] and kind == "rest" and owner  # before a note whose pitch is written
        if kind in ("hold", "duration") or is_inside:
            owner.append(owner[-1])  # of the note or the rest before
            continue
        owner.append(notes)
        notes += kind in ("note", "first")
    return np.array(owner), np.isin(kinds, ("note", "first"))


@with_rhythm
def test_the_surprise_of_each_note(prepared, name):
    node, found = prepared(name)
    groups = torch.from_numpy(found.encoding.groups(found.vocabulary))
    for tune in found.tunes[:4] + found.tunes[-2:]:
        batch, logs, symbols, bits = scored(found, tune)
        owner, is_note = owners(found, symbols)
        header = {"metre": tune.metre and list(tune.metre), "pickup": tune.pickup}
        assert None not in header.values()  # JavaScript would complete it
        answer = node.call("compose", name, {"primer": notes_of(tune), "header": header})
        notes = answer["notes"]
        first = int(found.data["first_note"] == "unwritten")
        expected = np.bincount(owner, bits, minlength=len(tune) + 1)
        if first:
            assert notes[0]["bits"] is None
        np.testing.assert_allclose([note["bits"] for note in notes[first:]], expected[first : len(tune)], RELATIVE)
        assert answer["end"] == pytest.approx(expected[len(tune)], rel=RELATIVE)
        assert [note["pitch"] for note in notes] == list(tune.pitches)
        assert [note["duration"] for note in notes] == list(tune.durations)
        assert [note["onset"] for note in notes] == list(tune.onsets)

        # -log2 p(pitch | a note begins), by the groups of values.
        of_groups = torch.zeros(len(logs), int(groups.max()) + 1, dtype=torch.float64)
        of_groups.index_add_(1, groups[groups != NOT_A_NOTE], logs.exp2()[:, groups != NOT_A_NOTE])
        own = of_groups[torch.arange(len(logs)), groups[symbols].clamp(min=0)]
        pitch_bits = (of_groups.sum(1).log2() - own.log2()).numpy()[is_note]
        given = [note["pitchBits"] for note in notes[first:]]
        np.testing.assert_allclose(given, pitch_bits, RELATIVE, atol=1e-12)

        # The sums are those that training logs, in single precision.
        nats, pitch_nats, _ = tune_nats(found.model, batch, groups)
        total = sum(note["bits"] for note in notes[first:]) + answer["end"]
        assert total * np.log(2) == pytest.approx(float(nats[batch.counted].sum()), rel=1e-5)
        assert sum(given) * np.log(2) == pytest.approx(float(pitch_nats[batch.counted].sum()), rel=1e-5)


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - set(WITH_RHYTHM)))
def test_the_surprise_of_pitches_without_rhythm(prepared, name):
    node, found = prepared(name)
    for tune in found.tunes[:8]:
        tokens = torch.tensor(found.tokens(tune))
        logits, _ = found.model(tokens[None, :-1])
        bits = -log_softmax(logits[0]).gather(1, tokens[1:, None])[:, 0]
        notes = node.call("compose", name, {"primer": notes_of(tune)})["notes"]
        unpredicted = found.representation.first_predicted_note - 1
        assert [note["bits"] for note in notes[:unpredicted]] == [None] * unpredicted
        np.testing.assert_allclose([note["bits"] for note in notes[unpredicted:]], bits, RELATIVE)
        for note in notes[unpredicted:]:
            assert sum(note["expected"]["pitches"].values()) == pytest.approx(1)


OPTIONS = [
    {"temperature": 0, "notes": 9},
    {"temperature": 0.7, "topK": 5, "seed": 2**40, "limit": 6},
    {"temperature": 0},
    {"temperature": 1, "seed": 3, "notes": 9},
    {"temperature": 1.3, "topP": 0.8, "seed": 5, "limit": 14},
]


def python_songs(monkeypatch, node, found, primer, options, header):
    """The song of Python, with the random numbers of JavaScript."""
    greedy = options["temperature"] == 0
    opening = len(node.call("opening", found.name, header))

    rows = [] if greedy else [node.call("draws", options["seed"], stream, 2000) for stream in (0, 1)]

    def draws(seed, draw, songs):
        # Python also draws while it reads the header and the primer, and leaves these numbers.
        stream, place = (draw % 2, draw // 2 + 1 - opening) if opening else (0, draw + given)
        return torch.tensor([rows[stream][max(place, 0)]] * songs, dtype=torch.float64)

    common = {"selection": "greedy"} if greedy else {"temperature": options["temperature"], "seed": options["seed"]}
    common |= {"top_k": options.get("topK"), "top_p": options.get("topP")}
    monkeypatch.setattr(tune_sampling, "uniform_draws", draws)
    monkeypatch.setattr(sampling, "uniform_draws", draws)
    if isinstance(found.vocabulary, Vocabulary):
        given = len(found.representation.encode(primer.pitches))
        notes = options.get("notes") or options.get("limit") or found.data["most_notes"]
        (melody,) = sample_melodies(
            found.model, found.representation, found.vocabulary, primer.pitches, 1, notes, **common
        )
        return melody, False
    (song,) = sample_tunes(
        found.model, found.encoding, found.vocabulary, primer, 1, options.get("notes"), options.get("limit"), **common
    )
    return song


def assert_same_song(monkeypatch, node, found, primer, options):
    own = header_of(primer)
    header = {"metre": own.metre and list(own.metre), "pickup": own.pickup}
    song, has_ended = python_songs(monkeypatch, node, found, primer, options, header)
    answer = node.call("compose", found.name, {"primer": notes_of(primer), "header": header}, options)
    for key, each in (("pitch", song.pitches), ("onset", song.onsets), ("duration", song.durations)):
        assert [note[key] for note in answer["notes"]] == list(each)
    assert answer["ended"] == has_ended
    return answer


def opening_of(tune, length):
    return Melody(
        tune.pitches[:length], tune.onsets[:length], tune.durations[:length], metres=tune.metres, pickup=tune.pickup
    )


@each_case
@quick_rows(2, "options", OPTIONS, ids=str)
def test_the_same_notes_follow(prepared, monkeypatch, name, options):
    node, found = prepared(name)
    for length in (0, 2, 9, 14):
        if length or not isinstance(found.vocabulary, Vocabulary):
            assert_same_song(monkeypatch, node, found, opening_of(found.tunes[length], length), options)


@with_rhythm
def test_songs_that_often_rest_and_end(prepared, monkeypatch, name):
    tune = EXAMPLE if name in ("control-1-joint", "interval-1-joint") else IN_SIXTEENTHS
    ends = []
    for seed in range(6):
        node, found = prepared(small_case(name, [tune], seed))
        for options in ({"notes": 3}, {"limit": 5}):
            for length in (0, 3):
                chosen = {"temperature": 1, "seed": seed, **options}
                answer = assert_same_song(monkeypatch, node, found, opening_of(tune, length), chosen)
                ends.append(answer["ended"])
                # The position of each note is where the song would end with it, without a rest after it.
                if not found.data["value_is_of_next"]:
                    assert not any(answer["silences"])
                    total = len(answer["notes"])
                    assert answer["ends"] == list(range(total - len(answer["ends"]) + 1, total + 1))
    assert set(ends) == {True, False}


@pytest.mark.parametrize("rest", [0, 12])
def test_a_network_that_can_write_nothing_that_fits(prepared, monkeypatch, rest):
    # All intervals go up, so that only rests and the end are left at the highest pitch, and nothing after a rest.
    rising = Melody((60, 64, 68), (0, 12, 24 + rest), (12, 12, 12), metres=EXAMPLE.metres, pickup=0)
    primer = Melody((119, 123), (0, 12), (12, 12), metres=EXAMPLE.metres, pickup=0)
    for name in ("interval-1-joint", "interval-2-factored"):
        for seed in range(4):
            node, found = prepared(small_case(name, [rising], 100 + 10 * rest + seed))
            options = {"temperature": 1, "seed": seed, "notes": 9}
            answer = assert_same_song(monkeypatch, node, found, primer, options)
            assert all(note["bits"] is not None for note in answer["notes"])


@each_case
@quick_rows(1, "options", [OPTIONS[1], OPTIONS[2], OPTIONS[4]], ids=str)
def test_one_can_go_on_from_any_note(prepared, name, options):
    node, found = prepared(name)
    if found.rhythm.name == "grid" and options["temperature"]:
        return  # the note from which one goes on is not held, which changes the probabilities of what follows
    primer = notes_of(found.tunes[3])[:5]
    answer = node.call("compose", name, {"primer": primer}, {"limit": 12, **options})
    # The last note may have been cut off.
    notes = {note["index"]: note for note in answer["notes"][:-1]}
    same = [note for note in answer["again"] if note["index"] in notes]
    assert same == [notes[note["index"]] for note in same]
    assert same or len(answer["notes"]) < 10


@each_case
def test_a_song_keeps_to_pitch_classes(prepared, name):
    node, found = prepared(name)
    tune = found.tunes[0]
    classes = sorted({pitch % 12 for pitch in tune.pitches})[::2]
    primer = notes_of(tune)[:2]
    options = {"notes": 20, "pitchClasses": classes, "seed": 1}
    notes = node.call("compose", name, {"primer": primer}, options)["notes"]
    assert len(notes) > 2
    assert {note["pitch"] % 12 for note in notes[2:]} <= set(classes)
    if found.data["fewest_notes"] == 0:
        notes = node.call("compose", name, {"pitchClasses": classes}, options)["notes"]
        assert {note["pitch"] % 12 for note in notes} <= set(classes)


@each_case
def test_a_longer_or_shorter_primer_reads_only_what_differs(prepared, name):
    node, found = prepared(name)
    notes = notes_of(found.tunes[3])[:9]
    tokens = [len(node.call("encode", name, notes[:length])) for length in range(2, 10)]
    for first, second in ((4, 6), (6, 9), (9, 3)):
        answer = node.call("extend", name, notes[:first], notes[:second])
        assert answer["steps"] == max(0, tokens[second - 2] - tokens[first - 2])
        assert answer["notes"] == answer["alone"]
    other_first = [{**notes[0], "pitch": notes[1]["pitch"]}, *notes[1:4]]
    for other in (other_first, [notes[0], {**notes[1], "pitch": notes[2]["pitch"]}, *notes[2:4]]):
        answer = node.call("extend", name, notes[:4], other)
        assert answer["steps"] > 0
        assert answer["notes"] == answer["alone"]


def test_a_network_of_pitches_needs_a_primer(prepared):
    node, _ = prepared("control-0-none")
    with pytest.raises(JavaScriptError, match="needs 1 note to begin with"):
        node.call("compose", "control-0-none", {}, {"notes": 3})


scores = st.lists(st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 2.0000001, 700.0]), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    logits=scores | st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=40),
    data=st.data(),
    temperature=st.sampled_from([1e-6, 0.3, 1.0, 2.5]),
    top_k=st.none() | st.integers(1, 14),
    top_p=st.none() | st.sampled_from([0.01, 0.25, 1 / 3, 0.5, 0.9, 1.0]),
)
def test_the_same_tokens_are_drawn(writing_node, logits, data, temperature, top_k, top_p):
    mask = data.draw(st.lists(st.booleans(), min_size=len(logits), max_size=len(logits)).filter(any))
    masked = torch.tensor(logits, dtype=torch.float32).masked_fill(~torch.tensor(mask), -torch.inf)
    draws = torch.linspace(0, 1, 41, dtype=torch.float64)[:-1] + 1e-4  # off the boundaries of equal shares
    expected = select(masked.expand(40, -1), "sample", temperature, top_k, top_p, draws=draws).tolist()
    options = {"temperature": temperature, "topK": top_k, "topP": top_p}
    given = torch.tensor(logits, dtype=torch.float32).tolist()
    found = [writing_node.call("select", given, list(map(int, mask)), options, draw) for draw in draws.tolist()]
    assert found == expected
    greedy = writing_node.call("select", given, list(map(int, mask)), {"temperature": 0}, 0.9)
    assert greedy == int(select(masked[None], "greedy")[0])


def test_scores_that_differ_less_than_rounding_keep_their_order(writing_node):
    scores = [1.0, -(2.0**-149), 0.0]  # one less either of the last two is the same number
    draws = torch.linspace(0, 0.99, 20, dtype=torch.float64)
    expected = select(torch.tensor([scores] * 20), "sample", top_k=2, draws=draws).tolist()
    assert set(expected) == {0, 2}
    assert [writing_node.call("select", scores, None, {"topK": 2}, draw) for draw in draws.tolist()] == expected


@pytest.mark.parametrize("top_p", [0.5, 0.25, 0.75])
def test_the_nucleus_has_a_tolerance_for_rounding(writing_node, top_p):
    scores = [0.0, 0.0, 0.0, 0.0, -32.0]  # the shares of the first four are just below a quarter
    draws = torch.linspace(0, 0.99, 20, dtype=torch.float64)
    expected = select(torch.tensor([scores] * 20), "sample", top_p=top_p, draws=draws).tolist()
    assert len(set(expected)) == 4 * top_p
    assert [writing_node.call("select", scores, None, {"topP": top_p}, draw) for draw in draws.tolist()] == expected


def test_draws_are_uniform_and_differ_between_seeds_places_and_streams(writing_node):
    first = np.array(writing_node.call("draws", 0, 0, 20_000))
    assert 0 <= first.min() < first.max() < 1
    counts = np.histogram(first, 50, (0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 90  # chi-squared of 49 degrees: 85 is exceeded once in a thousand
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.03
    for seed, stream in ((1, 0), (2**32, 0), (0, 1)):
        other = np.array(writing_node.call("draws", seed, stream, 20_000))
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03
    assert writing_node.call("draws", 0, 0, 5) == first[:5].tolist()
