"""Folders: formats, order, splits, links, and faults."""

from __future__ import annotations

import os

import numpy as np
import pytest

from melgen.corpora import Cleaning, CorpusError, FolderCorpus, FolkCorpus, MusPyCorpus, PicklesCorpus, read_melody
from melgen.corpora import folder as folder_module
from melgen.corpora.extraction import Rejection
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.sources import Listing, Source
from tests.corpora.midi_files import scale, write_midi

ABC = "X:1\nT:{title}\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|]\n"


def load(path, **rules):
    return FolderCorpus(path).load(Cleaning(**rules), workers=2, progress=False)


def sources(imported):
    return [tune.source for tune in imported.melodies]


@pytest.mark.slow
def test_every_format_below_a_folder(tmp_path):
    write_midi(tmp_path / "b" / "tune10.MID", scale())
    write_midi(tmp_path / "b" / "tune2.midi", scale())
    (tmp_path / "a.ABC").write_text(ABC.format(title="One") + "\n" + ABC.format(title="Two"))
    corpus = music21_corpus_dir()
    (tmp_path / "c.mxl").write_bytes((corpus / "bach/bwv66.6.mxl").read_bytes())
    (tmp_path / "d.krn").write_bytes((corpus / "palestrina/Agnus_08.krn").read_bytes())
    (tmp_path / "readme.txt").write_text("no music")
    (tmp_path / "noise").write_text("no suffix")
    (tmp_path / "._hidden.mid").write_text("left by an archiver")
    imported = load(tmp_path)
    assert sources(imported) == ["a.ABC#1", "a.ABC#2", "b/tune2.midi", "b/tune10.MID", "c.mxl", "d.krn"]
    assert imported.melodies[1].title == "Two"
    report = imported.report
    assert (report.files_found, report.tunes_found, report.tunes_kept) == (5, 6, 6)
    assert report.ignored_files == {".txt": 1, "without suffix": 1}
    assert report.duplicates == 2, "the ABC twins and the MIDI twins"
    assert report.notes_kept == imported.melodies.lengths.sum()


def test_names_in_natural_order(tmp_path):
    """Digits of other scripts are letters here: Python converts some of them to numbers, and others not."""
    names = ["2.mid", "10.mid", "a2b10.mid", "a10b2.mid", "ab.mid", "²x.mid", "٣x.mid"]
    for name in names:
        (tmp_path / name).touch()
    assert [source.name for source in FolderCorpus(tmp_path).list_sources().sources] == names


@pytest.mark.slow
def test_duplicates_are_kept_or_dropped(tmp_path):
    write_midi(tmp_path / "a.mid", scale(60))
    write_midi(tmp_path / "transposed.mid", scale(65))
    assert len(load(tmp_path).melodies) == 2
    imported = load(tmp_path, drop_duplicates=True)
    assert sources(imported) == ["a.mid"]
    assert imported.report.dropped["duplicate"].examples == [["transposed.mid", "same as a.mid"]]


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path):
    folder = tmp_path / "tunes"
    for number in range(12):
        write_midi(folder / f"{number}.mid", scale(40 + number, 12 + number))
    (folder / "bad.mid").touch()
    one, three = (
        FolderCorpus(folder).load(workers=workers, progress=False, cache_dir=tmp_path / f"cache{workers}")
        for workers in (1, 3)
    )
    assert sources(one) == sources(three)
    assert np.array_equal(one.melodies.pitches, three.melodies.pitches)
    assert one.report == three.report
    assert one.fingerprint == three.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("names", [("train", "validation", "evaluation"), ("Train", "val", "test")])
def test_split_folders_are_kept(tmp_path, names):
    for place, name in enumerate(names):
        for number in range(3 - place):
            write_midi(tmp_path / name / "deep" / f"{number}.mid", scale(50 + number, 12 + number))
    write_midi(tmp_path / "outside.mid", scale(30, 30))
    imported = load(tmp_path)
    assert imported.splits.tolist() == [0, 0, 0, 1, 1, 2]
    assert imported.splits.dtype == np.int8
    text = str(imported.report)
    assert "keeps the splits of its source: 3 train, 2 validation, 1 test" in text
    assert "1 files outside" in text
    assert "3 tunes repeat a tune of another split" in text
    assert load(tmp_path).splits.tolist() == [0, 0, 0, 1, 1, 2], "from the cache too"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "test"), "has test and train but no validation split"),
        (("train", "val", "validation", "test"), "are both the validation split"),
        (("train", "val", "evaluation", "test"), "are both the test split"),
    ],
)
def test_incomplete_or_doubled_splits_are_refused(tmp_path, names, message):
    for name in names:
        write_midi(tmp_path / name / "tune.mid", scale())
    with pytest.raises(CorpusError, match=message):
        load(tmp_path)


@pytest.mark.slow
def test_one_folder_named_train_is_a_folder(tmp_path):
    write_midi(tmp_path / "train" / "tune.mid", scale())
    write_midi(tmp_path / "other.mid", scale())
    imported = load(tmp_path)
    assert imported.splits is None
    assert len(imported.melodies) == 2


@pytest.mark.slow
def test_a_loop_of_links_is_walked_once(tmp_path):
    write_midi(tmp_path / "a" / "tune.mid", scale())
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    assert len(load(tmp_path).melodies) == 1


