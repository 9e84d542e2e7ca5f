"""The states of a network after each note of whole tunes, each tune read from the zero state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.music.encoding import NOT_A_NOTE
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.networks import MelodyModel
from melgen.scoring.likelihood import moved_batches, pitch_loader, rhythm_loader


def note_states(trained: TrainedModel, tunes: Sequence[Melody]) -> list[NDArray[np.float32]]:
    """The output of the top layer after each note, which the output layers read.

    With rhythm: after the symbol with which the note begins, which contains its duration if symbols do. Where a symbol
    has the interval to a note and the duration of the note before (`Encoding.notes_ahead`): after the symbol with the
    interval to the note.

    Args:
        trained: the network; it stays on the device it is on.
        tunes: the melodies, of at least as many notes as the representation needs for a value.

    Returns:
        ``[notes, W]`` for each tune; nan for a note that the network does not read: the last one without rhythm, the
        first one of intervals without rhythm or with `Encoding.notes_ahead`, and all notes of a tune that the rhythm
        cannot write.
    """
    found = [np.full((len(tune), trained.model.output.in_features), np.nan, np.float32) for tune in tunes]
    if not tunes:
        return found
    everything = np.ones(len(tunes), np.bool_)
    if isinstance(trained.vocabulary, TuneVocabulary):
        loader, numbers = rhythm_loader(trained, trained.vocabulary, tunes, everything)
        groups = trained.encoding.groups(trained.vocabulary)
        for rows, batch in zip(loader.batches, moved_batches(trained, loader), strict=True):
            outputs = _read(trained.model, batch.tokens)
            for row, place in enumerate(rows):
                tokens = loader.tokens[place][:-1]
                first = tokens if tokens.ndim == 1 else tokens[:, 0]
                # Tokens beyond those that are predicted are the header and the start.
                is_note = np.append(groups, NOT_A_NOTE)[np.minimum(first, len(groups))] != NOT_A_NOTE
                states = outputs[row, np.flatnonzero(is_note)]
                ahead = trained.encoding.notes_ahead
                found[int(numbers[place])][ahead : ahead + len(states)] = states
        return found
    pitches = pitch_loader(trained, tunes, everything)
    before = trained.representation.first_predicted_note - 2
    for rows, batch in zip(pitches.batches, moved_batches(trained, pitches), strict=True):
        outputs = _read(trained.model, batch.tokens)
        for row, tune in enumerate(rows):
            read = len(tunes[tune]) - 1 - before
            found[tune][before : before + read] = outputs[row, :read]
    return found


def untrained(trained: TrainedModel, seed: int = 0) -> TrainedModel:
    """A network of the same description with the weights with which a training begins; torch's generator is kept."""
    device = next(trained.model.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # that of the CPU alone, which draws the weights
        model = MelodyModel.from_description(trained.model.describe())
    return replace(trained, model=model.to(device).eval())


def _read(model: MelodyModel, tokens: torch.Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        output, _ = model.read(tokens)
        values: NDArray[np.float32] = output.float().cpu().numpy()
    return values
