"""Small trainings for tests: networks of eight units on a few random walks."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir

from melgen.configuration.conf_dir import CONF_DIR
from melgen.data import MelodyDataModule
from melgen.music import Control
from melgen.networks import GRU, LSTM, NAS, RNN, SLSTM, UGRNN, Attention, MelodyModel, Mogrifier, mixed
from melgen.training import MelodyModule
from tests.data.melodies import melodies, walks

CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "rnn": RNN,
    "nas": NAS,
    "ugrnn": UGRNN,
    "slstm": SLSTM,
    "mogrifier": Mogrifier,
    "attention": Attention,
    "mixed": mixed(["lstm", "gru"]),
}
CELL_OVERRIDES = {name: [f"cell={name}", "layers=2"] for name in CELLS} | {
    "mixed": ["cell=mixed", "cell.stack=[lstm,gru]", "layers=2"]
}

# Lightning 2.6 with torch 2.13 warns; melgen cannot change that.
LEAF_SPEC = "ignore:.*LeafSpec.*:FutureWarning"
# A plain trainer logs every 50 updates, more than a small epoch has.
FEW_UPDATES = "ignore:.*smaller than the logging interval.*"


def small_data(songs=None, representation=None, **options):
    options = {"batch_size": 4, "seq_length": 8} | options
    songs = walks(30) if songs is None else songs
    made = MelodyDataModule(melodies(songs), representation or Control(), **options)
    made.setup()
    return made


def small_module(data, cell=LSTM, layers=2, hidden_size=8, **options):
    keep = {key: options.pop(key) for key in ("input_keep_prob", "output_keep_prob") if key in options}
    model = MelodyModel(len(data.vocabulary), hidden_size, layers, cell, **keep)
    return MelodyModule(model, data.representation, data.vocabulary, **options)


def plain_trainer(**options):
    """A trainer as a user without Hydra makes it."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    options = {"logger": False, "enable_checkpointing": False} | quiet | options
    return pl.Trainer(**options)


def small_config(folder, *overrides):
    """The configuration of the command ``melgen.train``, for a song list in ``folder``.

    Results go to ``folder/run`` unless overridden.
    """
    small = [
        "corpus=pickles",
        f"path={folder}/tiny_song_list.p",
        "name=tiny",
        f"run_dir={folder}/run",
        "hidden_size=8",
        "layers=1",
        "batch_size=4",
        "seq_length=8",
        "trainer.max_steps=-1",
        "trainer.val_check_interval=5",
        "trainer.log_every_n_steps=2",
        "trainer.accelerator=cpu",
        "callbacks=none",
        "logger=csv",
        "report=false",
        "progress=false",
        "workers=1",
    ]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return compose("config", overrides=[*small, *overrides])


def same(one, other):
    """Whether two nests of containers and tensors are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
