"""The embedding of notes, one row for each value, also of networks that read other tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks.model import MelodyModel


def note_embedding(
    model: MelodyModel,
    representation: AbstractRepresentation,
    vocabulary: Vocabulary | TuneVocabulary,
    rhythm: AbstractRhythm,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The values of notes and their rows in the embedding; the mean of several rows where a value has several symbols.

    Shape:
        ``[values]`` and ``[values, E]``.
    """
    weights = model.embedding.weight.detach().float().cpu().numpy()
    if not isinstance(vocabulary, TuneVocabulary):
        return vocabulary.values, weights
    values, average = Encoding(representation, rhythm).note_values(vocabulary)
    return values, (average @ weights[: len(vocabulary)]).astype(weights.dtype)
