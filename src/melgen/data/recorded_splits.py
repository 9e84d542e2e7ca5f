"""The recorded splits of a run's corpus: ``splits.tsv``, one line per tune.

When the corpus is read again, its tunes may have changed since the training, and an older melgen may have split it
in another way. Only this file records which tunes a network was trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgen.data.splits import Split
from melgen.files import write_text
from melgen.music.melody import Melodies
from melgen.terminal import readable

NO_SPLIT = -1
"""The split of a tune that the run does not record: neither trained on nor held out."""

_COLUMNS = ("split", "source", "title")


def write_splits(path: Path, splits: NDArray[np.int8], melodies: Melodies) -> None:
    """Write the split, source and title of each tune; tunes of `NO_SPLIT` are left out."""
    rows = zip(splits.tolist(), _names(melodies), strict=True)
    lines = ("\t".join((Split(split).name.lower(), *name)) for split, name in rows if split != NO_SPLIT)
    write_text(path, "\n".join(("\t".join(_COLUMNS), *lines, "")))


def read_splits(path: Path, melodies: Melodies) -> NDArray[np.int8] | None:
    """The splits that a file records for the tunes of a corpus.

    A tune is found by its source and title. Tunes that share both are matched in order if the corpus has as many of
    them as the file, and otherwise only if the file has all of them in one split. A tune that is not found gets
    `NO_SPLIT`.

    Returns:
        ``[tunes]``; None if no tune is found, which means that the file describes another corpus.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not a list of splits.
    """
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    if tuple(header.split("\t")) != _COLUMNS:
        raise ValueError(f"{path}: must begin with a line of {', '.join(_COLUMNS)}, separated by tabs")
    known = {split.name.lower(): int(split) for split in Split}
    stated: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        split, *rest = line.split("\t")
        if split not in known or len(rest) != 2:
            raise ValueError(f"{path}, line {number}: must be one of {', '.join(known)}, a source and a title")
        stated[_normal(rest[0]), _normal(rest[1])].append(known[split])
    names = _names(melodies)
    counts = Counter(names)
    splits = np.full(len(names), NO_SPLIT, np.int8)
    met = Counter[tuple[str, str]]()
    for tune, name in enumerate(names):
        of_that_name = stated.get(name, [])
        if len(of_that_name) == counts[name]:
            splits[tune] = of_that_name[met[name]]
        elif len(set(of_that_name)) == 1:
            splits[tune] = of_that_name[0]
        met[name] += 1
    return splits if (splits != NO_SPLIT).any() else None


def joined_splits(recorded: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """Join the splits of several runs over one corpus, so that no tune that a run was trained on is held out.

    >>> joined_splits([np.array([1, 2, -1, 2], np.int8), np.array([0, 2, 1, -1], np.int8)]).tolist()
    [0, 2, -1, -1]
    """
    first, *others = recorded
    joined = first.copy()
    for splits in others:
        joined[splits == NO_SPLIT] = NO_SPLIT
    for splits in others:
        joined[splits == Split.TRAIN] = Split.TRAIN
    joined[first == Split.TRAIN] = Split.TRAIN
    return joined


def _names(melodies: Melodies) -> list[tuple[str, str]]:
    return [(_normal(source), _normal(title)) for source, title in zip(melodies.sources, melodies.titles, strict=True)]


def _normal(text: str) -> str:
    """The text without tabs, line breaks and characters that UTF-8 cannot encode."""
    return " ".join(readable(text).split())
