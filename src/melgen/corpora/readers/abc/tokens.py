"""Lines of ABC music split into tokens: notes, chords, rests, bar lines, tuplets and others.

`tokens` scans with one regular expression; `parse` turns each token into a tuple whose first entry is its kind.
A corpus has only a few thousand different tokens, so `parse` caches its results.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from melgen.corpora.readers.abc.fields import LETTERS, alteration
from melgen.errors import ReadError

NOTE, CHORD, REST, BAR_REST, BAR, ENDING, TUPLET, BROKEN, TIE, OVERLAY, FIELD, MARK, SYMBOL, NO_LENGTH, UNKNOWN = range(
    15
)

Token = tuple[Any, ...]
"""A tuple for each kind of token:

- ``NOTE, midi of the natural note, position, alteration or None, numerator, denominator, tied, microtonal``
- ``CHORD, notes (as NOTE), numerator, denominator, tied``
- ``REST, numerator, denominator``; ``BAR_REST, bars``
- ``BAR, times of the repeat that ends, times of the repeat that starts (0 for none), may be inside a bar, numbers of
  an ending, double``
- ``ENDING, numbers`` (``None`` for text without a number, such as "last time")
- ``TUPLET, p, q or None, notes``; ``BROKEN, marks`` (negative for ``<``)
- ``FIELD, letter, text``; ``MARK, name``; ``SYMBOL, character``

