"""Training windows against the paper's batching, written out in plain Python."""

from __future__ import annotations

import itertools
import re
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from melgen.data import StreamLoader, stream_loader, token_tunes
from melgen.data.stream_loader import check_window
from melgen.data.token_tunes import TokenTunes

songs_strategy = st.lists(st.integers(1, 9), min_size=1, max_size=30)
sizes = st.integers(1, 6)


def numbered(lengths):
    """Songs in which no token occurs twice, so that a pair of tokens identifies its place."""
    counter = iter(range(10**6))
    return [[next(counter) for _ in range(length)] for length in lengths]


def loader(songs, batch_size, seq_length, **options):
    tunes = TokenTunes.from_arrays([np.array(song) for song in songs])
    return StreamLoader(tunes, batch_size, seq_length, **options)


def as_lists(windows):
    return [(window.tokens.tolist(), window.targets.tolist()) for window in windows]


def joined_pairs(songs):
    x, y = [], []
    for song in songs:
        x += song[:-1]
        y += song[1:]
    return x, y


def batches_of_the_paper(songs, batch_size, seq_length):
    """Concatenate, drop the tail, reshape to one row per stream, split along time."""
    x, y = joined_pairs(songs)
    num_batches = len(x) // (batch_size * seq_length)

    def windows(side):
        width = num_batches * seq_length
        rows = [side[row * width : (row + 1) * width] for row in range(batch_size)]
        return [[row[k * seq_length : (k + 1) * seq_length] for row in rows] for k in range(num_batches)]

    return list(zip(windows(x), windows(y), strict=True))


def enough(songs, batch_size, seq_length):
    return sum(len(song) - 1 for song in songs) >= batch_size * seq_length


def in_rows(windows):
    """Inputs and targets of an epoch, each stream end to end, one stream after the other."""
    return [torch.cat(side, 1).flatten().tolist() for side in zip(*windows, strict=True)]


@settings(deadline=None)
@given(songs_strategy, sizes, sizes)
def test_in_corpus_order_without_the_tail_it_is_the_batching_of_the_paper(lengths, batch_size, seq_length):
    songs = numbered(lengths)
    assume(enough(songs, batch_size, seq_length))
    made = loader(songs, batch_size, seq_length, shuffle=False, drop_tail=True)
    expected = batches_of_the_paper(songs, batch_size, seq_length)
    assert as_lists(made) == expected
    assert len(made) == len(expected)
    assert made.tokens_per_epoch == len(expected) * batch_size * seq_length


def test_the_batching_of_the_paper_by_hand():
    songs = [[1, 2, 3, 4], [9], [5, 6, 7, 8, 5]]
    made = loader(songs, 2, 1, shuffle=False, drop_tail=True)
    # pairs: 12 23 34 | 56 67 78 85; seven of them give three windows of two streams, 85 is the tail
    assert as_lists(made) == [
        ([[1], [5]], [[2], [6]]),
        ([[2], [6]], [[3], [7]]),
        ([[3], [7]], [[4], [8]]),
    ]


@settings(deadline=None)
@given(songs_strategy, sizes, sizes, st.integers(0, 2**40), st.integers(0, 5))
def test_each_pair_is_trained_on_once_an_epoch(lengths, batch_size, seq_length, seed, epoch):
    songs = numbered(lengths)
    assume(enough(songs, batch_size, seq_length))
    made = loader(songs, batch_size, seq_length, seed=seed)
    made.start_at(epoch)
    windows = list(made)
    used = list(zip(*in_rows(windows), strict=True))
    pairs = list(zip(*joined_pairs(songs), strict=True))
    assert len(set(used)) == len(used)
    assert set(used) <= set(pairs)
    assert len(pairs) - len(used) < batch_size
    assert len(made) == len(windows)
    assert made.tokens_per_epoch == len(used)
    assert all(window.tokens.shape == (batch_size, seq_length) for window in windows[:-1])
    assert windows[-1].tokens.shape[1] <= seq_length
    assert all(side.dtype == torch.int64 and side.is_contiguous() for window in windows for side in window)


