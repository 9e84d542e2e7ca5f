"""muspy's dataset classes over a local folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from melgen.checking import require
from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.extraction import Rejection, Track, Tune
from melgen.corpora.importing import Reader
from melgen.corpora.sources import Listing, Source, check_folder, named_files_below, user_path
from melgen.errors import CorpusError, ReadError

ABC_DATASETS = ("EssenFolkSongDatabase", "NottinghamDatabase")
_DOWNLOAD_HINT = "corpus.download=true fetches it"


class MusPyCorpus(AbstractCorpus):
    """One of muspy's datasets, such as ``NottinghamDatabase``.

    Datasets in ABC are read by our own ABC reader, because muspy 0.5 cannot read ABC with music21 10; all
    others by their class, item by item.

    Args:
        name: the class, one of :func:`available_datasets`.
        root: the folder of the dataset, as its class expects it.
        download: whether to download the dataset first if it is missing.
    """

    def __init__(self, name: str, root: str | os.PathLike[str], download: bool = False):
        require(isinstance(download, bool), "corpus.download", download, "true or false", CorpusError)
        self.name, self.root, self.download = name, user_path(root, "corpus.root"), download

    @property
    def description(self) -> str:
        """The dataset and its folder."""
        return f"muspy {self.name} in {self.root}"

    @property
    def reader(self) -> Reader:
        """The reader for one ABC file, or for one item of the dataset."""
        if self.name not in ABC_DATASETS:
            return partial(read_item, dataset=self.name)
        from melgen.corpora.readers.abc import read_abc

        return read_abc

    def list_sources(self) -> Listing:
        """The items of the dataset; downloads it if asked to."""
        available = available_datasets()
        if self.name not in available:
            known = ", ".join(available)
            raise CorpusError(f"corpus.name={self.name}: muspy has no such dataset; it has {known}")
        if self.download:
            self._download()
        check_folder(self.root, "corpus.root")
        files = [(path, name) for path, name in named_files_below(self.root) if "_converted" not in path.parts]
        if self.name in ABC_DATASETS:
            sources = [Source(path, name) for path, name in files if path.suffix.lower() == ".abc"]
            if not sources:
                raise CorpusError(f"corpus.root={self.root}: contains no ABC file of {self.name}; {_DOWNLOAD_HINT}")
            return Listing(sources)
        try:
            dataset = open_dataset(self.name, str(self.root))
        except Exception as error:  # each class raises other errors for a folder that it does not expect
            raise CorpusError(
                f"corpus.root={self.root}: muspy finds no {self.name} in it ({error}); {_DOWNLOAD_HINT}"
            ) from error
        sources = [Source(self.root, f"{self.name}#{index + 1}", part=index) for index in range(len(dataset))]
        return Listing(sources, inputs=[path for path, _ in files])

    def _download(self) -> None:
        dataset = _dataset_class(self.name)
        if not hasattr(dataset, "download_and_extract"):
            raise CorpusError(
                f"corpus.download=true: muspy cannot download {self.name}; copy it to corpus.root={self.root}"
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            dataset(self.root, download_and_extract=True)
        except Exception as error:
            raise CorpusError(f"name={self.name}: the download into {self.root} failed: {error}") from error


def available_datasets() -> list[str]:
    """The dataset classes that read a folder."""
    import muspy

    return sorted(each.__name__ for each in muspy.list_datasets() if each.__name__ != "Music21Dataset")


def _dataset_class(name: str) -> Any:
    import muspy

    return getattr(muspy, name)


@cache
def open_dataset(name: str, root: str) -> Any:
    """The dataset in a folder, also if muspy's marker of a download is missing."""
    dataset = _dataset_class(name)
    return type(name, (dataset,), {"exists": lambda self: True})(root)


def read_item(source: Source, dataset: str) -> Iterator[Tune | Rejection]:
    """One item of a dataset as tracks, with the metres that its class gives and their bars, and without its key."""
    from melgen.corpora.readers.midi.bars import count_bars, stated_metre

    assert source.part is not None
    music = open_dataset(dataset, str(source.path))[source.part]
    if music.resolution <= 0:
        raise ReadError(f"resolution {music.resolution} must be at least 1")
    tracks = [
        Track(
            np.array([(round(note.time), round(note.duration), int(note.pitch)) for note in track.notes]),
            track.name or "",
            bool(track.is_drum),
        )
        for track in music.tracks
    ]
    title = music.metadata.title if music.metadata is not None else None
    tune = Tune(tracks, int(music.resolution), title or "")
    stated = ((round(each.time), stated_metre(each.numerator, each.denominator)) for each in music.time_signatures)
    end = max((round(note.time + note.duration) for track in music.tracks for note in track.notes), default=0)
    count_bars(tune, {tick: metre for tick, metre in stated if metre is not None}, end)
    yield tune