``position`` counts letters from MIDI number 0, which is a C; an octave is 7.
"""

_LENGTH = r"[0-9]*(?:/+[0-9]*)?"
_NOTE = rf"(?:(?:\^\^?|__?|[=♯♭♮])(?:[0-9]*/[0-9]*)?)?[A-Ga-g][,']*{_LENGTH}-?"
_NUMBERS = r"[0-9]+(?:\.?\s?[,-]\s?[0-9]+|\.[0-9]+)*(?:(?:st|nd|rd|th)(?![A-Za-z])(?:\ ?time(?![A-Za-z]))?)?"
_QUOTE = r'"(?:[^"\\]|\\.)*"|"[^"]*"'
_DECORATION = r"![A-Za-z0-9.+<>()/_^*-]{1,40}!|!(?:D\. ?[CS]\.|[Dd]a |[Dd]al )[A-Za-z. ]{0,30}!"

_TOKEN = re.compile(
    rf"{_NOTE}"
    rf"|[zxZX]{_LENGTH}"
    r"|\[[A-Za-z]:[^\]]*\]"
    rf"|\.?(?:\[(?=[|\]:])|[|:\]])+(?:\s*\[\s*{_NUMBERS}|{_NUMBERS}|\s+[1-9](?=\s))?"
    rf"|\[\s*{_NUMBERS}"
    rf'|\[(?:[^\]\[|:"!{{}}]|"[^"]*"|![^!]*!)+\]{_LENGTH}-?'
    r'|\["[^"]*"'
    rf"|{_QUOTE}"
    r"|\([0-9]+(?::[0-9]*){0,2}"
    r"|>+|<+"
    r"|\{[^}]*\}?"
    rf"|{_DECORATION}"
    r"|\+(?=[A-Za-z.<>]*[H-Zh-z.<>])[A-Za-z.<>]+\+"
    rf"|\+[A-Ga-g,'0-9/^_=]+\+{_LENGTH}-?"
    r"|-|\(?&\)?|y[0-9]*(?:/+[0-9]*)?|[H-Wh-w~]|%.*"
    # Silent: space, dots, slurs, beams, line breaks. An unclosed quote extends to the end of its line.
    r'|"[^"]*|[^\s.()`$*!\\]'
)
tokens = _TOKEN.findall
"""The tokens of a line, as strings."""

_NOTE_PARTS = re.compile(rf"(\^\^?|__?|[=♯♭♮])?([0-9]*/[0-9]*)?([A-Ga-g])([,']*)({_LENGTH})(-?)\Z")
_CHORD_PARTS = re.compile(rf"[\[+](.*)[\]+]({_LENGTH})(-?)\Z", re.DOTALL)
_NATURALS = dict(zip(LETTERS, (0, 2, 4, 5, 7, 9, 11), strict=True))
_PLACEMENT = re.compile(r"(?:[\^_<>]|@-?[0-9.]+,-?[0-9.]+)?\s*")
_ABBREVIATION = re.compile(r"\W*[Dd] ?\. ?[CcSs]\W*")
_QUOTED_ENDING = re.compile(r'\["([^"]*)"\s*\]?')
_ORDINALS = ("first", "second", "third", "fourth")
_HAS_NOTE = re.compile(r"[A-Ga-g]")

MAX_LENGTH, MAX_DIVISION, MAX_BAR_RESTS, MAX_BROKEN = 9999, 1024, 999, 3
MAX_TUPLET, MAX_TUPLET_BY_METRE = 99, 9


@lru_cache(32768)
def parse(text: str) -> Token | None:
    """The kind and values of a token; ``None`` if it does not sound and has no effect.

    Raises:
        ReadError: for lengths out of bounds.

    >>> parse("^c'3/2-"), parse(":|2"), parse("T")
    ((0, 84, 49, 1, 3, 2, True, False), (4, 2, 0, True, frozenset({2}), False), (12, 'T'))
    """
    first = text[0]
    if first in "zx":
        return (REST, *_length(text[1:]))
    if first in "ZX":
        return _bar_rest(text)
    if first == "[":
        if text[1:2].isascii() and text[1:2].isalpha() and text[2:3] == ":" and text[-1] == "]":
            return FIELD, text[1], text[3:-1]
        if text[1:2] and text[1] in "|:]":
            return _bar(text)
        if text[1:].strip()[:1].isdigit() and text[-1] != "]":
            return ENDING, _numbers(text[1:])
        if (quoted := _QUOTED_ENDING.fullmatch(text)) is not None:
            return ENDING, _numbers_in_words(quoted[1])
        return _chord(text)
    if first in "|:]" or (first == "." and len(text) > 1):
        return _bar(text)
    if first == '"':
        return _annotation(text[1:-1]) if len(text) > 1 and text[-1] == '"' else (UNKNOWN, text)
    if first == "(" and text[1:2].isdigit():
        return _tuplet(text[1:])
    if first == "!" and len(text) > 1:
        return mark_of(text[1:-1])
    if first == "+" and len(text) > 1:
        is_chord = text[-1] != "+" or not re.search(r"[H-Zh-z.<>]", text)
        return _chord(text) if is_chord else mark_of(text[1:-1])
    if first in "<>":
        marks = len(text)
        return (BROKEN, marks if first == ">" else -marks) if marks <= MAX_BROKEN else (UNKNOWN, text)
    if first == "-":
        return (TIE,)
    if first == "&" and len(text) == 1:
        return (OVERLAY,)
    if "&" in text:  # `(&` and `&)`, an extension: overlays of several bars
        return UNKNOWN, text
    if first in "y%{":
        return None
    note = _note(text)
    if note is not None:
        return note
    return (
        (SYMBOL, text)
        if len(text) == 1 and (first == "~" or (first.isascii() and first.isalpha()))
        else (UNKNOWN, text)
    )


def _note(text: str) -> Token | None:
    match = _NOTE_PARTS.match(text)
    if match is None:
        return None
    sign, fraction, letter, marks, length, tie = match.groups()
    octave = 5 + letter.islower() + marks.count("'") - marks.count(",")
    letter = letter.upper()
    alter = alteration(sign, fraction or "") if sign else None
    numerator, denominator = _length(length)
    if not numerator:
        return (NO_LENGTH,)
    position = 7 * octave + LETTERS.index(letter)
    midi = 12 * octave + _NATURALS[letter]
    return NOTE, midi, position, alter, numerator, denominator, tie == "-", bool(fraction)


def _length(text: str) -> tuple[int, int]:
    """Numerator and denominator of a length: ``3/2``, ``/``, ``//``, empty for 1."""
    if not text:
        return 1, 1
    match = re.fullmatch(r"([0-9]*)(/*)([0-9]*)", text)
    assert match is not None  # the pattern of a note has cut this out
    above, slashes, below = match.groups()
    numerator = int(above[:6]) if above else 1
    denominator = 1
    if slashes:
        denominator = (int(below[:6]) if below else 2) << min(len(slashes) - 1, 20)
    if not denominator or numerator > MAX_LENGTH or denominator > MAX_DIVISION:
        raise ReadError(f"a note of length {text:.20}: must be at least 1/{MAX_DIVISION} and at most {MAX_LENGTH}")
    return numerator, denominator


def _bar_rest(text: str) -> Token:
    digits = text[1:]
    if not digits:
        return BAR_REST, 1
    bars = int(digits[:6]) if digits.isdigit() else 0
    if not 0 < bars <= MAX_BAR_RESTS:
        raise ReadError(f"a rest of {text:.20}: must be 1 to {MAX_BAR_RESTS} whole bars")
    return BAR_REST, bars


def _chord(text: str) -> Token:
    match = _CHORD_PARTS.match(text)
    if match is None:
        return UNKNOWN, text
    notes = [note for part in tokens(match[1]) if _HAS_NOTE.search(part[:3]) and (note := _note(part)) is not None]
    notes = [note for note in notes if note[0] == NOTE]
    if not notes:
        return UNKNOWN, text
    numerator, denominator = _length(match[2])
    if not numerator:
        return (NO_LENGTH,)
    return CHORD, tuple(notes), numerator, denominator, bool(match[3])


