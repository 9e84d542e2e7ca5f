"""A set of generated songs on disk: numbered MIDI files, and a ``songs.json`` that records how they were generated.

Each song of the list has its ``file``, ``pitches``, ``onsets``, ``durations`` and ``notes``, the same notes by name.
If they are known, it also has its ``metre``, such as ``"6/8"``, and the length of its ``pickup`` in steps; bars are
counted from these. Other keys of a song are not read.

The set is written into a hidden folder next to its destination and swapped with it. So the files of an earlier,
larger set never mix with the new ones. Processes of one user on one machine take turns. A process that is killed
between the two renames of the swap leaves the old set under a hidden name; the next write restores it first.
"""

from __future__ import annotations

import glob
import json
import math
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

from melgen.files import flush, flush_below, json_text, remove_leftovers, scratch_beside
from melgen.locks import locked
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, MAX_STEPS, Melody
from melgen.music.metre import BEAT_TYPES, STEPS_PER_QUARTER, TIME_SIGNATURE, Metre, MetreChange, bar_starts
from melgen.music.midi import midi_bytes
from melgen.music.note_names import note_text

SONGS_FILE = "songs.json"
FORMAT, FORMAT_VERSION = "melgen songs", 2
_STEPS_OF_VERSION = {1: 4, 2: STEPS_PER_QUARTER}
"""Steps per quarter note in a list of each version."""
READER = "reader_version"
"""Key of the metadata: the version of the reader that read the network's training tunes; 1 in lists of version 1."""
# The keys that make a set reproducible; `metadata` may have more.
REQUIRED_METADATA = ("seed", "model", "primer", "selection")

_MOST_BEATS = 99  # of a metre in a list; what has more is a mistake

_SONG_FILE = re.compile(r"song_\d{3,}\.mid")


@dataclass(frozen=True)
class SongSet(Sequence[Melody]):
    """Songs: a sequence of melodies, and the metadata of how they were written. A slice is a set, too.

    ``reader`` is the version of the reader that read the training tunes of their network; None if not stated.
    """

    melodies: list[Melody]
    metadata: dict[str, Any]
    reader: int | None = None

    def save(self, folder: str | Path) -> list[Path]:
        """Write them as MIDI files and a list, see `write_songs`."""
        return write_songs(folder, self.melodies, self.metadata)

    @overload
    def __getitem__(self, place: int) -> Melody: ...
    @overload
    def __getitem__(self, place: slice) -> SongSet: ...
    def __getitem__(self, place: int | slice) -> Melody | SongSet:
        return replace(self, melodies=self.melodies[place]) if isinstance(place, slice) else self.melodies[place]

    def __len__(self) -> int:
        return len(self.melodies)


def write_songs(
    directory: str | Path,
    melodies: Sequence[Melody],
    metadata: Mapping[str, Any],
    tempo_qpm: float = 120,
    velocity: int = 100,
) -> list[Path]:
    """Write ``song_001.mid``, ... and ``songs.json`` into `directory`; return the paths of the MIDI files.

    Equal melodies and metadata give equal bytes. The numbers have three digits, or as many as the last one
    needs. An earlier set in `directory` is replaced as a whole; a directory that contains anything else is
    refused. A song with a metre but without a title is called after its file, ``song 001``, in its MIDI file.

    Args:
        directory: the folder of the set.
        melodies: the songs.
        metadata: plain JSON with at least the keys ``seed``, ``model``, ``primer`` and ``selection``.
        tempo_qpm, velocity: of the MIDI files.

    Raises:
        ValueError: if there are no melodies, the metadata lack a key or are not plain JSON, a melody cannot be
            written as MIDI, or `directory` contains files that are not ours.
        OSError: if `directory` cannot be written.
    """
    if not melodies:
        raise ValueError("there are no songs to write")
    directory = Path(directory).resolve()
    names = [f"{name}.mid" for name in song_names(len(melodies))]
    summary = _summary(names, melodies, metadata, tempo_qpm, velocity)
    with locked(_lock_of(directory), wait_seconds=math.inf):
        _restore(directory)
        _check_replaceable(directory)
        fresh = scratch_beside(directory, "new")
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(directory.parent, directory.name)
            fresh.mkdir()
            for name, melody in zip(names, melodies, strict=True):
                (fresh / name).write_bytes(midi_bytes(_titled(melody, name), tempo_qpm, velocity))
            (fresh / SONGS_FILE).write_text(summary, encoding="utf-8")
            flush_below(fresh)
            _swap(fresh, directory, old=scratch_beside(directory, "old"))
            flush(directory.parent)
        except OSError as error:
            raise OSError(error.errno, f"cannot write songs: {error.strerror}", str(directory)) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return [directory / name for name in names]


