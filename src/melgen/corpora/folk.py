"""The default corpus: the monophonic tunes that come with the installed music21, read in place."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from melgen.corpora.corpus import AbstractCorpus
from melgen.corpora.importing import Reader
from melgen.corpora.sources import Listing, Source, files_below
from melgen.errors import CorpusError

COLLECTIONS = {
    "essen": "essenFolksong",
    "oneills": "oneills1850",
    "ryans": "ryansMammoth",
    "airds": "airdsAirs",
    "misc_folk": "miscFolk",
}


class FolkCorpus(AbstractCorpus):
    """Folk tunes in ABC from music21's corpus: about 12,900 of them, 1.2 million notes.

    Args:
        collections: some of ``essen``, ``oneills``, ``ryans``, ``airds`` and ``misc_folk``; by default all.
    """

    def __init__(self, collections: Sequence[str] | None = None):
        chosen = list(COLLECTIONS) if collections is None else list(collections)
        unknown = [name for name in chosen if name not in COLLECTIONS]
        if unknown or not chosen or isinstance(collections, str) or len(set(chosen)) < len(chosen):
            value = repr(collections) if isinstance(collections, str) else str(chosen)
            raise CorpusError(
                f"collections={value}: expected a list of one or more of {', '.join(COLLECTIONS)}, each once"
            )
        self.collections = chosen

    @property
    def description(self) -> str:
        """The names of the collections."""
        if self.collections == list(COLLECTIONS):
            return "folk"
        return ", ".join(self.collections)

    @property
    def reader(self) -> Reader:
        """ABC files."""
        from melgen.corpora.readers.abc import read_abc

        return read_abc

    def list_sources(self) -> Listing:
        """The ABC files of the chosen collections."""
        corpus = music21_corpus_dir()
        sources = []
        for collection in self.collections:
            folder = corpus / COLLECTIONS[collection]
            files = [path for path in files_below(folder) if path.suffix == ".abc"]
            if not files:
                raise CorpusError(
                    f"collection {collection}: no ABC file in {folder}; this music21 was installed without its corpus"
                )
            sources += [Source(path, path.relative_to(corpus).as_posix()) for path in files]
        return Listing(sources)


def music21_corpus_dir() -> Path:
    """The corpus folder of the installed music21, found without importing it, which takes seconds."""
    spec = find_spec("music21")
    if spec is None or spec.origin is None:
        raise CorpusError("the folk corpus is part of the package music21, which is not installed")
    return Path(spec.origin).parent / "corpus"
