import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from unittest.mock import Mock

import mido
import pytest

from melgen.files import scratch_beside
from melgen.generation import songs
from melgen.generation.songs import read_songs, write_songs
from melgen.music import Interval, Melody
from melgen.music.metre import Metre, MetreChange

METADATA = {
    "seed": 0,
    "model": {"run": "control-lstm-2-seed0", "step": 400},
    "primer": [60, 62, 64, 62],
    "selection": {"selection": "sample", "temperature": 1.0},
    "note": "é",
}
SONGS = [Melody.from_pitches([60, 62, 64]), Interval().decode([-8, 1], first_pitch=20)]
JIG = Melody(
    (67, 69, 71, 72, 74),
    (0, 12, 36, 48, 84),
    (12, 24, 12, 36, 24),
    metres=(MetreChange(0, Metre(6, 8)),),
    pickup=12,
    bars=(0, 12, 84),
)
FREE = Melody((60, 62), (8, 16), (8, 80))


def files_of(directory):
    return sorted(path.name for path in directory.iterdir())


def contents_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_songs_survive_a_round_trip(tmp_path):
    paths = write_songs(tmp_path / "run" / "songs", SONGS, METADATA, tempo_qpm=100, velocity=80)
    assert [path.name for path in paths] == ["song_001.mid", "song_002.mid"]
    assert files_of(tmp_path / "run") == ["songs"]
    assert files_of(tmp_path / "run" / "songs") == ["song_001.mid", "song_002.mid", "songs.json"]
    for path in (tmp_path / "run" / "songs", tmp_path / "run" / "songs" / "songs.json"):
        found = read_songs(path)
        assert found.melodies == SONGS
        assert found.metadata == METADATA
    notes = [message.note for message in mido.MidiFile(paths[1]) if message.type == "note_on"]
    assert notes == [20, 61]


def test_json_is_readable_one_song_a_line(tmp_path):
    write_songs(tmp_path / "songs", SONGS, METADATA)
    text = (tmp_path / "songs" / "songs.json").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "song_002" in line]
    assert json.loads(line) == {
        "file": "song_002.mid",
        "pitches": [20, 61],
        "onsets": [0, 48],
        "durations": [24, 24],
        "notes": "G#0 r C#4",
    }


def test_the_name_of_a_folder_that_is_not_utf_8(tmp_path):
    metadata = METADATA | {"model": os.fsdecode(b"caf\xe9")}
    write_songs(tmp_path / "songs", SONGS, metadata)
    assert read_songs(tmp_path / "songs").metadata == metadata


def test_equal_songs_give_equal_bytes(tmp_path):
    write_songs(tmp_path / "a", SONGS, METADATA)
    write_songs(tmp_path / "b", SONGS, METADATA)
    assert contents_of(tmp_path / "a") == contents_of(tmp_path / "b")


def test_an_earlier_larger_set_leaves_nothing_behind(tmp_path):
    target = tmp_path / "songs"
    write_songs(target, SONGS * 5, METADATA)
    write_songs(target, SONGS[:1], {**METADATA, "seed": 1})
    assert files_of(target) == ["song_001.mid", "songs.json"]
    assert read_songs(target).metadata["seed"] == 1
    assert files_of(tmp_path) == ["songs"]


def test_numbers_grow_with_the_set(tmp_path):
    paths = write_songs(tmp_path / "songs", [Melody.from_pitches([60])] * 1000, METADATA)
    assert (paths[0].name, paths[-1].name) == ("song_0001.mid", "song_1000.mid")
    write_songs(tmp_path / "songs", SONGS, METADATA)
    assert len(files_of(tmp_path / "songs")) == 3


@pytest.mark.parametrize("foreign", ["thesis.pdf", "song_1.mid", ".hidden", "song_001.mid.bak"])
def test_a_directory_with_foreign_files_is_refused(foreign, tmp_path):
    target = tmp_path / "songs"
    write_songs(target, SONGS, METADATA)
    (target / foreign).write_text("mine")
    before = contents_of(target)
    with pytest.raises(ValueError, match=f"songs contains files .* such as {foreign}"):
        write_songs(target, SONGS, METADATA)
    assert contents_of(target) == before
    assert files_of(tmp_path) == ["songs"]


@pytest.mark.parametrize(
    "content", [{"song_001.mid": "x"}, {"songs.json": "[]"}, {"songs.json": "{}", "song_001.mid": "x"}]
)
def test_files_that_only_look_like_ours_are_refused(content, tmp_path):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="not a set of generated songs"):
        write_songs(tmp_path, SONGS, METADATA)
    assert files_of(tmp_path) == sorted(content)


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "songs").mkdir()
    write_songs(tmp_path / "songs", SONGS, METADATA)
    assert len(files_of(tmp_path / "songs")) == 3


