"""What a training step through the whole framework costs, against a bare PyTorch loop over the same layers.

python benchmarks/training_step.py                 # LSTM of 1, 2 and 3 layers; about four minutes
python benchmarks/training_step.py --layers 1 --updates 2000

Both sides train the same network (`MelodyModel`) on the same windows with the same Adam, clipping and carried
state. The framework's side is what `melgen.train` runs: Lightning's trainer, `MelodyModule`, `StreamLoader`,
history and TensorBoard, checkpoints and progress at their default cadence. Scoring held-out tunes is no part
of a training step, so that a single short tune is all there is to validate. Every few updates the trainer
stands still while the bare loop makes as many, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import argparse
import gc
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import TensorBoardLogger

from melgen.data import MelodyDataModule, Window
from melgen.music import Control, Melody
from melgen.networks import MelodyModel, map_state
from melgen.training.checkpoints import Checkpoints
from melgen.training.history import HistoryLogger
from melgen.training.module import PAPER_GRADIENT_NORM, PAPER_LEARNING_RATE, MelodyModule
from melgen.training.progress import UpdateProgress

GOAL = 1.15
HIDDEN_SIZE, BATCH_SIZE, SEQ_LENGTH = 128, 50, 50
CHUNK = 20
"""Updates that one side makes before the other has its turn."""
WARM_UP_CHUNKS = 3


class BareLoop:
    """The least that trains the same network."""

    def __init__(self, model: MelodyModel, windows: list[Window]):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=PAPER_LEARNING_RATE)
        self.windows = self._endless(windows)
        self.state = None

    def run(self, updates: int) -> None:
        self.model.train()
        for window in (next(self.windows) for _ in range(updates)):
            logits, state = self.model(window.tokens, self.state)
            self.state = map_state(torch.Tensor.detach, state)
            loss = F.cross_entropy(logits.flatten(0, 1), window.targets.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), PAPER_GRADIENT_NORM, foreach=True)
            self.optimizer.step()

    def _endless(self, windows: list[Window]) -> Iterator[Window]:
        while True:
            self.state = None
            yield from windows


class TakeTurns(pl.Callback):
    """Stops the trainer's clock every `CHUNK` updates, and runs the bare loop."""

    def __init__(self, bare: BareLoop):
        self.bare = bare
        self.framework_seconds: list[float] = []
        self.bare_seconds: list[float] = []
        self._resumed_at: float | None = None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step % CHUNK:
            return
        stopped_at = time.perf_counter()
        if self._resumed_at is not None:
            self.framework_seconds.append(stopped_at - self._resumed_at)
        self.bare.run(CHUNK)
        self._resumed_at = time.perf_counter()
        self.bare_seconds.append(self._resumed_at - stopped_at)


def measure(layers: int, updates: int, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of each chunk through the framework, and bare."""
    generator = np.random.default_rng(0)
    tunes = [Melody.from_pitches(generator.integers(40, 100, 101).tolist()) for _ in range(2000)]
    data = MelodyDataModule(
        tunes,
        Control(),
        batch_size=BATCH_SIZE,
        seq_length=SEQ_LENGTH,
        split_fractions=(0.9985, 0.0005, 0.001),
    )
    data.setup()
    torch.manual_seed(0)
    models = [MelodyModel(len(data.vocabulary), HIDDEN_SIZE, layers) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    turns = TakeTurns(BareLoop(models[1], list(data.train_dataloader())))
    trainer = pl.Trainer(
        max_steps=updates,
        val_check_interval=500,
        check_val_every_n_epoch=None,
        log_every_n_steps=50,
        num_sanity_val_steps=0,
        accelerator="cpu",
        deterministic=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=[HistoryLogger(folder), TensorBoardLogger(folder, name="", version="tensorboard")],
        callbacks=[turns, Checkpoints(folder / "checkpoints"), UpdateProgress(updates, bar=False)],
        default_root_dir=folder,
    )
    module = MelodyModule(models[0], data.representation, data.vocabulary)
    gc.collect()
    trainer.fit(module, data)
    return turns.framework_seconds[WARM_UP_CHUNKS:], turns.bare_seconds[WARM_UP_CHUNKS:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--updates", type=int, default=520, help="for each number of layers, on each side")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)

    print(f"{'lstm':<10}{'bare ms':>10}{'melgen ms':>11}{'ratio':>8}{'of sums':>9}{'goal':>9}")
    for layers in arguments.layers:
        with tempfile.TemporaryDirectory() as folder:
            framework, bare = measure(layers, arguments.updates, Path(folder))
        # Medians leave out the chunks in which a checkpoint is written; sums hold all.
        medians = [statistics.median(seconds) / CHUNK * 1000 for seconds in (bare, framework)]
        ratio = statistics.median(f / b for f, b in zip(framework, bare, strict=True))
        sums = sum(framework) / sum(bare)
        print(
            f"{layers:>2} layer{'s' if layers > 1 else ' '} {medians[0]:>10.2f}{medians[1]:>11.2f}"
            f"{ratio:>8.3f}{sums:>9.3f}{f'<= {GOAL}':>9}",
            flush=True,
        )
    print(f"medians over chunks of {CHUNK} updates taken in turns, {arguments.updates} updates, one thread")


if __name__ == "__main__":
    main()
