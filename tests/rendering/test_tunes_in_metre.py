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
from melgen.music.key import MODES, Key
from melgen.music.metre import STEPS_PER_QUARTER, Metre, MetreChange, bar_starts
from melgen.rendering.abc import to_abc
from melgen.rendering.measures import cut_into_bars, playable
from melgen.rendering.musicxml import to_musicxml
from tests.rendering.readers import abc2midi_notes, music21_notes, music21_score
from tests.tiers import quick_rows

METRES = ("2/4", "2/2", "3/4", "4/4", "6/8", "9/8")
EACH = 4
WRITERS = {
    "mid": midi_bytes,
    "abc": lambda tune: to_abc(tune).encode(),
    "musicxml": lambda tune: to_musicxml(tune).encode(),
}


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


@pytest.mark.slow
def test_the_tunes_have_what_is_tested():
    assert {name.split()[0] for name in tunes()} == set(METRES)
    assert len(tunes()) >= 15
    wanted = {"pickup", "no pickup", "triplet", "tie", "leading rest", "rest", "dot"}
    assert wanted == {trait for tune in tunes().values() for trait in _traits(tune)}


@quick_rows(0, "kind", WRITERS)
def test_our_own_readers_read_the_same_tune(kind, tmp_path):
    for name, tune in tunes().items():
        found = read(WRITERS[kind](tune), kind, tmp_path)
        notes = (found.pitches, found.onsets, found.durations)
        assert notes == (tune.pitches, tune.onsets, tune.durations), name
        assert (found.metre, found.pickup or 0, found.bars) == (tune.metre, tune.pickup or 0, tune.bars), name
        assert tune.key is not None
        assert found.key == tune.key, name


@pytest.mark.parametrize("kind", WRITERS)
@quick_rows(2, "mode", MODES)
def test_any_stated_key_is_read_back_in_any_metre(kind, mode, tmp_path):
    notes = Melody((62, 64, 65, 67), (0, 24, 48, 72), (24, 24, 24, 24))
    metres = (MetreChange(0, Metre(4, 4)),)
    for fifths in (-7, -3, 0, 2, 7):
        key = Key.of_signature(fifths, mode)
        for tune in (replace(notes, key=key), replace(notes, key=key, metres=metres)):
            found = read(WRITERS[kind](tune), kind, tmp_path)
            assert (found.pitches, found.key.pitch_class) == (notes.pitches, key.pitch_class)
            assert found.key == key or kind == "mid"  # ionian is major there, and aeolian minor


@pytest.mark.parametrize("kind", WRITERS)
def test_a_key_that_was_found_from_the_notes_is_not_read_as_stated(kind, tmp_path):
    """Otherwise the songs of a network would be judged by a method that finds keys."""
    song = Melody((62, 66, 69, 62), (0, 24, 36, 48), (24, 12, 12, 48))
    for tune in (song, replace(song, metres=(MetreChange(0, Metre(4, 4)),))):
        content = WRITERS[kind](tune)
        found = read(content, kind, tmp_path)
        assert (found.pitches, found.key) == (song.pitches, None)
        marked = content.replace(b"found from the notes", b"D major")
        assert (marked == content) == (kind == "mid" and not tune.metres), "without a metre, MIDI states no key"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_stated_key_with_many_signs_is_written_with_few(kind, tmp_path):
    tune = Melody((68, 70, 68), (0, 24, 48), (24, 24, 24), key=Key(8, "major"), metres=(MetreChange(0, Metre(4, 4)),))
    found = read(WRITERS[kind](tune), kind, tmp_path)
    assert (found.pitches, found.key.name) == (tune.pitches, "Ab major")


def test_the_stated_key_decides_how_notes_are_spelled():
    tune = Melody((61, 66), (0, 24), (24, 24), key=Key(6, "minor"))
    assert "K:F#m\nC F z2" in to_abc(tune)
    assert "K:Db\nD G z2" in to_abc(replace(tune, key=Key(-5, "major")))


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_music21_finds_the_stated_key(kind, tmp_path):
    # MIDI has no others; in ABC, music21 does not know this one.
    modes = ("major", "minor") if kind == "mid" else [mode for mode in MODES if (kind, mode) != ("abc", "locrian")]
    metres = (MetreChange(0, Metre(4, 4)),)
    for mode in modes:
        for fifths in (-3, 0, 4):
            key = Key.of_signature(fifths, mode)
            tune = Melody((62, 64, 65, 67), (0, 24, 48, 72), (24, 24, 24, 24), key=key, metres=metres)
            content = WRITERS[kind](tune)
            score = music21_score(content if kind == "mid" else content.decode(), {"mid": "midi"}.get(kind, kind))
            found = [each for each in score.recurse().getElementsByClass("Key") if each.mode]
            assert {(each.tonic.pitchClass, each.mode) for each in found} == {(key.pitch_class, mode)}
            assert {each.sharps for each in found} == {fifths}


def test_the_symbols_of_each_bar_add_up():
    for name, tune in tunes().items():
        for bar in cut_into_bars(playable(tune)):
            assert sum(symbol.steps for symbol in bar.symbols) == bar.lines.length, name
            assert bar.lines.metre == tune.metre, name


def test_a_silence_before_the_first_note_is_a_rest_in_all_formats(tmp_path):
    tune = Melody((67, 69), (84, 108), (24, 60), metres=(MetreChange(0, Metre(3, 4)),), pickup=24, bars=(0, 24, 96))
    for kind, write in WRITERS.items():
        found = read(write(tune), kind, tmp_path)
        assert (found.onsets, found.pickup, found.bars) == (tune.onsets, 24, tune.bars), kind