def read_songs(path: str | Path) -> SongSet:
    """Read the ``songs.json`` at `path`, or in the directory `path`.

    Lists of version 1, which count in sixteenths, are converted to today's steps.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the file is damaged, not ours or of a later version.
    """
    path = Path(path)
    if path.is_dir():
        path = path / SONGS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a list of songs: {error}") from error
    return songs_of_text(text, path)


def songs_of_text(text: str, path: str | Path) -> SongSet:
    """The songs of a list.

    Args:
        text: the content of a ``songs.json``.
        path: where it is from, for errors.

    Raises:
        ValueError: as `read_songs`.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: deeply nested brackets
        raise ValueError(f"{path} is not a list of songs: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{path} is not a list of songs: it lacks "format": "{FORMAT}"')
    version = content.get("format_version")
    if type(version) is not int or version not in _STEPS_OF_VERSION:
        raise ValueError(f"{path} has format version {version!r:.40}; this melgen reads 1 to {FORMAT_VERSION}")
    metadata, songs = content.get("metadata"), content.get("songs")
    if not isinstance(metadata, dict) or not isinstance(songs, list):
        raise ValueError(f"{path} is damaged: it must have an object 'metadata' and a list 'songs'")
    factor = STEPS_PER_QUARTER // _STEPS_OF_VERSION[version]
    melodies = [_read_song(song, f"{path}, song {i}", factor) for i, song in enumerate(songs, start=1)]
    reader = metadata.get(READER, 1 if version == 1 else None)
    return SongSet(melodies, metadata, reader if type(reader) is int else None)


def pitches_by_song(folder: str | Path) -> dict[str, tuple[int, ...]]:
    """The pitches of each song of a set, by the name of its file without ending: ``song_001``.

    Only ``songs.json`` is read: other files in the folder are not songs of the set.

    Raises:
        FileNotFoundError, ValueError: as `read_songs`.
    """
    return {name: melody.pitches for name, melody in melodies_by_song(folder).items()}


def melodies_by_song(folder: str | Path) -> dict[str, Melody]:
    """The songs of a set, named as in `pitches_by_song`.

    Raises:
        FileNotFoundError, ValueError: as `read_songs`.
    """
    melodies = read_songs(folder).melodies
    return dict(zip(song_names(len(melodies)), melodies, strict=True))


def song_names(count: int) -> list[str]:
    """Names of songs, without ending: of three digits, or as many as the last one needs."""
    width = max(3, len(str(count)))
    return [f"song_{number:0{width}d}" for number in range(1, count + 1)]


def _summary(
    names: Sequence[str],
    melodies: Sequence[Melody],
    metadata: Mapping[str, Any],
    tempo_qpm: float,
    velocity: int,
) -> str:
    if missing := [key for key in REQUIRED_METADATA if key not in metadata]:
        raise ValueError(f"the metadata of songs must have {', '.join(REQUIRED_METADATA)}; {missing[0]} is missing")
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "steps_per_quarter": STEPS_PER_QUARTER,
        "metadata": dict(metadata),
        "tempo_qpm": tempo_qpm,
        "velocity": velocity,
    }
    try:
        head_text = json_text(head, indent=2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the metadata of songs must be plain JSON: {error}") from error
    songs = (
        {
            "file": name,
            "pitches": melody.pitches,
            "onsets": melody.onsets,
            "durations": melody.durations,
            **_metre_and_pickup(melody),
            "notes": note_text(melody),
        }
        for name, melody in zip(names, melodies, strict=True)
    )
    # One song per line: readable, and a diff of two sets shows which songs differ.
    lines = ",\n".join(f"    {json.dumps(song)}" for song in songs)
    opened_head = head_text.removesuffix("\n}")
    return f'{opened_head},\n  "songs": [\n{lines}\n  ]\n}}\n'


def _titled(melody: Melody, file: str) -> Melody:
    """The melody with a title for its MIDI file. One without a metre is left as it is, and so are its bytes."""
    if melody.title or not melody.metres:
        return melody
    return replace(melody, title=Path(file).stem.replace("_", " "))


def _metre_and_pickup(melody: Melody) -> dict[str, str | int]:
    """The known ones of the two, as a list of songs has them; a metre that changes is not written.

    Raises:
        ValueError: if the pickup is not shorter than a bar.
    """
    known: dict[str, str | int] = {}
    metre = melody.metre
    if metre is not None and metre.beat_type in BEAT_TYPES and metre.beats <= _MOST_BEATS:
        known["metre"] = metre.name
    if melody.pickup is not None:
        _check_pickup(melody.pickup, metre)
        known["pickup"] = melody.pickup
    return known


def _check_pickup(pickup: Any, metre: Metre | None) -> None:
    longest = MAX_STEPS if metre is None else metre.bar_steps - 1
    if not (type(pickup) is int and 0 <= pickup <= longest):
        shorter = "" if metre is None else ", shorter than a bar"
        raise ValueError(f"pickup={pickup!s:.40}: must be a number of steps from 0{shorter}")


def _read_song(song: Any, where: str, factor: int) -> Melody:
    """A song of a list; ``factor`` converts its steps into today's."""
    columns = []
    for key in ("pitches", "onsets", "durations"):
        column = song.get(key) if isinstance(song, dict) else None
        if not isinstance(column, list) or not all(type(number) is int for number in column):
            raise ValueError(f"{where} is damaged: {key!r} must be a list of integers")
        columns.append(tuple(column))
    pitches, onsets, durations = columns
    last = MAX_STEPS // factor
    bounds = {"pitch": (pitches, LOWEST_PITCH, HIGHEST_PITCH), "onset": (onsets, 0, last)}
    for name, (column, lowest, highest) in {**bounds, "duration": (durations, 0, last)}.items():
        if outside := [number for number in column if not lowest <= number <= highest]:
            raise ValueError(f"{where} is damaged: {name} {outside[0]!s:.40} is outside {lowest} to {highest}")
    if list(onsets) != sorted(onsets):
        raise ValueError(f"{where} is damaged: its notes are not in the order of their onsets")
    try:
        melody = Melody(pitches, tuple(factor * onset for onset in onsets), tuple(factor * each for each in durations))
        return _with_metre_and_pickup(melody, song)
    except ValueError as error:
        raise ValueError(f"{where} is damaged: {error}") from error


