"""Counting models in the place of a network: scored and sampled by the same code."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from melgen.evaluation import baseline_table
from melgen.evaluation.baselines import UnigramBaseline
from melgen.evaluation.counting import network
from melgen.evaluation.counting.contexts import Places
from melgen.evaluation.counting.kneser_ney import KneserNey
from melgen.evaluation.counting.network import CountingBaseline, CountingNetwork
from melgen.evaluation.counting.ppm import Ppm
from melgen.evaluation.rhythm_baselines import RhythmBaseline
from melgen.generation.sampling import sample_values
from melgen.generation.tune_sampling import sample_tunes
from melgen.music import Interval, Melody
from melgen.music.rhythms import Interleaved, Joint
from melgen.scoring.likelihood import likelihood

UNIGRAMS = [partial(Ppm, memory="ltm", order_bound=0), partial(KneserNey, order=1)]


def melodies(seed, count=12):
    """Tunes of few pitches and lengths, with rests, so that all events of some occur in others."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        notes = int(generator.integers(3, 12))
        pitches = 60 + 2 * generator.integers(0, 3, notes)
        durations = generator.choice([12, 24], notes)
        silences = generator.choice([0, 0, 12], notes)
        onsets = np.cumsum(silences + np.append(0, durations[:-1]))
        found.append(Melody(*(tuple(part.tolist()) for part in (pitches, onsets, durations))))
    return found


TUNES = melodies(0, 40)
HELD_OUT = melodies(1)


def scores(baseline, tunes):
    return likelihood(baseline.fit(TUNES), tunes, np.ones(len(tunes), bool))


@pytest.mark.parametrize("fit", UNIGRAMS)
def test_order_0_is_the_unigram(fit):
    expected = UnigramBaseline.fit([tune.pitches for tune in TUNES])
    trained = CountingBaseline("mine", fit).fit(TUNES)
    np.testing.assert_allclose(trained.model.first(2).exp(), np.stack([expected.first] * 2), rtol=1e-12)
    found = scores(CountingBaseline("mine", fit), HELD_OUT)["bits_per_note"]
    assert found == pytest.approx(expected.bits_per_note([tune.pitches for tune in HELD_OUT]), rel=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_ppm_of_events_is_the_interpolated_ngram_of_events(order):
    """With escape method C both are interpolated after Witten and Bell, and a start is before the first event."""
    baseline = CountingBaseline(
        "mine", partial(Ppm, memory="ltm", order_bound=order - 1), rhythm=Joint(condition="none")
    )
    model = RhythmBaseline.fit(TUNES, order)
    assert all(map(model.can_spell, HELD_OUT))
    expected, found = model.bits_per_note(HELD_OUT), scores(baseline, HELD_OUT)
    assert found["pitch_bits_per_note"] == pytest.approx(expected.pitch, rel=1e-6)
    assert found["rhythm_bits_per_note"] == pytest.approx(expected.rhythm, rel=1e-6)


def test_bits_are_the_probabilities_of_the_tune_so_far():
    """Note by note, with the tune as a short-term memory."""
    trained = CountingBaseline("mine", Ppm, Interval()).fit(TUNES)
    bits, notes = 0.0, 0
    for tune in HELD_OUT:
        tokens = trained.vocabulary.encode(np.diff(tune.pitches), strict=True)
        for i in range(1, len(tokens)):
            places = Places(tokens[None], np.zeros(1, np.int64), np.array([i]))
            bits -= math.log2(trained.model.counted.at(places)[0, tokens[i]])
            notes += 1
    found = likelihood(trained, HELD_OUT, np.ones(len(HELD_OUT), bool))["bits_per_note"]
    assert found == pytest.approx(bits / notes, rel=1e-6)


def test_bits_of_rhythm_are_those_of_all_symbols_that_the_spelling_allows():
    """Symbol by symbol: values and durations in turn, no rest before a rest or the end, no end of an empty tune."""
    trained = CountingBaseline("mine", Ppm, rhythm=Interleaved()).fit(TUNES)
    symbols = trained.vocabulary.symbols.values.tolist()
    kinds = np.array([trained.rhythm.kind_of(symbol) for symbol in symbols])
    pitch = total = notes = 0.0
    for tune in HELD_OUT:
        tokens = trained.vocabulary.encode(trained.encoding.encode(tune), strict=True)
        before, place = "start", 0
        for i in range(3, len(tokens)):  # after metre, pickup and start
            places = Places(tokens[None], np.zeros(1, np.int64), np.array([i]))
            p = trained.model.counted.at(places)[0]
            kind = kinds[tokens[i]]
            if kind == "duration":
                allowed = kinds == "duration"
            else:
                wrong = {"start": ["end"], "rest": ["rest", "end"], "note": []}[before]
                allowed = ~np.isin(kinds, ["duration", *wrong])
                before = kind
            total -= math.log2(p[tokens[i]] / p[allowed].sum())
            if kind == "note":
                of_pitch = -math.log2(p[tokens[i]] / p[kinds == "note"].sum())
                place += 1
                total -= of_pitch if place < 3 else 0
                pitch += of_pitch if place >= 3 else 0
        notes += len(tune) - 2
    found = likelihood(trained, HELD_OUT, np.ones(len(HELD_OUT), bool))
    assert found["pitch_bits_per_note"] == pytest.approx(pitch / notes, rel=1e-6)
    assert found["bits_per_note_with_rhythm"] == pytest.approx(total / notes, rel=1e-6)


def test_read_in_parts_and_in_rows_of_any_length(monkeypatch):
    tokens = torch.from_numpy(np.random.default_rng(2).integers(0, 4, (3, 20)))
    model = CountingNetwork(Ppm([row.numpy() for row in tokens], 4))
    whole, _ = model(tokens)
    assert torch.allclose(whole.exp().sum(-1), torch.ones(3, 20, dtype=torch.float64))
    parts, state = [], None
    for part in tokens.split([1, 6, 13], dim=1):
        logits, state = model(part, state)
        parts.append(logits)
    assert torch.equal(torch.cat(parts, dim=1), whole)
    assert torch.equal(model(tokens[1:2, :9])[0], whole[1:2, :9]), "neither other rows nor what follows matter"
    monkeypatch.setattr(network, "_AT_ONCE", 15)
    assert torch.equal(model(tokens)[0], whole)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.6}, {"selection": "greedy"}], ids=str
)
def test_written_tokens_follow_the_probabilities(options):
    model = CountingNetwork(Ppm([np.array([0, 1, 2, 0, 1, 3, 0, 2])] * 3, 4))
    primer = [0, 1, 2, 0]
    p = model(torch.tensor([primer]))[0][0, -1].exp().numpy()
    if options.get("selection") == "greedy":
        expected = np.eye(4)[p.argmax()]
    else:
        expected = p ** (1 / options.get("temperature", 1))
        kept = np.argsort(-p)[: options.get("top_k", 4)]
        if "top_p" in options:
            kept = kept[: 1 + int((np.cumsum(p[kept]) < options["top_p"]).sum())]
        expected = np.where(np.isin(np.arange(4), kept), expected, 0) / expected[kept].sum()
    songs = sample_values(model, primer, songs=6000, notes=1, seed=3, **options)
    shares = np.bincount(songs[:, 0].numpy(), minlength=4) / len(songs)
    np.testing.assert_allclose(shares, expected, atol=0.025)


