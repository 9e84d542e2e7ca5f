"""MIDI files: compared with mido and with music21's corpus, and broken files."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.corpora import Cleaning, CorpusError, FolderCorpus
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers.midi import read_midi
from melgen.corpora.readers.midi.notes import NEVER_OFF
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.metre import Metre, MetreChange
from tests.builders import melody_of
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
    melody = melody_of(read(write_midi(tmp_path / "tune.mid", written, tpq=tpq)), ANY_LENGTH)
    assert list(zip(melody.onsets, melody.durations, melody.pitches, strict=True)) == [
        (6 * onset // step, 6 * duration // step, pitch) for onset, duration, pitch in written
    ]


def test_tracks_that_are_tunes_of_their_own_are_refused(tmp_path):
    one = write_midi(tmp_path / "one.mid", scale(60))
    two = write_midi(tmp_path / "two.mid", scale(60), scale(72))
    for path in (one, two):
        file = mido.MidiFile(path)
        file.type = 2
        file.save(path)
    assert len(read(one).tracks) == 1
    with pytest.raises(ReadError, match="a MIDI file of type 2: its 2 tracks are tunes of their own"):
        read(two)


def test_the_metres_that_a_file_states(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale())
    assert melody_of(read(path), ANY_LENGTH).metres == (), "the file states no metre"
    file = mido.MidiFile(path)
    for place, (numerator, denominator) in {0: (6, 8), 5: (3, 4), 10: (3, 4)}.items():  # before, after 2, after 4 notes
        file.tracks[0].insert(place, mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator))
    file.save(path)
    melody = melody_of(read(path), ANY_LENGTH)
    assert melody.metres == (MetreChange(0, Metre(6, 8)), MetreChange(24, Metre(3, 4)))
    assert melody.metre is None
    assert melody.pickup is None


def key(pitch: int, time: int, kind: str = "note_on", channel: int = 0) -> mido.Message:
    return mido.Message(kind, note=pitch, velocity=64, time=time, channel=channel)


def end_of_track(time: int) -> mido.MetaMessage:
    return mido.MetaMessage("end_of_track", time=time)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([key(60, 0), key(62, 240), key(62, 240, "note_off")], [(0, 240, 60), (240, 240, 62)]),
        ([key(60, 0), key(60, 240, "note_off"), key(62, 0), end_of_track(480)], [(0, 240, 60), (240, 480, 62)]),
        # Two note-ons and one note-off: the note-off ends the second note.
        ([key(60, 0), key(60, 240), key(60, 240, "note_off")], [(0, 240, 60), (240, 240, 60)]),
        (
            [key(60, 0), key(62, 240), key(62, 240, "note_off"), key(60, 0), key(60, 480, "note_off")],
            [(0, 240, 60), (240, 240, 62), (480, 480, 60)],
        ),
        ([key(60, 0), key(62, 240), key(64, 240), end_of_track(240)], [(0, 240, 60), (240, 240, 62), (480, 240, 64)]),
    ],
    ids=["before another", "at the end", "struck twice", "again later", "all"],
)
def test_a_note_that_is_never_switched_off_ends_at_the_next_and_is_counted(tmp_path, messages, expected):
    tune = read(written(tmp_path / "tune.mid", mido.MidiTrack(messages)))
    assert sorted(map(tuple, tune.tracks[0].notes.tolist())) == expected
    assert tune.remarks == (NEVER_OFF,)


def test_notes_that_are_switched_off_are_not_counted(tmp_path):
    overlapping = [key(60, 0), key(60, 240), key(60, 240, "note_off"), key(60, 240, "note_off")]
    overlapping += [key(62, 0), key(62, 10, "note_off"), end_of_track(0)]
    tune = read(written(tmp_path / "tune.mid", mido.MidiTrack(overlapping)))
    assert tune.tracks[0].notes.tolist() == [[0, 480, 60], [240, 480, 60], [720, 10, 62]]
    assert tune.remarks == ()
    drums = [key(36, 0, channel=9), key(38, 240, channel=9)]
    assert read(written(tmp_path / "drums.mid", mido.MidiTrack(drums))).remarks == (), "a drum needs no end"


@pytest.mark.slow
def test_notes_that_are_never_switched_off_are_in_the_report(tmp_path):
    messages = [message for pitch in range(60, 80) for message in (key(pitch, 0), key(pitch, 240, "note_off"))]
    written(tmp_path / "tune.mid", mido.MidiTrack([key(60, 0), *messages]))
    report = FolderCorpus(tmp_path).load().report
    assert f"{NEVER_OFF}: 1 tune" in report.remarks


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
    melody = melody_of(read(path), Cleaning())
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
    assert melody_of(read(path), ANY_LENGTH).pitches[0] == 40


def test_a_change_of_instrument_does_not_cut_the_melody(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale(), names=("violin",))
    file = mido.MidiFile(path)
    file.tracks[0].insert(9, mido.Message("program_change", program=5, time=0))
    file.save(path)
    assert len(melody_of(read(path), ANY_LENGTH)) == 16


def events(*programs_and_notes: tuple[str, int] | tuple[str, int, int]) -> mido.MidiTrack:
    """A track of quarters (``note``, pitch, channel) and changes of program."""
    track = mido.MidiTrack()
    for kind, value, *channel in programs_and_notes:
        where = channel[0] if channel else 0
        if kind == "program":
            track.append(mido.Message("program_change", program=value, channel=where))
        else:
            track.append(mido.Message("note_on", note=value, velocity=64, channel=where))
            track.append(mido.Message("note_off", note=value, velocity=64, time=480, channel=where))
    return track


def written(path: Path, *tracks: mido.MidiTrack, kind: int = 1) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    file.tracks += tracks
    file.save(path)
    return path


@pytest.mark.parametrize("programs", [(40, 5), (5, 40), (40, 5, 40), (1, 2, 3, 2, 1)])
@pytest.mark.parametrize("name", ["", "violin"])
@pytest.mark.parametrize("kind", [0, 1])
def test_no_change_of_program_cuts_a_track(tmp_path, programs, name, kind):
    track = events(*(each for n, program in enumerate(programs) for each in (("program", program), ("note", 60 + n))))
    if name:
        track.insert(0, mido.MetaMessage("track_name", name=name))
    tune = read(written(tmp_path / "tune.mid", track, kind=kind))
    assert [track.name for track in tune.tracks] == [name]
    melody = melody_of(tune, ANY_LENGTH)
    assert melody.pitches == tuple(range(60, 60 + len(programs)))


def test_running_status_after_a_change_of_program(tmp_path):
    chunk = bytes.fromhex("00 c0 28 00 05 00 90 3c 40 60 3c 00 00 c0 07 00 08 00 90 3e 40 60 3e 00 00 ff 2f 00")
    path = tmp_path / "tune.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(chunk).to_bytes(4, "big") + chunk)
    assert melody_of(read(path), ANY_LENGTH).pitches == (60, 62)


def test_channels_that_sound_together_stay_two_tracks(tmp_path):
    track = events(("note", 60), ("note", 62))
    track.insert(0, mido.Message("note_on", note=40, velocity=64, channel=3))
    track.append(mido.Message("note_off", note=40, channel=3))
    assert sorted(len(each.notes) for each in read(written(tmp_path / "tune.mid", track)).tracks) == [1, 2]


@pytest.mark.parametrize("extra", [b"", b"\0\0", b"more"])
def test_a_longer_header_is_honoured(tmp_path, good, extra):
    path = tmp_path / "long.mid"
    path.write_bytes(good[:4] + (6 + len(extra)).to_bytes(4, "big") + good[8:14] + extra + good[14:])
    assert len(read(path).tracks[0].notes) == 16
    path.write_bytes(good[:4] + (6 + len(extra)).to_bytes(4, "big") + good[8:])  # a header whose length is wrong
    assert len(read(path).tracks[0].notes) == 16


@pytest.mark.parametrize("declared", [0, 1, 2])
@pytest.mark.parametrize("after", [b"", b"\0" * 7, b"garbage at the end", b"MTrk\0\0\xff\0cut"])
def test_all_tracks_are_read_however_many_are_declared(tmp_path, declared, after):
    data = written(tmp_path / "tune.mid", mido.MidiTrack(), events(("note", 60))).read_bytes()
    path = tmp_path / "declared.mid"
    path.write_bytes(data[:10] + declared.to_bytes(2, "big") + data[12:] + after)
    assert melody_of(read(path), ANY_LENGTH).pitches == (60,)
    path.write_bytes(data[:10] + (3).to_bytes(2, "big") + data[12:])
    with pytest.raises(ReadError, match="truncated: 2 of 3 tracks"):
        read(path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"M\xe9lodie", "Mélodie"),
        ("Mélodie".encode(), "Mélodie"),
        ("Мелодия".encode("utf-16"), "Мелодия"),
        (b"Voice\0 ", "Voice"),
        (b"\xff\x80", "ÿ\x80"),
    ],
)
def test_names_of_tracks_in_any_encoding(tmp_path, content, name):
    chunk = b"\0\xff\x03" + bytes([len(content)]) + content + bytes.fromhex("00 90 3c 40 60 80 3c 40 00 ff 2f 00")
    path = tmp_path / "tune.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(chunk).to_bytes(4, "big") + chunk)
    tune = read(path)
    assert (tune.title, tune.tracks[0].name) == (name, name)


def test_a_value_that_is_too_large_is_named_in_words(tmp_path):
    chunk = bytes.fromhex("00 b0 07 a8 00 90 3c 40 60 80 3c 40 00 ff 2f 00")
    path = tmp_path / "tune.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(chunk).to_bytes(4, "big") + chunk)
    with pytest.raises(ReadError, match="track 1, byte 3: a value of 168 in an event; must be at most 127"):
        read(path)


def with_metres(path: Path, quarters: int, *metres: tuple[int, int, int]) -> Path:
    """A tune of so many quarters with metres: first quarter, beats and beat type of each."""
    conductor, now = mido.MidiTrack(), 0
    for start, beats, beat_type in metres:
        ticks = (start - now) * 480
        conductor.append(mido.MetaMessage("time_signature", numerator=beats, denominator=beat_type, time=ticks))
        now = start
    return written(path, conductor, events(*(("note", 60) for _ in range(quarters))))


@pytest.mark.parametrize(
    ("quarters", "metres", "expected", "pickup", "bars"),
    [
        (9, [(0, 4, 4)], [(0, 4, 4)], None, [0, 4, 8]),
        (8, [(0, 6, 8)], [(0, 6, 8)], None, [0, 3, 6]),
        (9, [(0, 1, 4), (1, 4, 4)], [(0, 4, 4)], 1, [0, 1, 5]),
        (8, [(0, 2, 4), (4, 4, 4)], [(0, 2, 4), (4, 4, 4)], None, [0, 2, 4]),
        (7, [(0, 4, 4), (4, 3, 4)], [(0, 4, 4), (4, 3, 4)], None, [0, 4]),
        (7, [(0, 4, 4), (6, 3, 4)], [(0, 4, 4), (6, 3, 4)], None, [0, 4, 6]),
        (6, [(2, 4, 4)], [(2, 4, 4)], None, [2]),
        (4, [], [], None, []),
    ],
)
def test_metres_pickup_and_bars(tmp_path, quarters, metres, expected, pickup, bars):
    tune = read(with_metres(tmp_path / "tune.mid", quarters, *metres))
    assert tune.metres == tuple((480 * start, Metre(beats, kind)) for start, beats, kind in expected)
    assert tune.pickup == (None if pickup is None else 480 * pickup)
    assert [start / 480 for start in tune.bars] == bars


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
        (lambda data: b"<html></html>" * 9, "not a MIDI file: it begins with '<htm', not 'MThd'"),
        (lambda data: b"\x00caf\xe9" * 9, r"not a MIDI file: it begins with '\\x00caf', not 'MThd'"),
        (lambda data: data[:10], "truncated"),
        (lambda data: data[:14], "truncated: 0 of 1"),
        (lambda data: data[:-7], "truncated: a chunk ends"),
        (lambda data: data[:12] + b"\0\0" + data[14:], "ticks per quarter"),
        (lambda data: data[:12] + b"\xe7\x28" + data[14:], "Division"),
        (lambda data: data[:40] + b"\xff" * 40 + data[80:], "."),
    ],
    ids=["empty", "html", "bytes", "half a header", "no track", "cut", "no division", "SMPTE", "garbage"],
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
    with pytest.raises(ReadError, match="60 MB; must be at most 50 MB"):
        read(path)


@pytest.mark.slow
def test_a_folder_of_broken_files_is_refused_with_its_reasons(tmp_path, good):
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
        "drums.mid: 1 drum track",
        "chords.mid: no melody among 1 track",
        "short.mid: 3 notes, min_length_notes=12",
        "long.mid: 120 notes, max_length_notes=100",
    ):
        assert expected in text
