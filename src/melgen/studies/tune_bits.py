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
from melgen.training.likelihood import NOTES, likelihood_by_tune

_PARTS = (BITS, BITS_OF_PITCH, BITS_OF_RHYTHM)


def write_tune_bits(path: Path, trained: TrainedModel, tunes: Sequence[Melody]) -> None:
    """Score each tune, and write its title or source, notes and bits as JSON: a list for each, in the same order.

    Args:
        path: the file to write.
        trained: the network.
        tunes: those that count for its bits per note.
    """
    found = likelihood_by_tune(trained, tunes)
    names = [tune.source or tune.title for tune in tunes]
    notes = [int(count) for count in found[NOTES]]
    write_json(path, {"tunes": names, NOTES: notes, **{key: found[key].tolist() for key in _PARTS if key in found}})


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
        bits = np.sum([np.array(content[key], np.float64) for key in _PARTS if key in content], axis=0)
        counted = notes > 0
        return bits[counted], notes[counted]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path}: damaged ({error!s:.200}); the stage evaluate makes it again once it is removed"
        ) from error
