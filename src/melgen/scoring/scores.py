"""Loss, accuracy and bits per note, from sums over the scored notes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from melgen.data.scored_tunes import ScoredTunes


class TokenSums:
    """Sums over the tokens of batches, in double precision: of the loss, and of those predicted.

    A token is predicted if the network gives it the highest probability.
    """

    def __init__(self) -> None:
        self.nats, self.tokens, self.correct = 0.0, 0, 0

    def add(self, nats: Tensor, correct: Tensor, counted: Tensor) -> None:
        """Add a batch: the loss of each token in nats, whether it was predicted, and whether it counts; on the CPU."""
        self.nats += float(nats[counted].sum())
        self.tokens += int(torch.count_nonzero(counted))
        self.correct += int(torch.count_nonzero(correct & counted))

    def metrics(self) -> dict[str, float]:
        """``loss``, ``perplexity`` and ``accuracy``; NaN without a token."""
        loss = self.nats / self.tokens if self.tokens else math.nan
        accuracy = self.correct / self.tokens if self.tokens else math.nan
        return {"loss": loss, "perplexity": perplexity(loss), "accuracy": accuracy}


def perplexity(loss: float) -> float:
    """The exponential of a loss in nats; a loss above 700 counts as 700, since floats end near the exponential of 709.

    >>> perplexity(0.0), perplexity(math.nan)
    (1.0, nan)
    """
    return math.exp(min(loss, 700.0))


class Scores:
    """Sums the likelihood of held-out tunes, batch by batch, in double precision.

    - ``loss``: mean negative log-likelihood in nats per token, over every target that training has seen;
      ``perplexity`` is its exponential.
    - ``accuracy``: share of those targets to which the network gives the highest probability.
    - ``bits_per_note``: the sum of ``-log2 p`` over notes 3..N of the tunes that all representations can
      express, divided by the number of those notes; comparable across representations.
    """

    def __init__(self) -> None:
        self.sums = TokenSums()
        self.compared_nats, self.compared_notes = 0.0, 0

    def add(self, model: Callable[[Tensor], tuple[Tensor, Any]], batch: ScoredTunes) -> None:
        """Score a batch with a network, which gives logits ``[B, T, V]`` for tokens ``[B, T]``."""
        nats, correct = target_nats(model, batch)
        counted, compared = batch.counted.cpu(), batch.compared.cpu()
        self.sums.add(nats, correct, counted)
        self.compared_nats += float(nats[compared].sum())
        self.compared_notes += int(torch.count_nonzero(compared))

    def metrics(self) -> dict[str, float]:
        """The means; NaN if nothing could be scored."""
        bits = self.compared_nats / math.log(2) / self.compared_notes if self.compared_notes else math.nan
        return self.sums.metrics() | {"bits_per_note": bits}


def target_nats(model: Callable[[Tensor], tuple[Tensor, Any]], batch: ScoredTunes) -> tuple[Tensor, Tensor]:
    """The negative log-likelihood of each target in nats, and whether it was predicted; both on the CPU.

    Shape:
        Each ``[B, T]``, the first in double precision.
    """
    logits, _ = model(batch.tokens)
    # Computed in single and summed in double precision, also if the network is in half precision.
    nats = F.cross_entropy(logits.float().flatten(0, 1), batch.targets.flatten(), reduction="none")
    return nats.cpu().double().view_as(batch.targets), (logits.argmax(-1) == batch.targets).cpu()
