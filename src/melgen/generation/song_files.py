"""Reading any folder of songs, written by melgen or not: ``songs.json``, MIDI files, and all other formats we read.

Files from elsewhere are read in separate processes (`melgen.corpora.workers`), so that a broken file only adds a line
to the report. No song is left out for its length.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection
from melgen.corpora.folder import READERS, read_file
from melgen.corpora.importing import read_source
from melgen.corpora.sources import Source, check_folder, named_files_below, natural_key, user_path
from melgen.corpora.workers import check_workers, map_sources
from melgen.files import replacing
from melgen.generation.songs import SONGS_FILE, read_songs, song_names, songs_of_text
from melgen.model_files.archive import SONGS, is_model_file, member_text, opened
from melgen.music.melody import Melody
from melgen.music.midi import write_midi
from melgen.references import is_reference, referenced_file
from melgen.resources import available_cpus
from melgen.terminal import readable

EVALUATION_FILE, RENDERING_FILE = "evaluation.json", "rendering.json"
"""Files written by `melgen.evaluate` and `melgen.render`; copies of songs next to them are not songs of the set."""

MIDI_ENDINGS = (".mid", ".midi")

_LONGEST_NAME = 100
_NAMED = 3  # files named in an error


@dataclass(frozen=True)
class SongFolder:
    """The result of `read_song_folder`.

    Attributes:
        songs: each melody by its name, the path below the folder without its suffix, in natural order.
        files: the file of each song that has one; a song that is only in a list has none.
        unread: why a file, or a song in a list, could not be read, by its path below the folder.
        ignored: number of files of types that we do not read, per suffix.
        is_ours: whether all songs come from lists that melgen wrote.
        oldest_reader: the lowest version, among those stated in the lists, of the reader that read the training tunes
            of the songs' networks; None if no list states one.
    """

    songs: dict[str, Melody]
    files: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    is_ours: bool = False
    oldest_reader: int | None = None


@dataclass
class _Found:
    """A song with its short name, and the longer name that it gets if two songs have the same short name."""

    name: str
    full_name: str
    melody: Melody
    file: Path | None = None


def read_song_folder(
    path: str | Path, *, key: str = "songs", workers: int | None = None, progress: bool = False
) -> SongFolder:
    """Read all songs in a folder and below, or in one file.

    If a folder has a ``songs.json`` of ours, its songs are read from this list, which contains the exact notes. The
    files that it names are not read; other files next to it are. Of a file with several tracks the melody is taken by
    the rule of `melgen.corpora.extraction`; a file with several tunes gives several songs, ``name#1`` and so on. Two
    files that differ only in their suffix keep it in their names.

    Args:
        path: a folder, a ``songs.json``, a model file, or a file of a type that `melgen.corpora.read_melody` reads.
        key: the name of the path in errors.
        workers: number of reading processes; by default one for each available CPU.
        progress: whether to show a progress bar on a terminal.

    Raises:
        ValueError: if there is no such path, nothing to read, or no readable song.
    """
    check_workers(workers)
    root = Path(path).expanduser()
    if is_model_file(root):
        return _songs_of_model_file(root, key)
    lists, sources, ignored = _list_files(root, key)
    found: list[_Found] = []
    unread: dict[str, str] = {}
    listed: set[Path] = set()
    readers: set[int] = set()
    for file, name in lists:
        try:
            songs, reader = _songs_of_list(file, PurePosixPath(name).parent)
        except (ValueError, OSError) as error:
            unread[readable(name)] = readable(str(error).replace(f"{file}", "", 1).lstrip(", "))
            continue
        if not songs:
            unread[readable(name)] = "the list of songs is empty"
        found += songs
        readers |= set() if reader is None else {reader}
        listed.update(song.file for song in songs if song.file is not None)
    sources = [source for source in sources if source.path not in listed]
    ours = len(found)
    _read_files(sources, workers or available_cpus(), progress, found, unread)
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(unread.items())[:_NAMED])
        more = f"; and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        raise ValueError(f"{key}={path}: no song can be read ({reasons}{more})")
    songs_by_name = _by_unique_name(found)
    return SongFolder(
        songs={name: song.melody for name, song in songs_by_name.items()},
        files={name: song.file for name, song in songs_by_name.items() if song.file is not None},
        unread=dict(sorted(unread.items(), key=lambda item: natural_key(item[0]))),
        ignored=dict(sorted(ignored.items())),
        is_ours=len(found) == ours,
        oldest_reader=min(readers, default=None),
    )


def place_of_songs(given: object, key: str = "songs") -> Path:
    """The folder or file of songs that a user gave; a name such as ``melgen:rhythmic`` means its model file.

    Raises:
        ValueError: if it is not a path, or cannot be fetched.
    """
    return referenced_file(given, key) if isinstance(given, str) and is_reference(given) else user_path(given, key)


def _songs_of_model_file(file: Path, key: str) -> SongFolder:
    with opened(file, key) as archive:
        found = songs_of_text(member_text(archive, SONGS), SONGS)
    if not found.melodies:
        raise ValueError(f"{key}={file}: the list of songs is empty")
    songs = dict(zip(song_names(len(found.melodies)), found.melodies, strict=True))
    return SongFolder(songs, is_ours=True, oldest_reader=found.reader)


def copy_song(folder: SongFolder, song: str, path: Path) -> Path:
    """Copy a song's MIDI file to `path`; write one for a song that is only in a list or in another format."""
    file = folder.files.get(song)
    if file is not None and file.suffix.lower() in MIDI_ENDINGS:
        with replacing(path) as temporary:
            shutil.copyfile(file, temporary)
        return path
    melody = folder.songs[song]
    try:
        return write_midi(melody, path)
    except ValueError:  # two notes begin at one step, which `write_midi` refuses; keep only the pitches
        return write_midi(Melody.from_pitches(melody.pitches), path)


