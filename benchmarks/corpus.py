"""Reading 10,000 MIDI files, against `muspy.read_midi` in a loop; and any corpus for the first time and from the cache.

python benchmarks/corpus.py                                  # both for the default corpus
python benchmarks/corpus.py --collections airds misc_folk --workers 1
python benchmarks/corpus.py --folder my_tunes
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import muspy
import symusic
from table import Row, interleaved, show

from melgen.corpora import AbstractCorpus, Cleaning, FolderCorpus, FolkCorpus
from melgen.corpora.folk import COLLECTIONS
from melgen.music.melody import Melody
from melgen.music.midi import midi_bytes
from melgen.resources import available_cpus

FILES, MUSPY_FILES = 10_000, 200
EVERYTHING = Cleaning(min_length_notes=1)


def rows(files: int = FILES) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        tunes = Path(folder, "tunes")
        write_tunes(tunes, files)
        caches = (Path(folder, f"cache{number}") for number in range(100))
        few = sorted(tunes.iterdir())[:MUSPY_FILES]

        def ours() -> object:
            return FolderCorpus(tunes).load(EVERYTHING, cache_dir=next(caches), progress=False)

        def loop() -> list[object]:
            return [muspy.read_midi(path) for path in few]

        seconds, loop_seconds = interleaved(ours, loop, repeats=3, warm_up=1)
        loop_seconds *= files / len(few)
        note = f"muspy.read_midi in a loop, scaled to {files:,} files / {available_cpus()} processes, cleaning, cache"
        yield Row("reading MIDI", loop_seconds / seconds, 12, note)

        read = FolderCorpus(tunes).load(EVERYTHING, cache_dir=Path(folder, "cache0"), progress=False).melodies
        found = {melody.source: melody.pitches for melody in read}
        theirs = {
            path.name: tuple(note.pitch for note in music.tracks[0].notes)
            for path, music in zip(few, loop(), strict=True)
        }
        same = sum(found.get(name) == pitches for name, pitches in theirs.items() if name in found)
        kept = sum(name in found for name in theirs)
        yield Row(
            "same notes as muspy",
            same / kept,
            1,
            f"{same} of {kept} melodies ({len(few) - kept} were dropped as copies)",
        )
        small = Path(folder, "small")
        write_tunes(small, files // 10)
        growth = peak_megabytes(tunes) - peak_megabytes(small)
        yield Row(
            "memory for ten times the files", growth, 50, f"peak of {files:,} over {files // 10:,} files", True, " MB"
        )


def write_tunes(folder: Path, files: int) -> None:
    """Tunes of O'Neill's collection with chords in a separate track, as in a songbook; repeated if too few."""
    folder.mkdir()
    melodies = FolkCorpus(["oneills"]).load(progress=False).melodies
    for number in range(files):
        melody = melodies[number % len(melodies)]
        chords = [
            symusic.Note(time, 4 * 480, pitch - 12 + third, 60)
            for time, pitch in zip(range(0, 480 * len(melody), 4 * 480), melody.pitches[::8], strict=False)
            for third in (0, 4, 7)
        ]
        score = symusic.Score.from_midi(midi_bytes(Melody.from_pitches(melody.pitches)))
        score = score.resample(480)
        track = symusic.Track(name="chords", program=0)
        track.notes.extend(chords)
        score.tracks.append(track)
        score.dump_midi(folder / f"{number:05d}.mid")


def peak_megabytes(folder: Path) -> float:
    """Peak memory of a separate process that reads the folder, and of its workers."""
    code = (
        "import sys, benchmark_corpus as b, resource, tempfile\n"
        "b.FolderCorpus(sys.argv[1]).load(b.EVERYTHING, cache_dir=tempfile.mkdtemp(), progress=False)\n"
        "print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    ).replace("benchmark_corpus", Path(__file__).stem)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) / 1024


def first_and_cached(corpora: list[AbstractCorpus], workers: int) -> None:
    names = f"{'files':>8}{'tunes':>8}{'kept':>8}{'notes':>11}{'first s':>9}{'cached s':>10}{'ratio':>7}"
    print(f"{'corpus':<24}{names}")
    for corpus in corpora:
        with tempfile.TemporaryDirectory() as cache:
            seconds = []
            for _ in range(2):
                started = time.perf_counter()
                report = corpus.load(cache_dir=cache, workers=workers).report
                seconds.append(time.perf_counter() - started)
        first, cached = seconds
        print(
            f"{corpus.description:<24}{report.files_found:>8,}{report.tunes_found:>8,}{report.tunes_kept:>8,}"
            f"{report.notes_kept:>11,}{first:>9.2f}{cached:>10.3f}{first / cached:>7.0f}"
        )
    print(f"{workers} workers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--collections", nargs="+", choices=list(COLLECTIONS), help="by default all, as one corpus")
    parser.add_argument("--folder", help="a folder of one's own instead")
    parser.add_argument("--each", action="store_true", help="every collection by itself")
    parser.add_argument("--workers", type=int, default=available_cpus())
    arguments = parser.parse_args()
    if arguments.folder:
        corpora: list[AbstractCorpus] = [FolderCorpus(arguments.folder)]
    elif arguments.each:
        corpora = [FolkCorpus([name]) for name in arguments.collections or COLLECTIONS]
    else:
        corpora = [FolkCorpus(arguments.collections)]
    first_and_cached(corpora, arguments.workers)
    if not arguments.folder:
        show(rows())


if __name__ == "__main__":
    main()
