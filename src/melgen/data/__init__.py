"""From melodies to batches: splits, token streams and the data module."""

from melgen.data.module import MelodyDataModule
from melgen.data.pitch_tunes import tune_loader
from melgen.data.splits import Split
from melgen.data.tokens import ScoredTunes, StreamLoader, TuneLoader, Window
from melgen.data.whole_tunes import ScoredRhythm, WholeTuneLoader

__all__ = [
    "MelodyDataModule",
    "ScoredRhythm",
    "ScoredTunes",
    "Split",
    "StreamLoader",
    "TuneLoader",
    "WholeTuneLoader",
    "Window",
    "tune_loader",
]
