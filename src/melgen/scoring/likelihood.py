"""The likelihood of tunes under a trained network, of all together and of each by itself.

`melgen.scoring.scores` and `melgen.scoring.rhythm_scores` make bits per note of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM
from melgen.checkpoint import TrainedModel
from melgen.data import TuneLoader, WholeTuneLoader, tune_loader
from melgen.data.whole_tunes import WholeTune
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.scoring.rhythm_scores import RhythmScores, tune_nats
from melgen.scoring.scores import Scores, target_nats

NOTES = "notes"
"""The number of notes of a tune by which its bits are divided."""


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
        loader, _ = rhythm_loader(trained, trained.vocabulary, tunes, comparable)
        scores = RhythmScores(trained.encoding.groups(trained.vocabulary))
        return _scored(trained, scores, loader)
    return _scored(trained, Scores(), pitch_loader(trained, tunes, comparable))


def likelihood_by_tune(trained: TrainedModel, tunes: Sequence[Melody]) -> dict[str, NDArray[np.float64]]:
    """Bits of each tune, scored from the zero state; their sums divided by those of notes are bits per note.

    Args:
        trained: the network; it stays on the device it is on.
        tunes: the melodies.

    Returns:
        `NOTES`, and ``bits_per_note`` or, with rhythm, ``pitch_bits_per_note`` and ``rhythm_bits_per_note``: of each
        tune the sum of these bits, not yet divided by its notes. All ``[tunes]``; a tune that does not count for the
        bits per note has 0 notes and 0 bits.
    """
    keys = (NOTES, BITS_OF_PITCH, BITS_OF_RHYTHM) if trained.has_rhythm else (NOTES, BITS)
    found = {key: np.zeros(len(tunes)) for key in keys}
    if not tunes:
        return found
    everything = np.ones(len(tunes), np.bool_)
    if isinstance(trained.vocabulary, TuneVocabulary):
        loader, numbers = rhythm_loader(trained, trained.vocabulary, tunes, everything)
        groups = torch.from_numpy(trained.encoding.groups(trained.vocabulary))
        for rows, batch in zip(loader.batches, moved_batches(trained, loader), strict=True):
            places = numbers[rows]
            with torch.inference_mode():
                nats, pitch_nats, _ = (tensor.cpu() for tensor in tune_nats(trained.model, batch, groups))
            compared, compared_pitches = batch.compared.cpu(), batch.compared_pitches.cpu()
            found[NOTES][places] = torch.count_nonzero(compared_pitches, dim=1).numpy()
            found[BITS_OF_PITCH][places] = _bits(pitch_nats, compared_pitches)
            found[BITS_OF_RHYTHM][places] = _bits(nats - pitch_nats, compared)
        return found
    pitches = pitch_loader(trained, tunes, everything)
    for rows, batch in zip(pitches.batches, moved_batches(trained, pitches), strict=True):
        with torch.inference_mode():
            nats, _ = target_nats(trained.model, batch)
        compared = batch.compared.cpu()
        found[NOTES][rows] = torch.count_nonzero(compared, dim=1).numpy()
        found[BITS][rows] = _bits(nats, compared)
    return found


def _bits(nats: Tensor, counted: Tensor) -> NDArray[np.float64]:
    """The bits of each tune: ``[B, T]`` twice to ``[B]``. What is not counted may be infinite."""
    sums: NDArray[np.float64] = torch.where(counted, nats, 0.0).sum(dim=1).numpy()
    return sums / math.log(2)


def rhythm_loader(
    trained: TrainedModel, vocabulary: TuneVocabulary, tunes: Sequence[Melody], comparable: NDArray[np.bool_]
) -> tuple[WholeTuneLoader, NDArray[np.int64]]:
    """The tunes that the network's rhythm can write, and the number of each: ``[written]``."""
    encoding = trained.encoding
    can_count = encoding.rhythm.is_comparable
    numbers = [number for number, melody in enumerate(tunes) if encoding.reason_against(melody) is None]
    encoded = [encoding.encode(tunes[number]) for number in numbers]
    written = [
        WholeTune(tune, bool(can_count and comparable[number] and vocabulary.known(tune).all()))
        for number, tune in zip(numbers, encoded, strict=True)
    ]
    return WholeTuneLoader(written, vocabulary, encoding), np.array(numbers, np.int64)


def pitch_loader(trained: TrainedModel, tunes: Sequence[Melody], comparable: NDArray[np.bool_]) -> TuneLoader:
    """The tunes as values of the network's representation."""
    representation, vocabulary = trained.representation, trained.vocabulary
    assert not isinstance(vocabulary, TuneVocabulary)
    values = [representation.encode(np.array(melody.pitches, np.int16)) for melody in tunes]
    return tune_loader(values, vocabulary, comparable, representation.first_predicted_note)


def _scored(trained: TrainedModel, scores: Any, batches: Iterable[Any]) -> dict[str, float]:
    with torch.inference_mode():
        for batch in moved_batches(trained, batches):
            scores.add(trained.model, batch)
    metrics: dict[str, float] = scores.metrics()
    return metrics


def moved_batches(trained: TrainedModel, batches: Iterable[Any]) -> Iterator[Any]:
    """The batches on the device of the network."""
    device = next(trained.model.parameters()).device
    for batch in batches:
        yield type(batch)(*(tensor.to(device) for tensor in batch))
