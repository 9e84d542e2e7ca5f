"""Reading in other processes: crashes, hangs, memory, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from melgen.corpora.extraction import Rejection
from melgen.corpora.sources import Source
from melgen.corpora.workers import map_joined, map_sources
from tests.commands.calling import hears_ctrl_c
from tests.corpora.midi_files import scale, write_midi
from tests.corpora.misbehaving import read_by_name


def read_all(names, workers=2, **keys):
    sources = [Source(Path(name), name) for name in names]
    found = dict(map_sources(read_by_name, sources, workers, **keys))
    return [found[index] for index in range(len(sources))]


@pytest.mark.slow
def test_each_result_belongs_to_its_file():
    names = [f"file{number}" for number in range(20)]
    assert read_all(names, workers=3) == names


def test_a_crash_costs_one_file():
    results = read_all(["a", "crash", "b", "exit", "c", "raise"])
    assert [results[place] for place in (0, 2, 4)] == ["a", "b", "c"]
    assert results[1] == Rejection("unreadable", "the reader crashed (signal SIGSEGV)", "crash")
    assert results[3] == Rejection("unreadable", "the reader crashed (exit status 3)", "exit")
    assert results[5] == Rejection("unreadable", "the reader crashed (exit status 5)", "raise")


@pytest.mark.slow
def test_of_files_handed_over_together_only_the_crashing_ones_are_lost():
    """Eighty files go to a worker ten at a time: the ninth of the first ten, and both ends of another, crash."""
    names = [f"file{number}" for number in range(80)]
    names[8], names[20], names[29] = "crash", "exit", "crash"
    results = read_all(names, workers=1)
    for name, result in zip(names, results, strict=True):
        if name.startswith("file"):
            assert result == name
        else:
            assert isinstance(result, Rejection)
            assert result.source == name


@pytest.mark.slow
def test_joined_results_belong_to_consecutive_files_also_after_a_crash():
    """Eighty files go to a worker ten at a time; those before and after the crash are read again."""
    names = [f"file{number}" for number in range(80)]
    names[14], names[16] = "crash", "exit"
    sources = [Source(Path(name), name) for name in names]
    answers = list(map_joined(read_by_name, tuple, sources, 1))
    assert sum(len(results) for _, results in answers) == len(names)
    assert len(answers) < len(names), "results come together"
    for first, results in answers:
        for name, result in zip(names[first : first + len(results)], results, strict=True):
            assert isinstance(result, Rejection) is not name.startswith("file")
            assert (result.source if isinstance(result, Rejection) else result) == name


@pytest.mark.slow
def test_a_hang_costs_one_file():
    results = read_all(["a", "hang", "b"], workers=1, max_silent_seconds=1.5)
    assert results == ["a", Rejection("unreadable", "took longer than 1.5 s", "hang"), "b"]


@pytest.mark.slow
def test_a_slow_file_that_gives_signs_is_read():
    assert read_all(["slow"], workers=1, max_silent_seconds=2.5) == ["slow"]


@pytest.mark.slow
def test_noise_on_the_terminal_does_not_disturb(capfd):
    assert read_all(["noise", "a"]) == ["noise", "a"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_reader_that_cannot_be_loaded_is_an_error(monkeypatch):
    module = types.ModuleType("only_in_this_process")
    exec("def read(source): yield source", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(RuntimeError, match=r"cannot start(.|\n)*No module named 'only_in_this_process'"):
        list(map_sources(module.read, [Source(Path("a"), "a")], 1))


@pytest.mark.slow
def test_leaving_early_ends_the_workers():
    sources = [Source(Path("hang"), "hang")] * 4 + [Source(Path("a"), "a")]
    started = time.perf_counter()
    for _ in map_sources(read_by_name, [sources[-1], *sources], 2):
        break
    assert time.perf_counter() - started < 10


SCRIPT = """
import sys
from functools import partial
from melgen.corpora import FolderCorpus
from tests.corpora.misbehaving import read_for_ever
class Endless(FolderCorpus):
    reader = property(lambda self: read_for_ever)
Endless(sys.argv[1]).load(workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_an_interrupted_import_leaves_nothing_behind(tmp_path, cache_dir, number):
    for name in "abc":
        write_midi(tmp_path / "tunes" / f"{name}.mid", scale())
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "tunes")], env=environment, stderr=-1, preexec_fn=hears_ctrl_c
    )
    pids = wait_for(lambda: workers_at_work(tmp_path / "tunes"), 2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    if number == signal.SIGINT:
        assert b"KeyboardInterrupt" in errors
        wait_for(lambda: [pid for pid in pids if not alive(pid)], len(pids))
    else:
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
    assert [path.name for path in (cache_dir / "corpora").iterdir() if path.suffix != ".lock"] == []


def workers_at_work(folder: Path) -> list[int]:
    return [int(path.read_text()) for path in folder.glob("*.pid") if path.read_text()]


def wait_for(found, count):
    for _ in range(200):
        if len(result := found()) >= count:
            return result
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True
