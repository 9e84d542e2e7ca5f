import json
import os

import pytest

from melgen.generation.song_files import EVALUATION_FILE, read_song_folder
from melgen.generation.songs import write_songs
from melgen.music import Melody
from tests.builders import SONGS_METADATA
from tests.corpora.midi_files import scale, write_midi

SONGS = [Melody.from_pitches([60, 62, 64]), Melody.from_pitches([60] * 3 + [67])]


def pitches_of(folder):
    return {name: list(melody.pitches) for name, melody in folder.songs.items()}


def test_our_own_songs_by_the_names_of_their_files(tmp_path):
    write_songs(tmp_path / "songs", SONGS, SONGS_METADATA)
    found = read_song_folder(tmp_path / "songs")
    assert pitches_of(found) == {"song_001": [60, 62, 64], "song_002": [60, 60, 60, 67]}
    assert found.is_ours
    assert not found.unread
    assert not found.ignored
    assert found.files == {name: tmp_path / "songs" / f"{name}.mid" for name in ("song_001", "song_002")}


def test_the_list_counts_and_not_the_files_that_it_names(tmp_path):
    write_songs(tmp_path, SONGS, SONGS_METADATA)
    (tmp_path / "song_002.mid").write_bytes(b"damaged")
    (tmp_path / "song_001.mid").unlink()
    found = read_song_folder(tmp_path)
    assert [tuple(pitches) for pitches in pitches_of(found).values()] == [song.pitches for song in SONGS]
    assert set(found.files) == {"song_002"}
    assert not found.unread


@pytest.mark.slow
def test_a_file_next_to_a_list_is_a_song_too(tmp_path):
    write_songs(tmp_path, SONGS, SONGS_METADATA)
    write_midi(tmp_path / "hymn.mid", scale(70, 5))
    found = read_song_folder(tmp_path)
    assert list(found.songs) == ["hymn", "song_001", "song_002"]
    assert not found.is_ours


@pytest.mark.slow
def test_the_files_of_a_damaged_list_are_read(tmp_path):
    write_songs(tmp_path, SONGS, SONGS_METADATA)
    text = (tmp_path / "songs.json").read_text()
    for broken in (text[:-20], text.replace("melgen songs", "others' songs"), "[" * 100_000, text.replace("60", "600")):
        (tmp_path / "songs.json").write_text(broken)
        found = read_song_folder(tmp_path)
        assert [tuple(pitches) for pitches in pitches_of(found).values()] == [song.pitches for song in SONGS]
        assert list(found.unread) == ["songs.json"]
        assert str(tmp_path) not in found.unread["songs.json"]
        assert not found.is_ours


def test_folders_below_in_natural_order(tmp_path):
    for seed in (10, 2):
        write_songs(tmp_path / f"seed{seed}", SONGS, SONGS_METADATA)
    found = read_song_folder(tmp_path)
    assert list(found.songs) == ["seed2/song_001", "seed2/song_002", "seed10/song_001", "seed10/song_002"]


@pytest.mark.slow
def test_foreign_files_give_one_melody_each_of_any_length(tmp_path):
    bass, tune = [(0, 480, 40), (480, 480, 43)], scale(72, 3)
    write_midi(tmp_path / "Op. 9 No. 2.MID", bass, tune)
    write_midi(tmp_path / "sub" / "named.midi", tune, bass, names=("accompaniment", "Vocal"))
    write_midi(tmp_path / "one note.mid", [(0, 480, 61)])
    (tmp_path / "tunes.abc").write_text("X:1\nT:First\nL:1/4\nK:C\nCDEF|\n\nX:7\nT:Second\nL:1/4\nK:C\nGFED|\n")
    (tmp_path / "readme.txt").write_text("no song")
    found = read_song_folder(tmp_path, workers=2)
    assert pitches_of(found) == {
        "one note": [61],
        "Op. 9 No. 2": [72, 73, 74],
        "sub/named": [40, 43],
        "tunes#1": [60, 62, 64, 65],
        "tunes#2": [67, 65, 64, 62],
    }
    assert found.ignored == {".txt": 1}
    assert set(found.files) == {"one note", "Op. 9 No. 2", "sub/named"}, "one of several tunes has no own file"


@pytest.mark.slow
def test_names_stay_apart(tmp_path):
    for name, pitch in (("a.mid", 60), ("a.midi", 62), ("b.mid", 64)):
        write_midi(tmp_path / name, scale(pitch, 2))
    assert pitches_of(read_song_folder(tmp_path)) == {"a.mid": [60, 61], "a.midi": [62, 63], "b": [64, 65]}
    write_songs(tmp_path / "songs", SONGS, SONGS_METADATA)
    path = tmp_path / "songs" / "songs.json"
    path.write_text(path.read_text().replace("song_002.mid", "../../song_001.mid"))
    assert list(read_song_folder(path).songs) == ["song_001.mid", "song_001.mid#2"]


