"""Corpora: from files to cleaned, cached melodies.

>>> from melgen.corpora import Cleaning, FolkCorpus
>>> FolkCorpus(["airds"]).description
'airds'
"""

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.corpus import AbstractCorpus, ImportedCorpus
from melgen.corpora.folder import FolderCorpus, read_melody
from melgen.corpora.folk import FolkCorpus
from melgen.corpora.muspy_datasets import MusPyCorpus
from melgen.corpora.pickles import PicklesCorpus
from melgen.corpora.report import ImportReport
from melgen.errors import CorpusError, EncodedOtherwiseError

__all__ = [
    "AbstractCorpus",
    "Cleaning",
    "CorpusError",
    "EncodedOtherwiseError",
    "FolderCorpus",
    "FolkCorpus",
    "ImportReport",
    "ImportedCorpus",
    "MusPyCorpus",
    "PicklesCorpus",
    "read_melody",
]