def test_tunes_with_rhythm_are_written_until_their_end():
    trained = CountingBaseline("mine", Ppm, rhythm=Interleaved()).fit(TUNES)
    songs = sample_tunes(trained.model, trained.encoding, trained.vocabulary, Melody((), (), ()), 10, limit=30, seed=1)
    again = sample_tunes(trained.model, trained.encoding, trained.vocabulary, Melody((), (), ()), 4, limit=30, seed=1)
    assert [song.melody for song in again] == [song.melody for song in songs[:4]]
    assert any(song.has_ended for song in songs)
    assert {duration for song in songs for duration in song.melody.durations} <= {12, 24}


def test_every_baseline_has_a_name_of_its_own():
    every = [*baseline_table.BASELINES, *baseline_table.RHYTHM_BASELINES]
    assert len({baseline.name for baseline in every}) == len(every)
    of_pitches = baseline_table.counting_baselines(with_rhythm=False)
    assert not any(baseline.writes_rhythm for baseline in of_pitches)
    of_both = baseline_table.counting_baselines(with_rhythm=True)
    assert of_both[: len(of_pitches)] == of_pitches
    assert all(baseline.writes_rhythm for baseline in of_both[len(of_pitches) :])


def test_without_tunes_there_is_nothing_to_count():
    for rhythm in (None, Interleaved()):
        options = {} if rhythm is None else {"rhythm": rhythm}
        with pytest.raises(ValueError, match=r"at least one|no values"):
            CountingBaseline("mine", Ppm, **options).fit([])


@pytest.mark.parametrize("state", [torch.zeros(1, 2, dtype=torch.int64), torch.zeros(2, 2), torch.zeros(2), (), "ab"])
def test_a_state_is_the_tokens_that_were_read(state):
    network = CountingNetwork(None)
    with pytest.raises(ValueError, match="the state must be the tokens that each of 2 rows has read, got"):
        network(torch.zeros(2, 3, dtype=torch.int64), state)
