"""Cells on one tune: train each for a moment and draw how much every note of a held-out tune surprises it.

``python docs/make_concepts.py`` writes ``docs/figures/concepts_cells.png`` and prints the numbers of
``docs/concepts.md``.
"""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from melgen.corpora import FolkCorpus
from melgen.data import MelodyDataModule, Split
from melgen.music import Control, Interval
from melgen.music.melody import pitch_name
from melgen.music.representations import transpositions
from melgen.networks import MelodyModel, count_parameters, find_layer
from melgen.networks.layers.recurrent import LayerFactory
from melgen.training import MelodyModule

OUT = Path(__file__).resolve().parent / "figures" / "concepts_cells.png"
CELLS = (
    *("rnn", "lstm", "gru", "ugrnn", "nas", "slstm", "mogrifier"),
    *("indrnn", "mingru", "rglru", "lru", "hgrn2"),  # without a product with the state
    "attention",
)
UPDATES, LAYERS, SHOWN_NOTES = 400, 1, 48
TUNE, SPLIT_SEED = "Quick Step 71st. Regt.", 21
"""The tune of the document, and a seed by which it is a test tune."""


def trained(cell: LayerFactory, data: MelodyDataModule) -> MelodyModel:
    """A network of one layer after a few hundred updates."""
    pl.seed_everything(0, verbose=False)
    module = MelodyModule(
        MelodyModel(len(data.vocabulary), layers=LAYERS, cell=cell), data.representation, data.vocabulary
    )
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    pl.Trainer(max_steps=UPDATES, logger=False, accelerator="cpu", limit_val_batches=0, **quiet).fit(module, data)
    return module.model.eval()


def surprise(model: MelodyModel, tokens: Tensor) -> np.ndarray:
    """Bits of each note but the first, given all before it."""
    with torch.no_grad():
        logits, _ = model(tokens[None, :-1])
    log_p = torch.log_softmax(logits[0], dim=-1).gather(1, tokens[1:, None])[:, 0]
    return (-log_p / math.log(2)).numpy()


def main() -> None:
    """Train, measure, draw, print."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    data = MelodyDataModule(FolkCorpus(["airds"]), Control(), split_seed=SPLIT_SEED)
    data.setup()
    number = data.melodies.titles.index(TUNE)
    assert data.splits[number] == Split.TEST
    pitches = data.melodies.pitches_of(number).tolist()
    tokens = torch.as_tensor(data.vocabulary.encode(np.asarray(pitches)), dtype=torch.long)
    bits = {}
    for name in CELLS:
        cell = find_layer(name)
        bits[name] = surprise(trained(cell, data), tokens)
        default = MelodyModel(len(data.vocabulary), layers=2, cell=cell)
        print(f"| `{name}` | {count_parameters(default):,} | {bits[name][1:].mean():.2f} |", flush=True)
    print("notes:", " ".join(pitch_name(pitch) for pitch in pitches[:12]))
    print("tokens:", tokens[:12].tolist(), "of", len(data.vocabulary))
    intervals = Interval().encode(pitches)
    tokens_of_intervals = MelodyDataModule(FolkCorpus(["airds"]), Interval(), split_seed=SPLIT_SEED)
    tokens_of_intervals.setup()
    vocabulary = tokens_of_intervals.vocabulary
    print("interval tokens:", vocabulary.encode(intervals[:11]).tolist(), "of", len(vocabulary))
    print("keys:", transpositions(min(pitches), max(pitches)).tolist())
    mean = np.mean(list(bits.values()), axis=0)[1:]
    steps = np.abs(intervals)[1:]
    for motion, chosen in {"repeats": steps == 0, "steps": (steps > 0) & (steps < 3), "leaps": steps > 2}.items():
        print(f"{motion}: {chosen.sum()} notes, {mean[chosen].mean():.2f} bits a note, mean of all cells")
    draw(pitches[:SHOWN_NOTES], {name: values[: SHOWN_NOTES - 1] for name, values in bits.items()})


def draw(pitches: list[int], bits: dict[str, np.ndarray]) -> None:
    """The tune above, one row of bits for each network below it; notes are counted from 1."""
    numbers = np.arange(1, len(pitches) + 1)
    plt.rcParams.update({"font.size": 11, "font.family": "DejaVu Sans"})
    figure, (roll, heat) = plt.subplots(
        2, 1, figsize=(10, 6.8), sharex=True, height_ratios=[1, 1.5], layout="constrained"
    )
    roll.hlines(pitches, numbers - 0.45, numbers + 0.45, color="#0b6e6e", lw=4)
    roll.set_yticks(sorted(set(pitches)), [pitch_name(pitch) for pitch in sorted(set(pitches))], fontsize=9)
    roll.grid(axis="y", color="#ddd")
    roll.set_ylabel("pitch")
    roll.set_title("A held-out tune of Aird's Airs, and how many bits each of its notes costs", loc="left", fontsize=12)
    for side in ("top", "right"):
        roll.spines[side].set_visible(False)
    rows = np.full((len(bits), len(pitches)), np.nan)
    for row, values in zip(rows, bits.values(), strict=True):
        row[1:] = values
    edges = (0.5, len(pitches) + 0.5, len(bits) - 0.5, -0.5)
    image = heat.imshow(rows, aspect="auto", cmap="cividis_r", vmin=0, vmax=5, extent=edges, interpolation="nearest")
    heat.hlines(np.arange(len(bits) - 1) + 0.5, *edges[:2], color="white", lw=1.5)
    heat.set_yticks(range(len(bits)), list(bits))
    heat.set_xticks([1, *range(5, len(pitches) + 1, 5)])
    heat.set_xlabel("note")
    figure.colorbar(image, ax=heat, label="bits (5 or more: darkest)", pad=0.01)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
