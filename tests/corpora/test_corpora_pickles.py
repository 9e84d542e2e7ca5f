"""The paper's pickles, in both shapes and all three representations, and hostile ones."""

from __future__ import annotations

import os
import pickle
import sys
from collections import Counter, OrderedDict

import numpy as np
import pytest

from melgen.corpora import Cleaning, CorpusError, PicklesCorpus
from melgen.corpora.readers.song_lists import stream_songs
from melgen.corpora.readers.unpickling import load_plain
from melgen.errors import ReadError
from tests.data.melodies import stream_of
from tests.tiers import quick_rows

SONGS = [[60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65], [60] * 13, [50, 51], [70], list(range(40, 60))]
ANY_LENGTH = Cleaning(min_length_notes=1)


def write(path, content, protocol=0):
    """Write a pickle; Python 2 wrote protocol 0."""
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def load(path, cleaning=None, **keys):
    return PicklesCorpus(path, **keys).load(cleaning, workers=1, progress=False)


def tunes(imported):
    return [list(tune.pitches) for tune in imported.melodies]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_song_lists_are_a_corpus_like_any_other(tmp_path, protocol):
    imported = load(write(tmp_path / "train_song_list.p", SONGS, protocol))
    assert tunes(imported) == [song for song in SONGS if len(song) >= 12]
    assert imported.encoded_as is None
    assert imported.splits is None
    report = imported.report
    assert (report.songs_read, report.short_songs, report.songs_after_check) == (5, 2, 3)
    assert report.dropped["too short"].count == 2
    assert imported.melodies[0].source == "train_song_list.p#1"
    assert imported.melodies[0].onsets[:3] == (0, 24, 48)


@pytest.mark.slow
def test_a_pickle_written_by_python_2(tmp_path):
    path = tmp_path / "old_song_list.p"
    notes = "".join(f"I{pitch}\na" for pitch in SONGS[0])
    path.write_bytes(f"(lp0\n(lp1\n{notes}a.".encode())
    assert tunes(load(path)) == [SONGS[0]]


@pytest.mark.slow
def test_pitches_with_durations(tmp_path):
    """In sixteenths, as the paper counted; melodies have six steps for each."""
    timed = [[(60 + k, k % 3) for k in range(12)], [(60, 4)] * 11 + [(60, 35_791_394)], [(60, 35_791_394)] * 12]
    imported = load(write(tmp_path / "train_song_list.p", timed))
    assert imported.melodies[0].durations == (0, 6, 12) * 4
    assert imported.melodies[0].onsets[:5] == (0, 0, 6, 18, 18)
    assert imported.melodies[1].durations[-1] == 6 * 35_791_394
    assert imported.report.dropped["too long"].count == 1, "beyond what 32 bits can count"
    later = Cleaning(min_duration_steps=1, max_duration_steps=16)
    with pytest.raises(CorpusError, match="duration out of bounds"):
        load(tmp_path / "train_song_list.p", later)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoded_as"),
    [
        ("train_final_cleaned.p", "control"),
        ("train_intervals_final_cleaned.p", "interval"),
        ("train_DB12_final_cleaned.p", "db12"),
    ],
)
def test_streams_are_fed_as_they_are(tmp_path, name, encoded_as):
    songs = [[0, -3, 4], [131, -7], [2, 2, 2, 5]]
    imported = load(write(tmp_path / name, stream_of(songs)))
    assert tunes(imported) == songs
    assert imported.encoded_as == encoded_as
    assert "used unchanged" in str(imported.report)
    again = load(tmp_path / name)
    assert (again.encoded_as, tunes(again)) == (encoded_as, songs)


@pytest.mark.slow
def test_interval_song_lists_are_encoded_too(tmp_path):
    imported = load(write(tmp_path / "train_song_list_intervals_cleaned.p", [[2, -2, 5]]))
    assert (imported.encoded_as, tunes(imported)) == ("interval", [[2, -2, 5]])


def test_streams_end_where_x_and_y_part():
    songs = [song for song in SONGS if len(song) > 1]
    assert stream_songs(stream_of(SONGS)) == songs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [60]}, "x has 1 values"),
        ({"x": "60"}, "x is not a list"),
        ({"y": [60.5] * 3}, "y is not a list of whole numbers"),
        ({"notes_dict": {0: 60}}, "not in notes_dict"),
        ({"notes_dict": []}, "notes_dict is not"),
        ({"z": 1}, "expected notes_dict, x and y"),
        ({"x": [10**9] * 3}, "beyond"),
    ],
)
def test_malformed_streams_are_refused(change, message):
    good = {"notes_dict": {0: 60, 1: 62}, "x": [60, 62, 60], "y": [62, 60, 62]}
    with pytest.raises(ReadError, match=message):
        stream_songs({**good, **change})


@pytest.mark.slow
def test_splits_by_name(tmp_path):
    for name, songs in (("train", SONGS), ("validation", SONGS[:1]), ("evaluation", SONGS[:2])):
        write(tmp_path / f"{name}_song_list.p", songs)
    imported = load(tmp_path)
    assert np.bincount(imported.splits).tolist() == [3, 1, 2]
    assert "keeps the splits of its source: 3 train, 1 validation, 2 test" in str(imported.report)
    assert "3 tunes repeat a tune of another split" in str(imported.report)


