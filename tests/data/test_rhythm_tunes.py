"""The data of networks with rhythm: what is trained on, scored and left out."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

from melgen.corpora import CorpusError
from melgen.data import MelodyDataModule, Split, token_tunes
from melgen.music import DB12, Control, Factored, Grid, Interleaved, Interval, Joint, Melody, NoRhythm, PaperPairs
from melgen.music.abstract_rhythm import END
from melgen.music.encoding import Encoding
from melgen.music.tune_vocabulary import NOT_PREDICTED
from melgen.runs.missing_bits import why_without_bits
from tests.data.melodies import melodies, walks

pytestmark = pytest.mark.slow

RHYTHMS = (Joint(), Factored(), Grid(), Interleaved())


def rhythmic(songs, seed=0):
    """The same pitches with lengths of an eighth, a quarter and now and then a rest."""
    rng = np.random.default_rng(seed)
    tunes = []
    for song in songs:
        lengths = rng.choice([12, 12, 24, 36], len(song))
        gaps = rng.choice([0, 0, 0, 0, 12], len(song))
        onsets = np.cumsum(lengths + gaps) - lengths
        tunes.append(Melody(tuple(song), tuple(onsets.tolist()), tuple(lengths.tolist())))
    return tunes


def data_of(rhythm, tunes=None, representation=None, **options):
    tunes = rhythmic(walks(40)) if tunes is None else tunes
    options = {"batch_size": 3, "seq_length": 10} | options
    data = MelodyDataModule(tunes, representation or Control(), rhythm=rhythm, **options)
    data.setup()
    return data


@pytest.mark.parametrize("rhythm", RHYTHMS, ids=lambda each: each.name)
def test_windows_contain_each_training_tune_from_its_start_to_its_end(rhythm):
    data = data_of(rhythm, batch_size=1)
    inputs, targets = [], []
    for window in data.train_dataloader():
        inputs.append(window.tokens[0].numpy().reshape(-1, rhythm.streams))
        targets.append(window.targets[0].numpy().reshape(-1, rhythm.streams))
    inputs, targets = np.concatenate(inputs), np.concatenate(targets)
    end = int(data.vocabulary.symbols.encode([END], strict=True)[0])
    assert end not in inputs[:, 0]
    assert np.count_nonzero(targets[:, 0] == end) == len(data.tunes_of(Split.TRAIN))
    # Pickup and start are read, never predicted.
    assert np.count_nonzero(targets[:, 0] == NOT_PREDICTED) == 2 * len(data.tunes_of(Split.TRAIN))
    after_end = np.flatnonzero(targets[:-1, 0] == end) + 1
    assert (inputs[after_end, 0] >= len(data.vocabulary)).all()


def test_windows_of_all_rhythms_last_equally_long():
    updates = {rhythm.name: data_of(rhythm).updates_per_epoch for rhythm in RHYTHMS}
    assert max(updates.values()) - min(updates.values()) <= 1
    assert data_of(Grid()).train_dataloader().seq_length > 2 * data_of(Factored()).train_dataloader().seq_length


@pytest.mark.parametrize("rhythm", [Grid(), Factored()], ids=lambda each: each.name)
def test_the_memory_of_encoded_tunes_is_that_of_all_their_tokens(rhythm):
    data = data_of(rhythm)
    symbols = dict.fromkeys(Split, 0)
    for split, melody in zip(data.splits, data.melodies, strict=True):
        symbols[Split(split)] += len(Encoding(Control(), rhythm).encode(melody).symbols)
    train, held_out = symbols[Split.TRAIN], symbols[Split.VALIDATION] + symbols[Split.TEST]
    tunes = len(data.tunes_of(Split.TRAIN))
    opening = 3  # metre, pickup and start
    # Training tokens and their targets have four bytes each, and each tune its start.
    expected = 2 * 4 * rhythm.streams * (train + opening * tunes) + 8 * (tunes + 1)
    # Of a held-out tune its symbols and tokens, of eight bytes each, and which symbols training knows.
    held_out_tunes = len(data.melodies) - tunes
    expected += 8 * rhythm.streams * (2 * held_out + opening * held_out_tunes) + held_out
    assert data.nbytes == expected


def test_mapped_tokens_take_no_memory(monkeypatch):
    in_memory = data_of(Grid())
    monkeypatch.setattr(token_tunes, "MAPPED_FROM_TOKENS", 1)
    monkeypatch.setattr(token_tunes, "_WRITTEN_AT_ONCE", 10)
    mapped = data_of(Grid())
    train = mapped.train_dataloader().tunes.tokens
    assert np.array_equal(train, in_memory.train_dataloader().tunes.tokens)
    assert in_memory.nbytes - mapped.nbytes == train.nbytes


def test_the_same_tunes_are_compared_under_every_rhythm_and_representation():
    tunes = rhythmic(walks(60))
    chosen = [
        data_of(rhythm, tunes, representation).comparable
        for representation in (Control(), Interval(), DB12())
        for rhythm in RHYTHMS
        if not (rhythm.name == "grid" and representation.name == "db12")
    ]
    assert all(np.array_equal(each, chosen[0]) for each in chosen)
    data = data_of(Factored(), tunes)
    held_out = data.splits != Split.TRAIN
    assert 0 < np.count_nonzero(chosen[0][held_out]) <= np.count_nonzero(held_out)


def test_a_held_out_tune_with_an_unseen_pair_is_not_compared():
    tunes = rhythmic(walks(60))
    data = data_of(Factored(), tunes)
    number = int(np.flatnonzero((data.splits == Split.TEST) & data.comparable)[0])
    tune = tunes[number]
    tunes[number] = Melody(tune.pitches, tune.onsets, (*tune.durations[:-1], 48))
    changed = data_of(Factored(), tunes)
    assert np.array_equal(changed.splits, data.splits)
    assert not changed.comparable[number]
    assert np.count_nonzero(changed.comparable != data.comparable) == 1


def test_training_tunes_that_cannot_be_written_are_left_out_and_counted(caplog):
    tunes = rhythmic(walks(60))
    data = data_of(Grid(), tunes)
    train = np.flatnonzero(data.splits == Split.TRAIN)
    overlapping, off_grid = (tunes[int(i)] for i in train[:2])
    tunes[int(train[0])] = Melody(overlapping.pitches, overlapping.onsets, (200, *overlapping.durations[1:]))
    tunes[int(train[1])] = Melody(off_grid.pitches, off_grid.onsets, (9, *off_grid.durations[1:]))
    with caplog.at_level(logging.WARNING, "melgen"):
        data = data_of(Grid(), tunes)
    assert "rhythm=grid: 2 training tunes are left out: " in caplog.text
    assert "1 with overlapping notes" in caplog.text
    assert "1 with a note between the steps of a grid of 12" in caplog.text
    assert data.statistics["train_tunes_left_out_by_rhythm"] == 2
    assert data_of(Joint(), tunes).statistics["train_tunes_left_out_by_rhythm"] == 1


@pytest.mark.parametrize("representation", [Control(), Interval(), DB12()], ids=lambda each: each.name)
def test_the_pairs_of_the_paper_leave_tunes_out_and_have_no_bits_to_compare(representation, caplog):
    tunes = rhythmic(walks(60))
    splits = data_of(Joint(), tunes).splits
    for number, duration in zip(np.flatnonzero(splits == Split.TRAIN)[:3].tolist(), (16, 102, 96), strict=True):
        tune = tunes[number]
        tunes[number] = Melody(tune.pitches, tune.onsets, (*tune.durations[:-1], duration))
    with caplog.at_level(logging.WARNING, "melgen"):
        data = data_of(PaperPairs(), tunes, representation)
    assert "rhythm=paper_pairs: 2 training tunes are left out: " in caplog.text
    assert "1 with a note between the sixteenths" in caplog.text
    assert "1 with a note or rest of more than 16 sixteenths" in caplog.text
    assert data.statistics["train_tunes_left_out_by_rhythm"] == 2
    assert not data.comparable.any()
    assert why_without_bits(data.statistics) == (
        "those of rhythm=paper_pairs cannot be compared with those of other rhythms"
    )
    assert len(data.vocabulary) % 16 == 1
    assert why_without_bits(data_of(Joint(), tunes, representation).statistics) is None


@pytest.mark.parametrize("rhythm", RHYTHMS, ids=lambda each: each.name)
def test_too_little_data_is_refused_with_sizes_that_fit(rhythm):
    with pytest.raises(ValueError, match="too little training data") as refused:
        data_of(rhythm, batch_size=40, seq_length=50)
    sizes = [int(size) for size in re.findall(r"(?:batch_size|seq_length)=(\d+)", str(refused.value))]
    assert sizes[:2] == [40, 50], "those that were asked for"
    _, _, batch_size, seq_length, _ = sizes
    assert len(data_of(rhythm, batch_size=40, seq_length=seq_length).train_dataloader()) >= 1
    assert len(data_of(rhythm, batch_size=batch_size, seq_length=50).train_dataloader()) >= 1


def test_what_does_not_compose_is_refused_before_a_corpus_is_read():
    with pytest.raises(ValueError, match="rhythm=grid: composes with"):
        MelodyDataModule(iter(()), DB12(), rhythm=Grid())


class TestCorporaWithoutRhythm:
    @pytest.mark.parametrize("rhythm", RHYTHMS, ids=lambda each: each.name)
    def test_equal_notes(self, rhythm):
        with pytest.raises(CorpusError, match=f"rhythm={rhythm.name}: all notes of this corpus are equally long"):
            data_of(rhythm, melodies(walks(30)))

    def test_nothing_that_can_be_written(self):
        tunes = [Melody(tuple(song[:3]), (0, 5, 10), (20, 10, 10)) for song in walks(30)]
        with pytest.raises(CorpusError, match="none of the training tunes can be written"):
            data_of(Factored(), tunes)


def test_pitches_alone_are_read_as_before():
    tunes = rhythmic(walks(30))
    plain = MelodyDataModule(melodies(walks(30)), Control(), batch_size=3, seq_length=10)
    plain.setup()
    data = data_of(NoRhythm(), tunes)
    assert data.vocabulary == plain.vocabulary
    for ours, theirs in zip(data.train_dataloader(), plain.train_dataloader(), strict=True):
        assert ours.tokens.equal(theirs.tokens)
        assert ours.targets.equal(theirs.targets)


def test_counts_of_notes_are_those_of_the_corpus():
    tunes = rhythmic(walks(30))
    plain = data_of(NoRhythm(), tunes).value_counts()
    for rhythm in RHYTHMS:
        assert data_of(rhythm, tunes).value_counts() == plain
