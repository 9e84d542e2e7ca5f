"""Reading files in separate processes.

A parser written in C can crash, a hostile file can make it hang or use all memory, and some parsers print to the
terminal. So files are read in worker processes, each controlled by its own thread. When a worker dies or is silent
for too long, its current file is rejected, a new worker replaces it, and the import continues.

A worker receives several files at once and sends several results at once, or an empty list to show that it is alive:
a message for each small file would take as long as reading it. A byte in shared memory contains the index of its
current file. The next worker reads again the files that a dead worker had read since its last answer.

``concurrent.futures.ProcessPoolExecutor`` cannot report which file killed a worker, and its spawned workers import
the caller's ``__main__``: slow under Hydra, and an endless loop in a script without a main guard. These workers
import only :mod:`melgen.corpora.worker` and the reader.

Pebble on loky's processes passes the tests of this module and is as fast, with half the code. But its workers share one
pipe: a worker killed between two files, as for lack of memory, can end the whole import, and a crash costs twice the
time. loky's own executor ends all workers at each crash. The figures are in ``docs/reliability.md``.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from melgen.checking import check_whole
from melgen.corpora.extraction import Rejection
from melgen.corpora.sources import Source
from melgen.corpora.worker import ALIVE
from melgen.errors import UNREADABLE, CorpusError

MAX_SILENT_SECONDS = 120.0  # a worker can signal that it is alive after each tune
_SECONDS_TO_END = 2.0  # from the moment at which a worker closes its pipe; then it is killed
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from melgen.corpora.worker import main; main()"
MOST_AT_ONCE, SHARES = 128, 8  # most files in one message to a worker; fewest messages for a worker's share

ReadTask = Callable[[Source, Callable[[], None]], Any]
JoinTask = Callable[[list[Any]], Any]


def check_workers(workers: int | None) -> None:
    """Refuse a number of reading processes that is none.

    Raises:
        CorpusError: naming key, value and rule.
    """
    check_whole("workers", workers, null="(one for each CPU)", error=CorpusError)


def map_sources(
    read: ReadTask,
    sources: Sequence[Source],
    workers: int,
    max_silent_seconds: float = MAX_SILENT_SECONDS,
) -> Iterator[tuple[int, Any]]:
    """Apply ``read(source, alive)`` to every source, yielding each ``(index, result)`` when it is ready.

    ``read`` is pickled: a function at the top of a module, or a :func:`functools.partial` of one. It must call
    ``alive()`` from time to time; a source whose worker dies, or is silent for ``max_silent_seconds``, yields
    a :class:`Rejection`. Leaving the loop early, also by Ctrl-C, ends the workers.
    """
    for first, results in map_joined(read, list, sources, workers, max_silent_seconds):
        yield from enumerate(results, first)


def map_joined(
    read: ReadTask,
    join: JoinTask,
    sources: Sequence[Source],
    workers: int,
    max_silent_seconds: float = MAX_SILENT_SECONDS,
) -> Iterator[tuple[int, Any]]:
    """As `map_sources`, but the results for several consecutive sources come together.

    Yields the index of the first of these sources, and ``join(results)``, which the worker computes. So it can pack
    results that belong together. ``join`` is pickled, too.
    """
    step = max(1, min(MOST_AT_ONCE, len(sources) // (SHARES * workers)))
    starts = iter(range(0, len(sources), step))
    lock, stopped = threading.Lock(), threading.Event()
    answers: queue.SimpleQueue[tuple[int, int, Any] | BaseException] = queue.SimpleQueue()

    def take() -> int | None:
        with lock:
            return None if stopped.is_set() else next(starts, None)

    def serve(worker: _Worker) -> None:
        try:
            while (start := take()) is not None:
                for first, count, joined in worker.read(sources[start : start + step]):
                    answers.put((start + first, count, joined))
        except BaseException as error:
            answers.put(error)

    with tempfile.TemporaryDirectory(prefix="melgen-import-", ignore_cleanup_errors=True) as scratch:
        team = [
            _Worker(read, join, Path(scratch, str(number)), max_silent_seconds)
            for number in range(max(1, min(workers, len(sources))))
        ]
        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in team]
        try:
            for thread in threads:
                thread.start()
            left = len(sources)
            while left:
                answer = answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                first, count, joined = answer
                yield first, joined
                left -= count
        finally:
            stopped.set()
            for worker in team:
                worker.end()
            for thread in threads:
                thread.join()


class _Worker:
    """One worker process and the pipes to it; a dead process is replaced at the next source."""

    def __init__(self, read: ReadTask, join: JoinTask, scratch: Path, max_silent_seconds: float):
        self._read, self._join, self._scratch, self._max_silent_seconds = read, join, scratch, max_silent_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._ended, self._silent = threading.Lock(), False, False
        self._deadline = math.inf
        self._place = scratch / "place"
        scratch.mkdir()

    def read(self, sources: Sequence[Source]) -> Iterator[tuple[int, int, Any]]:
        """The index of the first of consecutive sources, their number, and their results, joined."""
        waiting = [range(len(sources))]
        while waiting:
            asked = waiting.pop()
            done = asked.start
            if not asked:
                continue
            process = self._process or self._start()
            try:
                self._send(process, sources[asked.start : asked.stop])
                while done < asked.stop:
                    count, joined = self._receive(process)
                    if count:
                        yield done, count, joined
                        done += count
            except (EOFError, OSError, pickle.UnpicklingError):
                if not self._silent:
                    _await_end(process)  # killed now, it would not report why it ended
                status = self._dispose(process)
                if self._silent:
                    detail = f"took longer than {self._max_silent_seconds:g} s"
                else:
                    detail = f"the reader crashed ({_describe(status)})"
                at = min(max(done, asked.start + self._place.read_bytes()[0]), asked.stop - 1)
                yield at, 1, self._join([Rejection(UNREADABLE, detail, sources[at].name)])
                waiting += [range(at + 1, asked.stop), range(done, at)]

    def end(self) -> None:
        """Kill the process, and do not start another one."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None:
            _kill(process)
            self._dispose(process)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "TMPDIR": str(self._scratch),  # removed after the import, even if a reader was killed
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
        }
        errors = self._scratch / "stderr"
        with self._lock, errors.open("wb") as stderr:
            if self._ended:
                raise RuntimeError("the import has ended")
            process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches only us; and `killpg` also kills a worker's own children
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the first of these on Windows
            )
            self._process = process
        self._deadline = math.inf
        self._place.write_bytes(bytes(1))
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        try:
            self._send(process, (self._read, self._join, self._place))
            ready = self._receive(process) == ALIVE
        except (EOFError, OSError, pickle.UnpicklingError):
            ready = False
        if not ready:
            _kill(process)
            self._dispose(process)
            text = errors.read_text(errors="replace").strip()
            raise RuntimeError(f"a process that reads files cannot start:\n{text}")
        return process

    def _send(self, process: subprocess.Popen[bytes], message: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(message))
        process.stdin.flush()

    def _receive(self, process: subprocess.Popen[bytes]) -> Any:
        assert process.stdout is not None
        self._silent = False
        self._deadline = time.monotonic() + self._max_silent_seconds
        try:
            return pickle.load(process.stdout)
        finally:
            self._deadline = math.inf

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process that is silent after its deadline; one thread per process, since one per answer costs more."""
        while not self._ended and self._process is process:
            if time.monotonic() > self._deadline:
                self._silent = True
                _kill(process)
                return
            time.sleep(min(0.2, self._max_silent_seconds / 10))

    def _dispose(self, process: subprocess.Popen[bytes]) -> int:
        _kill(process)
        status = process.wait()
        with self._lock:
            if self._process is process:
                self._process = None
                for pipe in (process.stdin, process.stdout):
                    assert pipe is not None
                    with contextlib.suppress(OSError):  # closing flushes data for a process that has ended
                        pipe.close()
        return status


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for a process to end by itself; its number is not released, so that its group can be killed."""
    if not hasattr(os, "waitid"):  # macOS, Windows
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
        return
    deadline = time.monotonic() + _SECONDS_TO_END
    with contextlib.suppress(ChildProcessError):  # it has been waited for
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass


def _describe(status: int) -> str:
    try:
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    except ValueError:
        return f"exit status {status}"
