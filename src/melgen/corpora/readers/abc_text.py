"""ABC notation reduced to what sounds.

``abc2midi`` renders a performance: it plays grace notes and rolls, swings hornpipes and strums chords. We
want the notes as written, so everything that would make it perform is taken out of the text first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Reference number, metre, unit length, key, parts and voices decide which notes sound; all other fields are
# dropped (R:hornpipe would swing, w: and W: are lyrics, U: and m: define ornaments, Q: only sets the speed).
_KEPT_FIELDS = frozenset("XMLKPV")
_HEADER_FIELDS = ("M:", "L:")  # those of a file's own header that its tunes inherit

_TUNE_START = re.compile(r"^X:", re.MULTILINE)
_FIELD = re.compile(r"([A-Za-z+]):(?![|:])")  # `A:|` at the start of a line is a note before a repeat sign
_COMMENT = re.compile(r"(?<!\\)%.*")
_INLINE_OR_SILENT = re.compile(
    r"\[(?P<letter>[A-Za-z]):[^\]]*\]"  # a field inside a line of notes
    r'|"[^"]*"?'  # chord symbols and annotations
    r"|\{[^}]*\}?"  # grace notes
    r"|%.*"  # comments
    r"|![A-Za-z0-9.+<>()/_^-]+!"  # decorations
    r"|\+(?=[A-Za-z.<>]*[H-Zh-z.<>])[A-Za-z.<>]+\+"  # decorations of ABC 2.0
    r"|\+(?P<chord>[A-Ga-g,'0-9/^_=]+)\+"  # a chord of ABC 1, which abc2midi takes for a decoration
    r"|y[0-9]*"  # space in the printed staff
    r"|[.~`!H-Wh-w]"  # shorthand ornaments
)


def split_tunes(text: str) -> Iterator[tuple[str, str]]:
    """Each tune of a file as ``(title, text for abc2midi)``.

    >>> text = 'X:1\\nT:Reel\\nR:hornpipe\\nK:D\\n"Am"~A2 {g}A>B|TA4|]\\n'
    >>> list(split_tunes(text))
    [('Reel', 'X:1\\n%%MIDI chordattack 0\\nK:D\\nA2 A>B|A4|]\\n')]
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    starts = [match.start() for match in _TUNE_START.finditer(text)]
    if not starts:
        return
    inherited = [line for line in text[: starts[0]].split("\n") if line.startswith(_HEADER_FIELDS)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        lines = text[start:end].split("\n")
        yield _title(lines), "".join(f"{line}\n" for line in _sounding_lines(lines, inherited))


def _title(lines: list[str]) -> str:
    return next((line[2:].strip() for line in lines if line.startswith("T:")), "")


def _sounding_lines(lines: list[str], inherited: list[str]) -> Iterator[str]:
    in_body = False
    for line in lines:
        if not line.strip():
            if in_body:  # an empty line ends a tune
                return
            continue
        if line.startswith("%"):
            continue
        field = _FIELD.match(line)
        if field is None:
            # A line of annotations alone leaves nothing, which abc2midi would take for the end of the tune.
            if in_body and (notes := _sounding_notes(line)):
                yield notes
            continue
        letter = field.group(1)
        if letter not in _KEPT_FIELDS:
            continue
        yield _COMMENT.sub("", line).rstrip()
        if letter == "X":
            yield "%%MIDI chordattack 0"
            yield from inherited
        in_body = in_body or letter == "K"


def _sounding_notes(line: str) -> str:
    def keep(match: re.Match[str]) -> str:
        if match["chord"]:
            return f"[{match['chord']}]"
        return match[0] if match["letter"] in _KEPT_FIELDS else ""

    return _INLINE_OR_SILENT.sub(keep, line).strip()