def _bar(text: str) -> Token:
    signs = re.match(r"\.?([|:\[\]]*)", text)[1]  # type: ignore[index]  # the empty text matches always
    rest = text.lstrip(".")[len(signs) :]
    if signs.endswith("[") and not rest[:1].isspace() and rest:
        signs = signs[:-1]
    numbers = _numbers(rest) if rest.strip(" [") else frozenset()
    if len(signs) > 3:
        signs = signs.replace("[|]", "")  # an invisible bar line that carries a decoration
    line = signs.strip(":")
    if line == "]" and len(signs) == 1:
        return UNKNOWN, text
    if not line:  # `::`, and the rarer `:::` for `::|:`
        ends, starts = (len(signs) // 2, len(signs) - len(signs) // 2) if len(signs) > 1 else (0, 0)
        if not ends:
            return UNKNOWN, text
    else:
        ends = len(signs) - len(signs.lstrip(":"))
        starts = len(signs) - len(signs.rstrip(":"))
        inner = line.count(":")
        if inner == 1 and not ends and not starts:  # `|:|`
            starts = 1
        elif inner > 1:  # `|::|`
            ends, starts = max(ends, 1), max(starts, 1)
    section = bool(ends or starts) or len(line) > 1 or line != "|" or text[0] == "."
    double = len(line.replace(":", "")) > 1 and line != "[|]"
    return BAR, ends and ends + 1, starts and starts + 1, section, numbers, double


def _numbers(text: str) -> frozenset[int]:
    """Numbers of an ending: ``1,3``, ``1.3`` and ``1-3``; words after them are left out."""
    found: set[int] = set()
    for part in re.sub(r"[^0-9,-]", "", re.sub(r"\.\s?(?![,\s-])", ",", text)).split(","):
        if not part:
            continue
        first, _, last = part.partition("-")
        low, high = int(first[:3]), int(last[:3] or first[:3]) if last else int(first[:3])
        found.update(range(low, min(high, low + 99) + 1))
    return frozenset(found - {0})


def _numbers_in_words(text: str) -> frozenset[int] | None:
    """Numbers of an ending whose bracket contains text; ``None`` if there are no numbers.

    >>> [sorted(_numbers_in_words(text) or ()) for text in ("1.", "1st & 3rd time", "1.-3.", "second", "last time")]
    [[1], [1, 3], [1, 2, 3], [2], []]
    """
    for place, word in enumerate(_ORDINALS, 1):
        text = re.sub(rf"\b{word}\b", str(place), text, flags=re.IGNORECASE)
    found = re.findall(r"([0-9]+)(?:(?:st|nd|rd|th|\.)?\s*-\s*([0-9]+))?", text)
    return _numbers(",".join(f"{first}-{last}" if last else first for first, last in found)) or None


def _tuplet(text: str) -> Token:
    p, q, r = (int(part[:4]) if part else None for part in (*text.split(":"), "", "")[:3])
    if p is None or not 2 <= p <= MAX_TUPLET or (q is None and p > MAX_TUPLET_BY_METRE):
        return UNKNOWN, text
    if not all(number is None or 0 < number <= MAX_TUPLET for number in (q, r)):
        return UNKNOWN, text
    return TUPLET, p, q, r or p


_MARKS = {
    "segno": "segno", "coda": "coda", "o": "coda", "dacoda": "to coda", "tocoda": "to coda", "alcoda": "to coda",
    "fine": "fine", "end": "fine", "fermata": "fermata",
    "dc": "D.C.", "dacapo": "D.C.", "ds": "D.S.", "dalsegno": "D.S.",
    "dcalfine": "D.C. al fine", "dacapoalfine": "D.C. al fine",
    "dcalcoda": "D.C. al coda", "dacapoalcoda": "D.C. al coda",
    "dsalfine": "D.S. al fine", "dalsegnoalfine": "D.S. al fine",
    "dsalcoda": "D.S. al coda", "dalsegnoalcoda": "D.S. al coda",
}  # fmt: skip


def mark_of(name: str) -> Token | None:
    """The mark of a decoration's name, in any spelling: ``D.C.``, ``dacapo``; ``None`` for all other names."""
    mark = _MARKS.get(re.sub(r"[^a-z]", "", name.lower())) if len(name) <= 40 else None
    return None if mark is None else (MARK, mark)


def _annotation(text: str) -> Token | None:
    """Da capo, Fine and similar marks as text over a note; not a chord symbol, such as one letter or ``D7/C``.

    >>> _annotation("D.C."), _annotation("^D. C. al Fine"), _annotation("D7/C"), _annotation("D C")
    ((11, 'D.C.'), (11, 'D.C. al fine'), None, None)
    """
    placement = _PLACEMENT.match(text)[0]  # type: ignore[index]  # the empty text matches always
    text = text[len(placement) :]
    if text == "H":  # used in O'Neill's; not a chord in English
        return MARK, "fermata"
    is_short = len(re.sub(r"[^A-Za-z]", "", text)) <= 2
    if is_short and not (_ABBREVIATION.fullmatch(text) or (placement.strip() and text in ("DC", "DS"))):
        return None
    return mark_of(text)
