"""The rights in each corpus: the licence of weights that were trained on it, and the notice that they need.

The statements are quoted from the files of music21, the package that contains the collections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from melgen.checking import require
from melgen.corpora.folk import COLLECTIONS
from melgen.nested import value_at

ATTRIBUTION, NON_COMMERCIAL = "CC-BY-4.0", "CC-BY-NC-4.0"
"""Default licences of weights: for tunes without a notice, and for tunes that exclude commercial use."""

_COMMON = (
    "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "CC0-1.0", "MIT",
    "Apache-2.0", "BSD-3-Clause",
)  # fmt: skip
"""Names that are suggested for a misspelt one."""

_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_NON_COMMERCIAL = re.compile(r"CC-BY-NC(-SA|-ND)?-[1-4]\.[0-9]|PolyForm-Noncommercial-1\.0\.0", re.IGNORECASE)

_OF_MUSIC21 = (
    "To the best of our knowledge, the each piece of music in the corpus is either out of copyright in the United "
    "States or is licensed for use, though there may be restrictions on commercial use."
)


@dataclass(frozen=True)
class CorpusLicence:
    """The known rights in a corpus.

    Attributes:
        name: the option of ``corpus``, or the name of a collection.
        title: of the music.
        transcribers: the persons who typed it in, as the files name them; empty if unknown.
        statement: a quotation about its licence; empty if there is none.
        source: where the statement is from; empty if there is none.
        excludes_commercial_use: whether it permits non-commercial use only.
        default: the licence of weights that were trained on it; None if the user must state one.
    """

    name: str
    title: str
    transcribers: str = ""
    statement: str = ""
    source: str = ""
    excludes_commercial_use: bool = False
    default: str | None = None


def _of_music21(name: str, title: str, transcribers: str) -> CorpusLicence:
    """A collection without a notice of its own."""
    return CorpusLicence(name, title, transcribers, _OF_MUSIC21, "music21/corpus/license.txt", default=ATTRIBUTION)


OF_COLLECTIONS: Mapping[str, CorpusLicence] = MappingProxyType(
    {
        "essen": CorpusLicence(
            "essen",
            "the Essen folksong collection",
            "many people under Helmut Schaffrath, later Ewa Dahlig-Turek; converted to ABC by Seymour Schlien",
            "The legal status of the Essen folksong database is unclear, as the data has been input by many people. "
            "Original encoding was completed under the supervision of Helmut Schaffrath. The project was taken over "
            "by Prof. AMU Dr. Habil. Ewa Dahlig-Turek, who has given permission for non-commercial distribution and "
            "use of these files in music21.",
            "music21/corpus/essenFolksong/license.txt",
            excludes_commercial_use=True,
            default=NON_COMMERCIAL,
        ),
        "oneills": _of_music21(
            "oneills",
            "O'Neill's Music of Ireland (1850 melodies)",
            "Henrik Norbeck, Bob Safranek, Trish O'Neil, John Chambers, Dan G. Petersen, Michael Hogan and others",
        ),
        "ryans": _of_music21(
            "ryans", "Ryan's Mammoth Collection", "Ray Davies, Bob Puckette, John B. Walsh and others"
        ),
        "airds": _of_music21(
            "airds", "A Selection of Scotch, English, Irish, and Foreign Airs, by James Aird", "Jack Campin"
        ),
        "misc_folk": _of_music21(
            "misc_folk",
            "Northumbrian Minstrelsy, and American fife tunes of the colonial and Civil War period",
            "Jack Campin",
        ),
    }
)
"""The collections of ``corpus=folk``, by name."""

_ESSEN_OF_MUSPY = "EssenFolkSongDatabase"

UNKNOWN_START = CorpusLicence(
    "unknown", "the tunes of the network that this one was started from, which are not recorded"
)
"""The corpus behind ``init_from`` where it cannot be found out. It may be one that excludes commercial use."""


def licences_of(config: Mapping[str, Any]) -> list[CorpusLicence]:
    """The corpora that a run's configuration names.

    >>> [found.name for found in licences_of({"corpus": {"_target_": "melgen.corpora.FolkCorpus"}})]
    ['essen', 'oneills', 'ryans', 'airds', 'misc_folk']
    >>> licences_of({"corpus": {"_target_": "melgen.corpora.FolderCorpus", "path": "tunes"}})[0].title
    'files of a folder'
    """
    corpus = value_at(config, "dataset.corpus") or config.get("corpus")
    corpus = corpus if isinstance(corpus, Mapping) else {}
    package, _, kind = str(corpus.get("_target_")).rpartition(".")
    if not f"{package}.".startswith("melgen.corpora."):
        return [CorpusLicence("own", "a corpus of the user's own")]
    if kind == "FolkCorpus":
        names = corpus.get("collections") or list(COLLECTIONS)
        return [OF_COLLECTIONS[name] for name in names]
    if kind == "MusPyCorpus":
        name = str(corpus.get("name"))
        if name == _ESSEN_OF_MUSPY:
            return [OF_COLLECTIONS["essen"]]
        return [CorpusLicence("muspy", f"the data set {name} of muspy")]
    if kind == "PicklesCorpus":
        return [CorpusLicence("pickles", "pickled lists of songs")]
    return [CorpusLicence("folder", "files of a folder")]


def is_non_commercial(licence: str) -> bool:
    """Whether a licence, by its SPDX name, excludes commercial use.

    >>> is_non_commercial("CC-BY-NC-SA-4.0"), is_non_commercial("MIT")
    (True, False)
    """
    return _NON_COMMERCIAL.fullmatch(licence) is not None


def licence_for(corpora: Sequence[CorpusLicence], wanted: str | None = None) -> str:
    """The licence of weights that were trained on these corpora: the one that is wanted, or the default.

    Raises:
        ValueError: if a corpus does not allow it, or has no default.

    >>> licence_for([OF_COLLECTIONS["airds"]]), licence_for([OF_COLLECTIONS["airds"], OF_COLLECTIONS["essen"]])
    ('CC-BY-4.0', 'CC-BY-NC-4.0')
    """
    if wanted is not None:
        check_licence(wanted, corpora)
        return _in_spdx(wanted)
    if unstated := [corpus for corpus in corpora if corpus.default is None]:
        raise ValueError(
            f"licence=null: melgen does not know the rights in {unstated[0].title}; licence=NAME is needed, an SPDX "
            f"name such as {ATTRIBUTION}, that these tunes allow"
        )
    return NON_COMMERCIAL if any(corpus.excludes_commercial_use for corpus in corpora) else ATTRIBUTION


def _in_spdx(licence: str) -> str:
    """The name as SPDX's list spells it; ``LicenseRef-NAME`` is SPDX's form of one's own.

    A model file of an earlier melgen may have another name, so only a name that is given now is compared.

    Raises:
        ValueError: for a name that is not in the list; names the licence, and the most similar name.

    >>> _in_spdx("mit"), _in_spdx("LicenseRef-mine")
    ('MIT', 'LicenseRef-mine')
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        by_upper = {name.upper(): name for name in _COMMON}
        similar = get_close_matches(licence.upper(), by_upper, n=1)
        meant = f"; did you mean {by_upper[similar[0]]}?" if similar else ""
        raise ValueError(
            f"licence={licence}: must be in the list of licences of SPDX, or LicenseRef-NAME for another one{meant}"
        ) from None


