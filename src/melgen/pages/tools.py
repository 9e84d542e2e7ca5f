"""Tools that every page is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgen.pages.content import Content
from melgen.pages.engraver import Engraver
from melgen.pages.training_tunes import TrainingTunes

NETWORK_BYTES = 8_000_000
"""Nine default networks need 7 million; with 100 songs of each, a page that is mailed stays below 15."""


@dataclass(frozen=True)
class Tools:
    """The tools for engraving songs and reading a corpus.

    Attributes:
        engraver: makes the scores.
        scores: of how many songs of a set at most.
        cache_dir: where the corpus is cached; by default the user's cache directory.
        progress: whether to show progress bars on a terminal.
        network_bytes: of the networks of one page at most, as they are stored in it.
    """

    engraver: Engraver
    scores: int = 100
    cache_dir: str | None = None
    progress: bool = True
    network_bytes: int = NETWORK_BYTES

    def read_tunes(self, config: Mapping[str, Any], splits: Path | None, content: Content) -> TrainingTunes | None:
        """The corpus of a run, or ``None`` and a notice on the page."""
        try:
            tunes = TrainingTunes.read(config, splits, cache_dir=self.cache_dir, progress=self.progress)
        except (ValueError, TypeError, KeyError, OSError, ImportError) as error:
            content.add_notice(f"Training tunes cannot be shown with the songs: {str(error) or type(error).__name__}")
            return None
        if tunes.unknown:
            content.add_notice(
                f"The corpus has changed since the training: {tunes.unknown:,} of its "
                f"{len(tunes.reference.splits):,} tunes were not there, or have other names, and the songs are not "
                "compared with them."
            )
        return tunes
