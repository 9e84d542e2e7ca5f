"""From melodies to batches: splits, token streams and the data module."""

from melgen.data.module import MelodyDataModule, tune_loader
from melgen.data.splits import Split
from melgen.data.tokens import ScoredTunes, StreamLoader, TuneLoader, Window

__all__ = ["MelodyDataModule", "ScoredTunes", "Split", "StreamLoader", "TuneLoader", "Window", "tune_loader"]
