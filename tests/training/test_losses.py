"""The loss of a window, against NumPy, and a network with rhythm that starts from another one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from melgen.checkpoint import TrainedModel
from melgen.music import Control, Factored, Melody
from melgen.music.encoding import Encoding
from melgen.networks import MelodyModel
from melgen.training.init_from import StartingPoint
from melgen.training.losses import accuracy, number_scored, window_loss
from tests.music.tunes import EXAMPLE

NOTHING = -100


def nats(logits, target):
    exact = logits.double().numpy()
    return np.log(np.exp(exact).sum()) - exact[target]


def test_a_token_counts_together_with_its_duration():
    torch.manual_seed(0)
    model = MelodyModel(9, hidden_size=8, layers=1, output_size=5, duration_size=3)
    tokens = torch.stack([torch.randint(9, (2, 4)), torch.randint(4, (2, 4))], 2)
    first = torch.tensor([[NOTHING, 3, 0, 4], [1, 2, 4, NOTHING]])
    second = torch.tensor([[NOTHING, 2, 0, NOTHING], [1, 0, NOTHING, NOTHING]])  # the end has no duration
    with torch.no_grad():
        output, _ = model.read(tokens)
        logits = model.logits(output)
        durations = model.duration_logits(output, first.clamp(min=0))
        loss = window_loss(model, output, logits, torch.stack([first, second], 2))
    total = sum(
        nats(scores[row, step], int(targets[row, step]))
        for scores, targets in ((logits, first), (durations, second))
        for row in range(2)
        for step in range(4)
        if targets[row, step] != NOTHING
    )
    assert float(loss) == pytest.approx(total / 6, rel=1e-5)
    assert number_scored(torch.stack([first, second], 2)) == 6
    right = logits.argmax(-1)
    assert float(accuracy(logits, torch.stack([right, second], 2))) == 1


def test_a_larger_network_with_rhythm_scores_known_tokens_as_the_one_it_starts_from():
    encoding = Encoding(Control(), Factored())
    old = encoding.vocabulary_of([encoding.encode(EXAMPLE)])
    new = old.union(encoding.vocabulary_of([encoding.encode(Melody((61, 80), (0, 40), (40, 20)))]))
    sizes = {"hidden_size": 8, "layers": 1}
    model, larger = MelodyModel(**old.sizes, **sizes), MelodyModel(**new.sizes, **sizes)
    trained = TrainedModel(model, Control(), old, {}, {}, 1, Path("best.ckpt"), None, Factored())
    StartingPoint(trained, "digest").apply(larger, new)
    rows = old.rows_in(new)
    for tune in (encoding.encode(EXAMPLE), encoding.encode(EXAMPLE)._replace(header=(None, None))):
        before, after = (torch.from_numpy(vocabulary.encode(tune))[None] for vocabulary in (old, new))
        with torch.no_grad():
            (output, _), (ours, _) = model.read(before), larger.read(after)
            assert torch.allclose(model.logits(output), larger.logits(ours)[..., rows["symbols"]], atol=1e-6)
            given, same = before[:, 3:, 0], after[:, 3:, 0]
            durations = model.duration_logits(output[:, 3:], given)
            assert torch.allclose(
                durations, larger.duration_logits(ours[:, 3:], same)[..., rows["durations"]], atol=1e-6
            )
