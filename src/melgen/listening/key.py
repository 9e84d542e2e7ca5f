"""The key of a listening test, which the experimenter keeps: what the page's numbers mean, and the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melgen.errors import MelgenError
from melgen.files import write_json
from melgen.listening.bradley_terry import Indices
from melgen.listening.design import Comparison, Sheet
from melgen.listening.rules import Rules

KEY_FILE = "key.json"
FORMAT, FORMAT_VERSION = "melgen listening key", 1

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
"""A listener's code: letters of Crockford's base 32, which has no look-alikes."""


class KeyFileError(MelgenError, ValueError):
    """A file is not the key of a listening test."""


@dataclass(frozen=True)
class ConditionOfKey:
    """A condition: its name, its role, and how many songs there were, too short and equal ones among them."""

    name: str
    role: str
    songs: int
    short: int
    repeated: int


@dataclass(frozen=True)
class SongOfKey:
    """A song of the page: the number of its condition (``None`` for an attention check), its source, its title."""

    condition: int | None
    source: str
    title: str


@dataclass(frozen=True)
class Key:
    """All that the page does not show.

    Attributes:
        test: identifies the page: a hash of its content.
        title, question: of the page.
        seconds: the length of an excerpt.
        conditions: in the order of their numbers; the reference is one of them.
        songs: in the order of their numbers in the page.
        sheets: the lists of comparisons.
        rules: of exclusion, fixed before anybody listened.
        confidence: of intervals.
        about: the study and the settings, for readers.
    """

    test: str
    title: str
    question: str
    seconds: float
    conditions: tuple[ConditionOfKey, ...]
    songs: tuple[SongOfKey, ...]
    sheets: tuple[Sheet, ...]
    rules: Rules
    confidence: float
    about: Mapping[str, Any]

    @property
    def reference(self) -> int:
        """The number of the reference."""
        return next(i for i, one in enumerate(self.conditions) if one.role == "reference")

    @property
    def songs_of(self) -> list[Indices]:
        """The numbers of the songs of each condition."""
        of_song = np.array([-1 if song.condition is None else song.condition for song in self.songs])
        return [np.flatnonzero(of_song == condition) for condition in range(len(self.conditions))]

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of ``conf/listen.yaml`` that it records, with their values."""
        checks = sum(comparison.is_check for comparison in self.sheets[0])
        found = {"title": self.title, "question": self.question, "confidence": self.confidence}
        found |= {"comparisons": len(self.sheets[0]) - checks, "checks": checks}
        found |= {key: self.about[key] for key in ("seed",) if key in self.about}
        return found | {f"exclusion.{key}": value for key, value in asdict(self.rules).items()}

    def sheet_of(self, code: str) -> int:
        """The number of the sheet that a listener's code chooses."""
        return sheet_of(code, len(self.sheets))

    def is_right(self, comparison: Comparison, answer: str) -> bool:
        """Whether an answer to an attention check names the tune of a single note."""
        return answer == ("first" if self.songs[comparison.first].condition is None else "second")

    def write(self, folder: Path) -> Path:
        """Write ``key.json``."""
        path = folder / KEY_FILE
        sheets = [packed_sheet(sheet) for sheet in self.sheets]
        write_json(path, {"format": FORMAT, "format_version": FORMAT_VERSION} | asdict(self) | {"sheets": sheets})
        return path

    @classmethod
    def read(cls, folder: Path) -> Key:
        """Read the ``key.json`` of a test's directory.

        Raises:
            KeyFileError: if it is missing, is not one of ours, or is damaged.
        """
        path = folder / KEY_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            reason = f"{path}: cannot be read ({error.strerror}); melgen listen study=... writes it next to its page"
            raise KeyFileError(reason) from error
        except (ValueError, RecursionError) as error:
            raise KeyFileError(f"{path}: is not JSON ({error!s:.200})") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise KeyFileError(f"{path}: is not the key of a listening test of melgen")
        if content.get("format_version") != FORMAT_VERSION:
            raise KeyFileError(
                f"{path}: is of version {content.get('format_version')}, this melgen reads {FORMAT_VERSION}"
            )
        try:
            return _from_plain(content)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise KeyFileError(f"{path}: is damaged ({type(error).__name__}: {error!s:.200})") from error


def sheet_of(code: str, sheets: int) -> int:
    """The sheet of a listener's code, as the page computes it.

    >>> sheet_of("0000000Z", 7), sheet_of("00000010", 7)
    (3, 4)
    """
    number = 0
    for letter in code:
        number = (number * len(LETTERS) + LETTERS.index(letter)) % sheets
    return number


def packed_sheet(sheet: Sheet) -> list[list[int]]:
    """A sheet as short as a page needs it: two numbers of songs, and a 1 for an attention check."""
    return [[each.first, each.second, *([1] if each.is_check else [])] for each in sheet]


def _from_plain(content: dict[str, Any]) -> Key:
    songs = tuple(SongOfKey(**each) for each in content["songs"])
    conditions = tuple(ConditionOfKey(**each) for each in content["conditions"])
    sheets = tuple(tuple(_comparison(each, len(songs)) for each in sheet) for sheet in content["sheets"])
    key = Key(
        test=str(content["test"]),
        title=str(content["title"]),
        question=str(content["question"]),
        seconds=float(content["seconds"]),
        conditions=conditions,
        songs=songs,
        sheets=sheets,
        rules=Rules(**content["rules"]),
        confidence=float(content["confidence"]),
        about=dict(content["about"]),
    )
    _ = key.reference
    if not sheets or any(song.condition not in (None, *range(len(conditions))) for song in songs):
        raise ValueError("sheets or songs do not fit the conditions")
    return key


def _comparison(numbers: Sequence[int], songs: int) -> Comparison:
    first, second, *check = numbers
    if not (0 <= first < songs and 0 <= second < songs):
        raise ValueError(f"a sheet names a song that is not there: {numbers}")
    return Comparison(first, second, bool(check))
