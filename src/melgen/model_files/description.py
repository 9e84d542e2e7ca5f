"""``model.json``, the description of the network in a model file: its keys, their types, and its text."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import melgen
from melgen.checking import is_number, is_whole
from melgen.corpora.licences import OF_COLLECTIONS, CorpusLicence, check_licence
from melgen.errors import CheckpointError
from melgen.files import finite, json_text
from melgen.model_files.archive import DESCRIPTION, member_text

FORMAT, FORMAT_VERSION = "melgen model", 1

_NAME = re.compile(r"\w[\w .+()-]{0,99}")
NAME_RULE = "1 to 100 letters, digits, blanks and . + ( ) - _, the first a letter, a digit or _"
"""What the name of a network is made of."""
_HASH = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Description:
    """The statements of a model file about its network.

    Attributes:
        name: of the network.
        model: the network, for `melgen.networks.MelodyModel.from_description`.
        representation: the name of its representation.
        rhythm: how it writes time; None if it writes pitches only.
        vocabulary: its tokens.
        config: the configuration that decided its weights, without places on the machine of its training.
        metrics: its numbers, by the names of a run's ``result.json``.
        updates: of its training.
        parameters: number of trained weights.
        provenance: the command and the software of its training, and its run.
        licence: of the weights, by its SPDX name.
        corpora: what it was trained on.
        training_tunes: their hashes, see `melgen.data.seen_tunes`; None if they are not recorded.
    """

    name: str
    model: dict[str, Any]
    representation: str
    rhythm: dict[str, Any] | None
    vocabulary: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, float]
    updates: int
    parameters: int
    provenance: dict[str, Any]
    licence: str
    corpora: tuple[CorpusLicence, ...]
    training_tunes: dict[str, Any] | None

    def __post_init__(self) -> None:
        for key, (holds, rule) in _RULES.items():
            if not holds(value := getattr(self, key)):
                raise ValueError(f"{key}={value!r:.100}: must be {rule}")
        # What melgen knows of a collection counts, whatever a file states.
        check_licence(self.licence, [OF_COLLECTIONS.get(corpus.name, corpus) for corpus in self.corpora])

    def text(self) -> str:
        """The content of ``model.json``: a line for each key.

        Raises:
            ValueError: if a value is not plain data.
        """
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, "melgen": melgen.__version__, **asdict(self)}
        try:
            lines = [f"  {json_text(key)}: {json_text(finite(value))}" for key, value in content.items()]
        except TypeError as error:
            raise ValueError(f"the configuration must be plain data: {error}") from error
        return "{\n" + ",\n".join(lines) + "\n}\n"


def is_name(text: str) -> bool:
    """Whether a text can be the name of a network, which its card shows: see `NAME_RULE`.

    >>> is_name("airs 2"), is_name("airs#2")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def read_description(archive: zipfile.ZipFile) -> Description:
    """The description in a model file.

    Raises:
        CheckpointError: if it is of a later version, or a key is missing, unknown or of another type.
        Exception: any, if it is damaged; see `melgen.model_files.archive.opened`.
    """
    content = json.loads(
        member_text(archive, DESCRIPTION), object_pairs_hook=_without_repetition, parse_constant=_refuse
    )
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CheckpointError(f'{DESCRIPTION} lacks "format": "{FORMAT}"')
    version, writer = content.pop("format_version", None), content.pop("melgen", None)
    if not is_whole(version) or version < 1:
        raise CheckpointError(f"{DESCRIPTION}: format_version={version!r:.40}: must be a whole number of at least 1")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"format version {version}, written by melgen {writer!s:.20}; melgen {melgen.__version__} reads version "
            f"{FORMAT_VERSION} only, a newer melgen is needed"
        )
    keys = {field.name for field in fields(Description)}
    if different := sorted(keys ^ content.keys()):
        what = "is missing" if different[0] in keys else "is not a key of this format version"
        raise CheckpointError(f"{DESCRIPTION}: {different[0]!r:.60} {what}")
    try:
        content["corpora"] = _corpora(content["corpora"])
        return Description(**content)
    except ValueError as error:
        raise CheckpointError(f"{DESCRIPTION}: {error}") from error


def _corpora(content: Any) -> tuple[CorpusLicence, ...]:
    types = {field.name: str for field in fields(CorpusLicence)}
    corpora = []
    for entry in content if isinstance(content, list) else ():
        if not isinstance(entry, dict) or entry.keys() != types.keys():
            raise ValueError(f"corpora: each must be an object with {', '.join(types)}")
        for key, value in entry.items():
            expected = bool if key == "excludes_commercial_use" else str
            if not isinstance(value, expected) and not (key == "default" and value is None):
                raise ValueError(
                    f"corpora: {key}={value!r:.60}: must be {'true or false' if expected is bool else 'text'}"
                )
        corpora.append(CorpusLicence(**entry))
    return tuple(corpora)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key is in one object twice")
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_tunes(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or value.keys() != {"own", "inherited", "is_complete"}:
        return False
    hashes = (value["own"], value["inherited"])
    return isinstance(value["is_complete"], bool) and all(
        isinstance(column, list) and all(isinstance(one, str) and _HASH.fullmatch(one) for one in column)
        for column in hashes
    )


_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda value: isinstance(value, str) and is_name(value), NAME_RULE),
    "model": (_is_object, "an object"),
    "representation": (lambda value: isinstance(value, str), "a name"),
    "rhythm": (lambda value: value is None or _is_object(value), "an object, or null"),
    "vocabulary": (_is_object, "an object"),
    "config": (_is_object, "an object"),
    "metrics": (
        lambda value: _is_object(value) and all(is_number(each) for each in value.values()),
        "an object of finite numbers",
    ),
    "updates": (lambda value: is_whole(value) and value >= 0, "a whole number of at least 0"),
    "parameters": (lambda value: is_whole(value) and value >= 0, "a whole number of at least 0"),
    "provenance": (_is_object, "an object"),
    "corpora": (lambda value: isinstance(value, tuple) and len(value) > 0, "a list of at least one corpus"),
    "training_tunes": (_are_tunes, "null, or lists of hashes of 16 hexadecimal digits"),
}
"""For each key a check and its rule in words. The licence has no row: it is compared with the corpora."""