def test_a_list_that_names_no_files(tmp_path):
    content = {"format": "melgen songs", "format_version": 1, "metadata": {}}
    song = {"pitches": [60, 62], "onsets": [0, 4], "durations": [4, 4]}
    (tmp_path / "mine.json").write_text(json.dumps(content | {"songs": [song, song]}))
    found = read_song_folder(tmp_path / "mine.json")
    assert list(found.songs) == ["song_001", "song_002"]
    assert found.songs["song_001"].onsets == (0, 24), "version 1 counts in sixteenths"
    assert found.oldest_reader == 1


@pytest.mark.slow
def test_one_file(tmp_path):
    write_midi(tmp_path / "a.mid", scale(60, 2))
    assert pitches_of(read_song_folder(tmp_path / "a.mid")) == {"a": [60, 61]}


@pytest.mark.slow
def test_files_that_cannot_be_read_are_named_and_the_others_are_read(tmp_path):
    write_midi(tmp_path / "good.mid", scale(60, 4))
    (tmp_path / "empty.mid").touch()
    (tmp_path / "noise.mid").write_bytes(b"noise")
    (tmp_path / "cut.mid").write_bytes((tmp_path / "good.mid").read_bytes()[:-9])
    (tmp_path / "elsewhere.mid").symlink_to(tmp_path / "missing.mid")
    os.mkfifo(tmp_path / "pipe.mid")
    chords = [(240 * i, 240, pitch) for i in range(8) for pitch in (60, 64, 67)]
    write_midi(tmp_path / "chords.mid", chords)
    found = read_song_folder(tmp_path)
    assert list(found.songs) == ["good"]
    assert list(found.unread) == ["chords.mid", "cut.mid", "elsewhere.mid", "empty.mid", "noise.mid", "pipe.mid"]
    assert found.unread["chords.mid"].startswith("polyphonic: no melody")
    assert "0 bytes" in found.unread["empty.mid"]
    assert "not a MIDI file" in found.unread["noise.mid"]


@pytest.mark.slow
def test_results_of_an_evaluation_are_not_songs(tmp_path):
    write_songs(tmp_path / "songs", SONGS, SONGS_METADATA)
    write_midi(tmp_path / "songs-evaluation" / "best.mid", scale(60, 2))
    assert len(read_song_folder(tmp_path).songs) == 3
    (tmp_path / "songs-evaluation" / EVALUATION_FILE).write_text("{}")
    assert len(read_song_folder(tmp_path).songs) == 2


@pytest.mark.slow
def test_names_that_utf8_cannot_write(tmp_path):
    write_midi(tmp_path / "a.mid", scale(60, 2))
    try:
        os.rename(tmp_path / "a.mid", os.path.join(os.fsencode(tmp_path), b"\xe9t\xe9.mid"))
    except OSError:
        pytest.skip("this file system has no such names")
    assert list(read_song_folder(tmp_path).songs) == [r"\xe9t\xe9"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("missing", "no such file or folder"),
        ("empty", "contains no songs; it contains no files, expected songs.json or .mid"),
        ("texts", "contains no songs; it contains 1 .tex, expected"),
        ("texts/thesis.tex", "must be a folder, or a file of one of the types songs.json"),
        ("broken", r"no song can be read \(1.mid: unreadable: not a MIDI file.*; and 2 more\)"),
        ("hidden", "contains no songs"),
    ],
)
def test_refused_with_key_path_and_rule(path, expected, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "thesis.tex").touch()
    (tmp_path / "broken").mkdir()
    for number in range(1, 6):
        (tmp_path / "broken" / f"{number}.mid").write_bytes(b"noise")
    write_midi(tmp_path / "hidden" / "._a.mid", scale())
    with pytest.raises(ValueError, match=expected) as refusal:
        read_song_folder(tmp_path / path)
    assert str(refusal.value).startswith(f"songs={tmp_path / path}: ")


@pytest.mark.parametrize(
    "stated", ["9" * 5000, "a\nb", "\x00", "\ud800", ".", "..", "", "/"], ids=lambda text: ascii(text[:9])
)
def test_a_stated_name_that_no_file_can_have_is_ignored(tmp_path, stated):
    write_songs(tmp_path, SONGS, SONGS_METADATA)
    path = tmp_path / "songs.json"
    content = json.loads(path.read_text())
    content["songs"][0]["file"] = stated
    path.write_text(json.dumps(content))
    found = read_song_folder(path)
    assert list(found.songs) == ["song_001", "song_002"]


def test_an_empty_list_is_named(tmp_path):
    write_songs(tmp_path, SONGS, SONGS_METADATA)
    path = tmp_path / "songs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"songs": []}))
    with pytest.raises(ValueError, match=r"\(songs\.json: the list of songs is empty\)"):
        read_song_folder(path)
