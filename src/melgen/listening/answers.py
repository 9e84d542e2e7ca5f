"""Reading the answer files that listeners send back; nothing in them is trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from melgen.checking import is_number, is_whole
from melgen.corpora.sources import check_folder, natural_key
from melgen.errors import MelgenError
from melgen.listening.key import CODE_LENGTH, LETTERS, Key
from melgen.plurals import counted
from melgen.terminal import readable

FORMAT, FORMAT_VERSION = "melgen listening answers", 1
CHOICES = ("first", "same", "second")
TRAININGS = ("none", "some", "professional", None)
MOST_BYTES = 1_000_000
MOST_SECONDS = 3600
"""The longest time that the page states for an answer."""
_SHOWN = 5
_KEYS = {"format", "version", "test", "code", "sheet", "training", "answers"}
_KEYS_OF_ANSWER = {"trial", "first", "second", "answer", "seconds", "plays", "known"}


class AnswerFileError(MelgenError, ValueError):
    """Files cannot be counted as answers; the message names each of them with the reason."""


@dataclass(frozen=True)
class Answer:
    """One judgement, or the answer to an attention check.

    Attributes:
        trial: its number on the sheet.
        choice: one of `CHOICES`.
        seconds: from the first play to the answer.
        plays: how often either tune was begun.
        known: whether the listener knew one of the tunes.
    """

    trial: int
    choice: str
    seconds: float
    plays: tuple[int, int]
    known: bool


@dataclass(frozen=True)
class Listener:
    """The answers of one listener.

    Attributes:
        file: their file.
        code: the listener's random code.
        sheet: the number of the sheet.
        training: one of `TRAININGS`.
        answers: in the order of the sheet.
    """

    file: Path
    code: str
    sheet: int
    training: str | None
    answers: tuple[Answer, ...]


class Received(NamedTuple):
    """What came back.

    Attributes:
        listeners: each once.
        repeated: lines about files that were not counted because they repeat others.
        unread: names of files that do not end in ``.json``.
    """

    listeners: list[Listener]
    repeated: list[str]
    unread: list[str]


def read_answers(folder: Path, key: Key) -> Received:
    """Read every ``.json`` file in a folder and below; hidden files are left alone, and others are named.

    A file that was sent twice, or an earlier state of another, is counted once and named. Anything else that is not a
    valid answer file of this test is an error, since leaving it out without a word would change the result.

    Raises:
        ValueError: if there is no such folder, or no answer file in it.
        AnswerFileError: naming the files that are not answers to this test, and those with the same code that
            contradict each other.
    """
    check_folder(folder, "answers")
    names = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    names.sort(key=lambda name: natural_key(name.as_posix()))
    files = [folder / name for name in names if name.suffix.lower() == ".json"]
    unread = [readable(name.as_posix()) for name in names if name.suffix.lower() != ".json"]
    if not files:
        there = f"; it contains {', '.join(unread[:_SHOWN])}" if unread else ""
        raise ValueError(
            f"answers={folder}: contains no answer file answers-CODE.json, as listeners send them back{there}"
        )
    listeners, wrong = [], []
    for file in files:
        try:
            listeners.append(_read(file, key))
        except ValueError as error:
            wrong.append(f"{readable(str(file))}: {error}")
    kept, repeated, contradicting = _once_each(listeners)
    wrong += contradicting
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        what = "file is" if len(wrong) == 1 else "files are"
        lines = "\n  ".join([*wrong[:_SHOWN], *more])
        raise AnswerFileError(f"{counted(len(wrong), what, what)} not valid answers to this test:\n  {lines}")
    return Received(kept, repeated, unread)


def _read(file: Path, key: Key) -> Listener:
    """The answers in a file.

    Raises:
        ValueError: with the reason why they are not valid.
    """
    content = _content(file)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("is not an answer file of a listening test of melgen")
    _require(
        content.get("version") == FORMAT_VERSION,
        f"is of version {content.get('version')!r:.20}, must be {FORMAT_VERSION}",
    )
    _require(
        content.get("test") == key.test, f"answers another test, {content.get('test')!r:.40}; this one is {key.test}"
    )
    _require(content.keys() == _KEYS, f"must have the keys {', '.join(sorted(_KEYS))}")
    code, sheet, training = content["code"], content["sheet"], content["training"]
    is_code = isinstance(code, str) and len(code) == CODE_LENGTH and set(code) <= set(LETTERS)
    _require(is_code, f"code={code!r:.40}: must be {CODE_LENGTH} letters of {LETTERS}")
    expected = key.sheet_of(code)
    _require(is_whole(sheet) and sheet == expected, f"sheet={sheet!r:.40}: the code {code} has sheet {expected}")
    _require(training in TRAININGS, f"training={training!r:.40}: must be none, some, professional or null")
    given = content["answers"]
    _require(isinstance(given, list) and bool(given), "contains no answers")
    answers = tuple(_answer(each, number, key, sheet) for number, each in enumerate(given, 1))
    trials = [each.trial for each in answers]
    _require(len(set(trials)) == len(trials), "answers a comparison twice")
    return Listener(file, code, sheet, training, tuple(sorted(answers, key=lambda each: each.trial)))


def _content(file: Path) -> Any:
    if not file.is_file():  # reading a pipe would wait for ever
        raise ValueError("is not a regular file")
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES:,} bytes")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8 text") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON ({error!s:.100})") from error


def _answer(content: Any, number: int, key: Key, sheet: int) -> Answer:
    where = f"answer {number}"
    _require(
        isinstance(content, dict) and content.keys() == _KEYS_OF_ANSWER,
        f"{where} must have the keys {', '.join(sorted(_KEYS_OF_ANSWER))}",
    )
    trial, trials = content["trial"], key.sheets[sheet]
    _require(
        is_whole(trial) and 0 <= trial < len(trials),
        f"{where}: trial={trial!r:.40}: must be from 0 to {len(trials) - 1}",
    )
    asked = [trials[trial].first, trials[trial].second]
    given = [content["first"], content["second"]]
    _require(
        given == asked,
        f"{where}: compares the tunes {given!r:.60}, but comparison {trial} of sheet {sheet} has {asked}",
    )
    choice, seconds, plays, known = (content[name] for name in ("answer", "seconds", "plays", "known"))
    _require(choice in CHOICES, f"{where}: answer={choice!r:.40}: must be first, same or second")
    _require(
        is_number(seconds) and 0 <= seconds <= MOST_SECONDS,
        f"{where}: seconds={seconds!r:.40}: must be a number from 0 to {MOST_SECONDS}",
    )
    are_counts = isinstance(plays, list) and len(plays) == 2 and all(is_whole(each) and each >= 0 for each in plays)
    _require(are_counts, f"{where}: plays={plays!r:.40}: must be two whole numbers")
    _require(isinstance(known, bool), f"{where}: known={known!r:.40}: must be true or false")
    return Answer(trial, choice, float(seconds), (plays[0], plays[1]), known)


def _once_each(listeners: Sequence[Listener]) -> tuple[list[Listener], list[str], list[str]]:
    """Each code once, with its most complete file; lines about the other files, and about those that contradict it."""
    kept: dict[str, Listener] = {}
    repeated, contradicting = [], []
    for one in listeners:
        other = kept.get(one.code)
        if other is None:
            kept[one.code] = one
            continue
        fewer, more = sorted((one, other), key=lambda each: len(each.answers))
        if one.training != other.training or not set(fewer.answers) <= set(more.answers):
            contradicting.append(
                f"{readable(str(one.file))}: has the code {one.code} of {readable(str(other.file))}, but other answers"
            )
            continue
        if len(one.answers) == len(other.answers):
            fewer, more, what = one, other, "the same answers as"
        else:
            what = "an earlier state of"
        repeated.append(f"{readable(str(fewer.file))}: {what} {readable(str(more.file))}")
        kept[one.code] = more
    return [*kept.values()], repeated, contradicting


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
