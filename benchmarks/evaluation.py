"""The speed of measuring songs, compared with loops over the plain libraries, and the memory that this takes.

python benchmarks/evaluation.py                        # 100,000 songs of 34 notes
python benchmarks/evaluation.py --songs 1000000        # the loops over a part of them, scaled
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

import music_geometry_eval as library
import muspy
import numpy as np
from table import Row

from melgen.evaluation.descriptors import DESCRIPTORS, descriptor_table
from melgen.evaluation.tonality import tonality_table

NOTES_PER_SONG = 34
GOAL_RATIO = 50
TOLERANCE = 1e-12
LIBRARY_SONGS, MUSPY_SONGS = 100_000, 2_000
MUSPY_METRICS = DESCRIPTORS[:5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.songs < 1 or arguments.repeats < 1:
        parser.error("--songs and --repeats must be at least 1")
    songs = random_walks(arguments.songs)
    print(f"{len(songs):,} songs of {NOTES_PER_SONG} notes, medians of {arguments.repeats} interleaved repeats")
    loop_columns = f"{'loop s':>9}{'loop over':>11}{'ratio':>7}{'goal':>6}{'largest difference':>20}"
    print(f"{'':<12}{'ours s':>9}{loop_columns}{'peak':>9}")

    equal = [
        compare("tonality", tonality_table, library_loop, songs, LIBRARY_SONGS, arguments.repeats, GOAL_RATIO),
        compare("descriptors", five_descriptors, muspy_loop, songs, MUSPY_SONGS, arguments.repeats),
    ]
    print("s: processor time; loop s: scaled to all songs; peak: memory beyond the songs themselves")
    if not all(equal):
        sys.exit(f"values differ by more than {TOLERANCE}")


def rows(songs: int = 1_000_000) -> Iterator[Row]:
    """Rows for `make bench`: melgen measures all songs, the loop a part of them."""
    walks = random_walks(songs)
    part = walks[: LIBRARY_SONGS // 5]
    pairs = [(timed(tonality_table, walks), timed(library_loop, part)) for _ in range(3)]
    ours, loop = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    difference = float(np.abs(pairs[0][0][1][: len(part)] - pairs[0][1][1]).max())
    loop *= songs / len(part)
    note = f"loop over music_geometry_eval, scaled to {songs:,} songs / tonality_table; differ by {difference:.0e}"
    yield Row("evaluation", loop / ours, GOAL_RATIO, note)
    peak = peak_megabytes(tonality_table, walks)
    yield Row("evaluation, memory", peak, 500, f"peak for {songs:,} songs, beyond the songs themselves", True, " MB")


def compare(
    name: str,
    ours: Callable,
    loop: Callable,
    songs: list[list[int]],
    loop_songs: int,
    repeats: int,
    goal: int | None = None,
) -> bool:
    """Return one row of the table, and whether the values are equal."""
    part = songs[:loop_songs]
    our_seconds, loop_seconds = [], []
    for _ in range(repeats):
        seconds, table = timed(ours, songs)
        our_seconds.append(seconds)
        seconds, expected = timed(loop, part)
        loop_seconds.append(seconds)
    difference = float(np.abs(table[: len(part)] - expected).max())
    our_time = statistics.median(our_seconds)
    loop_time = statistics.median(loop_seconds) * len(songs) / len(part)
    print(
        f"{name:<12}{our_time:>9.3f}{loop_time:>9.1f}{len(part):>11,}{loop_time / our_time:>7.0f}{goal or '':>6}"
        f"{difference:>20.1e}{peak_megabytes(ours, songs):>6.0f} MB"
    )
    return difference <= TOLERANCE


def random_walks(songs: int) -> list[list[int]]:
    """Melodies of small steps that stay within two octaves around middle C."""
    steps = np.random.default_rng(0).integers(-4, 5, (songs, NOTES_PER_SONG), dtype=np.int8)
    steps[:, 0] = 0
    walk = np.cumsum(steps, axis=1, dtype=np.int16)
    # Walks are reflected at both ends.
    return (48 + np.abs((walk + 12) % 48 - 24)).tolist()


def library_loop(songs: list[list[int]]) -> np.ndarray:
    return np.array(
        [
            (
                library.calculate_conjunct_melodic_motion(song),
                library.calculate_limited_macroharmony(song, 12),
                library.calculate_centricity(song, 12),
            )
            for song in songs
        ]
    )


def five_descriptors(songs: list[list[int]]) -> np.ndarray:
    """All our descriptors are computed; those that muspy has are compared."""
    table = descriptor_table(songs)
    return np.stack([table[name] for name in MUSPY_METRICS], axis=1)


def muspy_loop(songs: list[list[int]]) -> np.ndarray:
    rows = []
    for song in songs:
        notes = [muspy.Note(time=step, pitch=pitch, duration=1) for step, pitch in enumerate(song)]
        music = muspy.Music(resolution=4, tracks=[muspy.Track(notes=notes)])
        rows.append([getattr(muspy, name)(music) for name in MUSPY_METRICS])
    return np.array(rows)


def timed(function: Callable, songs: list[list[int]]) -> tuple[float, np.ndarray]:
    # Both run on one core. Processor time does not depend on other programs on the machine.
    started = time.process_time()
    table = function(songs)
    return time.process_time() - started, table


def peak_megabytes(function: Callable, songs: list[list[int]]) -> float:
    # Memory is measured in a separate run, because tracing takes time.
    tracemalloc.start()
    function(songs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
