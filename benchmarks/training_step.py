"""A training step through the whole framework, against the loop that a user would write.

python benchmarks/training_step.py                            # all cells, one to five layers
python benchmarks/training_step.py --cells gru --layers 1 2

Both sides train a network of the same size on the same windows. The user's side is a bare loop that carries the state,
with `nn.Embedding`, `nn.LSTM`, `nn.GRU` or `nn.RNN`, `nn.Linear`, cross-entropy, clipping and `torch.optim.Adam`. For
NAS and UGRNN it steps a cell through time and multiplies input and state by one kernel, as TensorFlow does. Cells
without a product with the state are compared with our `rnn` of the same size instead: their purpose is to be faster.
The framework's side is what `melgen.train` runs: Lightning's trainer, `MelodyModule`, `StreamLoader`, history and
TensorBoard, checkpoints and progress at their default intervals. Scoring held-out tunes is not part of a training step,
so the validation split is a single short tune.

Every few updates the trainer pauses while the bare loop makes the same number of updates, so that other programs on the
machine slow both sides equally. The user's loop has a process of its own, with the defaults of torch and of the system.
The framework's own cost is measured in the same way against a bare loop over melgen's network, in the same process.
"""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from layers import BLOCKS
from omegaconf import OmegaConf
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.plugins.environments import LightningEnvironment
from table import Row, show
from torch import Tensor, nn

from melgen.data import MelodyDataModule, Window
from melgen.internals.glibc import keep_freed_memory
from melgen.music import Control, Melody
from melgen.networks import MelodyModel, choosing_backends, find_layer, map_state
from melgen.networks.products.measuring import machine
from melgen.training.build import NoProfiler
from melgen.training.checkpointing import Checkpoints
from melgen.training.loggers.csv import HistoryLogger
from melgen.training.module import PAPER_GRADIENT_NORM, PAPER_LEARNING_RATE, MelodyModule
from melgen.training.progress import UpdateProgress

HIDDEN_SIZE, BATCH_SIZE, SEQ_LENGTH = 128, 50, 50
CHUNK = 10
"""Updates that one side makes before the other side continues."""
WARM_UP_CHUNKS = 2
FEWEST_UPDATES = (WARM_UP_CHUNKS + 1) * CHUNK
CONF = Path(__file__).parent.parent / "conf"


def goal(cell: str, depth: int) -> float:
    """On a Zen 5 processor."""
    first, second, deeper = {
        "lstm": (1.2, 1.25, 1.25),
        "gru": (2.2, 2.0, 2.0),
        "rnn": (2.0, 1.9, 1.8),
        "nas": (2.4, 2.1, 2.0),
        "ugrnn": (2.4, 2.1, 2.0),
    }[cell]
    return first if depth == 1 else second if depth == 2 else deeper


TIMES_RNN = {"mingru": 1.0, "indrnn": 1.0, "rglru": 1.3, "lru": 1.7, "hgrn2": None}
"""Goals of cells without a product with the state: the most time, in times of that of our `rnn` of the same size."""


CELLS = [*BLOCKS, *TIMES_RNN]


class PlainModel(nn.Module):
    """The network that a user would write."""

    def __init__(self, vocab_size: int, cell: str, depth: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, HIDDEN_SIZE)
        module = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}.get(cell)
        self.layers = (
            module(HIDDEN_SIZE, HIDDEN_SIZE, depth, batch_first=True) if module else SteppedLayers(cell, depth)
        )
        self.output = nn.Linear(HIDDEN_SIZE, vocab_size)

    def forward(self, tokens: Tensor, state: object) -> tuple[Tensor, object]:
        hidden, state = self.layers(self.embedding(tokens), state)
        return self.output(hidden), state


