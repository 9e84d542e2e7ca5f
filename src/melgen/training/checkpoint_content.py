"""What every checkpoint contains besides the weights, so that they can be used elsewhere."""

from __future__ import annotations

from typing import Any

import melgen
from melgen.checkpoint import FORMAT_VERSION, FORMAT_VERSION_OF_PITCHES, RHYTHM, SEEN_TUNES
from melgen.data.seen_tunes import SeenTunes
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.representations import AbstractRepresentation
from melgen.music.rhythms import NoRhythm
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel


def checkpoint_content(
    model: MelodyModel,
    representation: AbstractRepresentation,
    vocabulary: Vocabulary | TuneVocabulary,
    rhythm: AbstractRhythm,
    *,
    config: dict[str, Any],
    metrics: dict[str, float],
    updates: int,
    seen: SeenTunes | None,
) -> dict[str, Any]:
    """The entry ``melgen`` of a checkpoint, as plain data, which `melgen.checkpoint` reads.

    Args:
        model: the network.
        representation: how a melody becomes values.
        vocabulary: numbers the values.
        rhythm: how the time of a melody is written.
        config: the resolved configuration as plain containers.
        metrics: the last value of each metric.
        updates: how many were made.
        seen: the tunes that the network has been trained on by the end; None if they are unknown.
    """
    has_rhythm = not isinstance(rhythm, NoRhythm)
    content: dict[str, Any] = {
        # The lowest version that can hold it: an older melgen reads a network of pitches.
        "format_version": FORMAT_VERSION if has_rhythm else FORMAT_VERSION_OF_PITCHES,
        "version": melgen.__version__,
        "config": config,
        "model": model.describe(),
        "representation": representation.name,
        "vocabulary": vocabulary.to_dict(),
        "metrics": metrics,
        "updates": updates,
    }
    if has_rhythm:
        content[RHYTHM] = rhythm.describe()
    if seen is not None:
        content[SEEN_TUNES] = seen.to_dict()
    return content
