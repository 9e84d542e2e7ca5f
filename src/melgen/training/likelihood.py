"""The likelihood of tunes under a trained network; `melgen.training.scores` makes bits per note of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.data import tune_loader
from melgen.training.scores import Scores


def likelihood(
    trained: TrainedModel, tunes: Sequence[NDArray[np.int16]], comparable: NDArray[np.bool_]
) -> dict[str, float]:
    """Score whole tunes with a network, each from the zero state, as validation and test do.

    Args:
        trained: the network; it stays on the device it is on.
        tunes: pitches of each tune.
        comparable: ``[tunes]``, which of them count for the bits per note.

    Returns:
        The metrics of `Scores`: ``loss`` and ``bits_per_note`` among them.
    """
    representation, vocabulary = trained.representation, trained.vocabulary
    values = [representation.encode(tune) for tune in tunes]
    scores = Scores()
    device = next(trained.model.parameters()).device
    with torch.inference_mode():
        for batch in tune_loader(values, vocabulary, comparable, representation.first_predicted_note):
            on_device = type(batch)(*(tensor.to(device) for tensor in batch))
            scores.add(trained.model, on_device)
    return scores.metrics()
