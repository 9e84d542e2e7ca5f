"""Turn the text of a MusicXML document, partwise or timewise, into its tune as it sounds.

Time is read exactly, as fractions of a quarter note. A measure has the same length in all parts and staves
(`_length`), including rests and ``<forward>``, so that they stay together when repeats are played out. Each voice
of each staff is a track at sounding pitch; of a chord the highest note is taken. Cue notes (``<cue/>`` or
``size="cue"``) are silent and take time; grace notes take no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from math import floor
from operator import itemgetter
from xml.etree import ElementTree

from melgen.corpora.readers.directions import read_direction
from melgen.corpora.readers.playing_order import NO_MARKS, Marks, merged
from melgen.corpora.readers.written import Segment, Tune, Voice, WrittenNote, sounding_tune
from melgen.errors import ReadError
from melgen.music.key import FOUND_KEY, FOUND_KEY_FIELD, Key, key_at, keys_between
from melgen.music.metre import READ_BEAT_TYPES, Metre

_Element = ElementTree.Element
_Key = tuple[int, int, str]  # staff, and the voice as a number and as text

_NUMBER = re.compile(r"\s*([+-]?\d{1,12}(?:\.\d{0,12})?|[+-]?\.\d{1,12})\s*")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUARTERS = {
    name: Fraction(32) / 2**place
    for place, name in enumerate(
        re.findall(r"\w+", "maxima long breve whole half quarter eighth 16th 32nd 64th 128th 256th 512th 1024th")
    )
}
_FOUND_KEY_PATH = f"identification/miscellaneous/miscellaneous-field[@name='{FOUND_KEY_FIELD}']"
_ALL_STAVES = 0
_DOUBLE_BARS = {"light-light", "light-heavy", "heavy-light", "heavy-heavy", "heavy"}


def musicxml_tune(text: str) -> Tune:
    """The tune of a MusicXML document.

    Raises:
        ReadError: if it is not MusicXML, or has no part; states the reason.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise ReadError(f"not well-formed XML: {error}") from error
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.partition("}")[2]
    if root.tag not in ("score-partwise", "score-timewise"):
        raise ReadError(f"not MusicXML: its root is <{root.tag!s:.40}>, not <score-partwise> or <score-timewise>")
    parts = list(_parts(root))
    if not parts:
        raise ReadError("the score has no <part>")
    names = {each.get("id"): _text(each, "part-name") for each in root.iter("score-part")}
    readings = [_PartReader(names.get(name, "")).read(measures) for name, measures in parts]
    tune = _tune(readings, _title(root))
    if any((each.text or "").strip() == FOUND_KEY for each in root.iterfind(_FOUND_KEY_PATH)):
        tune.keys = ()
    return tune


def _parts(root: _Element) -> Iterator[tuple[str | None, list[_Element]]]:
    """Name and measures of each part; a timewise score is regrouped by part."""
    if root.tag == "score-partwise":
        for part in root.iterfind("part"):
            yield part.get("id"), part.findall("measure")
        return
    by_part: dict[str | None, dict[int, _Element]] = {}
    measures = root.findall("measure")
    for place, measure in enumerate(measures):
        for part in measure.iterfind("part"):
            by_part.setdefault(part.get("id"), {})[place] = part
            if (implicit := measure.get("implicit")) is not None:
                part.set("implicit", implicit)
    empty = ElementTree.Element("measure")
    for name, by_place in by_part.items():
        yield name, [by_place.get(place, empty) for place in range(len(measures))]


def _title(root: _Element) -> str:
    for path in ("work/work-title", "movement-title"):
        if title := _text(root, path):
            return title
    for credit in root.iterfind("credit"):
        if _text(credit, "credit-type") == "title":
            return _text(credit, "credit-words")
    return ""


def _text(element: _Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())


def _number(text: str | None, name: str) -> Fraction:
    match = _NUMBER.fullmatch(text or "")
    if match is None:
        raise ReadError(f"<{name}>{(text or '').strip():.40}</{name}>: must be a number")
    return Fraction(match[1])