def _with_metre_and_pickup(melody: Melody, song: Mapping[str, Any]) -> Melody:
    """The melody with the metre and the pickup that a song of a list states, and with the bars that they give.

    Raises:
        ValueError: if one of them is not valid.
    """
    stated, pickup = song.get("metre"), song.get("pickup")
    if not isinstance(stated, str | None):
        raise ValueError(f"metre={stated!s:.40}: must be {TIME_SIGNATURE}")
    metre = None if stated is None else Metre.parse(stated)
    if pickup is not None:
        _check_pickup(pickup, metre)
    if metre is None:
        return replace(melody, pickup=pickup)
    end = max((onset + each for onset, each in zip(melody.onsets, melody.durations, strict=True)), default=0)
    bars = bar_starts(metre, pickup, end)
    return replace(melody, metres=(MetreChange(0, metre),), pickup=pickup, bars=bars)


def _check_replaceable(directory: Path) -> None:
    """Refuse a directory that contains anything except a set of songs that melgen wrote."""
    if above := next((folder for folder in directory.parents if folder.is_file()), None):
        raise ValueError(f"cannot write songs into {directory}: {above} is a file, not a directory")
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"cannot write songs into {directory}: it is a file, not a directory")
    present = sorted(entry.name for entry in directory.iterdir())
    if not present:
        return
    foreign = [name for name in present if name != SONGS_FILE and not _SONG_FILE.fullmatch(name)]
    if not foreign and SONGS_FILE in present:
        try:
            read_songs(directory)
            return
        except ValueError:
            foreign = [SONGS_FILE]
    raise ValueError(
        f"{directory} contains files that are not a set of generated songs, such as {(foreign or present)[0]}; "
        "choose another directory or empty it"
    )


def _lock_of(directory: Path) -> Path:
    """The lock of a folder of songs. It is a temporary file, because a lock beside the songs would stay there."""
    user = os.getuid() if sys.platform != "win32" else 0
    return Path(tempfile.gettempdir()) / f"melgen-songs-{user}-{zlib.crc32(os.fsencode(directory)):08x}.lock"


def _restore(directory: Path) -> None:
    """Bring back the latest earlier set that a killed process had moved away."""
    if directory.exists():
        return
    earlier = [*directory.parent.glob(f".{glob.escape(directory.name)}.*.old")]
    if earlier:
        max(earlier, key=lambda path: path.stat().st_ctime_ns).rename(directory)


def _swap(fresh: Path, directory: Path, old: Path) -> None:
    """Replace `directory` by `fresh`; if that fails, restore `directory`."""
    if not directory.exists():
        os.replace(fresh, directory)
        return
    os.replace(directory, old)
    try:
        os.replace(fresh, directory)
    except BaseException:
        os.replace(old, directory)
        raise
    shutil.rmtree(old, ignore_errors=True)
