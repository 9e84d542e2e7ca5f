"""A folder of tunes in any of the formats that melgen reads."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.extraction import Rejection, Tune
from melgen.corpora.importing import Reader, read_source
from melgen.corpora.sources import (
    SPLIT_NAMES,
    SPLIT_OF_NAME,
    Listing,
    Source,
    check_folder,
    corpus_path,
    named_files_below,
)
from melgen.corpora.workers import map_sources
from melgen.errors import CorpusError
from melgen.music.melody import Melody
from melgen.terminal import readable


# A reader is imported with the first file that needs it: a process that reads only MIDI starts in less time.
def _midi(source: Source) -> Iterator[Tune | Rejection]:
    from melgen.corpora.readers.midi import read_midi

    return read_midi(source)


def _abc(source: Source) -> Iterator[Tune | Rejection]:
    from melgen.corpora.readers.abc import read_abc

    return read_abc(source)


def _musicxml(source: Source) -> Iterator[Tune | Rejection]:
    from melgen.corpora.readers.score import read_musicxml

    return read_musicxml(source)


def _kern(source: Source) -> Iterator[Tune | Rejection]:
    from melgen.corpora.readers.score import read_kern

    return read_kern(source)


READERS = {
    ".mid": _midi,
    ".midi": _midi,
    ".kar": _midi,
    ".rmi": _midi,
    ".abc": _abc,
    ".xml": _musicxml,
    ".musicxml": _musicxml,
    ".mxl": _musicxml,
    ".krn": _kern,
}


def read_file(source: Source) -> Iterator[Tune | Rejection]:
    """The tunes of a file, read by the reader for its suffix."""
    return READERS[os.path.splitext(source.path)[1].lower()](source)


def read_melody(path: str | Path) -> Melody:
    """The first melody of one file, however short.

    Like a corpus, it is read in a separate process: a broken file can crash a reader or make it hang.

    Raises:
        CorpusError: if there is no such file, no reader for its kind, or no melody in it.
    """
    file = Path(os.path.expanduser(path))
    if file.suffix.lower() not in READERS:
        raise CorpusError(f"{path}: must be a file of one of the types {', '.join(READERS)}")
    if not file.exists():
        raise CorpusError(f"{path}: no such file" + ("" if file.is_absolute() else f" in {Path.cwd()}"))
    task = partial(read_source, read=read_file, cleaning=Cleaning(min_length_notes=1))
    ((_, reading),) = map_sources(task, [Source(file, file.name)], workers=1)
    if isinstance(reading, Rejection) or not len(reading.melodies):
        rejection = reading if isinstance(reading, Rejection) else reading.rejections[0]
        raise CorpusError(f"{path}: contains no melody; {rejection.reason}: {rejection.detail}")
    return reading.melodies[0]


class FolderCorpus(AbstractCorpus):
    """Every MIDI, MusicXML, ABC and ``**kern`` file in a folder and below.

    A folder with ``train/``, ``validation/`` (or ``val/``, ``valid/``) and ``evaluation/`` (the paper's name
    for its test set, or ``test/``) keeps these splits; files outside the three are then not read. A folder with
    two of the three is refused, because the missing split could only be guessed. With one of them, it is an
    ordinary folder.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = corpus_path(path, "folder", "folder")

    @property
    def description(self) -> str:
        """The folder."""
        return f"folder {self.path}"

    @property
    def reader(self) -> Reader:
        """The reader for each file's suffix."""
        return read_file

    def list_sources(self) -> Listing:
        """The files with a known suffix, in natural order."""
        check_folder(self.path, "path")
        splits = declared_splits(self.path)
        sources, ignored, outside = [], Counter[str](), 0
        closed: list[str] = []
        for path, name in named_files_below(self.path, closed):
            split = splits.get(name.split("/")[0])
            if os.path.splitext(name)[1].lower() not in READERS:
                ignored[readable(path.suffix.lower()) or "without suffix"] += 1
            elif splits and split is None:
                outside += 1
            else:
                sources.append(Source(path, name, split))
        if not sources:
            found = ", ".join(f"{count} {suffix}" for suffix, count in sorted(ignored.items())) or "no files"
            raise CorpusError(f"path={self.path}: nothing to read; it contains {found}, expected {', '.join(READERS)}")
        if splits:
            sources.sort(key=lambda source: source.split or 0)
        remarks = [f"{outside} files outside the folders of the splits are not read"] if outside else []
        if closed:
            remarks.append(f"{len(closed)} folders cannot be read, such as {closed[0]}")
        return Listing(sources, dict(ignored), remarks)


def declared_splits(folder: Path) -> dict[str, int]:
    """The subfolders that are splits, each with its split; empty if the folder declares none."""
    found = [name for name in sorted(os.listdir(folder)) if name.lower() in SPLIT_OF_NAME]
    return complete_splits({name: SPLIT_OF_NAME[name.lower()] for name in found if Path(folder, name).is_dir()}, folder)


def complete_splits(split_of: Mapping[str, int], where: Path) -> dict[str, int]:
    """The given names and their splits if they are all three splits; empty if they are at most one.

    Raises:
        CorpusError: if one of three splits is missing, or is given twice.
    """
    names: defaultdict[int, list[str]] = defaultdict(list)
    for name, split in split_of.items():
        names[split].append(name)
    for split, several in names.items():
        if len(several) > 1:
            raise CorpusError(f"{where}: {' and '.join(several)} are both the {SPLIT_NAMES[split]} split")
    if len(names) == 2:
        (missing,) = {0, 1, 2} - set(names)
        there = " and ".join(sorted(split_of))
        raise CorpusError(
            f"{where}: has {there} but no {SPLIT_NAMES[missing]} split; a source must declare all three "
            "(train, validation, and test or evaluation) or none"
        )
    return dict(split_of) if len(names) == 3 else {}