@dataclass
class _Measure:
    """One measure of one part; positions are in quarter notes from its beginning."""

    notes: list[tuple[_Key, WrittenNote]] = field(default_factory=list)
    keys: set[_Key] = field(default_factory=set)  # voices with a note or rest
    cue_keys: set[_Key] = field(default_factory=set)  # voices with a cue note
    length: Fraction = Fraction(0)
    ends: set[Fraction] = field(default_factory=set)  # where each run through it ends, before a <backup> and last
    stated_keys: list[tuple[Fraction, Key | None]] = field(default_factory=list)  # as they sound
    metre: Metre | None = None
    is_free: bool = False
    is_implicit: bool = False
    marks: dict[Fraction | str, Marks] = field(default_factory=dict)  # at "left", "right", "next" or a position

    def mark(self, where: Fraction | str, **marks: object) -> None:
        self.merge(where, Marks(**marks))  # type: ignore[arg-type]  # mypy: one type for all values

    def merge(self, where: Fraction | str, marks: Marks) -> None:
        if marks != NO_MARKS:
            self.marks[where] = merged(self.marks.get(where, NO_MARKS), marks)


@dataclass
class _Part:
    name: str
    measures: list[_Measure]
    has_unpitched: bool


class _PartReader:
    """Reads the measures of a part; divisions and transposition stay in force from one measure to the next."""

    def __init__(self, name: str):
        self.name = name
        self.divisions: Fraction | None = None
        self.transpositions: dict[int, Fraction] = {}
        self.has_unpitched = False

    def read(self, measures: list[_Element]) -> _Part:
        if self.divisions is None:
            self.divisions = _inferred_divisions(measures)
        return _Part(self.name, [self._measure(each) for each in measures], self.has_unpitched)

    def _measure(self, element: _Element) -> _Measure:
        measure = _Measure(is_implicit=element.get("implicit") == "yes" or element.get("number") == "0")
        cursor = chord_onset = Fraction(0)
        backups = 0
        highest: Fraction | None = None  # pitch of the last note or chord, before rounding
        directions: list[tuple[Fraction, _Element]] = []
        for child in element:
            tag = child.tag
            if tag == "note":
                is_chord = child.find("chord") is not None
                if child.find("grace") is not None:
                    continue
                onset = chord_onset if is_chord else cursor
                duration = self._duration(child)
                if not is_chord:
                    chord_onset, highest = cursor, None
                    cursor += duration
                measure.length = max(measure.length, onset + duration)
                key = _voice_key(child, backups)
                pitch, is_cue = self._pitch(child), _is_cue(child)
                (measure.cue_keys if is_cue else measure.keys).add(key)
                if pitch is None or not duration or is_cue:
                    continue
                if is_chord and highest is not None:
                    if pitch <= highest:
                        continue
                    measure.notes.pop()
                highest = pitch
                rounded = floor(pitch + Fraction(1, 2))
                measure.notes.append((key, WrittenNote(onset, duration, rounded, *_ties(child))))
            elif tag == "backup":
                measure.ends.add(cursor)
                cursor = max(Fraction(0), cursor - self._duration(child))
                backups += 1
            elif tag == "forward":
                cursor += self._duration(child)
                measure.length = max(measure.length, cursor)
            elif tag == "attributes":
                self._attributes(child, measure, cursor)
            elif tag == "barline":
                _read_barline(child, measure, cursor)
            elif tag in ("direction", "sound"):
                directions.append((cursor, child))
        measure.ends.add(cursor)
        for position, direction in directions:
            _read_direction(direction, measure, position)
        if measure.marks.get("right", NO_MARKS).to_coda and "next" in measure.marks:
            # The sign at the end of a measure with "To Coda" belongs to these words.
            measure.marks["next"] = replace(measure.marks["next"], coda=False)
        return measure

    def _duration(self, element: _Element) -> Fraction:
        assert self.divisions is not None
        text = element.findtext("duration")
        if text is None:
            return _written_duration(element) or Fraction(0)
        return max(Fraction(0), _number(text, "duration") / self.divisions)

    def _pitch(self, note: _Element) -> Fraction | None:
        """Sounding pitch, in semitones; ``None`` for rests and percussion."""
        pitch = note.find("pitch")
        if pitch is None:
            self.has_unpitched = self.has_unpitched or note.find("unpitched") is not None
            return None
        step, alter = _text(pitch, "step").upper(), pitch.findtext("alter")
        if step not in _SEMITONES:
            raise ReadError(f"<step>{step:.40}</step>: must be a letter from A to G")
        octave = _number(pitch.findtext("octave"), "octave")
        written = 12 * (octave + 1) + _SEMITONES[step] + (_number(alter, "alter") if alter else 0)
        return written + self._transposition(_staff(note))

    def _transposition(self, staff: int) -> Fraction:
        return self.transpositions.get(staff, self.transpositions.get(_ALL_STAVES, Fraction(0)))

    def _attributes(self, attributes: _Element, measure: _Measure, cursor: Fraction) -> None:
        if (text := attributes.findtext("divisions")) is not None and (divisions := _number(text, "divisions")) > 0:
            self.divisions = divisions
        for transpose in attributes.iterfind("transpose"):
            octaves = transpose.findtext("octave-change")
            semitones = _number(transpose.findtext("chromatic") or "0", "chromatic")
            staff = _staff_number(transpose.get("number"), _ALL_STAVES)
            self.transpositions[staff] = semitones + (12 * _number(octaves, "octave-change") if octaves else 0)
        sounding: list[Key | None] = []  # of the staves that state one
        for key in attributes.iterfind("key"):
            semitones = self._transposition(_staff_number(key.get("number"), 1))
            stated = _stated_key(key)
            sounding.append(None if stated is None else stated.transposed(floor(semitones + Fraction(1, 2))))
        if sounding:
            measure.stated_keys.append((cursor, _common_key(sounding)))
        time = attributes.find("time")
        if time is not None:
            measure.metre, measure.is_free = _metre(time), time.find("senza-misura") is not None