def check_licence(licence: str, corpora: Iterable[CorpusLicence]) -> None:
    """Refuse a licence that a corpus does not allow.

    Raises:
        ValueError: naming the licence, the corpus and its statement.
    """
    rule = f"the SPDX name of a licence, such as {ATTRIBUTION}"
    require(isinstance(licence, str) and _LICENCE.fullmatch(licence) is not None, "licence", licence, rule)
    if is_non_commercial(licence):
        return
    for corpus in corpora:
        if corpus.excludes_commercial_use:
            raise ValueError(
                f"licence={licence}: the network was trained on {corpus.name}, which permits non-commercial use only "
                f'("{corpus.statement}" {corpus.source}); use {NON_COMMERCIAL} or another non-commercial licence'
            )
        if corpus.name == UNKNOWN_START.name:
            raise ValueError(
                f"licence={licence}: the network was started from another one whose corpus is not known, and which may "
                f"permit non-commercial use only; use {NON_COMMERCIAL}, or keep the run or model file of init_from "
                "where it was"
            )


def notice_of(corpora: Iterable[CorpusLicence]) -> str:
    """The notice to print wherever weights are shown that exclude commercial use; empty for other weights."""
    names = [corpus.title for corpus in corpora if corpus.excludes_commercial_use]
    if not names:
        return ""
    return f"Trained on {' and '.join(names)}, which permits non-commercial use only: so do these weights."
