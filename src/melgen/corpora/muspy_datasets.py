"""muspy's dataset classes over a local folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.errors import CorpusError
from melgen.corpora.extraction import Rejection, Track, Tune
from melgen.corpora.folder import check_folder
from melgen.corpora.importing import Reader
from melgen.corpora.readers import ReadError
from melgen.corpora.readers.abc import read_abc
from melgen.corpora.sources import Listing, Source, files_below

_MARKER = ".muspy.success"


class MusPyCorpus(AbstractCorpus):
    """A dataset that muspy knows, such as ``NottinghamDatabase``.

    Datasets in ABC are read by our own ABC reader, because muspy 0.5 cannot read ABC with music21 10; all others
    by their class, item by item.

    Args:
        name: the class, one of :func:`available_datasets`.
        root: the folder of the dataset, as its class expects it.
        download: fetch it first, if it is not there.
    """

    def __init__(self, name: str, root: str | os.PathLike[str], download: bool = False):
        self.name, self.root, self.download = name, Path(root).expanduser(), download

    @property
    def description(self) -> str:
        """The dataset and its folder."""
        return f"muspy {self.name} in {self.root}"

    @property
    def reader(self) -> Reader:
        """One item of the dataset, or one ABC file."""
        return read_item

    def list_sources(self) -> Listing:
        """The items of the dataset; downloads it if asked to."""
        available = available_datasets()
        if self.name not in available:
            raise CorpusError(f"name={self.name}: muspy has no such dataset; it has {', '.join(available)}")
        if self.download:
            self._download()
        check_folder(self.root)
        files = [path for path in files_below(self.root) if "_converted" not in path.parts]
        if _is_abc(self.name):
            sources = [
                Source(path, path.relative_to(self.root).as_posix())
                for path in files
                if path.suffix.lower() == ".abc"
            ]
            if not sources:
                raise CorpusError(f"root={self.root}: no ABC file of {self.name} there; {_DOWNLOAD_HINT}")
            return Listing(sources)
        try:
            dataset = open_dataset(self.name, str(self.root))
        except Exception as error:  # each class fails in its own way on a folder that is not as it expects
            raise CorpusError(
                f"root={self.root}: muspy finds no {self.name} there ({error}); {_DOWNLOAD_HINT}"
            ) from error
        sources = [
            Source(self.root, f"{self.name}#{index + 1}", part=index) for index in range(len(dataset))
        ]
        for source in sources:
            object.__setattr__(source, "dataset", self.name)
        return Listing(sources, inputs=files)

    def _download(self) -> None:
        dataset = _dataset_class(self.name)
        if not hasattr(dataset, "download_and_extract"):
            raise CorpusError(f"download=true: muspy cannot download {self.name}; put it into root={self.root}")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            dataset(self.root, download_and_extract=True)
        except Exception as error:
            raise CorpusError(f"name={self.name}: the download into {self.root} failed: {error}") from error


_DOWNLOAD_HINT = "download=true fetches it"