def _inferred_divisions(measures: list[_Element]) -> Fraction:
    """The divisions of a part that does not state them, inferred from the first note whose type is known."""
    for measure in measures:
        for note in measure.iterfind("note"):
            text = note.findtext("duration")
            written = _written_duration(note)
            if written and text is not None and (duration := _number(text, "duration")) > 0:
                return duration / written
    return Fraction(1)


def _written_duration(note: _Element) -> Fraction | None:
    """Quarters of a note's type, dots and tuplet; ``None`` if it has no type."""
    quarters = _QUARTERS.get(_text(note, "type"))
    if quarters is None:
        return None
    quarters *= 2 - Fraction(1, 2 ** min(len(note.findall("dot")), 8))
    tuplet = note.find("time-modification")
    if tuplet is not None:
        actual, normal = (_number(tuplet.findtext(name), name) for name in ("actual-notes", "normal-notes"))
        if actual > 0 and normal > 0:
            quarters *= normal / actual
    return quarters


def _staff(element: _Element) -> int:
    return _staff_number(element.findtext("staff"), 1)


def _staff_number(text: str | None, default: int) -> int:
    """The number of a staff; the default if it is not stated, or is a mistake.

    >>> _staff_number(" 2 ", 1), _staff_number(None, 0), _staff_number("left", 1)
    (2, 0, 1)
    """
    text = (text or "").strip()
    return int(text) if text.isdecimal() and len(text) < 4 else default


def _voice_key(note: _Element, backups: int) -> _Key:
    """Staff and voice; a note without a voice gets another one after each ``<backup>`` of its measure."""
    name = _text(note, "voice") or str(1 + backups)
    return _staff(note), int(name) if name.isdecimal() and len(name) < 10 else 0, name


def _is_cue(note: _Element) -> bool:
    kind = note.find("type")
    return note.find("cue") is not None or (kind is not None and kind.get("size") in ("cue", "grace-cue"))


def _ties(note: _Element) -> tuple[bool, bool]:
    """Whether a tie begins, and whether one ends, at a note."""
    ties = note.findall("tie") or [tied for each in note.iterfind("notations") for tied in each.iterfind("tied")]
    kinds = {tie.get("type") for tie in ties}
    return bool(kinds & {"start", "continue"}), bool(kinds & {"stop", "continue"})


def _metre(time: _Element) -> Metre | None:
    """The metre, sums such as 3+2 added up; ``None`` if it is not in halves, quarters, eighths, ..."""
    total, smallest = Fraction(0), 1
    texts = zip(time.findall("beats"), time.findall("beat-type"), strict=False)
    for beats, beat_type in texts:
        numbers = re.fullmatch(r"\d{1,2}(\+\d{1,2})*", re.sub(r"\s", "", beats.text or ""))
        kind = re.fullmatch(r"\s*(\d{1,2})\s*", beat_type.text or "")
        if numbers is None or kind is None or int(kind[1]) not in READ_BEAT_TYPES:
            return None
        smallest = max(smallest, int(kind[1]))
        total += Fraction(sum(int(each) for each in numbers[0].split("+")), int(kind[1]))
    return Metre(int(total * smallest), smallest) if total else None


def _stated_key(key: _Element) -> Key | None:
    """The key with a tonic; ``None`` if only its signature is stated, or its mode is not one of `MODES`."""
    fifths = re.fullmatch(r"\s*([+-]?\d{1,3})\s*", key.findtext("fifths") or "")
    return None if fifths is None else Key.of_signature(int(fifths[1]), _text(key, "mode"))


