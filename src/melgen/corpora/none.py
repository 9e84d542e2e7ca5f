"""The empty corpus."""

from __future__ import annotations

from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.sources import Listing
from melgen.errors import CorpusError


class NoCorpus(AbstractCorpus):
    """The corpus of ``corpus=none``: songs are not compared with any tunes, and training is not possible."""

    description = "no corpus"
    reader = None  # type: ignore[assignment]  # nothing is read

    def list_sources(self) -> Listing:
        """Raise a `CorpusError`: there is nothing to read."""
        raise CorpusError("corpus=none: there is nothing to read; choose a corpus")