@pytest.mark.parametrize("corpus", [FolderCorpus, PicklesCorpus])
def test_wrong_paths(tmp_path, corpus):
    with pytest.raises(CorpusError, match=r"path=.*missing: no such file or folder"):
        corpus(tmp_path / "missing").load()
    with pytest.raises(CorpusError, match=r"contains no files|found none"):
        corpus(tmp_path).load()
    with pytest.raises(
        CorpusError, match=r"corpus=(folder|pickles): path=\.\.\. is needed, the (pickle or )?folder to"
    ):
        corpus(None)
    with pytest.raises(CorpusError, match='path="": must be the path of a file or folder'):
        corpus("")
    with pytest.raises(CorpusError, match=r"path=~nosuchuser/tunes: no such file or folder"):
        corpus("~nosuchuser/tunes").load()


def test_a_melody_in_the_home_folder_of_an_unknown_user():
    with pytest.raises(CorpusError, match=r"~nosuchuser/tune\.mid: no such file"):
        read_melody("~nosuchuser/tune.mid")


def test_text_is_no_answer_to_whether_to_download(tmp_path):
    """Hydra reads ``no`` as text, which Python takes for true."""
    with pytest.raises(CorpusError, match="download=no: must be true or false"):
        MusPyCorpus("NottinghamDatabase", tmp_path, download="no")


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([0, None], "b: declares no split, but a does; either all sources must, or none"),
        ([None, 2], "a: declares no split, but b does"),
        ([0, 3], r"b: split=3: must be None or one of 0 \(train\), 1 \(validation\), 2 \(test\)"),
    ],
)
def test_a_listing_declares_all_splits_or_none(tmp_path, splits, message):
    with pytest.raises(CorpusError, match=message):
        Listing([Source(tmp_path, name, split) for name, split in zip("ab", splits, strict=True)])


def test_a_file_where_a_folder_is_expected(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale())
    with pytest.raises(CorpusError, match="must be a folder, but is a file"):
        load(path)


def test_a_folder_without_music(tmp_path):
    (tmp_path / "one.txt").touch()
    (tmp_path / "two.txt").touch()
    with pytest.raises(CorpusError, match=r"2 \.txt, expected \.mid"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_read_permission(tmp_path):
    write_midi(tmp_path / "open.mid", scale())
    closed = write_midi(tmp_path / "closed.mid", scale())
    closed.chmod(0)
    (tmp_path / "inner").mkdir(mode=0)
    assert "1 folders cannot be read" in str(load(tmp_path).report)
    (tmp_path / "inner").chmod(0o755)
    assert load(tmp_path).report.dropped["unreadable"].examples == [["closed.mid", "Permission denied"]]
    closed.chmod(0o644)
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    with pytest.raises(CorpusError, match="cannot be read: Permission denied"):
        load(folder)
    folder.chmod(0o755)


@pytest.mark.parametrize("collections", [["nottingham"], [], "airds", ["airds", "airds"]])
def test_unknown_collections(collections):
    with pytest.raises(CorpusError, match="essen, oneills, ryans, airds, misc_folk"):
        FolkCorpus(collections)


@pytest.mark.slow
def test_misc_folk():
    imported = FolkCorpus(["misc_folk"]).load(workers=2, progress=False)
    assert imported.report.tunes_found == 185
    assert imported.report.tunes_kept == 180
    assert imported.report.dropped["polyphonic"].count == 5, "fife tunes in chords"
    assert imported.melodies[0].source == "miscFolk/americanfifeopus.abc#2"
    assert imported.melodies[0].title


@pytest.mark.slow
def test_the_default_corpus():
    imported = FolkCorpus().load(progress=False)
    assert imported.report.files_found == 1137
    assert imported.report.tunes_found == 12_947
    assert imported.report.tunes_kept > 12_900
    assert 1_150_000 < imported.report.notes_kept < 1_250_000


def test_an_unknown_muspy_dataset(tmp_path):
    with pytest.raises(CorpusError, match=r"name=Nottingham: muspy has no such dataset.*NottinghamDatabase"):
        MusPyCorpus("Nottingham", tmp_path).load()


@pytest.mark.slow
def test_a_muspy_dataset_in_abc(tmp_path):
    folder = tmp_path / "nottingham-database" / "ABC_cleaned"
    folder.mkdir(parents=True)
    (folder / "jigs.abc").write_text(ABC.format(title="One") * 2)
    imported = MusPyCorpus("NottinghamDatabase", tmp_path).load(workers=1, progress=False)
    assert len(imported.melodies) == 2


@pytest.mark.slow
def test_a_muspy_dataset_in_midi(tmp_path):
    write_midi(tmp_path / "op20" / "one.mid", scale(40), scale(60), names=("low", "high"), metre=(6, 8))
    write_midi(tmp_path / "op20" / "chords.mid", scale(60) + scale(64))
    imported = MusPyCorpus("LakhMIDIDataset", tmp_path).load(workers=1, progress=False)
    assert [tune.pitches[0] for tune in imported.melodies] == [60]
    assert imported.melodies[0].metre == (6, 8)
    assert imported.report.dropped["polyphonic"].count == 1


def test_a_muspy_folder_with_nothing_in_it(tmp_path):
    with pytest.raises(CorpusError, match=r"download=true"):
        MusPyCorpus("LakhMIDIDataset", tmp_path).load()
    with pytest.raises(CorpusError, match=r"no ABC file.*download=true"):
        MusPyCorpus("NottinghamDatabase", tmp_path).load()


@pytest.mark.slow
def test_one_melody_is_read_in_a_separate_process(tmp_path, monkeypatch):
    path = write_midi(tmp_path / "tune.mid", scale())
    assert read_melody(path).pitches == tuple(range(60, 76))

    def crash(task, sources, workers):
        yield 0, Rejection("unreadable", "the reader crashed (signal SIGSEGV)", sources[0].name)

    monkeypatch.setattr(folder_module, "map_sources", crash)
    with pytest.raises(CorpusError, match=r"tune\.mid: contains no melody; unreadable: the reader crashed"):
        read_melody(path)
