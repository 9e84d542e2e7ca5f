"""The import pipeline of all corpora: read in parallel, choose the melody, clean, pack, report."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.cleaning import DUPLICATE, Cleaning
from melgen.corpora.extraction import Rejection, Tune, melody_lines, too_long
from melgen.corpora.packing import concatenate, interval_keys, select
from melgen.corpora.report import SHORT_SONG_NOTES, ImportReport
from melgen.corpora.rounding import Line, RoundedLines
from melgen.corpora.sources import SPLIT_NAMES, Listing, Source
from melgen.corpora.workers import map_joined
from melgen.errors import UNREADABLE, ReadError
from melgen.music.melody import Melodies, Melody
from melgen.plurals import counted
from melgen.resources import available_cpus

log = logging.getLogger(__name__)

Reader = Callable[[Source], Iterator[Tune | Melody | Rejection]]
NO_MELODIES = Melodies.from_list([])


@dataclass
class Reading:
    """The result of reading one or more sources: the melodies kept, the tunes dropped, and counts.

    Attributes:
        melodies: those kept, of all sources.
        kept: for each source, the number of its melodies kept.
        rejections: the tunes dropped, in order.
        songs_read: number of melodies before cleaning.
        short_songs: number of those among them that the original's first cleaning dropped.
        remarks: how many of the melodies kept have each remark of a reader.
        rounded_notes: for each melody kept, the number of its notes that are off the grid of steps.
    """

    melodies: Melodies
    kept: list[int]
    rejections: list[Rejection] = field(default_factory=list)
    songs_read: int = 0
    short_songs: int = 0
    remarks: Counter[str] = field(default_factory=Counter)
    rounded_notes: list[int] = field(default_factory=list)


class Found(NamedTuple):
    """A tune that was found in a source, before its melody is chosen."""

    tune: Tune
    source: Source

    @property
    def name(self) -> str:
        """The source, and the tune's number in it."""
        return self.source.name if self.tune.number is None else f"{self.source.name}#{self.tune.number}"


def read_source(source: Source, alive: Callable[[], None], read: Reader, cleaning: Cleaning | None) -> Reading:
    """Read and clean one source; runs in a worker process, and calls ``alive`` after each tune.

    Without ``cleaning`` the source is already encoded, and its values pass unchanged.
    """
    return clean([find_tunes(source, alive, read)], cleaning)


def find_tunes(source: Source, alive: Callable[[], None], read: Reader) -> list[Found | Line | Rejection]:
    """What one source contains; runs in a worker process."""
    found: list[Found | Line | Rejection] = []
    try:
        for item in read(source):
            if isinstance(item, Tune):
                found.append(Found(item, source))
            else:
                found.append(Line.of(item) if isinstance(item, Melody) else item)
            alive()
    except Exception as error:  # on a broken file a parser may raise anything
        found.append(_rejection(error, source.name))
    return found


def _rejection(error: Exception, source: str) -> Rejection:
    """The reason why the rest of a source is not read."""
    if isinstance(error, ReadError):
        return Rejection(error.reason, str(error), source)
    if isinstance(error, MemoryError):
        return Rejection(UNREADABLE, "reading it takes too much memory", source)
    detail = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return Rejection(UNREADABLE, detail, source)


def _choose_melodies(
    sources: Sequence[Sequence[Found | Line | Rejection]], cleaning: Cleaning
) -> Sequence[Sequence[Line | Rejection]]:
    """What was found in several sources, each tune replaced by its melody.

    If one of the tunes is broken, it is found by choosing the melody of each alone; the rest of its source is dropped.
    """
    tunes = [(item.tune, item.name) for items in sources for item in items if isinstance(item, Found)]
    try:
        lines = iter(melody_lines(tunes, cleaning))
    except Exception:  # a tune that breaks may raise anything; each alone shows which it is
        return [_choose_one_by_one(items, cleaning) for items in sources]
    return [[next(lines) if isinstance(item, Found) else item for item in items] for items in sources]


