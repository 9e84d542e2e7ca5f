"""Splits that a run has recorded, found again by the names of the tunes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from melgen.checkpoint import LAST
from melgen.data import Split
from melgen.data.pitch_tunes import PitchTunes
from melgen.data.recorded_splits import NO_SPLIT, read_splits, write_splits
from melgen.errors import IdentityError
from melgen.music.melody import Melodies, Melody
from melgen.music.representations import Control, Interval
from melgen.training.steps import check_splits

TRAIN, VALIDATION, TEST = map(int, Split)


def tunes(*names):
    return Melodies.from_list(Melody.from_pitches([60, 62], source=source, title=title) for source, title in names)


def found(path, *names):
    splits = read_splits(path, tunes(*names))
    return None if splits is None else splits.tolist()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "splits.tsv"
    names = [("a#1", "One"), ("a#2", "Two"), ("a#3", "Three "), ("a\t4", "New\nline"), ("", ""), ("", "")]
    write_splits(path, np.array([TRAIN, VALIDATION, TEST, TEST, TRAIN, TEST], np.int8), tunes(*names))
    return path


def test_the_same_corpus(file):
    names = [("a#1", "One"), ("a#2", "Two"), ("a#3", "Three "), ("a\t4", "New\nline"), ("", ""), ("", "")]
    assert found(file, *names) == [TRAIN, VALIDATION, TEST, TEST, TRAIN, TEST]
    assert file.read_text(encoding="utf-8").split("\n")[:2] == ["split\tsource\ttitle", "train\ta#1\tOne"]


def test_order_does_not_matter_and_a_new_tune_has_no_split(file):
    assert found(file, ("a#3", "Three"), ("a#0", "New"), ("a#1", "One")) == [TEST, NO_SPLIT, TRAIN]


def test_a_tune_is_not_found_by_a_number_that_names_another_tune_now(file):
    assert found(file, ("a#1", "Two"), ("a#2", "Two")) == [NO_SPLIT, VALIDATION]


def test_tunes_that_share_a_name(file, tmp_path):
    assert found(file, ("a#1", "One"), ("", "")) == [TRAIN, NO_SPLIT], "one is gone, its name does not show which"
    alike = tmp_path / "alike.tsv"
    write_splits(alike, np.array([TRAIN, TRAIN, TEST], np.int8), tunes(("", ""), ("", ""), ("b", "")))
    assert found(alike, ("", ""), ("", ""), ("", "")) == [TRAIN] * 3, "all of that name were in one split"


def test_another_corpus(file):
    assert found(file, ("b#1", "One")) is None
    assert found(file) is None


@pytest.mark.parametrize(
    "text", ["", "one line", "split\tsource\ttitle\ntraining\ta\tb\n", "split\tsource\ttitle\ntrain\n"]
)
def test_a_file_that_is_not_a_list_of_splits_is_refused(tmp_path, text):
    (tmp_path / "splits.tsv").write_text(text)
    with pytest.raises(ValueError, match=r"splits\.tsv.*must be"):
        found(tmp_path / "splits.tsv", ("a", "b"))


def test_a_run_whose_tunes_have_moved_to_another_split_does_not_continue(file):
    names = [("a#1", "One"), ("a#2", "Two"), ("a#3", "Three")]
    run = SimpleNamespace(splits=file, checkpoints=file.parent)

    def check(*splits):
        check_splits(SimpleNamespace(melodies=tunes(*names), splits=np.array(splits, np.int8)), run)

    check(TEST, TEST, TEST)  # nothing is trained yet
    (run.checkpoints / LAST).touch()
    check(TRAIN, VALIDATION, NO_SPLIT)
    with pytest.raises(IdentityError, match=r"splits\.tsv: 2 tunes would now be in another split"):
        check(TEST, VALIDATION, TRAIN)
    file.write_text("damaged")
    check(TEST, VALIDATION, TRAIN)


def test_a_held_out_split_without_tunes_has_nothing_to_score():
    """A list of splits may name training tunes only."""
    melodies = tunes(("a#1", "One"), ("a#2", "Two"))
    pitches = PitchTunes(melodies, np.array([TRAIN, NO_SPLIT], np.int8), Control())
    vocabulary = pitches.vocabulary()
    loader = pitches.loader(Split.TEST, vocabulary, pitches.comparable(vocabulary))
    assert (len(loader), list(loader)) == (0, [])


def test_of_encoded_intervals_tunes_of_three_notes_are_compared():
    melodies = Melodies.from_list(Melody.from_pitches(intervals) for intervals in ([2], [2, 2], [2, 2, 2]))
    intervals = PitchTunes(melodies, np.array([TRAIN] * 3, np.int8), Interval(), is_encoded=True)
    assert intervals.comparable(intervals.vocabulary()).tolist() == [False, True, True]
