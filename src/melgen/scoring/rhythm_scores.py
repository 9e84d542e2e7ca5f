"""Loss, accuracy and bits per note of tunes with rhythm: bits of pitch and bits of rhythm.

Each tune has one spelling. Symbols that would break it are masked, so that a tune has the same likelihood under every
rhythm, however many symbols it takes.

Letters as in `melgen.networks.model`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from melgen.data import ScoredRhythm
from melgen.music.encoding import NOT_A_NOTE
from melgen.networks import MelodyModel
from melgen.scoring.scores import TokenSums


class RhythmScores:
    """Sums the likelihood of held-out tunes, batch by batch, in double precision.

    - ``loss``: mean negative log-likelihood in nats per token, as in training, but among the symbols that the spelling
      of a tune allows; ``perplexity`` is its exponential.
    - ``accuracy``: share of the tokens to which the network gives the highest probability, a duration after a token
      included.
    - ``pitch_bits_per_note``: ``-log2 p(pitch | a note begins)``, summed over notes 3..N.
    - ``rhythm_bits_per_note``: ``-log2`` of all else, summed over the whole tune: whether a note, a rest or the end
      comes next, and how long it lasts.
    - ``bits_per_note_with_rhythm``: the sum of both. Networks of pitches have ``bits_per_note``, which this name must
      not be mistaken for.

    All three are divided by the number of notes 3..N of the tunes that all rhythms and representations can write.

    Args:
        groups: see `melgen.music.encoding.Encoding.groups`.
    """

    def __init__(self, groups: NDArray) -> None:
        self._groups = torch.from_numpy(groups)
        self.sums = TokenSums()
        self.pitch_nats, self.rhythm_nats, self.compared_notes = 0.0, 0.0, 0

    def add(self, model: MelodyModel, batch: ScoredRhythm) -> None:
        """Score a batch with a network."""
        nats, pitch_nats, correct = (tensor.cpu() for tensor in tune_nats(model, batch, self._groups))
        counted, compared, compared_pitches = batch.counted.cpu(), batch.compared.cpu(), batch.compared_pitches.cpu()
        self.sums.add(nats, correct, counted)
        self.pitch_nats += float(pitch_nats[compared_pitches].sum())
        self.rhythm_nats += float((nats - pitch_nats)[compared].sum())
        self.compared_notes += int(torch.count_nonzero(compared_pitches))

    def metrics(self) -> dict[str, float]:
        """The means; NaN if nothing could be scored."""
        notes = self.compared_notes * math.log(2)
        pitch, rhythm = (nats / notes if notes else math.nan for nats in (self.pitch_nats, self.rhythm_nats))
        return self.sums.metrics() | {
            "bits_per_note_with_rhythm": pitch + rhythm,
            "pitch_bits_per_note": pitch,
            "rhythm_bits_per_note": rhythm,
        }


def tune_nats(model: MelodyModel, batch: ScoredRhythm, groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The negative log-likelihood of each token in nats, the share of its pitch in it, and whether it was predicted.

    The share of a pitch is ``-log p(pitch | a note begins)``; 0 where no note begins.

    Shape:
        groups ``[P]``; each result ``[B, T]``, the first two in double precision.
    """
    output, _ = model.read(batch.tokens)
    first = batch.targets if batch.targets.ndim == 2 else batch.targets[..., 0]
    first = first.clamp(max=len(groups) - 1)  # padding and what is only read are not counted
    logits = model.logits(output).float().masked_fill(~batch.allowed, -math.inf)
    each = logits.log_softmax(-1).double()
    nats = -each.gather(-1, first.unsqueeze(-1)).squeeze(-1)
    correct = logits.argmax(-1) == first

    groups = groups.to(first.device)
    is_note = groups != NOT_A_NOTE
    kinds = int(groups.max()) + 1
    belongs = torch.zeros(len(groups), kinds, dtype=torch.float64, device=first.device)
    belongs[is_note, groups[is_note]] = 1
    of_groups = each.exp() @ belongs
    chosen = of_groups.gather(-1, groups[first].clamp(min=0).unsqueeze(-1)).squeeze(-1)
    pitch_nats = torch.where(is_note[first], of_groups.sum(-1).log() - chosen.log(), 0.0)

    if batch.targets.ndim == 3:
        second = batch.targets[..., 1]
        of_durations = model.duration_logits(output, first).float()
        has_duration = second < of_durations.shape[-1]
        known = second.clamp(max=of_durations.shape[-1] - 1)
        duration_nats = F.cross_entropy(of_durations.flatten(0, 1), known.flatten(), reduction="none").view_as(second)
        nats = nats + torch.where(has_duration, duration_nats.double(), 0.0)
        correct = correct & (~has_duration | (of_durations.argmax(-1) == known))
    return nats, pitch_nats, correct
