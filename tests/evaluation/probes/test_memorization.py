"""Memorization against a search by brute force, and of songs that are copied and songs that only have the style."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from melgen.evaluation.probes.memorization import (
    HELD_OUT_PARTS,
    MOST_PARTS,
    Memorized,
    SeenAndUnseen,
    distinct_ngrams,
    equal_parts,
    interval_over_tunes,
)

TUNES = st.lists(st.lists(st.integers(60, 63), max_size=14), max_size=8)


def ngrams(tune, size):
    steps = np.diff(tune).tolist()
    return {tuple(steps[place : place + size]) for place in range(len(steps) - size + 1)}


def of_all(tunes, size):
    return set().union(*(ngrams(tune, size) for tune in tunes))


def walks(count, seed, notes=40, steps=(-2, -1, 1, 2, 2)):
    """Tunes of one style: each step is drawn by itself."""
    drawn = np.random.default_rng(seed).choice(steps, (count, notes - 1))
    return list(60 + np.cumsum(np.pad(drawn, ((0, 0), (1, 0))), axis=1))


# --- definitions


def test_shares_and_passages_by_hand():
    """Steps 2 2 1 are trained on; -1 -2 2 are held out."""
    tunes = SeenAndUnseen([[60, 62, 64, 65]], [[60, 59, 57, 59]])
    # Distinct n-grams: (2, 2) twice, (2, 1), (1, -1), (-1, -2); the last song has none.
    found = tunes.measure([[70, 72, 74, 75, 74], [50, 49, 47], [30, 32, 34], [60, 62]], ngram=2)
    assert (found.songs, found.share, tunes.part_notes, tunes.training_notes) == (3, 0.5, 4, 4)
    assert found.longest == pytest.approx((3 + 0 + 2) / 3)
    assert found.training[:, 0] == pytest.approx([2 / 4, 5 / 3])
    assert found.held_out[:, 0] == pytest.approx([1 / 4, (1 + 2 + 1) / 3])
    assert found.excess == pytest.approx(0.25)


@settings(max_examples=60, deadline=None)
@given(
    TUNES, st.lists(st.lists(st.integers(60, 63), min_size=6, max_size=9), min_size=1, max_size=4), st.integers(1, 5)
)
def test_shares_are_those_of_a_search_by_brute_force(training, songs, size):
    found = SeenAndUnseen(training, []).measure(songs, size)
    own = of_all(songs, size)
    assert found.share == pytest.approx(len(own & of_all(training, size)) / len(own))
    assert len(distinct_ngrams(songs, size)) == len(own)
    assert math.isnan(found.excess), "without held-out tunes there is no control"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 30), max_size=12), st.integers(0, 5))
def test_parts_have_equally_many_notes_and_no_note_in_common(known, unseen, seed):
    # Each note has a pitch of its own.
    ends = np.cumsum([0, *known, *unseen])
    tunes = [np.arange(begin, end) for begin, end in itertools.pairwise(ends)]
    parts = equal_parts(tunes[: len(known)], tunes[len(known) :], seed)
    assert bool(parts.notes) == bool(len(parts.training)) == bool(sum(known) and sum(unseen))
    assert (len(parts.training) <= MOST_PARTS, len(parts.held_out) <= HELD_OUT_PARTS) == (True, True)
    notes = [np.concatenate(part).tolist() for part in (*parts.training, *parts.held_out)]
    assert {len(each) for each in notes} <= {parts.notes}
    assert len(set().union(*notes)) == sum(map(len, notes))
    border = sum(known)
    assert all(note < border for each in notes[: len(parts.training)] for note in each)
    assert all(note >= border for each in notes[len(parts.training) :] for note in each)
    firsts = {int(tune[0]) for tune in tunes if len(tune)}
    assert all(int(tune[0]) in firsts for part in (*parts.training, *parts.held_out) for tune in part), "tunes are cut"


def test_parts_are_as_large_as_the_held_out_tunes_allow():
    parts = equal_parts(walks(80, 0), walks(20, 1))
    assert (parts.notes, len(parts.training), len(parts.held_out)) == (400, 8, 2)
    more_unseen = equal_parts(walks(3, 0), walks(20, 1))
    assert (more_unseen.notes, len(more_unseen.training), len(more_unseen.held_out)) == (120, 1, 2)
    assert equal_parts(walks(80, 0), walks(20, 1), seed=1).training[0][0].tolist() != parts.training[0][0].tolist()


def test_a_figure_that_is_repeated_counts_once():
    loop = [60, 62] * 20
    tunes = SeenAndUnseen(walks(40, 0), [*walks(19, 1), np.array(loop)])
    found = tunes.measure([np.concatenate([loop, walk]) for walk in walks(20, 2)], 8)
    assert found.held_out[0].mean() < 0.05, "half of the notes are the loop, which one held-out tune contains"


# --- copying and style


@pytest.fixture(scope="module")
def tunes():
    """Eight parts of training tunes and two of held-out tunes."""
    return SeenAndUnseen(walks(160, 0), walks(40, 1))


def test_songs_that_have_only_the_style_share_no_more_than_the_control(tunes):
    found = tunes.measure(walks(100, 2))
    low, high = interval_over_tunes([found])
    assert found.mean_of("held_out") > 0.01, "something is shared"
    assert low < 0 < high
    assert abs(found.excess) < 0.005


@pytest.mark.parametrize("shift", [0, 7])
def test_copied_songs_share_as_much_more_as_a_part_is_of_the_training_tunes(tunes, shift):
    """In any key; the n-grams that a part does not contain itself are shared as style is."""
    copied = [tune + shift for tune in walks(160, 0)[:100]]
    found = tunes.measure(copied)
    style = found.mean_of("held_out")
    assert found.share == 1.0
    assert found.excess == pytest.approx((1 - style) / 8, abs=0.015)
    assert interval_over_tunes([found])[0] > 0.05
    assert found.mean_of("training", 1) > found.mean_of("held_out", 1) + 2


def test_songs_copied_from_held_out_tunes_share_less_with_training_tunes(tunes):
    """The comparison fails in the other direction if the control is what was copied."""
    found = tunes.measure(walks(40, 1))
    assert found.excess < -0.2
    assert interval_over_tunes([found])[1] < 0


@pytest.mark.slow
def test_chance_is_reported_as_seldom_as_the_interval_says():
    above = below = 0
    for seed in range(200):
        tunes = SeenAndUnseen(walks(80, 3 * seed), walks(20, 3 * seed + 1), seed)
        low, high = interval_over_tunes([tunes.measure(walks(30, 3 * seed + 2), 6)])
        above, below = above + (low > 0), below + (high < 0)
    assert above <= 12, "2.5% are 5 of 200"
    assert below <= 12


# --- intervals and edge cases


def with_shares(training, held_out):
    return Memorized(1, 0.0, 0.0, np.array([training, training]), np.array([held_out, held_out]))


def test_the_interval_over_tunes_is_that_of_the_t_test():
    rng = np.random.default_rng(0)
    networks = [with_shares(rng.random(8), rng.random(2)) for _ in range(3)]
    means = [np.mean([getattr(each, kind)[0] for each in networks], axis=0) for kind in ("training", "held_out")]
    assert interval_over_tunes(networks, 0.9) == pytest.approx(tuple(ttest_ind(*means).confidence_interval(0.9)))


@pytest.mark.parametrize("shares", [([], []), ([0.5], [0.25]), ([0.5, 0.4], [])])
def test_too_few_parts_have_no_interval(shares):
    assert all(map(math.isnan, interval_over_tunes([with_shares(*shares)])))


def test_songs_without_an_ngram_are_left_out(tunes):
    assert tunes.measure([[60] * 8, [60], []]) is None
    assert tunes.measure([]) is None
    assert tunes.measure([[60] * 8, [60, 62] * 8]).songs == 1


def test_no_training_tunes_share_nothing():
    found = SeenAndUnseen([], walks(3, 0)).measure(walks(1, 1))
    assert (found.share, found.longest, found.training.size) == (0.0, 0.0, 0)


def test_an_interval_out_of_range_and_an_empty_ngram_are_refused():
    with pytest.raises(ValueError, match="an interval is 128 semitones; at most 127 are possible"):
        distinct_ngrams([[0, 128]], 1)
    with pytest.raises(ValueError, match="ngram=0"):
        distinct_ngrams([[0, 12]], 0)
    assert len(distinct_ngrams([[0, 127, 0]], 1)) == 2


def test_sets_are_joined_by_their_means_and_written_as_plain_data():
    one, other = with_shares([0.2, 0.4], [0.1]), with_shares([0.4, 0.6], [0.3])
    joined = Memorized.mean_of_sets([one, other])
    assert (joined.songs, joined.excess) == (2, pytest.approx(0.4 - 0.2))
    again = Memorized.from_dict(joined.to_dict())
    assert again.to_dict() == joined.to_dict()
    assert again.held_out.shape == (2, 1)
