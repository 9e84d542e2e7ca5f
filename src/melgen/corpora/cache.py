"""Imported corpora on disk: ``<cache_dir>/corpora/<fingerprint>/``, with memory-mapped arrays and two JSON files.

An entry is written into a sibling directory and renamed, so it is complete or absent; a lock makes a second
process wait while the first one reads the corpus. ``report.json`` has a checksum of every other file; an entry that
does not match its checksums is ignored, and the corpus is read again. Nothing here unpickles.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.files import flush, json_text
from melgen.locks import locked
from melgen.music.melody import Melodies

log = logging.getLogger(__name__)

CACHE_DIR_VARIABLE = "MELGEN_CACHE_DIR"
_ARRAYS = {
    "pitches": np.int16,
    "onsets": np.int32,
    "durations": np.int32,
    "starts": np.int64,
    "pickups": np.int32,
    "metres": np.int32,
    "metre_starts": np.int64,
    "bars": np.int32,
    "bar_starts": np.int64,
    "keys": np.int8,
}
_SPLITS, _TUNES, _REPORT = "splits.npy", "tunes.json", "report.json"


def default_cache_dir() -> Path:
    """``$MELGEN_CACHE_DIR``, or the user's cache directory."""
    if override := os.environ.get(CACHE_DIR_VARIABLE):
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("melgen"))


class CorpusCache:
    """The cached corpora in one directory."""

    def __init__(self, cache_dir: Path):
        self._folder = cache_dir / "corpora"

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of one entry, after waiting for a process that is writing it.

        Raises:
            LockedError: if a process on another machine has left a lock, so that it is unknown whether it still runs.
            OSError: if the directory cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)

        def on_wait() -> None:
            log.info("another process is reading this corpus; waiting for it")

        with locked(self._folder / f"{key}.lock", math.inf, on_wait):
            yield

    def load(self, key: str) -> tuple[Melodies, NDArray[np.int8] | None, dict[str, Any]] | None:
        """The melodies, splits and details of an entry; ``None`` if it is absent or damaged."""
        folder = self._folder / key
        try:
            details = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
            for name, checksum in details.pop("checksums").items():
                if _checksum(folder / name) != checksum:
                    return None
            # As plain arrays, which are still mapped: each slice of a `np.memmap` costs several times as much.
            arrays = {
                name: np.load(folder / f"{name}.npy", "r", allow_pickle=False).view(np.ndarray) for name in _ARRAYS
            }
            splits = np.load(folder / _SPLITS, "r", allow_pickle=False) if details.pop("has_splits") else None
            tunes = json.loads((folder / _TUNES).read_text(encoding="utf-8"))
            return Melodies(**arrays, titles=tunes["titles"], sources=tunes["sources"]), splits, details
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def store(self, key: str, melodies: Melodies, splits: NDArray[np.int8] | None, details: dict[str, Any]) -> None:
        """Write an entry; the caller must hold its lock.

        Raises:
            OSError: if the directory cannot be written, or the disk is full.
        """
        self._remove_leftovers(key)
        scratch = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=".part", dir=self._folder))
        try:
            for name, dtype in _ARRAYS.items():
                np.save(scratch / f"{name}.npy", np.asarray(getattr(melodies, name), dtype), allow_pickle=False)
            if splits is not None:
                np.save(scratch / _SPLITS, splits, allow_pickle=False)
            _write_json(scratch / _TUNES, {"titles": list(melodies.titles), "sources": list(melodies.sources)})
            checksums = {path.name: _checksum(path) for path in sorted(scratch.iterdir())}
            _write_json(scratch / _REPORT, {**details, "has_splits": splits is not None, "checksums": checksums})
            for path in (*scratch.iterdir(), scratch):
                flush(path)
            scratch.chmod(0o755)
            os.rename(scratch, self._folder / key)
            flush(self._folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _remove_leftovers(self, key: str) -> None:
        """Remove a damaged entry, and the files of processes that were killed while they wrote it."""
        for path in (self._folder / key, *self._folder.glob(f"{key}.*.part")):
            if path.exists():
                shutil.rmtree(path)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json_text(values), encoding="utf-8")


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum
