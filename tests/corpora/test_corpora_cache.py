"""The cache: two processes read once, no file is incomplete, and a fault is not fatal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from melgen.corpora import Cleaning, FolderCorpus, FolkCorpus, importing
from melgen.corpora import cache as cache_module
from melgen.corpora import corpus as corpus_module
from melgen.corpora.cache import CorpusCache
from melgen.music.melody import Melodies, Melody
from melgen.music.metre import Metre, MetreChange
from tests.builders import full_disk
from tests.corpora.midi_files import scale, write_midi


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        write_midi(tmp_path / "tunes" / f"{number}.mid", scale(50, 12 + number), metre=(3, 4))
    return tmp_path / "tunes"


@pytest.fixture
def readings(monkeypatch):
    """A count of the times that sources were read."""
    counted = []
    original = importing.map_joined

    def counting(*arguments, **keys):
        counted.append(arguments)
        return original(*arguments, **keys)

    monkeypatch.setattr(importing, "map_joined", counting)
    return counted


def load(folder, cleaning=None, **keys):
    return FolderCorpus(folder).load(cleaning, workers=1, progress=False, **keys)


def entry(cache_dir: Path, fingerprint: str) -> Path:
    return cache_dir / "corpora" / fingerprint


@pytest.mark.slow
def test_the_second_load_reads_nothing(folder, cache_dir, readings):
    first, second = load(folder), load(folder)
    assert len(readings) == 1
    assert list(first.melodies) == list(second.melodies)
    assert first.melodies[0].metres == (MetreChange(0, Metre(3, 4)),)
    assert first.report == second.report
    assert first.fingerprint == second.fingerprint
    assert isinstance(second.melodies.pitches.base, np.memmap)
    assert second.melodies.pitches.dtype == np.int16
    names = sorted(path.name for path in entry(cache_dir, first.fingerprint).iterdir())
    of_bars = ["bar_starts.npy", "bars.npy", "keys.npy", "metre_starts.npy", "metres.npy", "pickups.npy"]
    of_notes = ["durations.npy", "onsets.npy", "pitches.npy", "starts.npy"]
    assert names == sorted([*of_bars, *of_notes, "report.json", "tunes.json"])
    left = sorted(path.name for path in (cache_dir / "corpora").iterdir())
    assert [name for name in left if not name.endswith(".lock")] == [first.fingerprint]


@pytest.mark.slow
def test_content_and_cleaning_decide(folder, tmp_path, readings):
    first = load(folder)
    assert load(folder, Cleaning(min_length_notes=13)).fingerprint != first.fingerprint
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert load(moved).fingerprint == first.fingerprint, "the folder of the files does not matter"
    assert str(moved) in load(moved).report.corpus
    assert len(readings) == 2
    write_midi(moved / "0.mid", scale(51, 12))
    changed = load(moved)
    assert changed.fingerprint != first.fingerprint
    assert changed.melodies[0].pitches[0] == 51


def test_a_cached_report_has_the_remarks_of_the_folder_as_it_is_now(tmp_path, readings):
    for name in ("train", "validation", "test"):
        write_midi(tmp_path / name / "1.mid", scale(50))
    write_midi(tmp_path / "other" / "1.mid", scale(50))

    def remarks():
        return load(tmp_path).report.remarks

    outside, *others = remarks()
    assert outside == "1 files outside the folders of the splits are not read"
    assert len(others) == 2, "of the copies, and of the splits"
    write_midi(tmp_path / "other" / "2.mid", scale(50))
    assert remarks() == ["2 files outside the folders of the splits are not read", *others]
    for path in (tmp_path / "other").iterdir():
        path.unlink()
    assert remarks() == others
    assert len(readings) == 1


def read_shifted(source, shift):
    yield Melody.from_pitches([60 + shift, 62 + shift, 64 + shift])


class Shifted(FolderCorpus):
    """A corpus whose reader has an option."""

    def __init__(self, path, shift):
        super().__init__(path)
        self.shift = shift

    @property
    def reader(self):
        return partial(read_shifted, shift=self.shift)


def test_the_options_of_a_reader_decide(folder):
    def first_pitch(shift):
        imported = Shifted(folder, shift).load(Cleaning(min_length_notes=1), workers=1, progress=False)
        return imported.melodies[0].pitches[0]

    assert [first_pitch(shift) for shift in (0, 5, 0)] == [60, 65, 60]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pitches.npy", "starts.npy", "tunes.json", "report.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_entry_is_read_again(folder, cache_dir, readings, name, damage):
    first = load(folder)
    path = entry(cache_dir, first.fingerprint) / name
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        flipped = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
        path.write_bytes({"cut": data[:-5], "flip": flipped, "empty": b""}[damage])
    again = load(folder)
    assert list(again.melodies) == list(first.melodies)
    if (name, damage) != ("report.json", "flip"):  # the flipped digit may be one that nothing depends on
        assert len(readings) == 2
    assert list(load(folder).melodies) == list(first.melodies)


def test_an_entry_without_keys_is_not_used(folder, cache_dir, readings, monkeypatch):
    """As melgen wrote them before it kept keys: under another name, and without the array."""
    of_notes = {name: dtype for name, dtype in cache_module._ARRAYS.items() if name != "keys"}
    with monkeypatch.context() as before:
        before.setattr(cache_module, "_ARRAYS", of_notes)
        before.setattr(corpus_module, "DETAILS_VERSION", 0)
        first = load(folder)
    again = load(folder)
    assert len(readings) == 2
    assert first.fingerprint != again.fingerprint
    assert list(first.melodies) == list(again.melodies)
    assert CorpusCache(cache_dir).load(first.fingerprint) is None, "also if the name were the same"


def test_a_failed_write_leaves_nothing(cache_dir, monkeypatch):
    cache = CorpusCache(cache_dir)
    melodies = Melodies.from_list([Melody.from_pitches([60, 62])])

    monkeypatch.setattr(os, "rename", full_disk)
    with cache.lock("key"), pytest.raises(OSError, match="No space"):
        cache.store("key", melodies, None, {})
    monkeypatch.undo()
    assert [path.name for path in (cache_dir / "corpora").iterdir() if path.suffix != ".lock"] == []
    assert cache.load("key") is None


def test_leftovers_of_a_killed_process_are_removed(cache_dir):
    cache = CorpusCache(cache_dir)
    melodies = Melodies.from_list([Melody.from_pitches([60, 62])])
    leftover = cache_dir / "corpora" / "key.abc.part"
    leftover.mkdir(parents=True)
    with cache.lock("key"):
        cache.store("key", melodies, np.zeros(1, np.int8), {"report": 1})
    assert not leftover.exists()
    loaded, splits, details = cache.load("key")
    assert list(loaded) == list(melodies)
    assert (splits.tolist(), details) == ([0], {"report": 1})


@pytest.mark.slow
def test_an_unwritable_cache_is_a_warning(folder, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.touch()
    imported = load(folder, cache_dir=blocked)
    assert re.search("not cached.*file.*MELGEN_CACHE_DIR", caplog.text)
    assert len(imported.melodies) == 3


SCRIPT = """
import sys, time
from melgen.corpora import FolderCorpus, importing
original = importing.map_joined
def slow(*arguments, **keys):
    print("reading", flush=True)
    time.sleep(1)
    return original(*arguments, **keys)
importing.map_joined = slow
imported = FolderCorpus(sys.argv[1]).load(workers=1, progress=False)
print(len(imported.melodies), imported.fingerprint)
"""


@pytest.mark.slow
def test_two_processes_at_once_read_once(folder):
    """Also checks that a script without a main guard may import a corpus."""
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0].split("\n") for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(lines.count("reading") for lines in outputs) == 1
    assert len({lines[-2] for lines in outputs}) == 1


@pytest.mark.slow
def test_the_cached_corpus_loads_in_a_moment():
    corpus = FolkCorpus(["ryans"])  # most of the files of the default corpus
    corpus.load(progress=False)
    started = time.perf_counter()
    corpus.load(progress=False)
    assert time.perf_counter() - started < 2, "0.1 s on an idle machine"


@pytest.mark.slow
def test_importing_the_package_is_cheap():
    heavy = ("torch", "music21", "symusic", "muspy", "tqdm", "hydra")
    code = f"import sys, json, melgen.corpora; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == []


def test_brackets_within_brackets_are_not_an_entry(tmp_path):
    entry = tmp_path / "corpora" / "key"
    entry.mkdir(parents=True)
    (entry / "report.json").write_text("[" * 100_000)
    assert CorpusCache(tmp_path).load("key") is None
