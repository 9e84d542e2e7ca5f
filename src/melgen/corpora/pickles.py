"""The paper's published pickles: song lists, which are ordinary corpora, and encoded streams."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

from melgen.checking import require
from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.folder import complete_splits
from melgen.corpora.importing import Reader
from melgen.corpora.readers.song_lists import is_stream, read_songs
from melgen.corpora.sources import SPLIT_OF_NAME, Listing, Source, Split, check_folder, corpus_path, files_below
from melgen.errors import CorpusError

SUFFIXES = (".p", ".pkl", ".pickle")
CONTROL, INTERVAL, DB12 = "control", "interval", "db12"


class PicklesCorpus(AbstractCorpus):
    """Song lists (``*_song_list*.p``) and streams (``*_final*.p``), alone or a folder of one kind.

    The representation follows from the file name: ``intervals`` in it means interval, ``DB12`` or ``db12`` means
    db12. In a folder, files whose names begin with ``train``, ``validation`` and ``evaluation`` (or ``test``)
    are these splits, by the same rule as the subfolders of :class:`~melgen.corpora.folder.FolderCorpus`.

    Args:
        path: a pickle, or a folder that is searched recursively.
        pattern: which pickles of a folder to read, such as ``"song_list.p"`` or
            ``"*_intervals_final_cleaned.p"``; compared with the whole file name, and with the part after the
            name of its split.
    """

    def __init__(self, path: str | os.PathLike[str], pattern: str | None = None):
        is_text = isinstance(pattern, str | None)
        require(is_text, "corpus.pattern", pattern, 'text such as "*_song_list.p", or null', CorpusError)
        self.path, self.pattern = corpus_path(path, "pickles", "pickle or folder"), pattern

    @property
    def description(self) -> str:
        """The file or folder, and the pattern."""
        return f"pickles {self.path}" + ("" if self.pattern is None else f" pattern={self.pattern}")

    @property
    def reader(self) -> Reader:
        """A reader that unpickles plain data only."""
        return read_songs

    def list_sources(self) -> Listing:
        """The pickles, which must all be of one kind."""
        if self.path.is_file():
            return Listing([Source(self.path, self.path.name)], encoded_as=encoding_of(self.path))
        check_folder(self.path, "path")
        pickles = [path for path in files_below(self.path) if path.suffix.lower() in SUFFIXES]
        chosen = [path for path in pickles if self._matches(path.name)]
        if not chosen:
            there = ", ".join(path.name for path in pickles[:5]) or "none"
            asked = "" if self.pattern is None else f" with pattern={self.pattern}"
            raise CorpusError(f"path={self.path}: no pickle ({', '.join(SUFFIXES)}){asked}; found {there}")
        encodings = {path: encoding_of(path) for path in chosen}
        kinds: defaultdict[str, list[str]] = defaultdict(list)
        for path in chosen:
            kind = encodings[path] or "song list" if split_of(path.name) is None else kind_of(path.name)
            kinds[kind].append(path.name)
        of_splits = {kind_of(path.name) for path in chosen if split_of(path.name) is not None}
        if len(kinds) > 1 and (len(of_splits) > 1 or len({*encodings.values()}) > 1):
            shortest = min((kind_of(path.name) for path in chosen), key=len)
            listed = "; ".join(f"{kind}: {', '.join(names[:3])}" for kind, names in kinds.items())
            raise CorpusError(
                f"{self.path}: pickles of {len(kinds)} kinds cannot be one corpus ({listed}); "
                f"give one file as path, or a pattern, such as corpus.pattern={shortest}"
            )
        splits = self._splits(chosen)
        sources = [Source(path, path.relative_to(self.path).as_posix(), splits.get(path.name)) for path in chosen]
        if splits:
            sources.sort(key=lambda source: source.split or 0)
        if len({*encodings.values()}) > 1:
            raise CorpusError(
                f"{self.path}: only some of {', '.join(path.name for path in chosen)} are encoded streams"
            )
        return Listing(sources, encoded_as=encodings[chosen[0]])

    def _matches(self, name: str) -> bool:
        if self.pattern is None:
            return True
        return fnmatchcase(name, self.pattern) or fnmatchcase(kind_of(name), self.pattern)

    def _splits(self, paths: list[Path]) -> dict[str, int]:
        declared = {path.name: split for path in paths if (split := split_of(path.name)) is not None}
        splits = complete_splits(declared, self.path)
        if splits and len(splits) < len(paths):
            alone = next(path.name for path in paths if path.name not in splits)
            raise CorpusError(f"{self.path}: {alone} does not name a split, unlike the other files in its folder")
        return splits


def split_of(name: str) -> Split | None:
    """The split that a file name begins with.

    >>> split_of("evaluation_song_list.p"), split_of("test.p"), split_of("my_songs.p")
    (<Split.TEST: 2>, <Split.TEST: 2>, None)
    """
    return SPLIT_OF_NAME.get(_first_word(name).lower())


def kind_of(name: str) -> str:
    """The name of a file without the name of its split.

    >>> kind_of("train_DB12_final_cleaned.p"), kind_of("evaluation_song_list.p"), kind_of("train.p")
    ('DB12_final_cleaned.p', 'song_list.p', '.p')
    """
    return name if split_of(name) is None else name.removeprefix(_first_word(name)).removeprefix("_")


def _first_word(name: str) -> str:
    return re.split(r"[\W_]", name, maxsplit=1)[0]


def encoding_of(path: Path) -> str | None:
    """The representation in which a file's values are encoded; ``None`` for a list of songs in pitches."""
    lowered = path.name.lower()
    if "intervals" in lowered:
        return INTERVAL
    if "db12" in lowered:
        return DB12
    return CONTROL if is_stream(path) else None
