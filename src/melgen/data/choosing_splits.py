"""The split of each tune of a corpus: as runs recorded it, as the corpus declares it, or by a hash of the tune.

Tunes that a network of ``init_from`` was trained on are taken out of the held-out splits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.corpora import CorpusError, ImportedCorpus
from melgen.data.corpus_hashes import tune_keys
from melgen.data.recorded_splits import NO_SPLIT, joined_splits, read_splits
from melgen.data.seen_tunes import SeenTunes
from melgen.data.splits import Split, copies_across_splits, groups_of, split_by_keys
from melgen.music.melody import Melodies

log = logging.getLogger(__name__)


def recorded_by_runs(paths: Sequence[Path], melodies: Melodies) -> NDArray[np.int8] | None:
    """The splits that runs recorded, with `NO_SPLIT` for a tune that they do not name: ``[tunes]``.

    Args:
        paths: the ``splits.tsv`` of the runs.
        melodies: the corpus.

    Returns:
        None if there is no such file, or none of this corpus.
    """
    stated = [read_splits(path, melodies) for path in paths]
    recorded = [splits for splits in stated if splits is not None]
    if not recorded:
        return None
    together = joined_splits(recorded)
    if left_out := np.count_nonzero(together == NO_SPLIT):
        log.warning(
            "%s names %d of the %d tunes; the others are left out, because they may be training tunes",
            ", ".join(map(str, paths)),
            len(together) - left_out,
            len(together),
        )
    return together


def declared_or_hashed(imported: ImportedCorpus, fractions: Sequence[float], split_seed: int) -> NDArray[np.int8]:
    """The splits that a corpus declares, or else those of `split_by_keys`: ``[tunes]``.

    Raises:
        CorpusError: if a declared split is empty.
        ValueError: as `split_by_keys`.
    """
    if imported.splits is None:
        return split_by_keys(tune_keys(imported), fractions, split_seed)
    for split in Split:
        if not np.any(imported.splits == split):
            raise CorpusError(
                f"{imported.report.corpus}: declares its splits, but its {split.name.lower()} split has no tune"
            )
    copies = copies_across_splits(groups_of(tune_keys(imported)), imported.splits)
    if copies:
        log.warning(
            "%d tunes have a copy in another split; they are kept, since the corpus declares its splits", copies
        )
    return imported.splits


def without_known_tunes(
    splits: NDArray[np.int8], hashes: NDArray[np.uint64], known_tunes: SeenTunes, splits_are_declared: bool
) -> tuple[NDArray[np.int8], dict[str, Any]]:
    """Take out of the held-out splits the tunes that the network of ``init_from`` was trained on.

    Args:
        splits: ``[tunes]``, a `Split` each.
        hashes: ``[tunes]``, as `melgen.data.corpus_hashes.tune_hashes`.
        known_tunes: the tunes that the network was trained on.
        splits_are_declared: whether the corpus declares its splits, so that known tunes may not become training tunes.

    Returns:
        The splits, and the entry for ``data.json`` about it.

    Raises:
        ValueError: if no tune is left to validate or test on.
    """
    held_out = np.isin(splits, (Split.VALIDATION, Split.TEST))
    known = held_out & np.isin(hashes, known_tunes.all)
    splits = np.where(known, NO_SPLIT if splits_are_declared else Split.TRAIN, splits).astype(np.int8)
    for split in (Split.VALIDATION, Split.TEST):
        if not np.any(splits == split):
            raise ValueError(
                f"init_from: its network was trained on all tunes of the {split.name.lower()} split, so none "
                "is left to score; use another corpus or another checkpoint"
            )
    number = int(np.count_nonzero(known))
    where = "left out, since the corpus declares its splits" if splits_are_declared else "in the training split now"
    if number:
        log.warning("init_from: its network was trained on %d of the held-out tunes; they are %s", number, where)
    if not known_tunes.is_complete:
        log.warning(
            "init_from: the training tunes of its network are not recorded%s; some of them may be held out",
            " completely" if len(known_tunes.all) else "",
        )
    return splits, {
        "init_from": {
            "tunes": "checked" if known_tunes.is_complete else "unchecked",
            "held_out_tunes_known": number,
            "known_tunes_are": where if number else None,
        }
    }
