"""The bits of each test tune by the network of a run: measured, stored and read.

They are what is compared over tunes: sums of bits over a tune's notes, and the number of these notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM
from melgen.checkpoint import load_model
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device
from melgen.music.melody import Melody
from melgen.scoring.likelihood import NOTES, likelihood_by_tune
from melgen.studies.result_files import read_result
from melgen.studies.results import Run
from melgen.studies.study_corpus import StudyCorpus

TUNES = "tunes"
TOTALS = {BITS: "total_bits", BITS_OF_PITCH: "total_bits_of_pitch", BITS_OF_RHYTHM: "total_bits_of_rhythm"}
"""The keys of the sums over a tune's notes, by the names that they have per note.

An earlier melgen gave the sums those names.
"""


class TuneScores:
    """Scores the test tunes that count for the bits per note of a network: once, whichever tasks ask for it.

    Args:
        corpus: with the tunes.
        device: of the networks.
    """

    def __init__(self, corpus: StudyCorpus, device: str):
        self._corpus, self._device = corpus, device
        self._found: dict[Path, dict[str, NDArray[np.float64]]] = {}

    def of(self, run: Run) -> dict[str, NDArray[np.float64]]:
        """The scores by the weights that a run is represented by, as of `likelihood_by_tune`; all ``[tunes]``.

        The tunes are those of `StudyCorpus.test_tunes`.
        """
        assert run.checkpoint is not None
        if run.checkpoint not in self._found:
            tunes = self._corpus.melodies(self._corpus.test_tunes(run.writes_rhythm))
            trained = on_device(load_model(run.checkpoint), self._device)
            self._found[run.checkpoint] = likelihood_by_tune(trained, tunes)
        return self._found[run.checkpoint]


def sum_of_bits(found: Mapping[str, Any]) -> NDArray[np.float64]:
    """The bits of each tune; with rhythm the sum of both kinds of bits.

    Args:
        found: the bits by their names per note, or by the keys of `TOTALS`; each ``[tunes]``.
    """
    keys = [key for names in TOTALS.items() for key in names if key in found]
    bits: NDArray[np.float64] = np.sum([np.array(found[key], np.float64) for key in keys], axis=0)
    return bits


def write_tune_bits(path: Path, tunes: Sequence[Melody], found: Mapping[str, NDArray[np.float64]]) -> None:
    """Write the title or source, the notes and the total bits of each tune as JSON.

    There is a list for each of them, in the same order: ``tunes``, ``notes``, and `TOTALS`.

    Args:
        path: the file to write.
        tunes: those that were scored.
        found: their scores, as of `likelihood_by_tune`.
    """
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
    return read_result(path, _counted)


def _counted(content: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    notes = np.array(content[NOTES], np.float64)
    return sum_of_bits(content)[notes > 0], notes[notes > 0]
