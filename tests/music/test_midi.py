import json
from hashlib import sha256
from pathlib import Path

import mido
import muspy
import pytest
import symusic
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora import read_melody
from melgen.music import Interval, Melody, midi_bytes, note_text, write_midi
from melgen.music.metre import Metre, MetreChange, bar_starts
from melgen.music.spelling import find_key
from tests.tiers import quick_rows

TICKS_PER_STEP = 40
TUNE = Melody((60, 62, 62, 57), (0, 24, 36, 96), (24, 12, 12, 48), title="The White Cockade")


@st.composite
def tunes(draw):
    gaps = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20), st.integers(0, 127)), max_size=20))
    onsets, durations, now = [], [], 0
    for rest, duration, _ in gaps:
        onsets.append(now + rest)
        durations.append(duration)
        now += rest + duration
    return Melody(tuple(pitch for _, _, pitch in gaps), tuple(onsets), tuple(durations))


def read_with_mido(content, tmp_path):
    path = tmp_path / "read.mid"
    path.write_bytes(content)
    now, started, notes = 0, {}, []
    for message in mido.MidiFile(path).tracks[1]:
        now += message.time
        if message.type == "note_on":
            started[message.note] = now
        elif message.type == "note_off":
            begin = started.pop(message.note)
            notes.append((message.note, begin / TICKS_PER_STEP, (now - begin) / TICKS_PER_STEP))
    assert not started
    return notes


def as_rows(melody):
    return list(zip(melody.pitches, melody.onsets, melody.durations, strict=True))


@pytest.mark.slow
@given(tune=tunes())
def test_notes_survive_a_round_trip_through_mido(tune, tmp_path_factory):
    assert read_with_mido(midi_bytes(tune), tmp_path_factory.getbasetemp()) == as_rows(tune)


def test_symusic_and_muspy_read_the_same_notes(tmp_path):
    path = write_midi(TUNE, tmp_path / "tune.mid")
    score = symusic.Score(str(path))
    assert score.ticks_per_quarter == 960
    assert score.tempos[0].qpm == 120
    notes = [(60, 0, 960), (62, 960, 480), (62, 1440, 480), (57, 3840, 1920)]
    assert [(n.pitch, n.time, n.duration) for n in score.tracks[0].notes] == notes
    assert {note.velocity for note in score.tracks[0].notes} == {100}
    music = muspy.read_midi(str(path))
    assert [(n.pitch, n.time, n.duration) for n in music.tracks[0].notes] == notes
    assert score.tracks[0].name == music.tracks[0].name == TUNE.title


