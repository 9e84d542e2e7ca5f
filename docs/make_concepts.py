"""Five cells on one tune: train each for a moment and draw how much every note of a held-out tune surprises it.

``python docs/make_concepts.py`` writes ``docs/figures/concepts_cells.png`` and prints the table of
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
from melgen.music import Control
from melgen.music.melody import pitch_name
from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN, MelodyModel, count_parameters
from melgen.training import MelodyModule

OUT = Path(__file__).resolve().parent / "figures" / "concepts_cells.png"
CELLS = {"lstm": LSTM, "gru": GRU, "rnn": RNN, "nas": NAS, "ugrnn": UGRNN}
UPDATES, LAYERS, TUNE, SHOWN_NOTES = 400, 1, 3, 48


def trained(cell: type, data: MelodyDataModule) -> MelodyModel:
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
    data = MelodyDataModule(FolkCorpus(["airds"]), Control())
    data.setup()
    tune = list(data.tunes_of(Split.TEST))[TUNE]
    pitches = [int(pitch) for pitch in tune]
    tokens = torch.as_tensor(data.vocabulary.encode(np.asarray(pitches)), dtype=torch.long)
    bits, sizes = {}, {}
    for name, cell in CELLS.items():
        model = trained(cell, data)
        bits[name], sizes[name] = surprise(model, tokens), count_parameters(model)
        default = MelodyModel(len(data.vocabulary), layers=2, cell=cell)
        print(f"| `{name}` | {count_parameters(default):,} | {bits[name][1:].mean():.2f} |", flush=True)
    print("first notes:", " ".join(pitch_name(pitch) for pitch in pitches[:16]))

    shown = min(SHOWN_NOTES, len(pitches))
    plt.rcParams.update({"font.size": 11, "font.family": "DejaVu Sans"})
    figure, (roll, heat) = plt.subplots(
        2, 1, figsize=(10, 5.2), sharex=True, height_ratios=[1.2, 1], layout="constrained"
    )
    roll.hlines(pitches[:shown], np.arange(shown) - 0.45, np.arange(shown) + 0.45, color="#0b6e6e", lw=4)
    named = sorted(set(pitches[:shown]))[:: max(1, len(set(pitches[:shown])) // 6)]
    roll.set_yticks(named, [pitch_name(pitch) for pitch in named])
    roll.grid(axis="y", color="#ddd")
    roll.set_title("A held-out tune of Aird's Airs, and how many bits each note costs", loc="left", fontsize=12)
    for side in ("top", "right"):
        roll.spines[side].set_visible(False)
    rows = np.full((len(bits), shown), np.nan)
    for row, values in zip(rows, bits.values(), strict=True):
        row[1:] = values[: shown - 1]
    image = heat.imshow(rows, aspect="auto", cmap="cividis_r", vmin=0, vmax=5)
    heat.set_yticks(range(len(bits)), list(bits))
    heat.set_xlabel("note")
    figure.colorbar(image, ax=heat, label="bits", pad=0.01)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
