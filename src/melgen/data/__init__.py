"""From melodies to batches: splits, token streams and the data module."""

from typing import TYPE_CHECKING, Any

from melgen.data.pitch_tunes import tune_loader
from melgen.data.scored_tunes import ScoredTunes, TuneLoader
from melgen.data.splits import Split
from melgen.data.stream_loader import StreamLoader, Window
from melgen.data.whole_tunes import ScoredRhythm, WholeTuneLoader

if TYPE_CHECKING:
    from melgen.data.module import MelodyDataModule

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


def __getattr__(name: str) -> Any:
    """Import the data module where it is used: it needs Lightning, which takes seconds to import."""
    if name == "MelodyDataModule":
        from melgen.data.module import MelodyDataModule

        return MelodyDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
