"""The interface of a corpus: a list of sources, and a function that reads one source."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import pickle
import stat
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.cache import CACHE_DIR_VARIABLE, CorpusCache, default_cache_dir
from melgen.corpora.cleaning import Cleaning
from melgen.corpora.importing import Reader, import_sources
from melgen.corpora.readers import contents
from melgen.corpora.report import ImportReport
from melgen.corpora.sources import Listing
from melgen.corpora.workers import check_workers
from melgen.errors import CorpusError
from melgen.music.melody import Melodies

log = logging.getLogger(__name__)

READER_VERSION = 2
"""Increased when a reader or a rule changes so that it gives other melodies; then cached corpora are read again.

1: onsets and durations in sixteenths, each rounded by itself; splits by a shuffle of the whole corpus.
2: 24 steps to the quarter, with metres, pickups and bars; splits by a hash of each tune's intervals.
"""
DETAILS_VERSION = 3
"""Increased when a reader finds more about the same melodies, other keys, or other notes in a few faulty files; then
corpora are read again, too.

Runs record `READER_VERSION`, because other notes make other runs. They do not record this version.

1: the keys that sources state.
2: the key of the voice that is the melody, unknown where parts differ; C major alone in a MIDI file is no stated key.
3: several jumps before one note in ABC are followed in a fixed order; MIDI files of type 2 are refused.
"""
_READ_AT_ONCE = 2**20
_LISTING_REMARKS = "listing_remarks"  # how many of a report's first remarks are those of its listing
_LIBRARIES = ("music21", "muspy", "symusic")


@dataclass(frozen=True)
class ImportedCorpus:
    """Cleaned melodies and their origin.

    Attributes:
        melodies: the tunes kept.
        splits: per tune 0 (train), 1 (validation) or 2 (test), if the source declares its splits.
        encoded_as: ``"control"``, ``"interval"`` or ``"db12"`` for data that is already in this representation:
            the ``pitches`` of the melodies are then its values, each a quarter note long.
        fingerprint: changes with the content of the sources, the cleaning rules, our readers and their
            libraries.
        report: counts of the tunes found, kept and dropped.

    Shape:
        ``splits``: ``[tunes]``.
    """

    melodies: Melodies
    splits: NDArray[np.int8] | None
    encoded_as: str | None
    fingerprint: str
    report: ImportReport


class AbstractCorpus(ABC):
    """A collection of tunes in files.

    A corpus lists its sources (:meth:`list_sources`) and has a function that reads one of them (:attr:`reader`,
    at the top of a module, because it runs in other processes; a :func:`functools.partial` of one can contain
    options). Everything else is the same for all corpora.
    """

    @property
    @abstractmethod
    def description(self) -> str:
        """The corpus in words, for reports and messages."""

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """The function that turns one source into tunes, melodies or rejections."""

    @abstractmethod
    def list_sources(self) -> Listing:
        """The sources to read.

        Raises:
            CorpusError: if there are none, or they contradict each other.
        """

    def load(
        self,
        cleaning: Cleaning | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        progress: bool = True,
        read_only_cache: Path | None = None,
    ) -> ImportedCorpus:
        """The melodies of the corpus, from the cache if nothing has changed.

        Args:
            cleaning: which tunes to keep; by default ``Cleaning()``.
            cache_dir: by default ``$MELGEN_CACHE_DIR``, or the user's cache directory.
            workers: number of reading processes; by default one for each available CPU.
            progress: whether to show a progress bar on a terminal.
            read_only_cache: another directory of corpora, for one that is not in ``cache_dir``. Nothing is written
                to it.

        Raises:
            CorpusError: if nothing can be read, or no tune is kept.
        """
        cleaning = Cleaning() if cleaning is None else cleaning
        check_workers(workers)
        listing = self.list_sources()
        key = fingerprint(listing, cleaning, type(self).__name__ + _own_code(type(self), self.reader))
        cache = CorpusCache(default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser())
        for each in (cache, None if read_only_cache is None else CorpusCache(read_only_cache)):
            if each is not None and (cached := self._from_cache(each, key, listing)) is not None:
                return cached

        def read() -> ImportedCorpus:
            melodies, splits, report = import_sources(
                listing, self.reader, cleaning, self.description, workers, progress
            )
            if len(melodies) == 0:
                raise CorpusError(f"{self.description}: no tune is kept.\n{report}")
            return ImportedCorpus(melodies, splits, listing.encoded_as, key, report)

        imported = None
        try:
            with cache.lock(key):
                if (cached := self._from_cache(cache, key, listing)) is not None:
                    return cached
                imported = read()
                details = {
                    "report": imported.report.to_dict(),
                    "encoded_as": imported.encoded_as,
                    _LISTING_REMARKS: len(listing.remarks),
                }
                cache.store(key, imported.melodies, imported.splits, details)
        except OSError as error:
            log.warning(
                "the corpus is not cached: %s; set cache_dir or %s to a writable directory",
                error,
                CACHE_DIR_VARIABLE,
            )
        return read() if imported is None else imported

    def _from_cache(self, cache: CorpusCache, key: str, listing: Listing) -> ImportedCorpus | None:
        loaded = cache.load(key)
        if loaded is None:
            return None
        melodies, splits, details = loaded
        try:
            report = ImportReport.from_dict(details["report"])
            # The same files may be in another folder now, next to other files.
            report.corpus, report.ignored_files = self.description, listing.ignored_files
            if _LISTING_REMARKS in details:  # an earlier melgen did not count them
                report.remarks[: details[_LISTING_REMARKS]] = listing.remarks
            return ImportedCorpus(melodies, splits, details["encoded_as"], key, report)
        except (KeyError, TypeError):
            return None


def fingerprint(listing: Listing, cleaning: Cleaning, kind: str) -> str:
    """A hash that changes whenever the imported melodies could; the folder of the files does not matter."""
    from importlib import metadata  # not needed by the processes that read

    versions = {name: metadata.version(name) for name in _LIBRARIES}
    settings: dict[str, Any] = {
        "reader_version": READER_VERSION,
        "details_version": DETAILS_VERSION,
        "libraries": versions,
        "cleaning": dataclasses.asdict(cleaning),
        "kind": kind,
        "encoded_as": listing.encoded_as,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for source in listing.sources:
        digest.update(json.dumps([source.name, source.split, source.part]).encode())
    paths = [source.path for source in listing.sources] if listing.inputs is None else listing.inputs
    for path in dict.fromkeys(map(os.fspath, paths)):  # each once; a path takes longer to hash than its text
        digest.update(_content_digest(path))
    return digest.hexdigest()[:32]


def _own_code(corpus: type, reader: Reader) -> str:
    """A hash of what decides besides `READER_VERSION`: modules outside melgen, and the arguments of a `partial`.

    The arguments are hashed as the pickle that the reading processes receive.
    """
    parts: list[Any] = [corpus]
    arguments = b""
    if isinstance(reader, partial):
        parts += [reader.func, *filter(callable, (*reader.args, *reader.keywords.values()))]
        arguments = pickle.dumps((reader.args, sorted(reader.keywords.items(), key=itemgetter(0))), protocol=4)
    else:
        parts.append(reader)
    modules = {str(getattr(part, "__module__", "melgen")) for part in parts}
    own = sorted(name for name in modules if name.partition(".")[0] != "melgen")
    files = [getattr(sys.modules.get(name), "__file__", None) for name in own]
    hashes = [_content_digest(file).hex() for file in files if file]
    if arguments:
        hashes.append(hashlib.sha256(arguments).hexdigest())
    return "".join(f" {each}" for each in hashes)


def _content_digest(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            return b"not a regular file"
        if status.st_size <= _READ_AT_ONCE:  # most tunes; `file_digest` prepares a quarter of a megabyte for each
            return hashlib.sha256(contents(path, status.st_size)).digest()
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:  # the reader will report why the file cannot be read
        return f"{type(error).__name__} {error.errno}".encode()
