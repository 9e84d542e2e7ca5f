"""The likelihood of tunes under a trained network; `melgen.training.scores` makes bits per note of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.data import WholeTuneLoader, tune_loader
from melgen.data.whole_tunes import WholeTune
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.training.rhythm_bits import RhythmScores
from melgen.training.scores import Scores


def likelihood(trained: TrainedModel, tunes: Sequence[Melody], comparable: NDArray[np.bool_]) -> dict[str, float]:
    """Score whole tunes with a network, each from the zero state, as validation and test do.

    Args:
        trained: the network; it stays on the device it is on.
        tunes: the melodies. A network with rhythm leaves out those that its rhythm cannot write. Its bits per note
            leave out those with a symbol that never occurred in training; there are none of a rhythm whose bits
            cannot be compared.
        comparable: ``[tunes]``, which of them count for the bits per note.

    Returns:
        The metrics of `Scores`, or with rhythm of `RhythmScores`: ``loss`` among them, and ``bits_per_note`` or
        ``bits_per_note_with_rhythm``.
    """
    if isinstance(trained.vocabulary, TuneVocabulary):
        encoding, known = trained.encoding, trained.vocabulary.known
        can_count = encoding.rhythm.is_comparable
        written = [
            WholeTune(encoded, bool(can_count and counts and known(encoded).all()))
            for melody, counts in zip(tunes, comparable, strict=True)
            if encoding.reason_against(melody) is None and (encoded := encoding.encode(melody))
        ]
        scores = RhythmScores(encoding.groups(trained.vocabulary))
        return _scored(trained, scores, WholeTuneLoader(written, trained.vocabulary, encoding))
    representation = trained.representation
    values = [representation.encode(np.array(melody.pitches, np.int16)) for melody in tunes]
    loader = tune_loader(values, trained.vocabulary, comparable, representation.first_predicted_note)
    return _scored(trained, Scores(), loader)


def _scored(trained: TrainedModel, scores: Any, batches: Iterable[Any]) -> dict[str, float]:
    device = next(trained.model.parameters()).device
    with torch.inference_mode():
        for batch in batches:
            scores.add(trained.model, type(batch)(*(tensor.to(device) for tensor in batch)))
    return scores.metrics()