@settings(deadline=None)
@given(songs_strategy, sizes, sizes, st.booleans(), st.booleans())
def test_windows_continue_row_by_row(lengths, batch_size, seq_length, shuffle, drop_tail):
    songs = numbered(lengths)
    assume(enough(songs, batch_size, seq_length))
    made = loader(songs, batch_size, seq_length, shuffle=shuffle, drop_tail=drop_tail)
    x, y = joined_pairs([songs[i] for i in made.order(0)])
    read_x, read_y = in_rows(list(made))
    assert read_x == x[: len(read_x)]
    assert read_y == y[: len(read_y)]


def test_the_order_is_a_function_of_seed_and_epoch():
    songs = numbered([5] * 20)
    made = loader(songs, 2, 3, seed=3)
    made.start_at(2)
    second_epoch = as_lists(made)
    for epoch in (0, 1, 7):
        made.start_at(epoch)
        assert as_lists(made) != second_epoch
    np.random.seed(1)  # the global generators have no effect
    torch.manual_seed(1)
    other = loader(songs, 2, 3, seed=3)
    other.start_at(2)
    assert as_lists(other) == second_epoch
    assert as_lists(other) == second_epoch, "without a new epoch the order is the same"
    another_seed = loader(songs, 2, 3, seed=4)
    another_seed.start_at(2)
    assert as_lists(another_seed) != second_epoch


def test_reading_leaves_the_random_generators_alone():
    made = loader(numbered([5] * 20), 2, 3)
    before = torch.get_rng_state()
    list(made)
    assert torch.equal(torch.get_rng_state(), before)


def test_seed_zero_and_epoch_zero_shuffle_too():
    made = loader(numbered([5] * 20), 2, 3, seed=0)
    assert made.order(0).tolist() != list(range(20))
    assert sorted(made.order(0).tolist()) == list(range(20))


@pytest.mark.slow
@settings(deadline=None)
@given(songs_strategy, sizes, sizes, st.integers(0, 3), st.data())
def test_resuming_within_an_epoch_gives_the_rest_of_it(lengths, batch_size, seq_length, epoch, data):
    songs = numbered(lengths)
    assume(enough(songs, batch_size, seq_length))
    made = loader(songs, batch_size, seq_length)
    made.start_at(epoch)
    whole = as_lists(made)
    first = data.draw(st.integers(0, len(whole)))
    made.start_at(epoch, first)
    assert as_lists(made) == whole[first:]
    assert as_lists(made) == whole, "the next epoch is read whole"


def test_where_to_start_is_read_when_reading_starts():
    made = loader(numbered([5] * 20), 2, 3)
    iterator = iter(made)
    made.start_at(4, 1)
    made_elsewhere = loader(numbered([5] * 20), 2, 3)
    made_elsewhere.start_at(4, 1)
    assert as_lists(iterator) == as_lists(made_elsewhere)


@pytest.mark.parametrize("drop_tail", [True, False])
def test_less_than_one_window_is_refused(drop_tail):
    songs = numbered([6])
    loader(songs, 1, 5, drop_tail=drop_tail)
    with pytest.raises(
        ValueError,
        match=r"batch_size=2 with seq_length=3: .* 5 pairs of notes .* window of 6;",
    ):
        loader(songs, 2, 3, drop_tail=drop_tail)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.integers(0, 3000), st.integers(1, 80), st.integers(1, 80))
def test_the_advice_for_too_little_data_fits(pairs, batch_size, seq_length):
    if pairs >= batch_size * seq_length:
        check_window(pairs, batch_size, seq_length)
        return
    with pytest.raises(ValueError, match="too little training data") as refusal:
        check_window(pairs, batch_size, seq_length)
    advice = str(refusal.value).rpartition(";")[2]
    offers = [dict(re.findall(r"(\w+)=(\d+)", offer)) for offer in advice.split(", and so would")]
    if pairs == 0:
        assert advice == " no batch_size would fit"
        return
    assert advice.count("would") == len(offers)
    for offer in offers:
        assert offer, advice
        assert offer.keys() <= {"batch_size", "seq_length"}
        advised = {"batch_size": batch_size, "seq_length": seq_length} | {k: int(v) for k, v in offer.items()}
        check_window(pairs, **advised)