def test_a_link_keeps_pointing_to_the_songs(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_songs(tmp_path / "link", SONGS, METADATA)
    assert (tmp_path / "link").is_symlink()
    assert len(files_of(tmp_path / "real")) == 3


@pytest.mark.parametrize("failing_call", [1, 2])
def test_a_failed_swap_leaves_the_earlier_set(failing_call, tmp_path, monkeypatch):
    target = tmp_path / "songs"
    write_songs(target, SONGS, METADATA)
    before = contents_of(target)
    real_replace, swaps = os.replace, []

    def replace(source, destination):
        if source.is_dir():
            swaps.append(source)
            if len(swaps) == failing_call:
                raise OSError(28, "No space left on device")
        real_replace(source, destination)

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(OSError, match=r"cannot write songs: No space left on device: '.*songs'"):
        write_songs(target, SONGS[:1], METADATA)
    assert contents_of(target) == before
    assert files_of(tmp_path) == ["songs"]


def test_a_song_that_fits_no_midi_file_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="note 1 has pitch 200"):
        write_songs(tmp_path / "songs", [*SONGS, Melody.from_pitches([200])], METADATA)
    assert files_of(tmp_path) == []


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "songs").write_text("mine")
    with pytest.raises(ValueError, match="it is a file"):
        write_songs(tmp_path / "songs", SONGS, METADATA)
    with pytest.raises(ValueError, match=r"below: .*songs is a file"):
        write_songs(tmp_path / "songs" / "below", SONGS, METADATA)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_directory_without_write_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot write songs"):
        write_songs(tmp_path / "songs", SONGS, METADATA)


@pytest.mark.parametrize(
    ("songs", "metadata", "message"),
    [
        ([], METADATA, "no songs to write"),
        (SONGS, {"seed": 0, "primer": [], "selection": {}}, "model is missing"),
        (SONGS, {**METADATA, "score": math.nan}, "plain JSON"),
        (SONGS, {**METADATA, "path": {1, 2}}, "plain JSON"),
        ([replace(JIG, pickup=72)], METADATA, "pickup=72: must be a number of steps from 0, shorter than a bar"),
    ],
)
def test_what_cannot_be_written(songs, metadata, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_songs(tmp_path / "songs", songs, metadata)
    assert files_of(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(format="other"), 'it lacks "format"'),
        (lambda content: content.update(format_version=3), "format version 3; this melgen reads 1 to 2"),
        (lambda content: content.update(format_version=0), "format version 0; this melgen reads 1 to 2"),
        (lambda content: content.update(format_version=True), "format version True; this melgen reads 1 to 2"),
        (lambda content: content.pop("metadata"), "must have an object 'metadata'"),
        (lambda content: content.update(songs={}), "a list 'songs'"),
        (lambda content: content["songs"].append([60]), "song 3 is damaged"),
        (
            lambda content: content["songs"][1].pop("onsets"),
            "song 2 is damaged: 'onsets' must be a list of integers",
        ),
        (lambda content: content["songs"][0].update(pitches=[60, 61.5, 62]), "song 1 is damaged"),
        (lambda content: content["songs"][0].update(onsets=[0, 2**31, 2**62]), "onset 2147483648 is outside 0 to"),
        (lambda content: content["songs"][0].update(onsets=[0, -4, 8]), "onset -4 is outside"),
        (lambda content: content["songs"][0].update(onsets=[0, 8, 4]), "not in the order of their onsets"),
        (lambda content: content["songs"][0].update(durations=[4, -1, 4]), "duration -1 is outside"),
        (lambda content: content["songs"][0].update(pitches=[60, 128, 62]), "pitch 128 is outside 0 to 127"),
        (lambda content: content["songs"][0].update(pitches=[60]), "as many onsets"),
        (
            lambda content: content["songs"][0].update(metre="6/7"),
            "song 1 is damaged: metre=6/7: must be a time signature",
        ),
        (lambda content: content["songs"][0].update(metre=3), "song 1 is damaged: metre=3: must be a time signature"),
        (lambda content: content["songs"][0].update(pickup=-1), "pickup=-1: must be a number of steps from 0"),
        (lambda content: content["songs"][0].update(pickup=True), "pickup=True: must be a number of steps"),
        (lambda content: content["songs"][0].update(metre="6/8", pickup=72), "pickup=72: .* shorter than a bar"),
    ],
)
def test_damaged_songs_are_refused(change, message, tmp_path):
    write_songs(tmp_path / "songs", SONGS, METADATA)
    path = tmp_path / "songs" / "songs.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        read_songs(path)
    assert str(path) in str(caught.value)


