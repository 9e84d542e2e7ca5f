"""MIDI files: against mido, against the corpus, and broken in every way."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.corpora import Cleaning, CorpusError, FolderCorpus
from melgen.corpora.extraction import extract_melody
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers import ReadError
from melgen.corpora.readers.midi import read_midi
from melgen.corpora.sources import Source
from melgen.music.metre import Metre, MetreChange
from tests.corpora.midi_files import scale, write_midi

ANY_LENGTH = Cleaning(min_length_notes=1)


def read(path: Path):
    (tune,) = read_midi(Source(path, path.name))
    return tune


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    notes=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 16), st.integers(0, 127)), min_size=1, max_size=40),
    tpq=st.sampled_from([4, 24, 96, 480, 960]),
)
def test_a_written_melody_is_read_back(tmp_path, notes, tpq):
    """Rests and durations in sixteenths, one after another; a sixteenth has six steps."""
    step, now, written = tpq // 4, 0, []
    for rest, duration, pitch in notes:
        now += rest
        written.append((now * step, duration * step, pitch))
        now += duration
    melody = extract_melody(read(write_midi(tmp_path / "tune.mid", written, tpq=tpq)), ANY_LENGTH, "")
    assert list(zip(melody.onsets, melody.durations, melody.pitches, strict=True)) == [
        (6 * onset // step, 6 * duration // step, pitch) for onset, duration, pitch in written
    ]


def test_the_metres_that_a_file_states(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale())
    assert extract_melody(read(path), ANY_LENGTH, "").metres == (), "none is stated, and none is made up"
    file = mido.MidiFile(path)
    for place, (numerator, denominator) in {0: (6, 8), 5: (3, 4), 10: (3, 4)}.items():  # before, after 2, after 4 notes
        file.tracks[0].insert(place, mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator))
    file.save(path)
    melody = extract_melody(read(path), ANY_LENGTH, "")
    assert melody.metres == (MetreChange(0, Metre(6, 8)), MetreChange(24, Metre(3, 4)))
    assert melody.metre is None
    assert melody.pickup is None


def chorale(name: str, path: Path) -> list[list[tuple[int, int, int]]]:
    """Write a chorale from music21's corpus; its parts as notes."""
    from music21 import converter

    score = converter.parse(music21_corpus_dir() / "bach" / name, forceSource=True)
    parts = []
    for part in score.parts:
        flat = part.stripTies().flatten().notes
        parts.append([(round(n.offset * 480), round(n.quarterLength * 480), n.pitch.midi) for n in flat])
    write_midi(path, *parts[::-1], names=("low", "third", "second", "first"))
    return parts


@pytest.mark.parametrize("name", ["bwv66.6.mxl", "bwv269.mxl", "bwv360.mxl"])
def test_the_soprano_of_a_chorale_is_its_melody(tmp_path, name):
    path = tmp_path / "chorale.mid"
    soprano = chorale(name, path)[0]
    melody = extract_melody(read(path), Cleaning(), "")
    assert melody.pitches == tuple(pitch for _, _, pitch in soprano)
    assert melody.onsets == tuple(round(onset / 20) for onset, _, _ in soprano)


def test_mido_reads_the_same_notes(tmp_path):
    path = tmp_path / "chorale.mid"
    chorale("bwv66.6.mxl", path)
    theirs = []
    for track in mido.MidiFile(path).tracks:
        now, sounding, notes = 0, {}, []
        for message in track:
            now += message.time
            if message.type == "note_on":
                sounding[message.note] = now
            elif message.type == "note_off":
                start = sounding.pop(message.note)
                notes.append((start, now - start, message.note))
        theirs.append(sorted(notes))
    assert sorted(sorted(map(tuple, track.notes.tolist())) for track in read(path).tracks) == sorted(theirs)


def test_drum_tracks_are_ignored_even_if_they_are_higher(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale(40), scale(80), channels=(0, 9))
    assert extract_melody(read(path), ANY_LENGTH, "").pitches[0] == 40


def test_a_change_of_instrument_does_not_cut_the_melody(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale(), names=("violin",))
    file = mido.MidiFile(path)
    file.tracks[0].insert(9, mido.Message("program_change", program=5, time=0))
    file.save(path)
    assert len(extract_melody(read(path), ANY_LENGTH, "")) == 16


def test_riff_wrapped_midi(tmp_path):
    plain = write_midi(tmp_path / "tune.mid", scale()).read_bytes()
    size = len(plain).to_bytes(4, "little")
    wrapped = tmp_path / "tune.rmi"
    wrapped.write_bytes(b"RIFF" + (len(plain) + 12).to_bytes(4, "little") + b"RMIDdata" + size + plain)
    assert len(read(wrapped).tracks[0].notes) == 16


@pytest.fixture
def good(tmp_path):
    return write_midi(tmp_path / "good.mid", scale()).read_bytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "empty"),
        (lambda data: b"<html></html>" * 9, "not a MIDI file"),
        (lambda data: data[:10], "truncated"),
        (lambda data: data[:14], "truncated: 0 of 1"),
        (lambda data: data[:-7], "truncated: a chunk ends"),
        (lambda data: data[:12] + b"\0\0" + data[14:], "ticks per quarter"),
        (lambda data: data[:12] + b"\xe7\x28" + data[14:], "Division"),
        (lambda data: data[:40] + b"\xff" * 40 + data[80:], "."),
    ],
    ids=["empty", "html", "half a header", "no track", "cut", "no division", "SMPTE", "garbage"],
)
def test_broken_files_are_refused(tmp_path, good, damage, message):
    path = tmp_path / "broken.mid"
    path.write_bytes(damage(good))
    with pytest.raises(ReadError, match=message):
        read(path)


def test_a_file_beyond_the_bound_is_not_read(tmp_path):
    path = tmp_path / "huge.mid"
    with path.open("wb") as file:
        file.truncate(60 * 2**20)
    with pytest.raises(ReadError, match="60 MB, at most 50 MB"):
        read(path)


def test_a_folder_of_broken_files_says_why(tmp_path, good):
    (tmp_path / "zero.mid").touch()
    (tmp_path / "cut.mid").write_bytes(good[:-9])
    (tmp_path / "page.mid").write_bytes(b"<html></html>" * 9)
    write_midi(tmp_path / "drums.mid", scale(), channels=(9,))
    write_midi(tmp_path / "chords.mid", scale(60) + scale(64))
    write_midi(tmp_path / "short.mid", scale(notes=3))
    write_midi(tmp_path / "long.mid", scale(0, notes=120), names=("x",))
    (tmp_path / "good.mid").unlink()
    with pytest.raises(CorpusError) as error:
        FolderCorpus(tmp_path).load(Cleaning(max_length_notes=100), workers=1, progress=False)
    text = str(error.value)
    for expected in (
        "no tune is kept",
        "zero.mid: the file is empty",
        "cut.mid: truncated",
        "page.mid: not a MIDI file",
        "drums.mid: 1 drum track(s)",
        "chords.mid: no melody among 1 track(s)",
        "short.mid: 3 notes, min_length_notes=12",
        "long.mid: 120 notes, max_length_notes=100",
    ):
        assert expected in text
