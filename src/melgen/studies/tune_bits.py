"""The bits of each test tune by the network of a run: measured, stored and read.

They are what is compared over tunes: sums of bits over a tune's notes, and the number of these notes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM
from melgen.checkpoint import TrainedModel
from melgen.files import write_json
from melgen.music.melody import Melody
from melgen.scoring.likelihood import NOTES, likelihood_by_tune

TUNES = "tunes"
TOTALS = {BITS: "total_bits", BITS_OF_PITCH: "total_bits_of_pitch", BITS_OF_RHYTHM: "total_bits_of_rhythm"}
"""The keys of the sums over a tune's notes, by the names that they have per note.

An earlier melgen gave the sums those names.
"""


def write_tune_bits(path: Path, trained: TrainedModel, tunes: Sequence[Melody]) -> None:
    """Score each tune, and write its title or source, its notes and its total bits as JSON.

    There is a list for each of them, in the same order: ``tunes``, ``notes``, and `TOTALS`.

    Args:
        path: the file to write.
        trained: the network.
        tunes: those that count for its bits per note.
    """
    found = likelihood_by_tune(trained, tunes)
    names = [tune.source or tune.title for tune in tunes]
    notes = [int(count) for count in found[NOTES]]
    totals = {total: found[key].tolist() for key, total in TOTALS.items() if key in found}
    write_json(path, {TUNES: names, NOTES: notes, **totals})


def read_tune_bits(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The bits and notes of each tune that has notes to score; with rhythm the sum of both kinds of bits.

    Returns:
        Both ``[tunes]``; None if the tunes were not scored.

    Raises:
        ValueError: if the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        notes = np.array(content[NOTES], np.float64)
        keys = [key for names in TOTALS.items() for key in names if key in content]
        bits = np.sum([np.array(content[key], np.float64) for key in keys], axis=0)
        counted = notes > 0
        return bits[counted], notes[counted]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path}: damaged ({error!s:.200}); the stage evaluate makes it again once it is removed"
        ) from error