class SteppedLayers(nn.Module):
    """A cell that torch lacks, stepped through time."""

    def __init__(self, cell: str, depth: int):
        super().__init__()
        self.cell = cell
        columns = BLOCKS[cell] * HIDDEN_SIZE
        self.of_input = nn.ModuleList(nn.Linear(HIDDEN_SIZE, columns, bias=cell == "ugrnn") for _ in range(depth))
        self.of_state = nn.ModuleList(nn.Linear(HIDDEN_SIZE, columns, bias=False) for _ in range(depth))

    def forward(self, hidden: Tensor, states: list | None) -> tuple[Tensor, list]:
        last = []
        for index, (of_input, of_state) in enumerate(zip(self.of_input, self.of_state, strict=True)):
            zero = hidden.new_zeros(len(hidden), HIDDEN_SIZE)
            state = (zero, zero) if states is None else states[index]
            outputs = []
            for step in hidden.unbind(1):
                state = getattr(self, self.cell)(of_input(step), of_state(state[0]), state)
                outputs.append(state[0])
            hidden = torch.stack(outputs, 1)
            last.append(state)
        return hidden, last

    @staticmethod
    def ugrnn(x: Tensor, h: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        g, c = (x + h).chunk(2, 1)
        g, c = torch.sigmoid(g + 1), torch.tanh(c)
        return g * state[0] + (1 - g) * c, state[1]

    @staticmethod
    def nas(x: Tensor, h: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, h = x.chunk(8, 1), h.chunk(8, 1)
        a0, a1 = torch.sigmoid(x[0] + h[0]), torch.relu(x[1] + h[1])
        a2, a3 = torch.sigmoid(x[2] + h[2]), torch.relu(x[3] * h[3])
        a4, a5 = torch.tanh(x[4] + h[4]), torch.sigmoid(x[5] + h[5])
        a6, a7 = torch.tanh(x[6] + h[6]), torch.sigmoid(x[7] + h[7])
        p, q = torch.tanh(a0 * a1), torch.tanh(a2 + a3)
        s, t = torch.tanh(a4 * a5), torch.sigmoid(a6 + a7)
        c = torch.tanh(p + state[1]) * q
        return torch.tanh(c * torch.tanh(s + t)), c


class BareLoop:
    """The smallest loop that trains a network."""

    def __init__(self, model: nn.Module, windows: list[Window], optimizer: Callable = torch.optim.Adam):
        self.model = model
        self.optimizer = optimizer(model.parameters(), lr=PAPER_LEARNING_RATE)
        self.windows = self._endless(windows)
        self.state = None

    def run(self, updates: int) -> None:
        self.model.train()
        for window in (next(self.windows) for _ in range(updates)):
            logits, state = self.model(window.tokens, self.state)
            self.state = _detached(state)
            loss = F.cross_entropy(logits.flatten(0, 1), window.targets.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), PAPER_GRADIENT_NORM)
            self.optimizer.step()

    def _endless(self, windows: list[Window]) -> Iterator[Window]:
        while True:
            self.state = None
            yield from windows


def _detached(state: object) -> object:
    return map_state(Tensor.detach, tuple(state) if isinstance(state, list) else state)


class LoopInItsOwnProcess:
    """The user's loop, with the same `run`."""

    def __init__(self, vocab_size: int, cell: str, depth: int, windows: list[Window]):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arrays = [tuple(tensor.numpy() for tensor in window) for window in windows]
        arguments = (theirs, vocab_size, cell, depth, arrays)
        self._process = context.Process(target=_answer, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def run(self, updates: int) -> None:
        self._connection.send(updates)
        self._connection.recv()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()


def _answer(connection: Connection, vocab_size: int, cell: str, depth: int, arrays: list[tuple]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    windows = [Window(*map(torch.from_numpy, each)) for each in arrays]
    loop = BareLoop(PlainModel(vocab_size, cell, depth), windows)
    with suppress(EOFError):
        while True:
            loop.run(connection.recv())
            connection.send(None)


class TakeTurns(pl.Callback):
    """Stops the trainer's clock every `CHUNK` updates, and runs the other loops."""

    def __init__(self, *others: BareLoop | LoopInItsOwnProcess):
        self.others = others
        self.seconds: list[list[float]] = [[] for _ in range(1 + len(others))]
        self._resumed_at: float | None = None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step % CHUNK:
            return
        now = time.perf_counter()
        if self._resumed_at is not None:
            self.seconds[0].append(now - self._resumed_at)
        for other, own in zip(self.others, self.seconds[1:], strict=True):
            started = time.perf_counter()
            other.run(CHUNK)
            own.append(time.perf_counter() - started)
        self._resumed_at = time.perf_counter()


def measure(cell: str, depth: int, updates: int, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return seconds of `CHUNK` updates, several times, and the products.

    Returns:
        Of the framework, of the loop it is compared with (the user's, or that of our `rnn`), and of a bare loop over
        the framework's network; and the products of this network.
    """
    generator = np.random.default_rng(0)
    tunes = [Melody.from_pitches(generator.integers(40, 100, 101).tolist()) for _ in range(1000)]
    data = MelodyDataModule(
        tunes, Control(), batch_size=BATCH_SIZE, seq_length=SEQ_LENGTH, split_fractions=(0.997, 0.001, 0.002)
    )
    data.setup()
    torch.manual_seed(0)
    optimizer = instantiate(OmegaConf.load(CONF / "optimizer" / "adam.yaml"))
    names = [cell, cell, "rnn"]
    models = [MelodyModel(len(data.vocabulary), HIDDEN_SIZE, depth, find_layer(name)) for name in names]
    choices = []
    with tempfile.TemporaryDirectory() as cache:  # an empty cache, as at the first start on a machine
        for model in models:
            choices.append(
                choosing_backends.choose(model, BATCH_SIZE, SEQ_LENGTH, choosing_backends.file_in(Path(cache)))
            )
            choosing_backends.apply(model, choices[-1])
    windows = list(data.train_dataloader())
    if cell in TIMES_RNN:
        theirs = BareLoop(models[2], windows, optimizer)
    else:
        theirs = LoopInItsOwnProcess(len(data.vocabulary), cell, depth, windows)
    turns = TakeTurns(theirs, BareLoop(models[1], windows, optimizer))
    trainer = pl.Trainer(
        max_steps=updates + 1,
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
        profiler=NoProfiler(),
        plugins=[LightningEnvironment()],
    )
    module = MelodyModule(models[0], data.representation, data.vocabulary, optimizer=optimizer)
    gc.collect()
    trainer.fit(module, data)
    if isinstance(theirs, LoopInItsOwnProcess):
        theirs.close()
    count = min(map(len, turns.seconds))
    ours, theirs_seconds, bare = (np.array(seconds[WARM_UP_CHUNKS:count]) for seconds in turns.seconds)
    return ours, theirs_seconds, bare, " ".join(choices[0].values())


def rows(cells: list[str], layers: list[int], updates: int = 80) -> Iterator[Row]:
    torch.set_num_threads(1)
    print(f"on {machine()}")
    torch.utils.deterministic.fill_uninitialized_memory = False  # as melgen.train sets it, and the next line too
    keep_freed_memory()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="(pytorch_lightning|lightning_fabric).*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    costs = []
    for cell in cells:
        for depth in layers:
            with tempfile.TemporaryDirectory() as folder:
                ours, theirs, bare, products = measure(cell, depth, updates, Path(folder))
            costs.append(float(np.median(ours - bare)) / CHUNK * 1000)
            if cell in TIMES_RNN:
                ratio = float(np.median(ours / (theirs + ours - bare)))  # the framework's own cost is the same
                note = f"whole framework / the same with rnn; products: {products}"
                yield Row(f"training step, {cell}, {depth}", ratio, TIMES_RNN[cell], note, lower=True)
                continue
            note = f"user's bare loop / whole framework; products: {products}"
            yield Row(f"training step, {cell}, {depth}", float(np.median(theirs / ours)), goal(cell, depth), note)
    yield Row(
        "framework's own cost per step", statistics.median(costs), unit=" ms", note="over a bare loop, same network"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--updates", type=int, default=80, help="for each network, on each side")
    arguments = parser.parse_args()
    if arguments.updates < FEWEST_UPDATES:
        parser.error(
            f"argument --updates: {arguments.updates} is less than {FEWEST_UPDATES}, the fewest that are timed"
        )
    show(rows(arguments.cells, arguments.layers, arguments.updates))


if __name__ == "__main__":
    main()
