"""Trainings on an NVIDIA GPU: an update by each implementation, and several trainings that share the GPU.

python benchmarks/gpu.py updates
python benchmarks/gpu.py processes --cells lstm nas --counts 1 4 16
python benchmarks/gpu.py processes --accelerator cpu      # the same trainings on the cores, one thread each

``updates`` times a bare loop (loss, gradient, clipping, Adam) over melgen's network, and over a user's network with
torch's modules, on windows that are on the GPU already. ``processes`` starts the given number of `melgen.train` at
once, and adds up their median speeds in the second half of each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from table import Row, show
from torch import nn
from torch.nn import functional as F
from training_step import BATCH_SIZE, CONF, HIDDEN_SIZE, SEQ_LENGTH, PlainModel

from melgen.configuration.conf_dir import CONF_DIR
from melgen.networks import MelodyModel, find_layer, map_state
from melgen.networks.scans import graphs
from melgen.networks.scans.graphs import MOST_SHAPES
from melgen.runs.history import read_history
from melgen.train import train
from melgen.training.module import PAPER_GRADIENT_NORM

VOCABULARY = 60
CELLS = ["lstm", "gru", "rnn", "nas", "ugrnn", "slstm", "mingru", "rglru"]
OF_USERS = ("lstm", "gru", "rnn", "nas", "ugrnn")
RECORDED = ("nas", "ugrnn", "slstm")
"""Cells whose scan can be recorded as CUDA graphs; torch has LSTM, GRU and RNN in one call."""

QUIET = [
    *("corpus=airds", "callbacks=none", "logger=csv", "report=false", "progress=false"),
    *("trainer.val_check_interval=100000", "trainer.log_every_n_steps=20"),
]
"""A training without songs, and with a validation at its end only."""


def updates(cells: list[str], layers: list[int], repeats: int) -> Iterator[Row]:
    """Milliseconds of an update by each implementation, in float32 and with autocast in bfloat16.

    ``unrecorded`` is ``fast`` without CUDA graphs.
    """
    for cell in cells:
        for depth in layers:
            names = ["user", "fast", "unrecorded", "reference"]
            if cell not in OF_USERS:
                names.remove("user")
            if cell not in RECORDED:
                names.remove("unrecorded")
            of_fast = None
            for name in names:
                for precision in ("float32", "bfloat16") if name != "reference" else ("float32",):
                    graphs.MOST_SHAPES = 0 if name == "unrecorded" else MOST_SHAPES
                    seconds = _seconds_of_update(_network(name, cell, depth), precision == "bfloat16", repeats)
                    if (name, precision) == ("fast", "float32"):
                        of_fast = seconds
                    note = "" if of_fast is None else f"{of_fast / seconds:.2f} times the speed of fast in float32"
                    yield Row(f"{cell}, {depth}, {name}, {precision}", seconds * 1000, unit=" ms", note=note)


def _network(name: str, cell: str, depth: int) -> nn.Module:
    torch.manual_seed(0)
    if name == "user":
        return PlainModel(VOCABULARY, cell, depth).cuda()
    model = MelodyModel(VOCABULARY, HIDDEN_SIZE, depth, find_layer(cell))
    model.use("reference" if name == "reference" else "fast")
    return model.cuda()


def _seconds_of_update(model: nn.Module, in_bfloat16: bool, repeats: int) -> float:
    """The median of an update, from groups of five without waiting for the GPU between them."""
    optimizer = instantiate(OmegaConf.load(CONF / "optimizer" / "adam.yaml"))(model.parameters())
    tokens = torch.randint(VOCABULARY, (BATCH_SIZE, SEQ_LENGTH + 1), device="cuda")
    state = None

    def update() -> None:
        nonlocal state
        with torch.autocast("cuda", torch.bfloat16) if in_bfloat16 else nullcontext():
            logits, last = model(tokens[:, :-1], state)
            loss = F.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
        last = tuple(last) if isinstance(last, list) else last  # of a network stepped through time
        state = map_state(torch.Tensor.detach, last)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), PAPER_GRADIENT_NORM)
        optimizer.step()

    seconds = []
    for group in range(1 + repeats):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(5):
            update()
        torch.cuda.synchronize()
        if group:
            seconds.append((time.perf_counter() - began) / 5)
    return statistics.median(seconds)


def processes(cells: list[str], layers: list[int], counts: list[int], steps: int, options: list[str]) -> Iterator[Row]:
    """Updates a second of several trainings at the same time."""
    for cell in cells:
        for depth in layers:
            alone = None
            for count in counts:
                speed = _speed_together(count, cell, depth, steps, options)
                alone = alone or speed / count
                note = f"{speed / alone:.2f} times one"
                yield Row(f"{cell}, {depth}: {count} at once", speed, unit=" /s", note=note)


def _speed_together(count: int, cell: str, depth: int, steps: int, options: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"cell={cell}", f"layers={depth}", f"trainer.max_steps={steps}", *QUIET, *options]
        runs = [["name=gpu", f"run_dir={folder}/{index}", f"seed={index}", *overrides] for index in range(count)]
        context = multiprocessing.get_context("forkserver")  # whose processes have melgen imported
        context.set_forkserver_preload(
            ["melgen.train", "melgen.training.build", "melgen.training.outcome", "melgen.training.steps"]
        )
        started = [context.Process(target=_train, args=(run,)) for run in runs]
        for process in started:
            process.start()
        for process in started:
            process.join()
        if any(process.exitcode for process in started):
            raise SystemExit("a training failed")
        return sum(_updates_a_second(Path(folder) / str(index)) for index in range(count))


def _train(overrides: list[str]) -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        train(compose("config", overrides=overrides))


def _updates_a_second(run: Path) -> float:
    speeds = [row["train/tokens_per_second"] for row in read_history(run / "metrics.csv") if "train/loss" in row]
    return statistics.median(speeds[len(speeds) // 2 :]) / (BATCH_SIZE * SEQ_LENGTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["updates", "processes"])
    parser.add_argument("--cells", nargs="+", choices=CELLS)
    parser.add_argument("--layers", type=int, nargs="+")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2000, help="updates of each training")
    parser.add_argument("--accelerator", default="gpu", choices=["gpu", "cpu"])
    parser.add_argument("--options", nargs="*", default=[], help="further options of melgen.train")
    given = parser.parse_args()
    if given.accelerator == "gpu" and not torch.cuda.is_available():
        raise SystemExit("torch finds no NVIDIA GPU on this machine")
    if given.accelerator == "gpu":
        print(torch.cuda.get_device_name(), "torch", torch.__version__)
    if given.what == "updates":
        show(updates(given.cells or CELLS, given.layers or [1, 3], given.repeats))
    else:
        options = [f"trainer.accelerator={given.accelerator}", *given.options]
        show(processes(given.cells or ["lstm", "nas"], given.layers or [2], given.counts, given.steps, options))


if __name__ == "__main__":
    main()
