"""Fields of ABC that decide how notes sound: keys, metres, unit lengths, voices, orders of parts.

Times are in ticks, `TICKS_PER_WHOLE` per whole note.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from melgen.corpora.readers import TICKS_PER_QUARTER
from melgen.errors import ReadError
from melgen.music.key import FIFTHS, MODES
from melgen.music.key import Key as StatedKey
from melgen.music.metre import BEAT_TYPES, Metre

TICKS_PER_WHOLE = 4 * TICKS_PER_QUARTER
MAX_PARTS = 10_000  # of a tune, in the order in which they are played
_SHOWN = 40  # characters of a wrong value in a message

LETTERS = "CDEFGAB"
_MODES = {"m": "minor", **{name[:3]: name for name in MODES}}
_NATURAL = (0, 0, 0, 0, 0, 0, 0)

_PARAMETER = re.compile(
    r"\b(clef|name|nm|subname|sname|snm|middle|octave|transpose|stafflines|staffscale|shift|score|sound|instrument"
    r"|style|map|cue|stem|gstem|gchords|up|down|merge|dyn|lyrics|bracket|brace|space|perc|m|t)\s*=\s*"
    r"(\"[^\"]*\"?|[^\s\"]+)"
)
_CLEF = re.compile(
    r"(?:treble|bass|alto|tenor|baritone|soprano|mezzosoprano|perc|none|[GFC][1-5])[1-5]?([+-]8|\^8|_8)?\Z"
)
_QUOTED_IDENTIFIER = re.compile(r'\s*"([^"]+)"(.*)')
_TONIC = re.compile(r"([A-Ga-g])([#b♯♭]?)")
_MODE = re.compile(r"\s*(?:(maj|min|aeo|dor|ion|loc|lyd|mix|phr)[a-z]*|(m)(?![a-z:]))", re.IGNORECASE)
_ACCIDENTAL = re.compile(r"(\^\^|__|[\^_=♯♭♮])([0-9]*/[0-9]*)?([A-Ga-g])")
_SUM_METRE = re.compile(r"\(?\s*([0-9]+(?:\s*\+\s*[0-9]+)*)\s*\)?\s*/\s*([0-9]+)")
_UNIT = re.compile(r"([0-9]{1,3})\s*(?:/\s*([0-9]{1,4}))?\Z")
_MAX_BEATS = 128


class Voicing(NamedTuple):
    """The parameters that a ``K:`` or ``V:`` field sets; ``None`` if not set.

    ``octaves`` and ``semitones`` transpose the notes, as does ``clef_octaves`` of a clef such as ``treble-8``.
    """

    name: str | None = None
    octaves: int | None = None
    semitones: int | None = None
    clef_octaves: int | None = None
    is_percussion: bool | None = None


class Key(NamedTuple):
    """A ``K:`` field: semitones added to each letter from C to B, ``None`` where it changes nothing about them.

    ``stated`` is the key with a tonic and a mode; ``None`` for ``none``, ``HP``, ``exp`` or accidentals alone.
    ``unknown`` is true if the field contains unknown words, and ``lower_case`` if its tonic is in lower case.
    """

    alters: tuple[float, ...] | None
    voicing: Voicing
    unknown: bool = False
    lower_case: bool = False
    stated: StatedKey | None = None


@lru_cache(1024)
def parse_key(text: str) -> Key:
    """The key that a ``K:`` field names.

    Raises:
        ReadError: if it does not begin with a key.

    >>> parse_key("Dm^c").alters, parse_key("G clef=treble-8").voicing.clef_octaves
    ((1, 0, 0, 0, 0, 0, -1), -1)
    >>> parse_key("Dm^c").stated.name, parse_key("HP").stated
    ('D minor', None)
    """
    rest, voicing = _take_parameters(text)
    rest = rest.strip()
    lowered = rest.lower()
    words = rest.split()
    unknown = lower_case = False
    alters: tuple[float, ...] | None
    stated: StatedKey | None = None
    if not rest:
        alters = _NATURAL if not text.strip() else None
    elif words[0].lower() == "none":
        alters, rest = _NATURAL, rest[4:]
    elif words[0] in ("HP", "Hp"):
        alters, rest = (1, 0, 0, 1, 0, 0, 0), rest[2:]
    elif _CLEF.match(words[0]):
        alters = None
    elif lowered.startswith("exp"):
        alters, rest = _NATURAL, rest[3:]
    elif rest[0] in "^_=":
        alters = _NATURAL
    else:
        tonic = _TONIC.match(rest)
        if tonic is None:
            raise ReadError(f"K:{text[:_SHOWN]}: not a key")
        rest = rest[tonic.end() :]
        lower_case = tonic[1].islower()
        position = FIFTHS.index(tonic[1].upper()) - 1 + {"": 0, "#": 7, "♯": 7, "b": -7, "♭": -7}[tonic[2]]
        stated = StatedKey(position, "major")
        mode = _MODE.match(rest)
        if mode is not None:
            stated = StatedKey(position, _MODES[(mode[1] or mode[2]).lower()])
            rest = rest[mode.end() :]
        elif rest.lstrip().lower().startswith("exp"):
            stated, rest = None, rest.lstrip()[3:]
        elif rest[:1].isalpha():
            raise ReadError(f"K:{text[:_SHOWN]}: not a key")
        fifths = 0 if stated is None else stated.fifths
        alters = tuple((fifths - FIFTHS.index(letter) + 6) // 7 for letter in LETTERS)
    if rest and not rest.isspace():
        changed: list[float] = list(alters or _NATURAL)
        found = _ACCIDENTAL.findall(rest)
        for sign, fraction, letter in found:
            changed[LETTERS.index(letter.upper())] = alteration(sign, fraction)
        if found:
            alters = tuple(changed)
        for word in _ACCIDENTAL.sub(" ", rest).split():
            clef = _CLEF.match(word)
            if clef is None:
                unknown = True
            else:
                voicing = _with_clef(voicing, word)
    return Key(alters, voicing, unknown, lower_case, stated)


def alteration(sign: str, fraction: str = "") -> float:
    """Semitones that an accidental adds; a fraction scales the sign next to the note: ``^3/4`` is 0.75.

    >>> alteration("^"), alteration("__"), alteration("_", "/"), alteration("^", "3/4")
    (1, -2, -0.5, 0.75)
    """
    if sign in "=♮":
        return 0
    direction = 1 if sign[0] in "^♯" else -1
    if not fraction:
        return direction * len(sign)
    above, _, below = fraction.partition("/")
    return direction * (len(sign) - 1 + _limited(above, 1) / max(1, _limited(below, 2)))


def _limited(digits: str, default: int) -> int:
    return int(digits[:4]) if digits else default


def _take_parameters(text: str) -> tuple[str, Voicing]:
    if "=" not in text:
        return text, Voicing()
    values: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        key, value = match[1], match[2].strip('"')
        if key in ("name", "nm"):
            values["name"] = value
        elif key == "clef":
            values["clef"] = value
        elif key in ("octave", "transpose", "t") and re.fullmatch(r"[+-]?[0-9]{1,3}", value):
            values["octave" if key == "octave" else "transpose"] = value
        return " "

    rest = _PARAMETER.sub(take, text)
    voicing = Voicing(
        name=values.get("name"),
        octaves=int(values["octave"]) if "octave" in values else None,
        semitones=int(values["transpose"]) if "transpose" in values else None,
    )
    return rest, _with_clef(voicing, values["clef"]) if "clef" in values else voicing


def _with_clef(voicing: Voicing, clef: str) -> Voicing:
    match = _CLEF.match(clef)
    octaves = {"+8": 1, "-8": -1}.get((match[1] or "") if match is not None else "", 0)
    return voicing._replace(clef_octaves=octaves, is_percussion=clef.startswith("perc"))


@lru_cache(1024)
def parse_voice(text: str) -> tuple[str, Voicing]:
    """Identifier and parameters of a ``V:`` field; an identifier in quotes may contain spaces.

    >>> parse_voice('2 name="Melody"')
    ('2', Voicing(name='Melody', octaves=None, semitones=None, clef_octaves=None, is_percussion=None))
    """
    quoted = _QUOTED_IDENTIFIER.match(text)
    identifier, rest = quoted.groups() if quoted is not None else [*text.split(maxsplit=1), "", ""][:2]
    rest, voicing = _take_parameters(rest)
    for word in rest.split():
        if _CLEF.match(word):
            voicing = _with_clef(voicing, word)
    return identifier, voicing


@lru_cache(256)
def parse_metre(text: str) -> tuple[Metre | None, bool]:
    """The metre of an ``M:`` field, ``None`` if it is free; and whether the text was understood.

    >>> parse_metre("(2+3)/8"), parse_metre("C|"), parse_metre("none")
    ((Metre(beats=5, beat_type=8), True), (Metre(beats=2, beat_type=2), True), (None, True))
    """
    text = text.strip()
    if text in ("", "none"):
        return None, True
    if text in ("C", "c"):
        return Metre(4, 4), True
    if text in ("C|", "c|"):
        return Metre(2, 2), True
    position, metre = 0, Fraction(0)
    types: list[int] = []
    while (match := _SUM_METRE.match(text, position)) is not None:
        beats = sum(int(number) for number in match[1].split("+") if len(number.strip()) <= 3)
        beat_type = int(match[2][:4])
        if beat_type not in BEAT_TYPES or not 0 < beats <= _MAX_BEATS:
            return None, False
        types.append(beat_type)
        metre += Fraction(beats, beat_type)
        position = match.end()
        if not (plus := re.compile(r"\s*\+\s*").match(text, position)):
            break
        position = plus.end()
    if not types or metre * max(types) > _MAX_BEATS:
        return None, False
    return Metre(int(metre * max(types)), max(types)), position == len(text)


def bar_ticks(metre: Metre) -> int:
    """Length of a bar in ticks."""
    return metre.beats * TICKS_PER_WHOLE // metre.beat_type


def parse_unit(text: str) -> int | None:
    """The unit length of an ``L:`` field in ticks; ``None`` if it is not a length, or too short.

    >>> parse_unit("1/8")
    5040
    """
    match = _UNIT.match(text.strip())
    if match is None or not int(match[1]) or not int(match[2] or 1):
        return None
    ticks, remainder = divmod(int(match[1]) * TICKS_PER_WHOLE, int(match[2] or 1))
    return None if remainder else ticks


def default_unit(metre: Metre | None) -> int:
    """A sixteenth for metres shorter than three quarters, otherwise an eighth."""
    short = metre is not None and 4 * metre.beats < 3 * metre.beat_type
    return TICKS_PER_WHOLE // (16 if short else 8)


_PART = re.compile(r"([A-Za-z])(?![A-Za-z])")
_ORDER = re.compile(r"([A-Za-z(])|(\))\s*\.?\s*([0-9]*)|([0-9]+)")
_MAX_NESTED_PARTS = 20


def parse_part(text: str) -> str:
    """The label of a part: its letter, or a longer text unchanged."""
    match = _PART.match(text.strip())
    return match[1] if match is not None else text.strip()


def parse_order(text: str) -> list[str]:
    """The parts of a ``P:`` field in the header in their order.

    Raises:
        ReadError: if there are more than `MAX_PARTS`, or brackets nest too deeply.

    >>> "".join(parse_order("A3(BA)2.C"))
    'AAABABAC'
    """
    levels: list[list[str]] = [[]]
    last: list[str] = []  # the parts that a following number repeats
    for match in _ORDER.finditer(text):
        if match[1] == "(":
            levels.append([])
            last = []
        elif match[1]:
            last = [match[1]]
            levels[-1] += last
        elif match[2] and len(levels) > 1:
            inner = levels.pop()
            last = _times(inner, match[3], text)
            levels[-1] += last
        elif match[4] and last:
            levels[-1] += _times(last, match[4], text)[len(last) :]
        if len(levels) > _MAX_NESTED_PARTS or len(levels[-1]) > MAX_PARTS:
            raise ReadError(f"P:{text[:_SHOWN]}: more than {MAX_PARTS} parts, or too many brackets")
    order = [part for level in levels for part in level]
    return order[:MAX_PARTS]


def _times(parts: list[str], digits: str, text: str) -> list[str]:
    times = int(digits[:6] or 1)
    if times * len(parts) > MAX_PARTS:
        raise ReadError(f"P:{text[:_SHOWN]}: more than {MAX_PARTS} parts")
    return parts * times
