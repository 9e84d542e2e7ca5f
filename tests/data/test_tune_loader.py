"""Held-out tunes: every note scored once, from the zero state, padding never."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.data import TuneLoader
from melgen.data.token_tunes import TokenTunes

lengths_strategy = st.lists(st.integers(0, 20), min_size=1, max_size=25)


def make(lengths, known=None, comparable=None, skipped_targets=1, max_tokens=40):
    """A loader of tunes in which no token occurs twice, starting at 1, because padding is 0."""
    ends = np.cumsum([0, *lengths]) + 1
    songs = [np.arange(first, last) for first, last in pairwise(ends)]
    known = np.ones(sum(lengths), bool) if known is None else np.array(known, bool)
    comparable = np.ones(len(lengths), bool) if comparable is None else np.array(comparable, bool)
    tunes = TokenTunes.from_arrays(songs)
    return TuneLoader(tunes, known, comparable, skipped_targets, max_tokens), [song.tolist() for song in songs]


def rows(made):
    """One row per tune: its (token, target, counted, compared) positions, padding included."""
    return [list(zip(*(side.tolist() for side in row), strict=True)) for b in made for row in zip(*b, strict=True)]


@settings(deadline=None)
@given(lengths_strategy)
def test_every_note_but_the_first_is_scored_once_and_padding_never(lengths):
    made, songs = make(lengths)
    scored = [target for row in rows(made) for _, target, counted, _ in row if counted]
    assert sorted(scored) == sorted(note for song in songs for note in song[1:])
    for row in rows(made):
        for token, target, counted, compared in row:
            assert (target == token + 1) == counted, "a target is the next note of the same tune"
            assert counted or (token == target == 0 and not compared)


@settings(deadline=None)
@given(lengths_strategy)
def test_each_row_is_one_tune_from_its_first_note(lengths):
    made, songs = make(lengths)
    found = sorted([token for token, _, counted, _ in row if counted] for row in rows(made))
    assert found == sorted(song[:-1] for song in songs if len(song) > 1)


@settings(deadline=None)
@given(lengths_strategy, st.integers(0, 3), st.data())
def test_compared_are_the_notes_after_the_skipped_ones_of_comparable_tunes(lengths, skipped, data):
    comparable = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    made, songs = make(lengths, comparable=comparable, skipped_targets=skipped)
    expected = [note for song, use in zip(songs, comparable, strict=True) if use for note in song[1 + skipped :]]
    compared = [target for row in rows(made) for _, target, _, compared in row if compared]
    assert sorted(compared) == expected


@pytest.mark.slow
@settings(deadline=None)
@given(lengths_strategy, st.data())
def test_unseen_values_are_read_but_are_not_targets(lengths, data):
    known = data.draw(st.lists(st.booleans(), min_size=sum(lengths), max_size=sum(lengths)))
    made, songs = make(lengths, known=known)
    counted = [target for row in rows(made) for _, target, counted, _ in row if counted]
    assert sorted(counted) == [note for song in songs for note in song[1:] if known[note - 1]]
    read = {token for row in rows(made) for token, _, _, _ in row} - {0}
    assert read == {note for song in songs for note in song[:-1]}


@settings(deadline=None)
@given(lengths_strategy, st.integers(1, 60))
def test_batches_stay_below_their_bound_longest_first(lengths, max_tokens):
    made, _ = make(lengths, max_tokens=max_tokens)
    batches = list(made)
    assert len(batches) == len(made)
    widths = [batch.tokens.shape[1] for batch in batches]
    assert widths == sorted(widths, reverse=True)
    for batch in batches:
        # A single tune may be longer than the bound; it is not cut.
        assert batch.tokens.shape[0] == 1 or batch.tokens.numel() <= max_tokens
        assert all(side.shape == batch.tokens.shape for side in batch)
        assert batch.tokens.dtype == torch.int64
        assert batch.counted.dtype == torch.bool


def test_the_order_is_the_same_each_time():
    made, _ = make([5, 9, 2, 7, 7])
    assert rows(made) == rows(made)