def _choose_one_by_one(items: Sequence[Found | Line | Rejection], cleaning: Cleaning) -> list[Line | Rejection]:
    chosen: list[Line | Rejection] = []
    for item in items:
        if not isinstance(item, Found):
            chosen.append(item)
            continue
        try:
            chosen += melody_lines([(item.tune, item.name)], cleaning)
        except Exception as error:
            return [*chosen, _rejection(error, item.source.name)]
    return chosen


def _until_unpackable(items: Sequence[Line | Rejection]) -> list[Line | Rejection]:
    """The items of one source before the first line that cannot be packed, and a rejection of that line."""
    packable: list[Line | Rejection] = []
    for item in items:
        if isinstance(item, Line):
            try:
                RoundedLines([item]).packed(np.ones(1, np.bool_))
            except Exception as error:
                return [*packable, _rejection(error, item.about.source)]
        packable.append(item)
    return packable


def clean(sources: Sequence[Sequence[Found | Line | Rejection] | Rejection], cleaning: Cleaning | None) -> Reading:
    """Choose, round and clean the melodies of several sources; of one that could not be read, there is a rejection."""
    several = [[source] if isinstance(source, Rejection) else source for source in sources]
    found = _choose_melodies(several, cleaning or Cleaning())
    try:
        return _pack(found, cleaning)
    except Exception:  # a reader of a user may yield anything; each line alone shows which it is
        return _pack([_until_unpackable(items) for items in found], cleaning)


def _pack(found: Sequence[Sequence[Line | Rejection]], cleaning: Cleaning | None) -> Reading:
    """Round and clean the melodies of several sources, and pack those kept."""
    rounded = RoundedLines([item for items in found for item in items if isinstance(item, Line)])
    facts = zip(rounded.extents(), rounded.ends.tolist(), rounded.notes_off_grid.tolist(), strict=True)
    reading, is_kept = Reading(NO_MELODIES, []), []
    for items in found:
        kept_before = len(reading.rounded_notes)
        for item in items:
            rejection: Rejection | None
            if isinstance(item, Line):
                extent, end, notes_off_grid = next(facts)
                rejection = too_long(end, item.about.source)
                if rejection is None:
                    reading.songs_read += 1
                    reading.short_songs += extent.notes <= SHORT_SONG_NOTES
                    reason = None if cleaning is None else cleaning.reason_for(extent)
                    rejection = None if reason is None else Rejection(*reason, item.about.source)
                is_kept.append(rejection is None)
                if rejection is None:
                    reading.rounded_notes.append(notes_off_grid)
                    reading.remarks.update(item.remarks)
            else:
                rejection = item
            if rejection is not None:
                reading.rejections.append(rejection)
        reading.kept.append(len(reading.rounded_notes) - kept_before)
    reading.melodies = rounded.packed(np.array(is_kept, np.bool_))
    return reading


def import_sources(
    listing: Listing,
    reader: Reader,
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
    read = partial(find_tunes, read=reader)
    workers = available_cpus() if workers is None else workers
    readings: dict[int, Reading] = {}
    log.info("reading %s: %d files, %d workers", description, len(listing.sources), workers)
    bar = tqdm(
        total=len(listing.sources),
        desc=f"reading {description}",
        unit="file",
        disable=None if progress else True,  # None: shown on a terminal only
    )
    with bar:
        for first, reading in map_joined(read, partial(clean, cleaning=rules), listing.sources, workers):
            readings[first] = reading
            bar.update(len(reading.kept))
    return _gather(listing, [reading for _, reading in sorted(readings.items())], cleaning, description)


def _gather(
    listing: Listing, readings: Sequence[Reading], cleaning: Cleaning, description: str
) -> tuple[Melodies, NDArray[np.int8] | None, ImportReport]:
    report = ImportReport(
        description,
        files_found=len({os.fspath(source.path) for source in listing.sources}),
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
        splits = np.repeat(np.array(declared, np.int8), [count for reading in readings for count in reading.kept])
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
