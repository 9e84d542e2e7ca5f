"""The import pipeline of all corpora: read in parallel, choose the melody, clean, pack, report."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.cleaning import DUPLICATE, Cleaning
from melgen.corpora.extraction import Rejection, Tune, extract_melody
from melgen.corpora.packing import concatenate, interval_keys, select
from melgen.corpora.report import SHORT_SONG_NOTES, ImportReport
from melgen.corpora.sources import SPLIT_NAMES, Listing, Source
from melgen.corpora.workers import map_sources
from melgen.errors import UNREADABLE, ReadError
from melgen.music.melody import Melodies, Melody
from melgen.plurals import counted
from melgen.processes import available_cpus

log = logging.getLogger(__name__)

Reader = Callable[[Source], Iterator[Tune | Melody | Rejection]]
NO_MELODIES = Melodies.from_list([])


@dataclass
class Reading:
    """The result of reading one source: the melodies kept, the tunes dropped, and counts.

    ``rounded_notes`` is, for each melody kept, the number of its notes that are off the grid of steps.
    """

    melodies: Melodies
    rejections: list[Rejection] = field(default_factory=list)
    songs_read: int = 0
    short_songs: int = 0
    remarks: Counter[str] = field(default_factory=Counter)
    rounded_notes: list[int] = field(default_factory=list)


def read_source(source: Source, alive: Callable[[], None], read: Reader, cleaning: Cleaning | None) -> Reading:
    """Read and clean one source; runs in a worker process, and calls ``alive`` after each tune.

    Without ``cleaning`` the source is already encoded, and its values pass unchanged.
    """
    kept: list[Melody] = []
    reading = Reading(NO_MELODIES)

    def take(item: Tune | Melody | Rejection) -> None:
        rounded_notes = 0
        remarks: tuple[str, ...] = ()
        if isinstance(item, Tune):
            remarks = item.remarks
            name = source.name if item.number is None else f"{source.name}#{item.number}"
            found = extract_melody(item, cleaning or Cleaning(), name)
            item, rounded_notes = (found, 0) if isinstance(found, Rejection) else found
        if isinstance(item, Rejection):
            reading.rejections.append(item)
            return
        reading.songs_read += 1
        reading.short_songs += len(item) <= SHORT_SONG_NOTES
        reason = cleaning.reason_to_drop(item.pitches, item.durations) if cleaning is not None else None
        if reason is None:
            kept.append(item)
            reading.rounded_notes.append(rounded_notes)
            reading.remarks.update(remarks)
        else:
            reading.rejections.append(Rejection(*reason, item.source))

    try:
        for item in read(source):
            take(item)
            alive()
    except ReadError as error:
        reading.rejections.append(Rejection(error.reason, str(error), source.name))
    except MemoryError:
        reading.rejections.append(Rejection(UNREADABLE, "reading it takes too much memory", source.name))
    except Exception as error:  # on a broken file a parser may raise anything
        detail = f"{type(error).__name__}: {error}".split("\n")[0][:200]
        reading.rejections.append(Rejection(UNREADABLE, detail, source.name))
    if kept:
        reading.melodies = Melodies.from_list(kept)
    return reading


def import_sources(
    listing: Listing,
    read: Reader,
    cleaning: Cleaning,
    description: str,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Melodies, NDArray[np.int8] | None, ImportReport]:
    """Read all sources; return the melodies kept, the split of each if declared, and the report.

    The result does not depend on the number of workers.
    """
    from tqdm import tqdm

    rules = None if listing.encoded_as is not None else cleaning
    task = partial(read_source, read=read, cleaning=rules)
    workers = available_cpus() if workers is None else workers
    readings: list[Reading] = [Reading(NO_MELODIES)] * len(listing.sources)
    log.info("reading %s: %d files, %d workers", description, len(listing.sources), workers)
    bar = tqdm(
        total=len(listing.sources),
        desc=f"reading {description}",
        unit="file",
        disable=None if progress else True,  # None: shown on a terminal only
    )
    with bar:
        for index, result in map_sources(task, listing.sources, workers):
            if isinstance(result, Rejection):
                result = Reading(NO_MELODIES, [result])
            readings[index] = result
            bar.update()
    return _gather(listing, readings, cleaning, description)


def _gather(
    listing: Listing, readings: Sequence[Reading], cleaning: Cleaning, description: str
) -> tuple[Melodies, NDArray[np.int8] | None, ImportReport]:
    report = ImportReport(
        description,
        files_found=len({source.path for source in listing.sources}),
        ignored_files=listing.ignored_files,
        remarks=list(listing.remarks),
    )
    remarks: Counter[str] = Counter()
    rounded_notes = np.array([count for reading in readings for count in reading.rounded_notes], np.int64)
    for reading in readings:
        remarks.update(reading.remarks)
        report.songs_read += reading.songs_read
        report.short_songs += reading.short_songs
        report.tunes_found += len(reading.melodies) + len(reading.rejections)
        for rejection in reading.rejections:
            report.drop(rejection)
    report.remarks += [f"{remark}: {counted(count, 'tune')}" for remark, count in sorted(remarks.items())]
    melodies = concatenate([reading.melodies for reading in readings])
    splits = None
    if listing.sources and listing.sources[0].split is not None:
        declared = [-1 if source.split is None else source.split for source in listing.sources]
        splits = np.repeat(np.array(declared, np.int8), [len(reading.melodies) for reading in readings])
    if listing.encoded_as is None:
        keep = _mark_duplicates(melodies, splits, cleaning, report)
        melodies, splits = select(melodies, keep), None if splits is None else splits[keep]
        rounded_notes = rounded_notes[keep]
    else:
        report.remarks.append(
            f"already encoded as {listing.encoded_as}: used unchanged, neither cleaned nor checked for duplicates"
        )
    if splits is not None:
        sizes = np.bincount(splits, minlength=len(SPLIT_NAMES))
        parts = ", ".join(f"{size:,} {name}" for name, size in zip(SPLIT_NAMES, sizes, strict=True))
        report.remarks.append(f"keeps the splits of its source: {parts} tunes")
    report.tunes_kept, report.notes_kept = len(melodies), int(melodies.starts[-1])
    report.rounded_tunes, report.rounded_notes = int(np.count_nonzero(rounded_notes)), int(rounded_notes.sum())
    return melodies, splits, report


def _mark_duplicates(
    melodies: Melodies, splits: NDArray[np.int8] | None, cleaning: Cleaning, report: ImportReport
) -> NDArray[np.bool_]:
    """Mark the tunes to keep, ``[tunes]``, and count in the report those that repeat an earlier one."""
    keep = np.ones(len(melodies), np.bool_)
    first: dict[bytes, int] = {}
    across = 0
    for index, key in enumerate(interval_keys(melodies)):
        original = first.setdefault(key, index)
        if original == index:
            continue
        report.duplicates += 1
        across += splits is not None and splits[index] != splits[original]
        if cleaning.drop_duplicates:
            keep[index] = False
            report.drop(Rejection(DUPLICATE, f"same as {melodies.sources[original]}", melodies.sources[index]))
    if across:
        report.remarks.append(f"{across} tunes repeat a tune of another split of the source")
    return keep
