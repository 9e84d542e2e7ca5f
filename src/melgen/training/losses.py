"""The loss of a training window, and what is logged with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from melgen.networks import MelodyModel


def window_loss(model: MelodyModel, output: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats per token; a token with a duration counts once, with the sum of both.

    Args:
        model: the network.
        output: what `MelodyModel.read` returned.
        logits: the scores of the tokens.
        targets: what is predicted; -100 where nothing is.

    Shape:
        output ``[B, T, W]``, logits ``[B, T, P]``, targets ``[B, T]`` or ``[B, T, 2]``.

    Letters as in `melgen.networks.model`.
    """
    if targets.ndim == 2:
        # Time first, as the logits are in memory: the targets are copied instead, which are fewer.
        return F.cross_entropy(logits.transpose(0, 1).flatten(0, 1), targets.t().flatten())
    first, second = targets.unbind(-1)
    nats = F.cross_entropy(logits.flatten(0, 1), first.flatten(), reduction="sum")
    of_durations = model.duration_logits(output, first.clamp(min=0))
    nats = nats + F.cross_entropy(of_durations.flatten(0, 1), second.flatten(), reduction="sum")
    return nats / torch.count_nonzero(first >= 0)


def number_scored(targets: Tensor) -> Tensor:
    """The number of tokens of a window that are predicted, on the device of the window."""
    return torch.count_nonzero((targets if targets.ndim == 2 else targets[..., 0]) >= 0)


def accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Share of the predicted tokens to which the network gives the highest probability."""
    first = targets if targets.ndim == 2 else targets[..., 0]
    is_right = logits.argmax(-1) == first
    return is_right[first >= 0].float().mean()