@pytest.mark.slow
def test_a_folder_of_several_kinds_asks_which(tmp_path):
    for split in ("train", "validation", "evaluation"):
        write(tmp_path / f"{split}_song_list.p", SONGS)
        write(tmp_path / f"{split}_final_cleaned.p", stream_of(SONGS))
        write(tmp_path / f"{split}_DB12_final_cleaned.p", stream_of(SONGS))
    with pytest.raises(CorpusError, match=r"3 kinds.*train_DB12_final_cleaned.p.*pattern="):
        load(tmp_path)
    assert load(tmp_path, pattern="final_cleaned.p").encoded_as == "control"
    assert load(tmp_path, pattern="*DB12*").encoded_as == "db12"
    assert load(tmp_path, pattern="train_song_list.p").splits is None
    with pytest.raises(CorpusError, match="no pickle"):
        load(tmp_path, pattern="nothing*")


def test_files_named_by_their_splits_alone(tmp_path):
    for number, split in enumerate(("train", "validation", "test")):
        write(tmp_path / f"{split}.p", SONGS[number:])
    assert [source.split for source in PicklesCorpus(tmp_path).list_sources().sources] == [0, 1, 2]


def test_song_lists_of_any_names_are_one_kind(tmp_path):
    for name in ("a/x_song_list", "b/y_song_list", "train_song_list"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / f"{name}.p", SONGS)
    listing = PicklesCorpus(tmp_path).list_sources()
    assert [source.name for source in listing.sources] == ["a/x_song_list.p", "b/y_song_list.p", "train_song_list.p"]
    assert (listing.encoded_as, listing.sources[2].split) == (None, None)
    write(tmp_path / "a" / "x_intervals.p", [[2, 2]])
    with pytest.raises(CorpusError, match=r"3 kinds .*interval: x_intervals\.p.*pattern=song_list\.p"):
        PicklesCorpus(tmp_path).list_sources()


def test_a_pattern_must_be_text(tmp_path):
    with pytest.raises(CorpusError, match="pattern=3: must be text"):
        PicklesCorpus(tmp_path, pattern=3)


def test_two_splits_of_three_are_refused(tmp_path):
    for split in ("train", "validation"):
        write(tmp_path / f"{split}_song_list.p", SONGS)
    with pytest.raises(CorpusError, match="no test split"):
        load(tmp_path)


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch PWNED",)),
        (eval, ("1",)),
        (getattr, (1, "real")),
        (Counter, ()),
        (np.array, ([1],)),
    ],
    ids=["system", "eval", "getattr", "Counter", "numpy"],
)
def test_hostile_pickles_are_refused_by_name(tmp_path, monkeypatch, protocol, function, arguments):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "train_song_list.p", [SONGS[0], Hostile(function, *arguments)], protocol)
    with pytest.raises(ReadError, match=f"asks for .*{function.__name__}"):
        load_plain(path.read_bytes())
    assert not (tmp_path / "PWNED").exists()


def test_a_hostile_file_is_named_in_the_error(tmp_path):
    path = write(tmp_path / "train_song_list.p", Hostile(os.system, "true"))
    with pytest.raises(CorpusError, match=r"refused pickle(.|\n)*train_song_list.p: the pickle asks for \w+.system"):
        load(path)


def test_dotted_names_do_not_pass():
    with pytest.raises(ReadError, match=r"set\.__class__"):
        load_plain(b"\x80\x04\x8c\x08builtins\x8c\x0dset.__class__\x93.")


def test_plain_containers_pass():
    plain = [{1}, frozenset({2}), OrderedDict(a=1), ("x", 2.5, None, True, 1j.imag)]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert load_plain(pickle.dumps(plain, protocol=protocol)) == plain


@quick_rows(1, "content", [b"", b"\x80", b"not a pickle", pickle.dumps([1] * 99)[:-40], b"(" * 999])
def test_broken_pickles_are_refused(tmp_path, content):
    path = tmp_path / "train_song_list.p"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="unreadable"):
        load(path)


@pytest.mark.slow
def test_a_list_named_a_million_times_is_refused(tmp_path):
    long = list(range(60, 100)) * 5000
    path = write(tmp_path / "bomb_song_list.p", [long] * 5000, 2)
    with pytest.raises(CorpusError, match="at most 50000000"):
        load(path)


@pytest.mark.slow
@pytest.mark.parametrize("song", [5, "abc", ["a"] * 12, [[60, 1, 2]] * 12, [60.5] * 12, [10**6] * 12, [True] * 12])
def test_malformed_songs_are_dropped(tmp_path, song):
    imported = load(write(tmp_path / "some_song_list.p", [SONGS[0], song]))
    assert len(imported.melodies) == 1
    assert imported.report.dropped["malformed song"].count == 1


@pytest.mark.slow
def test_a_pickle_of_something_else(tmp_path):
    with pytest.raises(CorpusError, match="contains a str"):
        load(write(tmp_path / "x_song_list.p", "words"))


MEMORY_BOMB = b"\x80\x02]r\xff\xff\xff\x0f."
"""A pickle with an empty list at index 268,435,455 of the memo: Python allocates all lower indices, 4 GB."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux bounds a process's memory")
def test_nine_bytes_do_not_take_gigabytes(tmp_path):
    path = tmp_path / "train_song_list.p"
    path.write_bytes(MEMORY_BOMB)
    with pytest.raises(CorpusError, match=r"train_song_list\.p: reading it takes too much memory"):
        load(path)


def test_a_note_of_lists_within_lists_is_not_printed(tmp_path):
    note = [60, 60]
    for _ in range(60):
        note = [note, note]
    with pytest.raises(CorpusError, match=r"malformed song(.|\n)*train_song_list\.p#1: note "):
        load(write(tmp_path / "train_song_list.p", [[note]]))


@pytest.mark.slow
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "train_song_list.p")
    with pytest.raises(CorpusError, match="not a regular file"):
        load(tmp_path)
