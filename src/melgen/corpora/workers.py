"""Reading files in separate processes.

A parser written in C can crash, a hostile file can make it hang or eat all memory, and abc2midi prints to the
terminal. So files are read in worker processes, each fed one file at a time by a thread of its own: when a
worker dies or stays silent for too long, that very file is rejected, a new worker takes its place, and the
import goes on.

``concurrent.futures.ProcessPoolExecutor`` would lose sight of which file killed a worker, and its spawned
workers import the caller's ``__main__``: slow under Hydra, and an endless loop in a script without a main
guard. These workers import :mod:`melgen.corpora.worker` and the reader, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from melgen.corpora.extraction import UNREADABLE, Rejection
from melgen.corpora.sources import Source

MAX_SILENT_SECONDS = 120.0  # a worker shows that it is alive after each tune
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from melgen.corpora.worker import main; main()"
READY, ALIVE = "ready", "alive"

ReadTask = Callable[[Source, Callable[[], None]], Any]


def map_sources(
    read: ReadTask,
    sources: Sequence[Source],
    workers: int,
    max_silent_seconds: float = MAX_SILENT_SECONDS,
) -> Iterator[tuple[int, Any]]:
    """Apply ``read(source, alive)`` to every source, yielding ``(index, result)`` as they are done.

    ``read`` is pickled: a function at the top of a module, or a :func:`functools.partial` of one. It calls
    ``alive()`` now and then; a source whose worker dies, or gives no sign for ``max_silent_seconds``, yields
    a :class:`Rejection`. Leaving the loop early, by Ctrl-C too, ends the workers.
    """
    indices = iter(range(len(sources)))
    lock, stopped = threading.Lock(), threading.Event()
    results: queue.SimpleQueue[tuple[int | None, Any]] = queue.SimpleQueue()

    def take() -> int | None:
        with lock:
            return None if stopped.is_set() else next(indices, None)

    def serve(worker: _Worker) -> None:
        try:
            while (index := take()) is not None:
                results.put((index, worker.read(sources[index])))
        except BaseException as error:
            results.put((None, error))

    with tempfile.TemporaryDirectory(prefix="melgen-import-", ignore_cleanup_errors=True) as scratch:
        team = [
            _Worker(read, Path(scratch, str(number)), max_silent_seconds)
            for number in range(max(1, min(workers, len(sources))))
        ]
        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in team]
        try:
            for thread in threads:
                thread.start()
            for _ in sources:
                index, result = results.get()
                if index is None:
                    raise result
                yield index, result
        finally:
            stopped.set()
            for worker in team:
                worker.end()
            for thread in threads:
                thread.join()


class _Worker:
    """One worker process and the pipes to it; a dead process is replaced at the next source."""

    def __init__(self, read: ReadTask, scratch: Path, max_silent_seconds: float):
        self._read, self._scratch, self._max_silent_seconds = read, scratch, max_silent_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._ended, self._silent = threading.Lock(), False, False
        scratch.mkdir()

    def read(self, source: Source) -> Any:
        """The result for one source, or its rejection."""
        process = self._process or self._start()
        try:
            self._send(process, source)
            while (message := self._receive(process)) == ALIVE:
                pass
            return message[0]
        except (EOFError, OSError, pickle.UnpicklingError):
            status = self._dispose(process)
            if self._silent:
                detail = f"took longer than {self._max_silent_seconds:g} s"
            else:
                detail = f"the reader crashed ({_describe(status)})"
            return Rejection(UNREADABLE, detail, source.name)

    def end(self) -> None:
        """Kill the process, and start no other."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None:
            _kill(process)
            self._dispose(process)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "TMPDIR": str(self._scratch),  # abc2midi's files go with the import, even after a kill
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
                start_new_session=True,  # Ctrl-C is for us; and abc2midi dies with its worker
            )
            self._process = process
        try:
            self._send(process, self._read)
            ready = self._receive(process) == READY
        except (EOFError, OSError, pickle.UnpicklingError):
            ready = False
        if not ready:
            _kill(process)
            self._dispose(process)
            text = errors.read_text(errors="replace").strip()
            raise RuntimeError(f"a reading process cannot start:\n{text}")
        return process

    def _send(self, process: subprocess.Popen[bytes], message: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(message))
        process.stdin.flush()

    def _receive(self, process: subprocess.Popen[bytes]) -> Any:
        assert process.stdout is not None
        self._silent = False

        def expire() -> None:
            self._silent = True
            _kill(process)

        timer = threading.Timer(self._max_silent_seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            return pickle.load(process.stdout)
        finally:
            timer.cancel()

    def _dispose(self, process: subprocess.Popen[bytes]) -> int:
        _kill(process)
        status = process.wait()
        with self._lock:
            if self._process is process:
                self._process = None
                for pipe in (process.stdin, process.stdout):
                    assert pipe is not None
                    with contextlib.suppress(OSError):  # what was still buffered for a process that is gone
                        pipe.close()
        return status


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