def test_metre_and_pickup_survive_a_round_trip(tmp_path):
    write_songs(tmp_path / "songs", [JIG, FREE, *SONGS], METADATA)
    assert read_songs(tmp_path / "songs").melodies == [JIG, FREE, *SONGS]
    entries = json.loads((tmp_path / "songs" / "songs.json").read_text(encoding="utf-8"))["songs"]
    assert (entries[0]["metre"], entries[0]["pickup"]) == ("6/8", 12)
    assert entries[0]["notes"] == "G4:1/8 A4:1/4 B4:1/8 C5:3/8 D5:1/4"
    assert entries[1]["notes"] == "r:1/12 C4 D4:5/6"
    assert not {"metre", "pickup"} & {key for entry in entries[1:] for key in entry}
    title = next(message.name for message in mido.MidiFile(tmp_path / "songs" / "song_001.mid").tracks[1])
    assert title == "song 001"


def test_unknown_keys_of_a_song_are_ignored(tmp_path):
    write_songs(tmp_path, [JIG], METADATA)
    content = json.loads((tmp_path / "songs.json").read_text(encoding="utf-8"))
    content["songs"][0]["ended"] = False
    (tmp_path / "songs.json").write_text(json.dumps(content))
    assert read_songs(tmp_path).melodies == [JIG]


def test_a_list_of_equal_notes_keeps_its_bytes(tmp_path):
    write_songs(tmp_path, SONGS, METADATA)
    digest = sha256((tmp_path / "songs.json").read_bytes()).hexdigest()
    assert digest[:16] == "a59815dc33601829", "as written before songs had a metre"


def test_a_metre_that_changes_is_not_written(tmp_path):
    changing = Melody((60,), (0,), (200,), metres=(MetreChange(0, Metre(4, 4)), MetreChange(96, Metre(3, 4))), pickup=0)
    write_songs(tmp_path, [changing], METADATA)
    assert read_songs(tmp_path).melodies == [Melody((60,), (0,), (200,), pickup=0)]


def as_version_1(path, songs):
    content = {"format": "melgen songs", "format_version": 1, "metadata": {"seed": 0}, "songs": songs}
    path.write_text(json.dumps(content))
    return path


def test_lists_of_version_1_count_in_sixteenths(tmp_path):
    song = {"pitches": [60, 62, 64], "onsets": [0, 4, 6], "durations": [4, 1, 2]}
    found = read_songs(as_version_1(tmp_path / "songs.json", [song]))
    assert found.melodies == [Melody((60, 62, 64), (0, 24, 36), (24, 6, 12))]
    assert found.reader == 1
    late = {"pitches": [60], "onsets": [2**29], "durations": [1]}
    with pytest.raises(ValueError, match="song 1 is damaged: onset 536870912 is outside 0 to 357913941"):
        read_songs(as_version_1(tmp_path / "late.json", [late]))


def test_a_list_states_its_unit_and_the_reader_of_its_networks_tunes(tmp_path):
    write_songs(tmp_path / "a", SONGS, METADATA)
    assert json.loads((tmp_path / "a" / "songs.json").read_text(encoding="utf-8"))["steps_per_quarter"] == 24
    assert read_songs(tmp_path / "a").reader is None
    write_songs(tmp_path / "b", SONGS, METADATA | {"reader_version": 2})
    assert read_songs(tmp_path / "b").reader == 2


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"[]", b"[" * 100_000], ids=lambda data: repr(data[:3]))
def test_files_that_are_not_songs(content, tmp_path):
    (tmp_path / "songs.json").write_bytes(content)
    with pytest.raises(ValueError, match="is not a list of songs"):
        read_songs(tmp_path)


def test_reading_where_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"songs\.json"):
        read_songs(tmp_path)


def test_writers_of_one_folder_take_turns(tmp_path, monkeypatch):
    """No two are between the first file and the swap."""
    inside, most = [], []

    def slow_flush(folder):
        inside.append(folder)
        most.append(len(inside))
        time.sleep(0.02)
        inside.remove(folder)

    monkeypatch.setattr(songs, "flush_below", slow_flush)
    with ThreadPoolExecutor(3) as threads:
        [*threads.map(lambda count: write_songs(tmp_path / "songs", SONGS[:1] * count, METADATA), (1, 2, 3))]
    assert most == [1, 1, 1]
    assert files_of(tmp_path) == ["songs"]


def test_a_set_that_a_killed_process_moved_away_is_restored(tmp_path, monkeypatch):
    folder = tmp_path / "songs"
    write_songs(folder, [Melody.from_pitches([60, 62])], METADATA)
    folder.rename(scratch_beside(folder, "old"))
    monkeypatch.setattr(songs, "midi_bytes", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="cannot write songs"):
        write_songs(folder, [Melody.from_pitches([64])], METADATA)
    assert read_songs(folder).melodies == [Melody.from_pitches([60, 62])]
