"""The likelihood of tunes with rhythm: the same under every encoding, and a probability over all tunes."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from melgen.data.whole_tunes import WholeTune, WholeTuneLoader
from melgen.music import Control, Factored, Grid, Interleaved, Interval, Joint, Melody
from melgen.music.abstract_rhythm import END
from melgen.music.encoding import Encoding
from melgen.networks import MelodyModel
from melgen.scoring.rhythm_scores import RhythmScores, tune_nats
from tests.tiers import quick_rows

ENCODINGS = [
    Encoding(Control(), Joint()),
    Encoding(Interval(), Interleaved()),
    Encoding(Control(), Grid()),
    Encoding(Interval(), Factored()),
    Encoding(Control(), Factored()),
    Encoding(Interval(), Joint()),
    Encoding(Interval(), Grid()),
    Encoding(Control(), Interleaved()),
]
each_encoding = quick_rows(4, "encoding", ENCODINGS, ids=lambda each: f"{each.representation.name}-{each.rhythm.name}")


def some_tunes(count, seed=0):
    """Different tunes that begin on one pitch, of a few pitches and lengths, with rests."""
    rng = np.random.default_rng(seed)
    tunes = {}
    while len(tunes) < count:
        notes = int(rng.integers(1, 5))
        pitches = [60, *rng.choice([60, 62, 64], notes - 1)]
        lengths = rng.choice([6, 6, 6, 12], notes)
        gaps = rng.choice([0, 0, 0, 0, 6], notes)
        onsets = np.cumsum(lengths + gaps) - lengths
        tune = Melody(tuple(map(int, pitches)), tuple(onsets.tolist()), tuple(lengths.tolist()))
        tunes[tune.pitches, tune.onsets, tune.durations] = tune
    return list(tunes.values())


class Oracle:
    """Knows how likely each of a few tunes is, and predicts a symbol by the tunes that begin like what it has read."""

    def __init__(self, encoding, tunes, weights):
        self.encoded = [encoding.encode(tune) for tune in tunes]
        self.vocabulary = encoding.vocabulary_of(self.encoded)
        self.next: dict = defaultdict(lambda: np.zeros(len(self.vocabulary)))
        self.next_duration: dict = defaultdict(lambda: np.zeros(len(self.vocabulary.durations or [])))
        self.opening = 3
        for encoded, weight in zip(self.encoded, weights, strict=True):
            tokens = self.vocabulary.encode(encoded).reshape(-1, encoding.rhythm.streams)[self.opening :]
            for i, row in enumerate(tokens.tolist()):
                before = tuple(map(tuple, tokens[:i].tolist()))
                self.next[before][row[0]] += weight
                if len(row) > 1 and row[1] < len(self.vocabulary.durations):
                    self.next_duration[before, row[0]][row[1]] += weight

    def read(self, tokens):
        return tokens, None

    def _before(self, tokens, row, step):
        rows = tokens[row, self.opening : step + 1].tolist()
        return tuple(tuple(each) if isinstance(each, list) else (each,) for each in rows)

    def logits(self, tokens):
        out = torch.zeros(*tokens.shape[:2], len(self.vocabulary))
        for row in range(tokens.shape[0]):
            for step in range(self.opening - 1, tokens.shape[1]):
                before = self._before(tokens, row, step)
                if before in self.next:
                    out[row, step] = torch.from_numpy(np.log(self.next[before] + 1e-300))
        return out

    def duration_logits(self, tokens, first):
        out = torch.zeros(*tokens.shape[:2], len(self.vocabulary.durations))
        for row in range(tokens.shape[0]):
            for step in range(self.opening - 1, tokens.shape[1]):
                key = self._before(tokens, row, step), int(first[row, step])
                if key in self.next_duration:
                    out[row, step] = torch.from_numpy(np.log(self.next_duration[key] + 1e-300))
        return out


def nats_by_tune(model, encoding, vocabulary, encoded):
    """The nats of each tune and of its pitches, from the batches that validation makes."""
    loader = WholeTuneLoader([WholeTune(tune, True) for tune in encoded], vocabulary, encoding)
    groups = torch.from_numpy(encoding.groups(vocabulary))
    total, pitch = {}, {}
    for batch, numbers in zip(loader, loader.batches, strict=True):
        with torch.no_grad():
            nats, pitch_nats, _ = tune_nats(model, batch, groups)
        for row, number in enumerate(numbers):
            total[number] = float(nats[row][batch.compared[row]].sum())
            pitch[number] = float(pitch_nats[row][batch.compared_pitches[row]].sum())
    return [total[i] for i in range(len(encoded))], [pitch[i] for i in range(len(encoded))]


class TestOneDistributionUnderEveryEncoding:
    """The oracle of an encoding knows the probabilities of a hundred tunes; all encodings must give them back."""

    tunes = some_tunes(100)
    weights = np.random.default_rng(1).dirichlet(np.ones(100))

    @each_encoding
    def test_a_tune_is_as_likely_as_it_is(self, encoding):
        oracle = Oracle(encoding, self.tunes, self.weights)
        nats, _ = nats_by_tune(oracle, encoding, oracle.vocabulary, oracle.encoded)
        assert nats == pytest.approx(-np.log(self.weights), rel=1e-5)

    def test_pitch_and_rhythm_have_the_same_shares(self):
        shares = []
        for encoding in ENCODINGS:
            oracle = Oracle(encoding, self.tunes, self.weights)
            scores = RhythmScores(encoding.groups(oracle.vocabulary))
            tunes = [WholeTune(tune, len(melody) >= 3) for tune, melody in zip(oracle.encoded, self.tunes, strict=True)]
            for batch in WholeTuneLoader(tunes, oracle.vocabulary, encoding):
                scores.add(oracle, batch)
            shares.append(scores.metrics())
        for key in ("bits_per_note_with_rhythm", "pitch_bits_per_note", "rhythm_bits_per_note"):
            assert [each[key] for each in shares] == pytest.approx([shares[0][key]] * len(shares), rel=1e-5)
        assert shares[0]["pitch_bits_per_note"] > 0.1
        assert shares[0]["rhythm_bits_per_note"] > 0.1


@quick_rows(2, "encoding", ENCODINGS, ids=lambda each: f"{each.representation.name}-{each.rhythm.name}")
def test_probabilities_of_all_tunes_add_up_to_one(encoding):
    """Each sequence that the grammar allows, up to a length, is another tune; what is longer has the rest."""
    torch.manual_seed(0)
    vocabulary = encoding.vocabulary_of(
        encoding.encode(tune)
        for tune in (Melody((60, 62), (0, 12), (6, 6)), Melody((60, 62, 60), (0, 12, 18), (12, 6, 6)))
    )
    model = MelodyModel(**vocabulary.sizes, hidden_size=8, layers=1, initialization="torch")
    grammar, streams = encoding.grammar(vocabulary), encoding.rhythm.streams
    opening = vocabulary.encode(encoding.encode_primer(Melody((), (), ()), vocabulary.commonest_header()))
    longest = 5 if streams == 2 else 6
    found, mass_of_longer = {}, 0.0

    def follow(tokens, state, reading, probability, last):
        nonlocal mass_of_longer
        if len(tokens) == longest:
            mass_of_longer += probability
            return
        with torch.no_grad():
            output, state = model.read(torch.tensor(np.array(last))[None], state)
            logits = model.logits(output)[0, -1].double()
        allowed = grammar.next_allowed(reading)[0]
        each = logits.masked_fill(~torch.from_numpy(allowed), -math.inf).softmax(-1).tolist()
        for token in np.flatnonzero(allowed).tolist():
            symbol = int(vocabulary.symbols.values[token])
            if symbol == END:
                row = [token, len(vocabulary.durations)] if streams == 2 else token
                found[tuple(map(str, [*tokens, row]))] = ([*tokens, row], probability * each[token])
                continue
            after = grammar.read(reading, np.array([token]))
            if streams == 1:
                follow([*tokens, token], state, after, probability * each[token], [token])
                continue
            with torch.no_grad():
                durations = model.duration_logits(output[:, -1:], torch.tensor([[token]]))[0, -1].double().softmax(-1)
            for duration, share in enumerate(durations.tolist()):
                row = [token, duration]
                follow([*tokens, row], state, after, probability * each[token] * share, [row])

    follow([], None, grammar.begin([60]), 1.0, opening.tolist())
    assert sum(probability for _, probability in found.values()) + mass_of_longer == pytest.approx(1, abs=1e-6)
    assert len(found) > 10

    melodies, encoded = set(), []
    for tokens, _ in found.values():
        symbols = vocabulary.decode(np.array(tokens, np.int64))
        melody = encoding.decode(symbols, 60)
        melodies.add((melody.pitches, melody.onsets, melody.durations))
        encoded.append(encoding.encode(melody)._replace(header=vocabulary.commonest_header()))
        assert np.array_equal(encoded[-1].symbols, symbols)  # its one spelling
    assert len(melodies) == len(found)

    # Validation gives each tune the same probability.
    nats, _ = nats_by_tune(model, encoding, vocabulary, encoded)
    assert nats == pytest.approx([-math.log(probability) for _, probability in found.values()], rel=1e-4)


def test_first_pitches_are_given():
    """The pitches of the first two notes count for neither share, their lengths do."""
    encoding = Encoding(Control(), Factored())
    tune = encoding.encode(Melody((60, 62, 64), (0, 12, 36), (12, 12, 12)))
    vocabulary = encoding.vocabulary_of([tune])
    (batch,) = WholeTuneLoader([WholeTune(tune, True)], vocabulary, encoding)
    assert batch.compared[0].tolist() == [False, False, *[True] * 5]
    assert batch.compared_pitches[0].tolist() == [False, False, False, False, False, True, False]


def test_tunes_with_unseen_symbols_are_scored_where_they_are_known():
    encoding = Encoding(Interval(), Factored())
    vocabulary = encoding.vocabulary_of([encoding.encode(Melody((60, 62, 60), (0, 12, 24), (12, 12, 12)))])
    unseen = encoding.encode(Melody((2, 1, 3, 1), (0, 12, 24, 36), (12, 12, 12, 24)))
    model = MelodyModel(**vocabulary.sizes, hidden_size=8, layers=1)
    scores = RhythmScores(encoding.groups(vocabulary))
    with torch.no_grad():
        for batch in WholeTuneLoader([WholeTune(unseen, False)], vocabulary, encoding):
            scores.add(model, batch)
    metrics = scores.metrics()
    assert math.isfinite(metrics["loss"])
    assert math.isnan(metrics["bits_per_note_with_rhythm"])
    assert scores.sums.tokens == 3  # the first note, the interval +2, and the end; not -1, nor the long -2
