"""What is found in several sources, and what happens to a source with a broken tune."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection, Track, Tune
from melgen.corpora.importing import clean, find_tunes
from melgen.corpora.sources import Source
from melgen.errors import UNREADABLE, ReadError
from melgen.music.key import Key
from melgen.music.melody import Melody

RULES = Cleaning(min_length_notes=1)
TOO_FINE = 2**70  # ticks for each quarter note, more than 64 bits hold


def tune(pitch: int, number: int | None, ticks_per_quarter: int = 480) -> Tune:
    return Tune([Track([(0, 480, pitch)])], ticks_per_quarter, number=number)


def read(source: Source):
    """Three tunes; of "broken" the second, of "unreadable" what follows the first."""
    for number in (1, 2, 3):
        if source.name == "unreadable" and number == 2:
            raise ReadError("no second tune")
        yield tune(60 + number, number, TOO_FINE if source.name == "broken" and number == 2 else 480)


def found_in(*names: str) -> list:
    return [find_tunes(Source(Path(name), name), lambda: None, read) for name in names]


def test_a_broken_tune_costs_the_rest_of_its_source_only():
    names = ("first", "broken", "unreadable", "last")
    reading = clean([*found_in(*names), Rejection(UNREADABLE, "the reader crashed", "crashed")], RULES)
    assert reading.kept == [3, 1, 1, 3, 0]
    kept = [f"{name}#{number}" for name in names for number in (1, 2, 3)]
    assert list(reading.melodies.sources) == [*kept[:4], kept[6], *kept[9:]]
    assert reading.melodies.pitches.tolist() == [61, 62, 63, 61, 61, 61, 62, 63]
    assert [rejection.source for rejection in reading.rejections] == ["broken", "unreadable", "crashed"]
    assert "OverflowError" in reading.rejections[0].detail
    assert reading.rejections[1].detail == "no second tune"


def read_with_facts(source: Source):
    """Two tunes; of "key" and "melody" the second has no possible mode, of "pickup" no possible pickup."""
    key = Key(0, "klezmer")
    yield tune(61, 1)
    match source.name:
        case "key":
            yield Tune([Track([(0, 480, 62)])], 480, number=2, keys=((0, key),))
        case "melody":
            yield replace(Melody.from_pitches([62]), key=key)
        case "pickup":
            yield replace(Melody.from_pitches([62]), pickup=2**40, source="pickup#2")
        case _:
            yield tune(62, 2)


def test_a_melody_with_impossible_facts_costs_the_rest_of_its_source_only():
    names = ("first", "key", "melody", "pickup", "last")
    found = [find_tunes(Source(Path(name), name), lambda: None, read_with_facts) for name in names]
    reading = clean(found, RULES)
    assert reading.kept == [2, 1, 1, 1, 2]
    assert reading.melodies.pitches.tolist() == [61, 62, 61, 61, 61, 61, 62]
    assert [rejection.source for rejection in reading.rejections] == ["key", "melody", "pickup#2"]
    for rejection in reading.rejections[:2]:
        assert rejection.detail.startswith("the key has the mode 'klezmer'; must be one of major, minor,")


def test_sources_at_once_equal_each_alone():
    names = ("first", "unreadable", "last")
    together = clean(found_in(*names), RULES)
    alone = [clean(found_in(name), RULES) for name in names]
    assert together.kept == [kept for reading in alone for kept in reading.kept]
    assert list(together.melodies) == [melody for reading in alone for melody in reading.melodies]
    assert together.rejections == [rejection for reading in alone for rejection in reading.rejections]


@pytest.mark.slow
def test_a_process_that_reads_imports_no_reader_in_advance():
    code = "import sys, melgen.corpora.folder; print([name for name in sys.modules if 'corpora.readers.' in name])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    others = ["abc", "kern", "midi", "musicxml"]
    assert [name for name in others if name in output] == []
