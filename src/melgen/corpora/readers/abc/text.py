"""The text of ABC files: decoding, finding tunes, removing text that is not music, fields, titles."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_TUNE_START = re.compile(r"X:(?P<number>\s*[0-9])?")
# A directive may be written as an instruction: `I:begintext` is `%%begintext`.
_BLOCK_START = re.compile(r"(?:%%|I:)\s*begin([a-z]+)")
_BLOCK_END = re.compile(r"(?:%%|I:)\s*end([a-z]+)")
# `A:|` at the start of a line is a note before a repeat sign.
_FIELD = re.compile(r"([A-Za-z+]):(?![|:\]])(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*")
# Fields of a file's header that apply to all its tunes: metre, unit length, symbols, instructions.
_INHERITED = ("M:", "L:", "U:", "m:", "I:", "%%")


class TuneText(NamedTuple):
    """One tune of a file: its lines, and whether it begins with ``X:``."""

    lines: list[str]
    has_reference: bool = True


def split_tunes(text: str) -> list[TuneText]:
    """The tunes of a file, without blocks of text; lines may end as on any system.

    A tune begins with ``X:`` and a number, or with ``X:`` only if a ``K:`` line follows. Fields of the file header
    that apply to every tune come first in each tune. A file with ``K:`` and without ``X:`` is one tune.

    >>> split_tunes("L:1/4\\n\\nX:1\\nK:D\\nA2|\\n")
    [TuneText(lines=['L:1/4', 'X:1', 'K:D', 'A2|', ''], has_reference=True)]
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if "%%" in text or "I:" in text:
        lines = list(_without_blocks(lines))
    starts = [number for number, line in enumerate(lines) if line.startswith("X:") and _begins_a_tune(lines, number)]
    if not starts:
        return [TuneText(lines, has_reference=False)] if any(line.startswith("K:") for line in lines) else []
    inherited = [line for line in lines[: starts[0]] if line.startswith(_INHERITED)]
    return [TuneText(inherited + lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _begins_a_tune(lines: list[str], start: int) -> bool:
    match = _TUNE_START.match(lines[start])
    if match is not None and match["number"]:
        return True
    for line in lines[start + 1 :]:
        if line.startswith("K:"):
            return True
        if line.startswith("X:"):
            return False
    return False


def _without_blocks(lines: list[str]) -> Iterator[str]:
    """Leave out blocks such as ``%%begintext`` ... ``%%endtext``; an unclosed block ends with the tune."""
    last_end = {match[1]: number for number, line in enumerate(lines) if (match := _BLOCK_END.match(line))}
    block = None
    is_closed = False
    for number, line in enumerate(lines):
        if block is None:
            match = _BLOCK_START.match(line)
            if match is None:
                yield line
            else:
                block, is_closed = match[1], last_end.get(match[1], -1) > number
        elif is_closed:
            match = _BLOCK_END.match(line)
            if match is not None and match[1] == block:
                block = None
        elif not line.strip() or line.startswith("X:"):
            block = None
            yield line


def split_field(line: str) -> tuple[str, str] | None:
    """Letter and text of a line that is a field, without its comment; ``None`` for other lines.

    >>> split_field("K:D dor % old"), split_field("A:|"), split_field("ABc")
    (('K', 'D dor'), None, None)
    """
    match = _FIELD.match(line)
    return None if match is None else (match[1], without_comment(match[2]))


def without_comment(text: str) -> str:
    """The text before an unescaped ``%``, without spaces around it."""
    return (_COMMENT.sub("", text) if "%" in text else text).strip()


_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "H": "\u030b", "v": "\u030c", "c": "\u0327", ";": "\u0328",
}  # fmt: skip
_LETTERS = {
    "/O": "Ø", "/o": "ø", "/L": "Ł", "/l": "ł", "/D": "Đ", "/d": "đ", "AA": "Å", "aa": "å", "AE": "Æ", "ae": "æ",
    "OE": "Œ", "oe": "œ", "ss": "ß", "DH": "Ð", "dh": "ð", "TH": "Þ", "th": "þ",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})|(?P<letters>/[OoLlDd]|AA|aa|AE|ae|OE|oe|ss|DH|dh|TH|th)"
    r"|(?P<accent>[`'^~=u.\"Hvc;])(?P<base>[A-Za-z])|(?P<itself>[%&\\]))"
    r"|(?P<entity>&(?:[A-Za-z][A-Za-z0-9]*|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)"
)


def plain_text(text: str) -> str:
    r"""A title with ABC's ways to write accents resolved: ``\'e``, ``&eacute;``, ``\u00e9``.

    >>> plain_text(r"Caf\'e &Eacute;t\u00e9 100\%")
    'Café Été 100%'
    """
    return _ESCAPE.sub(_character, text) if "\\" in text or "&" in text else text


def _character(match: re.Match[str]) -> str:
    code = match["short"] or match["long"]
    if code:
        value = int(code, 16)
        is_character = value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
        return chr(value) if is_character else match[0]
    if match["letters"]:
        return _LETTERS[match["letters"]]
    if match["accent"]:
        return unicodedata.normalize("NFC", match["base"] + _COMBINING[match["accent"]])
    return html.unescape(match["entity"]) if match["entity"] else match["itself"]