def test_header_tempo_and_velocity(tmp_path):
    midi = mido.MidiFile(write_midi(TUNE, tmp_path / "tune.mid", tempo_qpm=90, velocity=64))
    assert (midi.type, midi.ticks_per_beat, len(midi.tracks)) == (1, 960, 2)
    tempo = next(message.tempo for message in midi.tracks[0] if message.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(90, abs=1e-4)  # whole microseconds
    assert {message.velocity for message in midi.tracks[1] if message.type == "note_on"} == {64}
    assert midi.length == pytest.approx(6 * 60 / 90, rel=1e-6)


def test_rests_of_decoded_intervals_are_silent(tmp_path):
    melody = Interval().decode([-8, 1], first_pitch=20)
    assert read_with_mido(midi_bytes(melody), tmp_path) == [(20, 0, 24), (61, 48, 24)]


def test_songs_of_quarter_notes_keep_their_bytes():
    """Compare with files of the time when a step was a sixteenth: 240 ticks, 4 steps for a quarter note."""
    kept = Path(__file__).parents[1] / "formats" / "version1"
    listed = next(kept.glob("*/songs/songs.json"))
    for song in json.loads(listed.read_text(encoding="utf-8"))["songs"]:
        assert midi_bytes(Melody.from_pitches(song["pitches"])) == (listed.parent / song["file"]).read_bytes()
    with_a_rest = midi_bytes(Interval().decode([-8, 1], first_pitch=20))
    assert sha256(with_a_rest).hexdigest()[:16] == "354f10b01c53a65e"


def test_a_note_sounds_for_a_step_and_ends_where_the_next_begins(tmp_path):
    overlapping = Melody((60, 60, 62), (0, 12, 24), (48, 0, 24))
    assert read_with_mido(midi_bytes(overlapping), tmp_path) == [(60, 0, 12), (60, 12, 1), (62, 24, 24)]


def test_equal_melodies_give_equal_bytes_and_nothing_is_left_next_to_them(tmp_path):
    first = write_midi(TUNE, tmp_path / "new folder" / "a.mid").read_bytes()
    assert write_midi(TUNE, tmp_path / "new folder" / "a.mid").read_bytes() == first == midi_bytes(TUNE)
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["a.mid"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write_midi(TUNE, tmp_path / "a.mid")
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_midi(Melody.from_pitches([60]), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def in_metre(metre, pickup, lengths, pitches=(67, 69, 71, 72, 74, 76, 78, 79), title="A jig"):
    """Notes one after another in a metre, after a rest if the first length is negative."""
    onsets, now = [], 0
    for length in lengths:
        onsets.append(now)
        now += abs(length)
    notes = [(onset, length) for onset, length in zip(onsets, lengths, strict=True) if length > 0]
    return Melody(
        tuple(pitches[i % len(pitches)] for i in range(len(notes))),
        tuple(onset for onset, _ in notes),
        tuple(length for _, length in notes),
        title,
        metres=(MetreChange(0, metre),),
        pickup=pickup,
        bars=bar_starts(metre, pickup, now),
    )


MEASURED = [
    in_metre(Metre(6, 8), 12, [12, 24, 12, 24, 12, 8, 8, 8, 12, 36, 60]),
    in_metre(Metre(3, 4), 24, [24, 8, 8, 8, 48, 72, 36, 12, 24]),
    in_metre(Metre(4, 4), 36, [-12, 24, 24, 24, 24, 24, 96, 48]),
    in_metre(Metre(2, 4), 6, [6, 18, 6, 24, 48]),
    in_metre(Metre(2, 2), 24, [24, 96, 48, 48]),
    in_metre(Metre(9, 8), 3, [3, 108, 54, 54]),
]


@quick_rows(1, "tune", MEASURED, ids=lambda tune: f"{tune.metre.name} after {tune.pickup}")
def test_metre_pickup_bars_and_notes_are_read_back(tune, tmp_path):
    found = read_melody(write_midi(tune, tmp_path / "tune.mid"))
    assert as_rows(found) == as_rows(tune)
    assert (found.title, found.metre, found.pickup, found.bars) == (tune.title, tune.metre, tune.pickup, tune.bars)


@pytest.mark.parametrize("tune", MEASURED, ids=lambda tune: f"{tune.metre.name} after {tune.pickup}")
def test_muspy_and_symusic_find_metre_key_and_bar_lines(tune, tmp_path):
    path = write_midi(tune, tmp_path / "tune.mid", tempo_qpm=90)
    music, score = muspy.read_midi(str(path)), symusic.Score(str(path))
    first, second = [(each.time, each.numerator, each.denominator) for each in music.time_signatures]
    assert first[0] == 0
    assert 96 * first[1] / first[2] == tune.pickup
    assert second == (tune.pickup * TICKS_PER_STEP, *tune.metre)
    assert [(each.time, each.numerator, each.denominator) for each in score.time_signatures] == [first, second]
    signature = find_key(tune.pitches, tune.durations).fifths
    assert [(each.time, each.key) for each in score.key_signatures] == [(0, signature)]
    assert music.tracks[0].name == tune.title
    assert music.tempos[0].qpm == pytest.approx(90, abs=1e-4)


@pytest.mark.slow
def test_without_a_pickup_there_is_one_time_signature(tmp_path):
    for pickup in (0, None):
        tune = in_metre(Metre(6, 8), pickup, [36, 36, 72])
        found = read_melody(write_midi(tune, tmp_path / "tune.mid"))
        assert (found.metre, found.pickup, found.bars) == (Metre(6, 8), None, (0, 72))


def test_a_pickup_of_more_beats_than_a_byte_counts_has_no_time_signature(tmp_path):
    steps = 257 * 3  # thirty-seconds
    tune = Melody((60, 62), (0, steps), (steps, 96), metres=(MetreChange(0, Metre(100, 1)),), pickup=steps)
    midi = mido.MidiFile(write_midi(tune, tmp_path / "tune.mid"))
    signatures = [message for message in midi.tracks[0] if message.type == "time_signature"]
    assert [(each.time, each.numerator, each.denominator) for each in signatures] == [(steps * TICKS_PER_STEP, 100, 1)]


def test_after_a_pickup_that_no_metre_has_bars_count_from_its_end(tmp_path):
    tune = in_metre(Metre(2, 4), 8, [8, 24, 24, 48])
    found = read_melody(write_midi(tune, tmp_path / "tune.mid"))
    assert as_rows(found) == as_rows(tune)
    assert found.metres == (MetreChange(8, Metre(2, 4)),)
    assert found.bars == (8, 56)


def test_changing_metres_are_written(tmp_path):
    changes = (MetreChange(0, Metre(4, 4)), MetreChange(96, Metre(3, 4)), MetreChange(168, Metre(6, 8)))
    tune = Melody.from_pitches(range(60, 72))
    found = read_melody(
        write_midi(Melody(tune.pitches, tune.onsets, tune.durations, metres=changes), tmp_path / "a.mid")
    )
    assert found.metres == changes
    assert found.bars == (0, 96, 168, 240)


def test_a_metre_that_midi_cannot_write_is_left_out(tmp_path):
    odd = Melody((60,), (0,), (24,), metres=(MetreChange(0, Metre(300, 4)), MetreChange(96, Metre(3, 5))))
    assert midi_bytes(odd) == midi_bytes(Melody((60,), (0,), (24,)))


@pytest.mark.parametrize("title", ["Für Elise", "千本桜", "broken \udce9"])
def test_titles_in_any_script(title, tmp_path):
    write_midi(Melody((60,), (0,), (4,), title=title), tmp_path / "a.mid")
    track = mido.MidiFile(tmp_path / "a.mid", charset="utf-8").tracks[1]
    assert track.name == title.replace("\udce9", "?")


def test_a_melody_without_notes_is_an_empty_file(tmp_path):
    assert read_with_mido(midi_bytes(Melody.from_pitches([])), tmp_path) == []


@pytest.mark.parametrize(
    ("melody", "message"),
    [
        (Melody.from_pitches([60, 128]), "note 2 has pitch 128"),
        (Melody.from_pitches([-1]), "note 1 has pitch -1"),
        (Melody((60,), (0,), (-4,)), "negative duration of -4"),
        (Melody((60,), (-4,), (4,)), "note 1 starts at step -4"),
        (Melody((60, 62), (4, 4), (4, 4)), "note 2 starts at step 4, but cannot start before step 5"),
    ],
)
def test_melodies_that_fit_no_midi_file(melody, message):
    with pytest.raises(ValueError, match=message):
        midi_bytes(melody)


@pytest.mark.parametrize(
    "options", [{"velocity": 0}, {"velocity": 128}, {"tempo_qpm": 0}, {"tempo_qpm": 3}, {"tempo_qpm": "fast"}]
)
def test_options_that_fit_no_midi_file(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        midi_bytes(TUNE, **options)


def test_note_text():
    assert note_text(Melody.from_pitches([60, 61, 57])) == "C4 C#4 A3"
    assert note_text(Interval().decode([-60, -60, 2], first_pitch=60)) == "C4 r r D4"
    assert note_text(TUNE) == "C4 D4:1/8 D4 r:1/2 A3"
    assert note_text(Melody((60,), (24,), (24,))) == "r C4"
    assert note_text(Melody.from_pitches([])) == ""
