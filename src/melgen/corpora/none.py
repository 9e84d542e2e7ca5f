"""The corpus that has no tunes."""

from __future__ import annotations

from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.sources import Listing
from melgen.errors import CorpusError


class NoCorpus(AbstractCorpus):
    """What ``corpus=none`` stands for: songs are compared with nothing, and nothing can be trained on it."""

    description = "no corpus"
    reader = None  # type: ignore[assignment]

    def list_sources(self) -> Listing:
        """Refuses: there is nothing to read."""
        raise CorpusError("corpus=none: there is nothing to read; choose a corpus")