def _list_files(root: Path, key: str) -> tuple[list[tuple[Path, str]], list[Source], Counter[str]]:
    """The lists of songs with their names, the files to read, and the number of other files per suffix."""
    kinds = f"{SONGS_FILE} or {', '.join(READERS)}"
    ignored = Counter[str]()
    if root.is_file():
        if root.suffix.lower() == ".json":
            return [(root, root.name)], [], ignored
        if root.suffix.lower() in READERS:
            return [], [Source(root, root.name)], ignored
        raise ValueError(f"{key}={root}: must be a folder, or a file of one of the types {kinds}")
    check_folder(root, key)
    lists, sources = [], []
    files = list(named_files_below(root))
    made_of_songs = {file.parent for file, _ in files if file.name == EVALUATION_FILE}
    made_of_songs |= {file.parent for file, _ in files if file.name == RENDERING_FILE} - {root}
    for file, name in files:
        if not made_of_songs.isdisjoint(file.parents):
            continue
        if file.name == SONGS_FILE:
            lists.append((file, name))
        elif file.suffix.lower() in READERS:
            sources.append(Source(file, name))
        else:
            ignored[readable(file.suffix.lower()) or "without suffix"] += 1
    if not lists and not sources:
        there = ", ".join(f"{count} {ending}" for ending, count in sorted(ignored.items())) or "no files"
        raise ValueError(f"{key}={root}: contains no songs; it contains {there}, expected {kinds}")
    return lists, sources, ignored


def _songs_of_list(file: Path, folder: PurePosixPath) -> tuple[list[_Found], int | None]:
    """The songs of a list, and the version of the reader that it states."""
    if not file.is_file():  # reading a pipe would wait for ever
        raise ValueError("not a regular file")
    songs = read_songs(file)
    entries = json.loads(file.read_text(encoding="utf-8"))["songs"]
    found = []
    for number, (melody, entry) in enumerate(zip(songs.melodies, entries, strict=True), 1):
        # Only the name of the file, never a path, and only a valid name: the list may come from anyone.
        stated = PurePosixPath(str(entry.get("file", ""))).name
        if not stated.strip(".") or not stated.isprintable() or len(stated) > _LONGEST_NAME:
            stated = f"song_{number:03d}"
        midi = file.parent / stated
        name = (folder / stated).as_posix()
        stem = name.removesuffix(midi.suffix) if midi.suffix.lower() in READERS else name
        found.append(_Found(stem, name, melody, midi if midi.is_file() else None))
    return found, songs.reader


def _read_files(
    sources: list[Source], workers: int, progress: bool, found: list[_Found], unread: dict[str, str]
) -> None:
    from tqdm import tqdm

    task = partial(read_source, read=read_file, cleaning=Cleaning(min_length_notes=1))
    results = map_sources(task, sources, workers) if sources else iter(())
    # None: shown on a terminal only.
    readings = dict(tqdm(results, "reading songs", len(sources), unit="file", disable=None if progress else True))
    for index, source in enumerate(sources):
        reading = readings[index]
        rejections = [reading] if isinstance(reading, Rejection) else reading.rejections
        for rejection in rejections:
            unread[readable(rejection.source or source.name)] = f"{rejection.reason}: {rejection.detail}"
        if isinstance(reading, Rejection):
            continue
        stem = source.name.removesuffix(source.path.suffix)
        for melody in reading.melodies:
            number = melody.source.removeprefix(source.name)
            found.append(_Found(stem + number, source.name + number, melody, None if number else source.path))


def _by_unique_name(found: list[_Found]) -> dict[str, _Found]:
    """Songs by name, in natural order; equal names are replaced by the longer ones, and numbered if still equal."""
    counts = Counter(song.name for song in found)
    named: dict[str, _Found] = {}
    for song in found:
        wanted = readable(song.name if counts[song.name] == 1 else song.full_name)
        name, number = wanted, 1
        while name in named:
            number += 1
            name = f"{wanted}#{number}"
        named[name] = song
    return {name: named[name] for name in sorted(named, key=natural_key)}
