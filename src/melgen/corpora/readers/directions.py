"""Words and signs in a score that decide the order of playing: D.C., D.S., Fine, To Coda, segno, coda."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from melgen.corpora.readers.playing_order import NO_MARKS, Jump, Marks

_JUMP = re.compile(
    r"(?P<capo>(?:(?:men|min)\w*et\w* )?(?:d ?c|da ?capo))|(?P<segno>d ?s|d ?segno|(?:dal|del|al|from) ?segno)",
    re.IGNORECASE,
)
_JUMP_TAIL = re.compile(
    r"(?: (?:al?|alla|il|la|the|to|till?|until|bis|and|und|e|ed|then|poi|segue|sin|sino|s|senza|without|no|con|with|"
    r"rep\w*|ripet\w*|ritorn\w*|first|second|1st|2nd|time|ending|[12]|capo|fine|fin|end|coda|segno))*"
)
_UNTIL_FINE, _UNTIL_CODA = re.compile(r" (?:fine|fin|end)\b"), re.compile(r" coda\b")
_TO_CODA = re.compile(r"(?:to|al|alla|a la) (?:the )?coda(?: 1)?")


class Direction(NamedTuple):
    """The marks that a direction gives to the end of its bar, and those for its own position."""

    at_end: Marks = NO_MARKS
    here: Marks = NO_MARKS


def read_direction(text: str, signs: Collection[str] = (), stated: Mapping[str, str] | None = None) -> Direction:
    """The marks of a direction; none if it does not concern the order of playing.

    Args:
        text: its words, in any spelling.
        signs: the signs drawn with it: ``segno``, ``coda`` or both.
        stated: data of the file other than the words, with the names of the attributes of ``<sound>`` in MusicXML.

    >>> read_direction("D.C. al Fine").at_end.jump, read_direction("To Coda").at_end.to_coda
    (Jump(to='capo', until='fine', segno_name=''), True)
    >>> read_direction("[segno]").here.segno, read_direction("dolce") == Direction()
    (True, True)
    """
    stated = stated or {}
    words = plain_words(text)
    jump_word = _JUMP.match(words)
    if jump_word and not _JUMP_TAIL.fullmatch(words[jump_word.end() :]):
        jump_word = None
    target: Literal["capo", "segno"] | None = None
    if "dacapo" in stated or (jump_word and jump_word["capo"]):
        target = "capo"
    elif "dalsegno" in stated or jump_word:
        target = "segno"
    if target is not None:
        until: Literal["fine", "coda"] | None = None
        if _UNTIL_CODA.search(f" {words}") or "coda" in signs:
            until = "coda"
        elif _UNTIL_FINE.search(f" {words}"):
            until = "fine"
        return Direction(at_end=Marks(jump=Jump(target, until, stated.get("dalsegno", ""))))
    fine = "fine" in stated or re.fullmatch(r"(?:il )?fine?|the end|end", words) is not None
    to_coda = (
        "tocoda" in stated
        or _TO_CODA.fullmatch(words) is not None
        or ("coda" in signs and words in ("to", "al", "alla", "to the"))
    )
    coda = not to_coda and ("coda" in stated or "coda" in signs or words == "coda")
    segno = "segno" in stated or "segno" in signs or words == "segno"
    return Direction(
        Marks(fine=fine, to_coda=to_coda),
        Marks(coda=coda, segno=segno, segno_name=stated.get("segno", "") if segno else ""),
    )


def plain_words(text: str) -> str:
    """The text in lower case with single spaces, and signs as words; a slash is kept, because ``D/C`` is a chord.

    >>> plain_words("D.S. al \N{MUSICAL SYMBOL CODA}")
    'd s al coda'
    """
    for signs, word in (("\N{MUSICAL SYMBOL CODA}\N{CIRCLED PLUS}", " coda "), ("\N{MUSICAL SYMBOL SEGNO}", " segno ")):
        for each in signs:
            text = text.replace(each, word)
    return re.sub(r"[^\w/]+|_+", " ", text).strip().lower()
