"""Any folder of songs, ours or not: lists of songs (``songs.json``), MIDI files, whatever else we read.

Files of other makers are read in processes of their own (`melgen.corpora.workers`), so that a broken one costs a line
in the account and nothing else. No song is left out for its length.
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
from melgen.corpora.sources import Source, check_folder, files_below, natural_key
from melgen.corpora.workers import map_sources
from melgen.files import replacing
from melgen.generation.songs import SONGS_FILE, read_songs
from melgen.music.melody import Melody
from melgen.music.midi import write_midi
from melgen.processes import available_cpus
from melgen.terminal import readable

EVALUATION_FILE, RENDERING_FILE = "evaluation.json", "rendering.json"
"""What `melgen.evaluate` and `melgen.render` leave; copies of songs there are no songs of the set."""

MIDI_ENDINGS = (".mid", ".midi")

_LONGEST_NAME = 100
_NAMED = 3  # how many files an error names


@dataclass(frozen=True)
class SongFolder:
    """What `read_song_folder` finds.

    Attributes:
        songs: each melody by its name, the path below the folder without its ending, in natural order.
        files: where a song lies as a file of its own; a song that is in a list only has none.
        unread: why a file, or a song in a list, could not be read, by its path below the folder.
        ignored: number of files of kinds that we do not read, per ending.
        is_ours: whether all songs come from lists that melgen wrote.
        oldest_reader: the lowest version of a reader that read the tunes of the songs' networks, as the lists state
            it; None where none does.
    """

    songs: dict[str, Melody]
    files: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    is_ours: bool = False
    oldest_reader: int | None = None


@dataclass
class _Found:
    """A song with the name it should have, and the longer one it gets where two would have the same."""

    name: str
    full_name: str
    melody: Melody
    file: Path | None = None


def read_song_folder(
    path: str | Path, *, key: str = "songs", workers: int | None = None, progress: bool = False
) -> SongFolder:
    """Read all songs in a folder and below, or in one file.

    In a folder with a ``songs.json`` of ours, this list counts, since it holds the exact notes; the files that it
    names are not read, others beside it are. Of a file with several tracks the melody is taken by the rule of
    `melgen.corpora.extraction`; a file with several tunes gives several songs, ``name#1`` and so on. Two files that
    differ in their ending only keep it in their names.

    Args:
        path: a folder, a ``songs.json``, or a file of a kind that `melgen.corpora.read_melody` reads.
        key: what errors call the path.
        workers: processes that read; by default one for each available processor.
        progress: whether to show a progress bar on a terminal.

    Raises:
        ValueError: if there is no such path, nothing to read, or not one readable song.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers={workers!r}: expected a whole number, at least 1")
    root = Path(path).expanduser()
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
        raise ValueError(f"{key}={path}: not one song can be read ({reasons}{more})")
    songs_by_name = _by_unique_name(found)
    return SongFolder(
        songs={name: song.melody for name, song in songs_by_name.items()},
        files={name: song.file for name, song in songs_by_name.items() if song.file is not None},
        unread=dict(sorted(unread.items(), key=lambda item: natural_key(item[0]))),
        ignored=dict(sorted(ignored.items())),
        is_ours=len(found) == ours,
        oldest_reader=min(readers, default=None),
    )


def copy_song(folder: SongFolder, song: str, path: Path) -> Path:
    """Copy a song's MIDI file to `path`; write one for a song that lies in a list or another format only."""
    file = folder.files.get(song)
    if file is not None and file.suffix.lower() in MIDI_ENDINGS:
        with replacing(path) as temporary:
            shutil.copyfile(file, temporary)
        return path
    melody = folder.songs[song]
    try:
        return write_midi(melody, path)
    except ValueError:  # two notes begin at one step, which our MIDI files do not hold; the pitches make the song
        return write_midi(Melody.from_pitches(melody.pitches), path)


def _list_files(root: Path, key: str) -> tuple[list[tuple[Path, str]], list[Source], Counter[str]]:
    """The lists of songs with their names, the files to read, and how many others there are per ending."""
    kinds = f"{SONGS_FILE} or {', '.join(READERS)}"
    ignored = Counter[str]()
    if root.is_file():
        if root.suffix.lower() == ".json":
            return [(root, root.name)], [], ignored
        if root.suffix.lower() in READERS:
            return [], [Source(root, root.name)], ignored
        raise ValueError(f"{key}={root}: expected a folder, or a file of one of the kinds {kinds}")
    check_folder(root, key)
    lists, sources = [], []
    files = list(files_below(root))
    made_of_songs = {file.parent for file in files if file.name == EVALUATION_FILE}
    made_of_songs |= {file.parent for file in files if file.name == RENDERING_FILE} - {root}
    for file in files:
        name = file.relative_to(root).as_posix()
        if not made_of_songs.isdisjoint(file.parents):
            continue
        if file.name == SONGS_FILE:
            lists.append((file, name))
        elif file.suffix.lower() in READERS:
            sources.append(Source(file, name))
        else:
            ignored[readable(file.suffix.lower()) or "without ending"] += 1
    if not lists and not sources:
        there = ", ".join(f"{count} {ending}" for ending, count in sorted(ignored.items())) or "no file at all"
        raise ValueError(f"{key}={root}: there is no song; it holds {there}, expected {kinds}")
    return lists, sources, ignored


def _songs_of_list(file: Path, folder: PurePosixPath) -> tuple[list[_Found], int | None]:
    """The songs of a list, and the reader's version that it states."""
    if not file.is_file():  # reading a pipe would wait for ever
        raise ValueError("not a regular file")
    songs = read_songs(file)
    entries = json.loads(file.read_text(encoding="utf-8"))["songs"]
    found = []
    for number, (melody, entry) in enumerate(zip(songs.melodies, entries, strict=True), 1):
        # The name of a file, not a way to it, nor what no file can be called: a list may come from anyone.
        stated = PurePosixPath(str(entry.get("file", ""))).name
        if not stated.strip(".") or not stated.isprintable() or len(stated) > _LONGEST_NAME:
            stated = f"song_{number:03d}"
        beside = file.parent / stated
        name = (folder / stated).as_posix()
        stem = name.removesuffix(beside.suffix) if beside.suffix.lower() in READERS else name
        found.append(_Found(stem, name, melody, beside if beside.is_file() else None))
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
    """In natural order; songs of one name get the longer one, and a number if that is not enough."""
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
