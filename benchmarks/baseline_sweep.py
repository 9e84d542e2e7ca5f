"""The baseline of `sweep.py`: Hydra's basic launcher over bare torch networks, in Lightning.

python benchmarks/baseline_sweep.py -m dataset=control,interval,db12 cell=LSTM,GRU,RNN layers=1,2,3,4,5

Torch uses its default number of threads. The logger is Lightning's CSV logger, and there are no callbacks. The data are
melgen's.
"""

from __future__ import annotations

import warnings

import hydra
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import CSVLogger
from torch import nn

from melgen.corpora import FolkCorpus
from melgen.data import MelodyDataModule
from melgen.music import DB12, Control, Interval
from melgen.networks import map_state

REPRESENTATIONS = {"control": Control, "interval": Interval, "db12": DB12}
HIDDEN_SIZE = 128

hydra.core.config_store.ConfigStore.instance().store(
    "baseline",
    OmegaConf.create({"dataset": "control", "cell": "LSTM", "layers": 1, "collection": "ryans", "cache_dir": None}),
)


class Baseline(pl.LightningModule):
    """Embedding, torch's layers, a linear layer; the state is carried, gradients are clipped."""

    def __init__(self, vocab_size: int, cell: str, layers: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, HIDDEN_SIZE)
        self.layers = getattr(nn, cell)(HIDDEN_SIZE, HIDDEN_SIZE, layers, batch_first=True)
        self.output = nn.Linear(HIDDEN_SIZE, vocab_size)
        self.state = None

    def loss(self, batch, state):
        hidden, state = self.layers(self.embedding(batch.tokens), state)
        logits = self.output(hidden)
        return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()), state

    def on_train_epoch_start(self):
        self.state = None

    def training_step(self, batch, _):
        loss, state = self.loss(batch, self.state)
        self.state = map_state(torch.Tensor.detach, state)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val/loss", self.loss(batch, None)[0], batch_size=len(batch.tokens))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.002)


@hydra.main(version_base="1.3", config_path=None, config_name="baseline")
def main(config: DictConfig) -> None:
    warnings.filterwarnings("ignore")
    pl.seed_everything(0, verbose=False)
    data = MelodyDataModule(
        FolkCorpus([config.collection]), REPRESENTATIONS[config.dataset](), cache_dir=config.cache_dir
    )
    data.setup()
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        gradient_clip_val=5.0,
        logger=CSVLogger(HydraConfig.get().runtime.output_dir),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Baseline(len(data.vocabulary), config.cell, config.layers), data)


if __name__ == "__main__":
    main()
