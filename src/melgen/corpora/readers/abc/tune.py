"""Reading one tune from its lines."""

from __future__ import annotations

from collections.abc import Sequence

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers import TICKS_PER_QUARTER
from melgen.corpora.readers.abc import tokens as kinds
from melgen.corpora.readers.abc.fields import (
    Key,
    Voicing,
    default_unit,
    parse_key,
    parse_metre,
    parse_order,
    parse_part,
    parse_unit,
    parse_voice,
)
from melgen.corpora.readers.abc.playing import (
    bars_and_metres,
    has_marks,
    layer_count,
    order_of_playing,
    played_keys,
    played_notes,
)
from melgen.corpora.readers.abc.segments import INSIDE, Segment
from melgen.corpora.readers.abc.text import TuneText, plain_text, split_field
from melgen.corpora.readers.abc.voice import Voice
from melgen.errors import ReadError
from melgen.music.key import FOUND_KEY, FOUND_KEY_FIELD
from melgen.music.key import Key as StatedKey
from melgen.music.metre import Metre

MAX_TUNE_CHARACTERS = 1_000_000
MAX_VOICES = 100

UNKNOWN_SIGNS = "signs that are not ABC, left out"
UNKNOWN_FIELDS = "values of K:, L: or M: that are not ABC, left out"
LOWER_CASE_KEY = "a key in lower case, read as in capitals"
NO_LENGTH = "notes of length 0, left out"
MACROS = "macros (m:), left out"
NO_REFERENCE = "a tune without X:, read nevertheless"
NO_NOTE_BEFORE = "a broken rhythm without a note before it, left out"

_CARRIES = ("not", "octave", "pitch")
_DEFAULT_SYMBOLS = {"S": "segno", "O": "coda", "H": "fermata"}


def read_tune(text: TuneText) -> Tune:
    """The tune in these lines.

    Raises:
        ReadError: if it has no ``K:`` line, an invalid key, or absurdly large numbers.
    """
    size = sum(map(len, text.lines))
    if size > MAX_TUNE_CHARACTERS:
        raise ReadError(f"a tune of {size} characters; must be at most {MAX_TUNE_CHARACTERS}")
    reader = _Reader()
    if not text.has_reference:
        reader.remarks.add(NO_REFERENCE)
    reader.read(text.lines)
    return reader.tune()


