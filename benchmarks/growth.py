"""Time for each token, from a hundred thousand to ten million tokens, and for each layer.

python benchmarks/growth.py                          # prints, and draws docs/figures/growth.svg
python benchmarks/growth.py --most 1000000 --figure growth.png

The corpus grows; one epoch of it is cut into windows, and a sample of these, spread over the whole epoch, is trained
on in a bare loop. The timed parts are those that could grow: making and shuffling the streams, cutting windows, and
the updates.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from table import Row, show
from training_step import BareLoop

from melgen.data.stream_loader import StreamLoader
from melgen.data.token_tunes import TokenTunes
from melgen.networks import MelodyModel, find_layer

NOTES_PER_TUNE, VOCABULARY, HIDDEN_SIZE = 100, 60, 128
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
LAYERS = (1, 2, 3, 4, 5)
UPDATES = 60
"""Number of timed updates at each size."""
FIGURE = Path(__file__).parent.parent / "docs" / "figures" / "growth.svg"


def loader_of(tokens: int) -> StreamLoader:
    generator = np.random.default_rng(0)
    starts = np.arange(0, tokens + 1, NOTES_PER_TUNE)
    tunes = TokenTunes(generator.integers(0, VOCABULARY, tokens, dtype=np.int32), starts)
    return StreamLoader(tunes, 50, 50)


def microseconds_per_token(loader: StreamLoader, layers: int) -> float:
    """Time for each token of an epoch: reading its data, and updates on a sample of its windows."""
    bare = BareLoop(MelodyModel(VOCABULARY, HIDDEN_SIZE, layers, find_layer("gru")), [])
    every = max(len(loader) // UPDATES, 1)
    data_seconds, update_seconds, updates = 0.0, [], 0
    windows = iter(loader)
    while True:
        started = time.perf_counter()
        window = next(windows, None)
        data_seconds += time.perf_counter() - started
        if window is None:
            break
        updates += 1
        if updates % every == 0:
            bare.windows = iter([window])
            started = time.perf_counter()
            bare.run(1)
            update_seconds.append(time.perf_counter() - started)
    tokens = loader.tokens_per_epoch
    return (data_seconds / tokens + statistics.median(update_seconds) / (tokens / updates)) * 1e6


def measure(most: int) -> tuple[dict[int, float], dict[int, float]]:
    torch.set_num_threads(1)
    sizes = [size for size in SIZES if size <= most]
    loaders = {size: loader_of(size) for size in sizes}
    # Interleaved, so that other programs on the machine slow all sizes equally.
    by_size = [{size: microseconds_per_token(loaders[size], 2) for size in sizes} for _ in range(3)]
    by_layers = [{layers: microseconds_per_token(loaders[SIZES[0]], layers) for layers in LAYERS} for _ in range(3)]
    return tuple(
        {key: statistics.median(turn[key] for turn in turns) for key in turns[0]} for turns in (by_size, by_layers)
    )  # type: ignore[return-value]


def rows(most: int = SIZES[-1], figure: Path | None = None) -> Iterator[Row]:
    by_size, by_layers = measure(most)
    least, greatest = min(by_size.values()), max(by_size.values())
    note = f"dearest over cheapest token, {min(by_size):,} to {max(by_size):,} tokens, 2 layers of gru"
    yield Row("growth with the corpus", greatest / least, 1.1, note, lower=True)
    layers, times = np.array(list(by_layers)), np.array(list(by_layers.values()))
    slope, intercept = np.polyfit(layers[1:], times[1:], 1)
    worst = float(np.abs(times[1:] / (slope * layers[1:] + intercept) - 1).max())
    note = f"largest distance from a line over 2 to 5 layers; {slope:.2f} us a token and layer"
    yield Row("growth with layers", worst, 0.1, note, lower=True)
    if figure is not None:
        draw(by_size, by_layers, figure)


def draw(by_size: dict[int, float], by_layers: dict[int, float], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "melgen"
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    first = next(iter(by_size.values()))
    left.semilogx(list(by_size), [value / first for value in by_size.values()], "o-", color="#1b6ca8")
    left.axhspan(0.9, 1.1, color="#1b6ca8", alpha=0.12, linewidth=0)
    left.set(xlabel="tokens in an epoch", ylabel="time per token, relative", ylim=(0, 1.5), title="2 layers of GRU")
    one = by_layers[1]
    right.plot(list(by_layers), [value / one for value in by_layers.values()], "o-", color="#1b6ca8")
    right.set(xlabel="layers", ylabel="time per token, relative", ylim=(0, None), title="100,000 tokens", xticks=LAYERS)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()
    show(rows(arguments.most, arguments.figure))


if __name__ == "__main__":
    main()
