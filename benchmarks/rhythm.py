"""A training step of each rhythm against one of pitches only: the same network, one thread, on Aird's Airs.

python benchmarks/rhythm.py
python benchmarks/rhythm.py --cells gru nas

A step reads a window, computes the loss and its gradient, and changes the weights. `factored`, `joint` and
`interleaved` are compared by step, with windows of equally many tokens; so is `grid`: its cost is that of a token.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from itertools import chain, repeat

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import torch
from table import Row, interleaved, show

from melgen.corpora import FolkCorpus
from melgen.data import MelodyDataModule
from melgen.music import RHYTHMS, AbstractRhythm, Control, NoRhythm
from melgen.networks import MelodyModel, find_layer
from melgen.training.losses import window_loss

BATCH, STEPS, WIDTH, LAYERS = 50, 50, 128, 2
GOALS = {"factored": 1.3, "grid": 1.1}


def rows(cells: list[str], repeats: int = 15) -> Iterator[Row]:
    torch.set_num_threads(1)
    melodies = FolkCorpus(["airds"]).load(progress=False).melodies
    for cell in cells:
        plain = step(melodies, NoRhythm(), cell)
        for name, rhythm in RHYTHMS.items():
            if rhythm is NoRhythm:
                continue
            before, ours = interleaved(plain, step(melodies, rhythm(), cell), repeats=repeats, warm_up=3)
            yield Row(
                f"a step of rhythm={name}, {cell}", ours / before, GOALS.get(name), "against rhythm=none", lower=True
            )


def step(melodies: list, rhythm: AbstractRhythm, cell: str) -> Callable[[], None]:
    """A function that makes one update."""
    data = MelodyDataModule(melodies, Control(), batch_size=BATCH, seq_length=STEPS, rhythm=rhythm)
    data.setup()
    model = MelodyModel(**data.vocabulary.sizes, hidden_size=WIDTH, layers=LAYERS, cell=find_layer(cell))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    windows = chain.from_iterable(repeat(data.train_dataloader()))

    def run() -> None:
        window = next(windows)
        tokens, targets = window.tokens[:, :STEPS].contiguous(), window.targets[:, :STEPS].contiguous()
        output, _ = model.read(tokens)
        loss = window_loss(model, output, model.logits(output), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"])
    show(rows(parser.parse_args().cells))


if __name__ == "__main__":
    main()