def _read_barline(barline: _Element, measure: _Measure, cursor: Fraction) -> None:
    location = barline.get("location", "")
    ending, repeat = barline.find("ending"), barline.find("repeat")
    at_start: str | Fraction = "next" if location == "right" else "left"
    at_end: str | Fraction = "before" if location == "left" else "right"
    if location == "middle":
        at_start = at_end = cursor
    if ending is not None:
        if ending.get("type") == "start":
            numbers = _ending_numbers(ending)
            measure.mark(at_start, starts_ending=numbers)
        else:
            measure.mark(at_end, ends_ending=True)
    for sign in ("segno", "coda"):
        if barline.find(sign) is not None or barline.get(sign) is not None:
            measure.mark(at_start, **{sign: True})
    if (name := barline.get("segno")) is not None:
        measure.mark(at_start, segno_name=name)
    if repeat is not None and repeat.get("direction") == "forward":
        measure.mark(at_start, starts_repeat=True)
    elif repeat is not None and repeat.get("direction") == "backward":
        times = repeat.get("times", "2").strip()
        measure.mark(
            at_end,
            ends_repeat=int(times) if re.fullmatch(r"[1-9]\d{0,30}", times) else 2,
            repeats_after_jump=repeat.get("after-jump") == "yes",
        )
    elif _text(barline, "bar-style") in _DOUBLE_BARS:
        measure.mark(at_end, double_bar=True)


def _ending_numbers(ending: _Element) -> frozenset[int]:
    """Numbers of an ending: ``1``, ``1,2``, ``1-3``, with or without full stops; else from its text."""
    for text in (ending.get("number", ""), ending.text or ""):
        numbers: set[int] = set()
        for match in re.finditer(r"(\d{1,3})(?:\s*-\s*(\d{1,3}))?", text):
            first, last = int(match[1]), int(match[2] or match[1])
            numbers |= set(range(max(first, 1), last + 1))
        if numbers:
            return frozenset(numbers)
    return frozenset()


def _read_direction(element: _Element, measure: _Measure, position: Fraction) -> None:
    """Read jumps and their targets from ``<sound>``, signs and words. They apply to whole measures."""
    sound = element if element.tag == "sound" else element.find("sound")
    kinds = [kind for each in element.iterfind("direction-type") for kind in each]
    stated = {} if sound is None else {name: value for name, value in sound.attrib.items() if value != "no"}
    direction = read_direction(
        " ".join(kind.text or "" for kind in kinds if kind.tag == "words"),
        {kind.tag for kind in kinds} & {"segno", "coda"},
        stated,
    )
    measure.merge("right", direction.at_end)
    here = "next" if position and position >= measure.length else "left"
    measure.merge(here, direction.here)
    if "forward-repeat" in stated:  # a start of repeat that is meant and not drawn, as at a trio
        measure.mark(here, starts_repeat=True)


def _tune(parts: list[_Part], title: str) -> Tune:
    count = max(len(part.measures) for part in parts)
    columns = [[part.measures[place] for part in parts if place < len(part.measures)] for place in range(count)]
    segments: list[Segment] = []
    places: list[list[tuple[int, Fraction]]] = []  # of each measure: its segments, with where they begin
    metre: Metre | None = None
    begin = Fraction(0)
    starts: list[Fraction] = []  # of each segment
    timelines: list[list[tuple[Fraction, Key | None]]] = [[] for _ in parts]  # of the keys
    for number, column in enumerate(columns):
        stated = next((each for each in column if each.metre is not None or each.is_free), None)
        metre = metre if stated is None else stated.metre
        length = _length(column, metre)
        cuts = sorted(
            {where for each in column for where in each.marks if isinstance(where, Fraction) and 0 < where < length}
        )
        positions = [Fraction(0), *cuts, length]
        places.append([])
        for part, timeline in zip(parts, timelines, strict=True):
            stated_keys = part.measures[number].stated_keys if number < len(part.measures) else []
            timeline += [(begin + place, key) for place, key in sorted(stated_keys, key=itemgetter(0))]
        for start, end in pairwise(positions):
            places[-1].append((len(segments), start))
            is_first = start == 0
            continues = is_first and any(each.is_implicit for each in column)
            starts.append(begin + start)
            segments.append(Segment(end - start, NO_MARKS, metre, is_first, continues))
        begin += length
    # A part without pitched notes, such as percussion, often states a signature without a mode.
    keys = _common_keys(
        [
            timeline
            for part, timeline in zip(parts, timelines, strict=True)
            if timeline and any(measure.notes for measure in part.measures)
        ]
    )
    for segment, start in zip(segments, starts, strict=True):
        segment.keys = keys_between(keys, start, start + segment.length)
    _place_marks(segments, places, columns)
    voices = [voice for number, part in enumerate(parts) for voice in _voices(part, number, places)]
    has_pickup = any(each.is_implicit for each in columns[0]) if columns else False
    return sounding_tune(segments, voices, title, has_pickup=has_pickup)


