"""The bits of each note of whole tunes, by a trained network that reads each tune from the zero state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.data.pitch_tunes import FIRST_COMPARED_NOTE
from melgen.music.encoding import NOT_A_NOTE
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.scoring.likelihood import moved_batches, pitch_loader, rhythm_loader
from melgen.scoring.rhythm_scores import tune_nats
from melgen.scoring.scores import target_nats


class NoteBits(NamedTuple):
    """The bits of the notes of a tune; nan for notes 1 and 2, and where something is unknown to the network.

    Shape:
        ``[notes]`` each: all bits of a note, and those of its pitch, given that it is a note.
    """

    all: NDArray[np.float64]
    pitch: NDArray[np.float64]


def note_bits(trained: TrainedModel, tunes: Sequence[Melody]) -> list[NoteBits]:
    """The bits of each note of each tune.

    With rhythm, the bits of a note are those of its pitch and duration and of all up to the next note: rests, or the
    steps of a grid. The end of the tune belongs to no note. A tune that the rhythm cannot write has nan only. Where a
    symbol has the interval to a note and the duration of the note before (`Encoding.notes_ahead`), its bits belong to
    the note that the interval leads to.

    Args:
        trained: the network; it stays on the device it is on.
        tunes: the melodies, of at least as many notes as the representation needs for a value.

    Returns:
        In the order of the tunes. The sums over the notes of a tune that are numbers, divided by their count, are bits
        per note as in `melgen.scoring.likelihood`, but for the first two notes and the end of a tune with rhythm.
    """
    found = [NoteBits(*np.full((2, len(tune)), np.nan)) for tune in tunes]
    if not tunes:
        return found
    if isinstance(trained.vocabulary, TuneVocabulary):
        _fill_with_rhythm(trained, trained.vocabulary, tunes, found)
    else:
        _fill(trained, tunes, found)
    for bits in found:
        for each in bits:
            each[: FIRST_COMPARED_NOTE - 1] = np.nan
    return found


def _fill(trained: TrainedModel, tunes: Sequence[Melody], found: Sequence[NoteBits]) -> None:
    loader = pitch_loader(trained, tunes, np.ones(len(tunes), np.bool_))
    before = trained.representation.first_predicted_note - 1
    for rows, batch in zip(loader.batches, moved_batches(trained, loader), strict=True):
        with torch.inference_mode():
            nats, _ = target_nats(trained.model, batch)
        bits = np.where(batch.counted.cpu().numpy(), nats.numpy() / math.log(2), np.nan)
        for row, tune in enumerate(rows):
            for each in found[tune]:
                each[before:] = bits[row, : len(each) - before]


def _fill_with_rhythm(
    trained: TrainedModel, vocabulary: TuneVocabulary, tunes: Sequence[Melody], found: Sequence[NoteBits]
) -> None:
    loader, numbers = rhythm_loader(trained, vocabulary, tunes, np.ones(len(tunes), np.bool_))
    groups = trained.encoding.groups(vocabulary)
    for rows, batch in zip(loader.batches, moved_batches(trained, loader), strict=True):
        with torch.inference_mode():
            nats, pitch_nats, _ = (tensor.cpu() for tensor in tune_nats(trained.model, batch, torch.from_numpy(groups)))
        counted = batch.counted.cpu().numpy()
        targets = batch.targets.cpu().numpy()
        first = targets if targets.ndim == 2 else targets[..., 0]
        for row, place in enumerate(rows):
            tune = loader.tunes[place].tune
            length = len(loader.tokens[place]) - 1
            symbols = slice(length - len(tune.symbols), length - 1)  # the last one is the end of the tune
            note = np.cumsum(groups[first[row, symbols]] != NOT_A_NOTE) - 1 + trained.encoding.notes_ahead
            begun = note >= trained.encoding.notes_ahead
            for each, own in zip(found[int(numbers[place])], (nats, pitch_nats), strict=True):
                bits = np.where(counted[row, symbols], own[row, symbols].numpy() / math.log(2), np.nan)
                sums = np.bincount(note[begun], bits[begun], minlength=len(each))
                is_written = np.bincount(note[begun], minlength=len(each)) > 0
                each[:] = np.where(is_written, sums, np.nan)