class _Reader:
    """The state of a tune while its lines are read: the header's values, the voices, and the current voice."""

    def __init__(self) -> None:
        self.title = ""
        self.metre: Metre | None = None
        self.unit: int | None = None
        self.alters: tuple[float, ...] = ()
        self.key: StatedKey | None = None
        self.has_found_key = False
        self.voicing = Voicing()
        self.order: list[str] = []
        self.part: str | None = None
        self.voicings: dict[str, list[Voicing]] = {}
        self.voices: dict[str, Voice] = {}
        self.symbols = dict(_DEFAULT_SYMBOLS)
        self.carry = "pitch"
        self.remarks: set[str] = set()
        self.in_body = False

    def read(self, lines: Sequence[str]) -> None:
        """Read all lines up to the empty line that ends the tune."""
        field: tuple[str, str] | None = None
        for number, line in enumerate(lines):
            if not line or line.isspace():
                if self.in_body:
                    break
                continue
            if line[0] == "%":
                self._directive(line[2:])
                continue
            is_continued, field_before = field is not None and field[1].endswith("\\"), field
            field = split_field(line) if line[1:2] == ":" else None
            if field is not None:
                letter, value = field
                if letter == "+":
                    field = (field_before or field)[0], value
                    continue
                value = self._with_continuations(value, lines, number)
                if self.in_body:
                    self._body_field(letter, value)
                else:
                    self._header_field(letter, value)
            elif is_continued and field_before is not None:  # a continued text
                field = field_before[0], line.rstrip()
            elif self.in_body:
                self._music(line)
        if not self.in_body:
            raise ReadError("the tune has no K: line")

    def _with_continuations(self, value: str, lines: Sequence[str], number: int) -> str:
        """The value with the ``+:`` lines after it."""
        value = value.rstrip("\\")
        for line in lines[number + 1 :]:
            if not line.startswith("+:"):
                break
            field = split_field(line)
            value += " " + (field[1] if field is not None else "")
        return value

    def _directive(self, text: str) -> None:
        name, _, value = text.strip().partition(" ")
        value = value.split("%")[0].strip()
        if name == "propagate-accidentals" and value in _CARRIES:
            self.carry = value
            for voice in self.voices.values():
                voice.accidentals_carry = value
        elif (name, value) == (FOUND_KEY_FIELD, FOUND_KEY):
            self.has_found_key = True

    # Fields

    def _header_field(self, letter: str, value: str) -> None:
        if letter == "T":
            self.title = self.title or plain_text(value)
        elif letter == "M":
            self.metre = self._metre(value)
        elif letter == "L":
            self.unit = self._unit(value) or self.unit
        elif letter == "P":
            self.order = parse_order(value)
        elif letter == "V":
            identifier, voicing = parse_voice(value)
            self.voicings.setdefault(identifier, []).append(voicing)
        elif letter == "K":
            key = self._key(value)
            self.voicing, self.key = key.voicing, key.stated
            self.alters = key.alters or (0,) * 7
            self.unit = self.unit or default_unit(self.metre)
            self.in_body = True
            self.voice = self._voice(next(iter(self.voicings), "1"))
        else:
            self._any_field(letter, value)

    def _body_field(self, letter: str, value: str) -> None:
        voice = self.voice
        if letter == "K":
            key = self._key(value)
            if key.alters is not None:
                voice.alters = key.alters
                voice.change_key(key.stated)
            voice.voice(key.voicing)
        elif letter == "L":
            voice.unit = self._unit(value) or voice.unit
        elif letter == "M":
            voice.change_metre(self._metre(value))
        elif letter == "V":
            identifier, voicing = parse_voice(value)
            self.voice = self._voice(identifier)
            self.voice.voice(voicing)
        elif letter == "P":
            self.part = parse_part(value)
            for each in self.voices.values():
                if each is voice or each.part != self.part:
                    each.begin_part(self.part)
        else:
            self._any_field(letter, value)

    def _any_field(self, letter: str, value: str) -> None:
        if letter == "I":
            self._directive(value)
        elif letter == "m":
            self.remarks.add(MACROS)
        elif letter == "U":
            symbol, _, meaning = value.replace(" ", "").partition("=")
            mark = kinds.mark_of(meaning.strip("!+"))
            self.symbols.pop(symbol, None)
            if mark is not None:
                self.symbols[symbol] = mark[1]

    def _key(self, value: str) -> Key:
        key = parse_key(value)
        if key.unknown:
            self.remarks.add(UNKNOWN_FIELDS)
        if key.lower_case:
            self.remarks.add(LOWER_CASE_KEY)
        return key

    def _metre(self, value: str) -> Metre | None:
        metre, is_known = parse_metre(value)
        if not is_known:
            self.remarks.add(UNKNOWN_FIELDS)
        return metre

    def _unit(self, value: str) -> int | None:
        unit = parse_unit(value)
        if unit is None:
            self.remarks.add(UNKNOWN_FIELDS)
        return unit

    def _voice(self, identifier: str) -> Voice:
        voice = self.voices.get(identifier)
        if voice is None:
            if len(self.voices) >= MAX_VOICES:
                raise ReadError(f"more than {MAX_VOICES} voices")
            name = "" if identifier.isdigit() else identifier
            unit = self.unit or default_unit(self.metre)
            voice = Voice(name, self.alters, self.metre, unit, self.part, self.carry, self.key)
            for voicing in (self.voicing, *self.voicings.get(identifier, ())):
                voice.voice(voicing)
            self.voices[identifier] = voice
        return voice

    # Music

    def _music(self, line: str) -> None:
        voice = self.voice
        note = voice.note
        for text in kinds.tokens(line):
            token = kinds.parse(text)
            if token is None:
                continue
            kind = token[0]
            if kind == kinds.NOTE:
                note(token)
            elif kind == kinds.BAR:
                _, ends, starts, may_be_inside, numbers, double = token
                voice.bar_line(ends, starts, may_be_inside, numbers, double)
            elif kind == kinds.REST:
                voice.rest(token[1], token[2])
            elif kind == kinds.BROKEN:
                if not voice.broken(token[1]):
                    self.remarks.add(NO_NOTE_BEFORE)
            elif kind == kinds.TUPLET:
                voice.tuplet(token[1], token[2], token[3])
            elif kind == kinds.SYMBOL:
                if text in self.symbols:
                    voice.mark(self.symbols[text])
            elif kind == kinds.FIELD:
                self._body_field(token[1], token[2].strip())
                voice = self.voice
                note = voice.note
            else:
                self._rarer(voice, token)

    def _rarer(self, voice: Voice, token: kinds.Token) -> None:
        kind = token[0]
        if kind == kinds.CHORD:
            voice.chord(token)
        elif kind == kinds.ENDING:
            numbers = token[1] or voice.following_ending()
            if numbers:
                voice.ending(numbers)
            else:
                self.remarks.add(UNKNOWN_SIGNS)
        elif kind == kinds.TIE:
            voice.tie()
        elif kind == kinds.MARK:
            voice.mark(token[1])
        elif kind == kinds.OVERLAY:
            voice.overlay()
        elif kind == kinds.BAR_REST:
            voice.bar_rest(token[1])
        elif kind == kinds.NO_LENGTH:
            self.remarks.add(NO_LENGTH)
        else:
            self.remarks.add(UNKNOWN_SIGNS)

    # The result

    def tune(self) -> Tune:
        """The tune, with a track for each voice and each overlay, and repeats played out."""
        for voice in self.voices.values():
            voice.finish()
        voices = [voice for voice in self.voices.values() if voice.segments]
        led_by = next((voice for voice in voices if has_marks(voice.segments)), None)
        orders: dict[int, list[int]] = {}
        tracks = []
        for voice in voices:
            segments = voice.segments
            if led_by is not None and id(led_by) in orders and _follows(segments, led_by.segments):
                order = orders[id(led_by)]
            else:
                order = order_of_playing(segments, self.order, self.remarks)
            orders[id(voice)] = order
            keys = () if self.has_found_key else played_keys(segments, order)
            for number in range(layer_count(segments)):
                notes = played_notes(segments, order, number)
                tracks.append(Track(notes, voice.name if not number else "", voice.is_percussion, keys))
            self.remarks |= voice.remarks
        tune = Tune(tracks, TICKS_PER_QUARTER, self.title, remarks=tuple(sorted(self.remarks)), is_written=True)
        first = next(
            (voice for voice in voices if any(layer.notes for each in voice.segments for layer in each.layers)), None
        )
        if first is not None and (first.has_bar_lines):
            tune.bars, tune.pickup, tune.metres = bars_and_metres(first.segments, orders[id(first)])
        elif self.metre is not None:
            tune.metres = ((0, self.metre),)
        return tune


def _follows(segments: Sequence[Segment], leading: Sequence[Segment]) -> bool:
    """Whether a voice without repeats has the same bars as a voice with repeats."""
    if has_marks(segments) or len(segments) != len(leading):
        return False
    pairs = zip(segments, leading, strict=True)
    return all(one.length == other.length and (one.line != INSIDE) == (other.line != INSIDE) for one, other in pairs)
