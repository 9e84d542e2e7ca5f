"""Real tunes in a metre, written as MIDI, ABC and MusicXML, and read back: notes, metre, pickup and bars are equal."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from melgen.corpora import Cleaning, FolkCorpus
from melgen.corpora.extraction import extract_melody
from melgen.corpora.folder import read_file
from melgen.corpora.sources import Source
from melgen.music import Melody, midi_bytes
from melgen.music.metre import STEPS_PER_QUARTER, Metre, MetreChange, bar_starts
from melgen.rendering.abc import to_abc
from melgen.rendering.measures import cut_into_bars, playable
from melgen.rendering.musicxml import to_musicxml
from tests.rendering.readers import abc2midi_notes, music21_notes, music21_score

METRES = ("2/4", "2/2", "3/4", "4/4", "6/8", "9/8")
EACH = 4


@cache
def tunes() -> dict[str, Melody]:
    """Some of each metre, with and without a pickup, triplets, ties over bars and leading rests, by name.

    Their bars are counted from metre and pickup, as in songs.
    """
    found: dict[str, list[Melody]] = {metre: [] for metre in METRES}
    for tune in [*FolkCorpus(["airds"]).load(Cleaning()).melodies, *FolkCorpus(["ryans"]).load(Cleaning()).melodies]:
        if tune.metre is None or tune.metre.name not in found or len(tune) > 150 or _has_odd_lengths(tune):
            continue
        kept = found[tune.metre.name]
        bars = bar_starts(tune.metre, tune.pickup, tune.onsets[-1] + tune.durations[-1])
        tune = replace(tune, metres=(MetreChange(0, tune.metre),), bars=bars)
        if len(kept) < EACH and not _traits(tune) <= {trait for each in kept for trait in _traits(each)}:
            kept.append(tune)
    return {f"{metre} {number}": tune for metre, some in found.items() for number, tune in enumerate(some, 1)}


def _traits(tune: Melody) -> set[str]:
    spans = list(zip(tune.onsets, tune.durations, strict=True))
    traits = {
        "pickup": bool(tune.pickup),
        "no pickup": not tune.pickup,
        "triplet": any(duration % 3 for duration in tune.durations),
        "tie": any(onset < bar < onset + duration for onset, duration in spans for bar in tune.bars),
        "leading rest": tune.onsets[0] > 0,
        "rest": any(onset + steps < after for (onset, steps), (after, _) in pairwise(spans)),
        "dot": any(duration in (18, 36, 72) for duration in tune.durations),
    }
    return {trait for trait, there in traits.items() if there}


def _has_odd_lengths(tune: Melody) -> bool:
    """Whether it has lengths without a note value, which notation rounds."""
    return any(steps % 3 and steps % 4 for steps in (*tune.onsets, *tune.durations))


def read(content: bytes, kind: str, folder) -> Melody:
    file = folder / f"tune.{kind}"
    file.write_bytes(content)
    (tune,) = read_file(Source(file, file.name))
    melody, rounded = extract_melody(tune, Cleaning(min_length_notes=1), file.name)
    assert rounded == 0
    return melody


def test_the_tunes_have_what_is_tested():
    assert {name.split()[0] for name in tunes()} == set(METRES)
    assert len(tunes()) >= 15
    wanted = {"pickup", "no pickup", "triplet", "tie", "leading rest", "rest", "dot"}
    assert wanted == {trait for tune in tunes().values() for trait in _traits(tune)}


@pytest.mark.parametrize("kind", ["mid", "abc", "musicxml"])
def test_our_own_readers_read_the_same_tune(kind, tmp_path):
    write = {
        "mid": midi_bytes,
        "abc": lambda tune: to_abc(tune).encode(),
        "musicxml": lambda tune: to_musicxml(tune).encode(),
    }
    for name, tune in tunes().items():
        found = read(write[kind](tune), kind, tmp_path)
        notes = (found.pitches, found.onsets, found.durations)
        assert notes == (tune.pitches, tune.onsets, tune.durations), name
        assert (found.metre, found.pickup or 0, found.bars) == (tune.metre, tune.pickup or 0, tune.bars), name


def test_abc2midi_reads_the_same_notes():
    for name, tune in tunes().items():
        expected = list(zip(tune.onsets, tune.durations, tune.pitches, strict=True))
        assert abc2midi_notes(to_abc(tune, "x")) == expected, name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["musicxml", "abc"])
def test_music21_finds_notes_metre_and_pickup_and_its_bars_add_up(kind):
    for name, tune in tunes().items():
        text = to_musicxml(tune) if kind == "musicxml" else to_abc(tune, "x")
        if kind == "musicxml" or not re.search(r"[\^_=][A-Ga-g]", text):  # in ABC, music21 forgets accidentals
            expected = list(zip(tune.onsets, tune.durations, tune.pitches, strict=True))
            assert music21_notes(text, kind) == expected, name
        measures = list(music21_score(text, kind).parts[0].getElementsByClass("Measure"))
        signatures = [each.timeSignature.ratioString for each in measures if each.timeSignature is not None]
        assert signatures == [tune.metre.name], name
        lengths = [round(each.duration.quarterLength * STEPS_PER_QUARTER) for each in measures]
        *complete, last = lengths[bool(tune.pickup) :]
        assert lengths[0] == (tune.pickup or tune.metre.bar_steps), name
        assert set(complete) <= {tune.metre.bar_steps}, name
        assert last in (tune.metre.bar_steps, tune.metre.bar_steps - (tune.pickup or 0)), name


def test_the_symbols_of_each_bar_add_up():
    for name, tune in tunes().items():
        for bar in cut_into_bars(playable(tune)):
            assert sum(symbol.steps for symbol in bar.symbols) == bar.lines.length, name
            assert bar.lines.metre == tune.metre, name


def test_a_silence_before_the_first_note_is_a_rest_in_all_formats(tmp_path):
    tune = Melody((67, 69), (84, 108), (24, 60), metres=(MetreChange(0, Metre(3, 4)),), pickup=24, bars=(0, 24, 96))
    for kind, content in {
        "mid": midi_bytes(tune),
        "abc": to_abc(tune).encode(),
        "musicxml": to_musicxml(tune).encode(),
    }.items():
        found = read(content, kind, tmp_path)
        assert (found.onsets, found.pickup, found.bars) == (tune.onsets, 24, tune.bars), kind