def _common_keys(timelines: list[list[tuple[Fraction, Key | None]]]) -> list[tuple[Fraction, Key | None]]:
    """The changes of a key that all parts share; it is unknown while they differ."""
    if len(timelines) == 1:
        return timelines[0]
    places = sorted({place for timeline in timelines for place, _ in timeline})
    return [(place, _common_key([key_at(timeline, place) for timeline in timelines])) for place in places]


def _common_key(keys: list[Key | None]) -> Key | None:
    """The key that parts or staves share, as the first names it; ``None`` if they differ.

    >>> _common_key([Key(7, "major"), Key(-5, "major")]), _common_key([Key(0, "major"), Key(3, "minor")])
    (Key(tonic=7, mode='major'), None)
    """
    different = {key and (key.pitch_class, key.mode) for key in keys}
    return keys[0] if len(different) == 1 else None


def _length(column: list[_Measure], metre: Metre | None) -> Fraction:
    """Length of a measure: that of its metre if the measure is empty or a run through it is as long; else the longest.

    So a staff that is too short does not move the next measure forward, and a staff that is too long, because of a
    rounded duration or an extra rest, does not move it back.
    """
    longest = max(each.length for each in column)
    if metre is None:
        return longest
    stated = Fraction(4 * metre.beats, metre.beat_type)
    return stated if not longest or any(stated in each.ends for each in column) else longest


def _place_marks(
    segments: list[Segment], places: list[list[tuple[int, Fraction]]], columns: list[list[_Measure]]
) -> None:
    """Give the segments the marks of all parts together."""

    def add(number: int, marks: Marks) -> None:
        if 0 <= number < len(segments):
            segments[number].marks = merged(segments[number].marks, marks)

    for place, column in enumerate(columns):
        first, last = places[place][0][0], places[place][-1][0]
        for measure in column:
            for where, marks in measure.marks.items():
                if where == "left":
                    add(first, marks)
                elif where == "right":
                    add(last, marks)
                elif where == "next":
                    add(last + 1, marks)
                elif where == "before":
                    add(first - 1, marks)
                elif isinstance(where, Fraction):
                    # A bar line inside a measure: ends belong to the segment before it, starts to the next one.
                    number = next((each for each, start in reversed(places[place]) if start <= where), first)
                    starts = Marks(
                        starts_repeat=marks.starts_repeat,
                        starts_ending=marks.starts_ending,
                        segno=marks.segno,
                        segno_name=marks.segno_name,
                        coda=marks.coda,
                    )
                    is_at_end = where > 0 and number == last and places[place][-1][1] != where
                    add(number + is_at_end, starts)
                    ends = replace(marks, starts_repeat=False, starts_ending=frozenset(), segno=False, coda=False)
                    add(number - (not is_at_end), ends)


def _voices(part: _Part, part_number: int, places: list[list[tuple[int, Fraction]]]) -> list[Voice]:
    """One voice for each voice of each staff, named after the part; a part with percussion only is drums.

    Voices are matched by their order in each staff of a measure, because programs number them in any way.
    """
    by_key: dict[tuple[int, int], dict[int, list[WrittenNote]]] = {}
    for place, measure in enumerate(part.measures):
        sounding = {key for key, _ in measure.notes}
        keys = sorted(measure.keys - (measure.cue_keys - sounding))
        first_of = {staff: place for place, (staff, _, _) in reversed(list(enumerate(keys)))}
        ranks = {key: (key[0], place - first_of[key[0]]) for place, key in enumerate(keys)}
        for key, note in measure.notes:
            number, start = next(each for each in reversed(places[place]) if each[1] <= note.onset)
            written = by_key.setdefault(ranks[key], {})
            written.setdefault(number, []).append(note._replace(onset=note.onset - start))
    if not by_key:
        return [Voice(part.name, {}, is_drum=True)] if part.has_unpitched else []
    return [
        Voice(part.name if place == 0 else f"{part.name} {place + 1}".strip(), by_key[key], part=part_number)
        for place, key in enumerate(sorted(by_key))
    ]
