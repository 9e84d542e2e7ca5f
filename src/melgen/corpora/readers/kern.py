"""Turn the text of a Humdrum ``**kern`` file into its tunes as they sound.

Each ``**kern`` spine is a part at its written pitch, which in ``**kern`` is the sounding pitch. Where a spine splits,
the left subspine continues as the first voice. Of a chord the highest note is taken. Grace notes (``q``, ``Q``) and
notes under ``*cue`` are left out. An unnamed expansion list (``*>[A,A1,A,A2]``) gives the order of playing, whatever
the bar lines and directions ask for. Without such a list, the repeats at the bar lines and the jumps in layout
comments (``!LO:TX:t=D.C. al Fine``) are played.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter

from melgen.corpora.extraction import Tune
from melgen.corpora.readers.directions import Direction, read_direction
from melgen.corpora.readers.playing_order import AS_WRITTEN, NO_MARKS, Marks, merged
from melgen.corpora.readers.written import Segment, Voice, WrittenNote, sounding_tune
from melgen.errors import ReadError
from melgen.music.key import MODES, Key, keys_between
from melgen.music.metre import READ_BEAT_TYPES, Metre

_LINE_END = re.compile(r"\r\n|\r|\n")
_DURATION = re.compile(r"(\d{1,4})(?:%(\d{1,4}))?")
_PITCH = re.compile(r"(([a-gA-G])\2{0,9})(#{1,3}|-{1,3}|)")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_METRE = re.compile(rf"\*M(\d{{1,2}}(?:\+\d{{1,2}})*)/({'|'.join(map(str, READ_BEAT_TYPES))})")
_FREE = re.compile(r"\*M[X?Z]|\*MX/.*")
# `*G:` is G major, `*g:` G minor, `*d:dor` D dorian; `*?:` an unknown key.
_KEY = re.compile(r"\*(?:\?|X|([A-Ga-g])(#{0,2}|-{0,2})):([a-z]*)")
_UNKNOWN_KEY = "*?:"
_LIST = re.compile(r"\*>\[([^\]]*)\]")
_LABEL = re.compile(r"\*>([^\[\]]+)")
_NUMBERED_LABEL = re.compile(r"(.*?)(\d{1,2})")
# Parameters of a layout comment are separated by colons; a colon in a text is `&colon;`.
_TEXT_DIRECTION = re.compile(r"!{1,2}LO:TX:(?:[^\t]*:)?t=([^:\t]*)")
_PART = re.compile(r"\*part(\d{1,4})")
_TITLES = ("OTL", "OTP", "OTA", "OPR")
# Instrument codes of parts that usually have the melody.
_INSTRUMENTS = {"vox": "voice", "soprn": "soprano", "cant": "canto"}

MAX_SPINES = 1000


def kern_tunes(text: str) -> Iterator[Tune]:
    """The tunes of a Humdrum file: usually one; another one begins where all spines have ended.

    Raises:
        ReadError: if it has no ``**kern`` spine, or the tokens of a line do not match its spines.
    """
    if "**kern" not in text:
        raise ReadError("not a **kern file: no **kern spine")
    pieces = [piece for piece in _pieces(_LINE_END.split(text.removeprefix("\ufeff"))) if piece.spines]
    if not any(piece.has_kern for piece in pieces):
        raise ReadError("not a **kern file: no **kern spine")
    for number, piece in enumerate(pieces, 1):
        if piece.has_kern:
            tune = piece.tune()
            tune.number = number if len(pieces) > 1 else None
            yield tune


def _pieces(lines: list[str]) -> Iterator[_Piece]:
    piece = _Piece()
    between: list[tuple[str, int]] = []  # records after the end of a piece; they belong to the next one, if any
    for number, line in enumerate(lines, 1):
        if not piece.has_ended:
            piece.read(line, number)
            continue
        between.append((line, number))
        if line.startswith("**"):
            yield piece
            piece = _Piece()
            for each in between:
                piece.read(*each)
            between = []
    for each in between:
        piece.read(*each)
    yield piece


@dataclass
class _Path:
    """A spine, or one of the subspines that it is split into (``place`` 0 is the first).

    ``end`` is where its last note ends, in quarters.
    """

    spine: int
    place: int
    is_kern: bool
    end: Fraction = Fraction(0)
    is_cue: bool = False
    is_percussion: bool = False


@dataclass
class _Edge:
    """The boundary of two segments: a bar line, a label, or both."""

    after: Marks = NO_MARKS  # of the segment that ends here
    before: Marks = NO_MARKS  # of the segment that begins here
    is_bar: bool = False


@dataclass
class _Piece:
    """The state of one tune while its lines are read."""

    paths: list[_Path] | None = None
    spines: int = 0
    has_kern: bool = False  # whether a spine is one of ``**kern``, or was or became one
    names: dict[int, dict[str, str]] = field(default_factory=dict)
    parts: dict[int, str] = field(default_factory=dict)  # of a spine: the number of its part
    percussion: dict[int, None] = field(default_factory=dict)  # spines with notes under a percussion clef
    titles: dict[str, str] = field(default_factory=dict)
    notes: dict[tuple[int, int], list[WrittenNote]] = field(default_factory=dict)  # from the beginning
    edges: dict[Fraction, _Edge] = field(default_factory=dict)
    labels: list[tuple[Fraction, str]] = field(default_factory=list)
    metres: dict[Fraction, Metre | None] = field(default_factory=dict)
    keys: dict[Fraction, Key | None] = field(default_factory=dict)
    expansion: list[str] | None = None
    # Between two notes: bar lines and interpretations, whose position is that of the next note.
    waiting: list[str] = field(default_factory=list)
    directions: list[tuple[Fraction, Direction]] = field(default_factory=list)  # over the note that begins there
    line_number: int = 0

    @property
    def has_ended(self) -> bool:
        return self.paths is not None and not self.paths

    def read(self, line: str, number: int) -> None:
        self.line_number = number
        if line.startswith("!!!"):
            self._reference(line)
        elif not line.strip() or self.has_ended:
            return
        elif line.startswith("!"):
            if self.paths is not None and "LO:TX" in line:
                self.waiting += [token for token in line.split("\t") if _TEXT_DIRECTION.match(token)]
        else:
            tokens = line.split("\t")
            if line.startswith("**") and self.paths is None:
                self.paths = [self._new_path(token) for token in tokens]
                return
            if self.paths is None:
                raise ReadError(f"line {number}: no spine has begun (no ** line before it)")
            while len(tokens) > len(self.paths) and not tokens[-1].strip():
                tokens.pop()  # tabs at the end of the line
            if len(tokens) != len(self.paths):
                raise ReadError(f"line {number}: {len(tokens)} tokens for {len(self.paths)} spines")
            if line.startswith("*"):
                self._interpretations(tokens)
            elif line.startswith("="):
                token = next((t for t, path in zip(tokens, self.paths, strict=True) if path.is_kern), tokens[0])
                self.waiting.append(token)
            else:
                self._data(tokens)

    def _new_path(self, token: str) -> _Path:
        self.spines += 1
        path = _Path(self.spines, 0, token.strip() == "**kern")
        self.has_kern |= path.is_kern
        return path

    def _reference(self, line: str) -> None:
        match = re.match(r"!!!(\w{3})[^:]*:(.*)", line)
        if match is not None and match[2].strip():
            self.titles.setdefault(match[1], match[2].strip())

    def _interpretations(self, tokens: list[str]) -> None:
        assert self.paths is not None
        # Usually the same in all spines, but some files have them in one spine only.
        metres = (token for token, path in zip(tokens, self.paths, strict=True) if path.is_kern and _is_metre(token))
        self.waiting += [*metres][:1]
        keys = (token for token, path in zip(tokens, self.paths, strict=True) if path.is_kern and _KEY.fullmatch(token))
        self.waiting += _common_key({*keys})
        self.waiting += dict.fromkeys(token for token in tokens if token.startswith("*>"))
        for token, path in zip(tokens, self.paths, strict=True):
            if token.startswith("**"):
                path.is_kern = token.strip() == "**kern"
                self.has_kern |= path.is_kern
            elif token in ("*cue", "*Xcue"):
                path.is_cue = token == "*cue"
            elif token.startswith("*clef"):
                path.is_percussion = token.startswith("*clefX")
            elif (match := _PART.fullmatch(token)) is not None:
                self.parts.setdefault(path.spine, match[1])
            elif token.startswith(('*I"', "*I'")):
                self.names.setdefault(path.spine, {}).setdefault(token[2], token[3:].strip())
            elif token.startswith("*I") and (code := token[2:].strip()) in _INSTRUMENTS:
                self.names.setdefault(path.spine, {}).setdefault("code", _INSTRUMENTS[code])
        if any(token in ("*^", "*v", "*x", "*+", "*-") for token in tokens):
            self.paths = list(self._moved(tokens, self.paths))
            if len(self.paths) > MAX_SPINES:
                raise ReadError(f"line {self.line_number}: {len(self.paths)} spines; must be at most {MAX_SPINES}")

    def _moved(self, tokens: list[str], paths: list[_Path]) -> Iterator[_Path]:
        """The paths after a line that splits, joins, exchanges, adds or ends some."""
        swapped = [place for place, token in enumerate(tokens) if token == "*x"]
        if len(swapped) == 2:
            first, second = swapped
            paths[first], paths[second] = paths[second], paths[first]
        taken = {(path.spine, path.place) for path in paths}
        groups = groupby(
            enumerate(zip(tokens, paths, strict=True)),
            key=lambda each: ("*v", each[1][1].spine) if each[1][0] == "*v" else each[0],
        )
        for _, members in groups:
            group = [member for _, member in members]
            token, path = group[0]
            if token == "*-":
                continue
            if token == "*v":
                places, ends = zip(*((each.place, each.end) for _, each in group), strict=True)
                yield replace(path, place=min(places), end=max(ends))
                continue
            yield path
            if token == "*^":
                place = next(n for n in range(len(taken) + 1) if (path.spine, n) not in taken)
                taken.add((path.spine, place))
                yield replace(path, place=place)
            elif token == "*+":
                yield self._new_path("")

    def _data(self, tokens: list[str]) -> None:
        assert self.paths is not None
        sounding = []
        for token, path in zip(tokens, self.paths, strict=True):
            if path.is_kern and token.strip() not in ("", "."):
                duration, note = _chord(token)
                if duration is not None:
                    sounding.append((path, duration, note))
        if not sounding:
            return
        now = max(path.end for path, _, _ in sounding)
        self._settle(now)
        for path, duration, note in sounding:
            if path.is_percussion:
                self.percussion.setdefault(path.spine)
            elif note is not None and not path.is_cue and duration:
                written = self.notes.setdefault((path.spine, path.place), [])
                written.append(WrittenNote(now, duration, *note))
            path.end = now + duration

    def _settle(self, now: Fraction) -> None:
        """Place the waiting bar lines and interpretations at a position."""
        last_bar_line = max((place for place, token in enumerate(self.waiting) if token.startswith("=")), default=-1)
        for place, token in enumerate(self.waiting):
            if token.startswith("="):
                self._edge(now, _bar_line(token))
            elif (match := _TEXT_DIRECTION.match(token)) is not None:
                direction = read_direction(html.unescape(match[1]))
                if place < last_bar_line:  # a direction of the bar line
                    self._edge(now, _Edge(direction.at_end, direction.here))
                else:
                    self.directions.append((now, direction))
            elif (match := _METRE.match(token)) is not None:
                beats = sum(int(each) for each in match[1].split("+"))
                self.metres[now] = Metre(beats, int(match[2])) if beats else None
            elif _FREE.match(token):
                self.metres[now] = None
            elif (match := _KEY.fullmatch(token)) is not None:
                self.keys[now] = _key(match)
            elif (match := _LIST.match(token)) is not None:
                if self.expansion is None:
                    self.expansion = [label.strip() for label in match[1].split(",")]
            elif (match := _LABEL.fullmatch(token)) is not None:
                self.labels.append((now, match[1]))
                self._edge(now, _Edge())
        self.waiting.clear()

    def _edge(self, now: Fraction, edge: _Edge) -> None:
        there = self.edges.setdefault(now, _Edge())
        there.after, there.before = merged(there.after, edge.after), merged(there.before, edge.before)
        there.is_bar = there.is_bar or edge.is_bar

    def tune(self) -> Tune:
        end = max((note.onset + note.duration for notes in self.notes.values() for note in notes), default=Fraction(0))
        end = max([end, *(path.end for path in self.paths or [])])
        self._settle(end)
        self._place_directions(end)
        cuts = sorted({Fraction(0), *(place for place in self.edges if place < end)})
        if self.expansion is None:
            self._endings_from_labels()
        segments: list[Segment] = []
        metre: Metre | None = None
        changes, keys = sorted(self.metres.items()), sorted(self.keys.items(), key=itemgetter(0))
        for start, stop in pairwise([*cuts, end]):
            while changes and changes[0][0] <= start:
                metre = changes.pop(0)[1]
            begins, ends = self.edges.get(start, _Edge()), self.edges.get(stop, _Edge())
            marks = merged(begins.before, ends.after)
            starts_bar, inside = begins.is_bar or start == 0, keys_between(keys, start, stop)
            segments.append(Segment(stop - start, marks, metre, starts_bar, keys=inside))
        order = self._expanded(cuts)
        tune = sounding_tune(segments, list(self._voices(cuts)), self._title(), order)
        if self.expansion is not None and order is None:
            tune.remarks = (AS_WRITTEN,)
        return tune

    def _place_directions(self, end: Fraction) -> None:
        """Move directions over notes to bar lines: a jump to the one after the note, a sign to the one before it."""
        bar_lines = sorted(place for place, edge in self.edges.items() if edge.is_bar)
        for place, direction in self.directions:
            if direction.at_end != NO_MARKS:
                self._edge(next((each for each in bar_lines if each > place), end), _Edge(after=direction.at_end))
            if direction.here != NO_MARKS:
                before = (each for each in reversed(bar_lines) if each <= place)
                self._edge(next(before, Fraction(0)), _Edge(before=direction.here))

    def _endings_from_labels(self) -> None:
        """Take sections A, A1, A2 for a passage and its endings, if there is no expansion list."""
        names = {label for _, label in self.labels}
        for place, label in self.labels:
            match = _NUMBERED_LABEL.fullmatch(label)
            if match is not None and match[1] in names and int(match[2]):
                self._edge(place, _Edge(before=Marks(starts_ending=frozenset({int(match[2])}))))
        for (_, label), (following, _) in pairwise(self.labels):
            match = _NUMBERED_LABEL.fullmatch(label)
            if match is not None and match[1] in names:
                self._edge(following, _Edge(after=Marks(ends_ending=True)))

    def _expanded(self, cuts: list[Fraction]) -> list[int] | None:
        """The order of the expansion list; ``None`` if there is none, or if it names a section that does not exist."""
        if self.expansion is None or not self.labels:
            return None
        number_at = {cut: number for number, cut in enumerate(cuts)}
        starts = [(number_at.get(place, len(cuts)), label) for place, label in self.labels]
        sections: dict[str, range] = {}
        for (start, label), (stop, _) in pairwise([*starts, (len(cuts), "")]):
            sections.setdefault(label, range(start, stop))
        if not all(label in sections for label in self.expansion):
            return None
        order = list(range(starts[0][0]))
        for label in self.expansion:
            order += sections[label]
        return order

    def _voices(self, cuts: list[Fraction]) -> Iterator[Voice]:
        seen: dict[int, int] = {}
        for key in sorted(self.notes):
            by_segment: dict[int, list[WrittenNote]] = {}
            number = 0
            for note in self.notes[key]:
                while number + 1 < len(cuts) and cuts[number + 1] <= note.onset:
                    number += 1
                by_segment.setdefault(number, []).append(note._replace(onset=note.onset - cuts[number]))
            names = self.names.get(key[0], {})
            name = names.get('"') or names.get("'") or names.get("code", "")
            seen[key[0]] = seen.get(key[0], 0) + 1
            name = name if seen[key[0]] == 1 else f"{name} {seen[key[0]]}".strip()
            yield Voice(name, by_segment, part=self.parts.get(key[0], f"spine {key[0]}"))

        with_pitches = {spine for spine, _ in self.notes}
        for spine in self.percussion:
            if spine not in with_pitches:
                yield Voice("", {}, is_drum=True)

    def _title(self) -> str:
        return html.unescape(next((self.titles[key] for key in _TITLES if key in self.titles), ""))


def _common_key(designations: set[str]) -> set[str]:
    """The designation of all spines that have one; that of an unknown key if they differ."""
    return designations if len(designations) < 2 else {_UNKNOWN_KEY}


def _is_metre(token: str) -> bool:
    return _METRE.match(token) is not None or _FREE.match(token) is not None


def _key(designation: re.Match[str]) -> Key | None:
    """The key of a designation; ``None`` if it is unknown, or its mode is.

    >>> [_key(_KEY.fullmatch(token)) for token in ("*b-:", "*G:mix", "*?:")]
    [Key(tonic=-2, mode='minor'), Key(tonic=1, mode='mixolydian'), None]
    """
    letter, sign, mode = designation.groups()
    if letter is None:
        return None
    default = "minor" if letter.islower() else "major"
    name = default if not mode else next((each for each in MODES if each[:3] == mode[:3]), "")
    return Key.parse(f"{letter.upper()}{sign.replace('-', 'b')} {name}")


def _bar_line(token: str) -> _Edge:
    """Marks of a bar line: an end of repeat has its colon before the lines, a start after them.

    >>> edge = _bar_line("=12:|!|:")
    >>> edge.after.ends_repeat, edge.before.starts_repeat
    (2, True)
    >>> edge = _bar_line("=1-!|:")
    >>> edge.after.ends_repeat, edge.before.starts_repeat
    (0, True)
    """
    style = re.sub(r"[^|!:]", "", token)
    has_end, has_start = style.startswith(":"), style.endswith(":") and len(style) > 1
    is_double = token.startswith("==") or len(style.strip(":")) > 1
    return _Edge(
        after=Marks(ends_repeat=2 if has_end else 0, double_bar=is_double),
        before=Marks(starts_repeat=has_start),
        is_bar=True,
    )


def _chord(token: str) -> tuple[Fraction | None, tuple[int, bool, bool] | None]:
    """Duration in quarters (``None`` for a grace note) and the highest note (``None`` for a rest).

    The note is given as its pitch, whether a tie begins at it, and whether one ends at it.
    """
    duration: Fraction | None = None
    highest: tuple[int, bool, bool] | None = None
    for part in token.split(" "):
        if "q" in part or "Q" in part:
            continue
        if duration is None:
            duration = _duration(part)
        match = _PITCH.search(part)
        if match is None or "r" in part:
            continue
        letters, accidental = match[1], match[3]
        octave = 4 + len(letters) if letters[0].islower() else 5 - len(letters)
        # middle C is c, the octave below it C
        pitch = 12 * octave + _SEMITONES[letters[0].lower()] + accidental.count("#") - accidental.count("-")
        if highest is None or pitch > highest[0]:
            highest = pitch, "[" in part or "_" in part, "]" in part or "_" in part
    return duration, highest


def _duration(token: str) -> Fraction | None:
    """Quarters: ``4`` is a quarter, ``0`` a breve, ``00`` a long, ``3%2`` two thirds of a whole note.

    >>> [str(_duration(token)) for token in ("4c", "8.d", "0e", "00f", "3%2g")]
    ['1', '3/4', '8', '16', '8/3']
    """
    match = _DURATION.search(token)
    if match is None:
        return None
    if set(match[1]) == {"0"}:
        quarters = Fraction(4) * 2 ** len(match[1])
    else:
        quarters = Fraction(4 * int(match[2] or 1), int(match[1]))
    return quarters * (2 - Fraction(1, 2 ** min(token.count("."), 8)))