@pytest.mark.parametrize(("key", "sizes"), [("batch_size", (0, 5)), ("seq_length", (5, -1))])
def test_sizes_below_one_are_refused_by_name(key, sizes):
    with pytest.raises(ValueError, match=f"{key}=.*at least 1"):
        check_window(100, *sizes)


def test_no_tunes_at_all():
    assert TokenTunes.from_arrays([]).pairs == TokenTunes.from_stream([]).pairs == 0
    nothing = np.array([0])
    x, y = TokenTunes.from_arrays([np.array([3])]).paired(np.array([0])).between(nothing, nothing)
    assert x.tolist() == y.tolist() == []


@pytest.mark.slow
@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 7), st.randoms())
def test_windows_cut_a_few_at_a_time_are_those_of_the_joined_tunes(lengths, batch_size, seq_length, random):
    """Compared with the plain way: all pairs joined in one array, reshaped and sliced."""
    numbers = iter(range(10_000))
    arrays = [np.array([next(numbers) for _ in range(length)], np.int32) for length in lengths]
    pairs = [(a, b) for array in arrays for a, b in itertools.pairwise(array.tolist())]
    assume(len(pairs) >= batch_size * seq_length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_loader, "WINDOWS_AT_ONCE", random.randint(1, 3))
        loader = StreamLoader(TokenTunes.from_arrays(arrays), batch_size, seq_length, shuffle=False)
        windows = list(loader)
    length = len(pairs) // batch_size
    joined = np.array(pairs[: length * batch_size]).reshape(batch_size, length, 2)
    assert len(windows) == len(loader) == -(-length // seq_length)
    for number, window in enumerate(windows):
        part = joined[:, number * seq_length : (number + 1) * seq_length]
        assert window.tokens.tolist() == part[..., 0].tolist()
        assert window.targets.tolist() == part[..., 1].tolist()


def test_a_large_corpus_is_memory_mapped_and_gives_the_same_windows(monkeypatch):
    monkeypatch.setattr(token_tunes, "MAPPED_FROM_TOKENS", 1000)
    monkeypatch.setattr(token_tunes, "_WRITTEN_AT_ONCE", 7)
    generator = np.random.default_rng(0)
    arrays = [generator.integers(0, 60, length) for length in generator.integers(0, 90, 100)]
    mapped, held = TokenTunes.from_stream(iter(arrays)), TokenTunes.from_arrays(arrays)
    assert isinstance(mapped.tokens, np.memmap)
    assert np.array_equal(mapped.tokens, held.tokens)
    assert np.array_equal(mapped.starts, held.starts)
    loaders = [StreamLoader(tunes, 5, 20, seed=3) for tunes in (mapped, held)]
    for ours, theirs in zip(*loaders, strict=True):
        assert torch.equal(ours.tokens, theirs.tokens)
        assert torch.equal(ours.targets, theirs.targets)
    assert not isinstance(TokenTunes.from_stream(iter(arrays[:20])).tokens, np.memmap)


@pytest.mark.slow
def test_cutting_windows_holds_a_few_of_them_only():
    """A corpus may be larger than memory: the allocated memory does not grow with the number of tokens."""
    peaks = []
    for tunes in (1_000, 10_000):
        packed = TokenTunes(np.zeros(tunes * 100, np.int32), np.arange(0, tunes * 100 + 1, 100))
        loader = StreamLoader(packed, 5, 20)
        tracemalloc.start()
        for _ in loader:
            pass
        peaks.append(tracemalloc.get_traced_memory()[1] - 8 * 8 * tunes)  # the order of the tunes is kept in memory
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 1e6
