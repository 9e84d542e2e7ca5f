"""900 songs of 30 notes from nine networks, loading the checkpoints and writing MIDI included.

python benchmarks/generation.py

Compared with one process for each song, as the original did (`python -m melgen.generate songs=1`, timed on a few songs
and scaled), and with one song after the other in one process (also scaled). Melgen is timed as a separate process, with
its imports. The last line compares the sampling alone with the matrix products that it needs, at the best rate that any
library reaches at their shapes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import torch
from layers import BLOCKS, fastest
from table import Row, interleaved, show

from melgen.checkpoint import load_model
from melgen.generation.from_checkpoint import write_songs_by
from melgen.generation.sampling import sample_values
from melgen.networks import MelodyModel, find_layer

SONGS, NOTES, PRIMER = 100, 30, [60, 62, 64, 62]
OPTIONS = {"notes": NOTES, "selection": "sample", "seed": 0}
PROCESSES_TIMED, SINGLE_SONGS_TIMED = 4, 5


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        runs = train_nine(Path(folder))
        songs = SONGS * len(runs)
        numbers = iter(range(10**6))

        def fresh() -> Path:
            return Path(folder, f"songs{next(numbers)}")

        def all_at_once() -> None:
            code = "import sys; sys.path.insert(0, sys.argv[1]); import generation; generation.write_all(sys.argv[2:])"
            out = fresh()
            subprocess.run(
                [sys.executable, "-c", code, str(Path(__file__).parent), str(out), *map(str, runs)], check=True
            )

        def one_process_a_song() -> None:
            for run in runs[:PROCESSES_TIMED]:
                line = [sys.executable, "-m", "melgen.generate", f"checkpoint={run}", "songs=1", f"notes={NOTES}"]
                subprocess.run([*line, f"out={fresh()}"], check=True, capture_output=True)

        def one_after_another() -> None:
            for run in runs:
                trained = load_model(run)
                for _ in range(SINGLE_SONGS_TIMED):
                    write_songs_by(trained, fresh(), PRIMER, {"songs": 1, **OPTIONS}, "cpu")

        def in_this_process() -> None:
            write_all([str(fresh()), *map(str, runs)])

        ours, processes = interleaved(all_at_once, one_process_a_song, repeats=3)
        here, single = interleaved(in_this_process, one_after_another, repeats=5)
        processes *= songs / PROCESSES_TIMED
        single *= songs / (SINGLE_SONGS_TIMED * len(runs))
    note = f"scaled to {songs} songs / all at once in a process of its own, {ours:.1f} s with imports"
    yield Row("generation, one process a song", processes / ours, 100, note)
    note = f"scaled to {songs} songs / all at once, {here:.2f} s, both in one process"
    yield Row("generation, one song after another", single / here, 20, note)
    for cell in ("lstm", "gru", "rnn"):
        yield sampling_alone(cell)


def write_all(arguments: list[str]) -> None:
    """Write the songs of all runs in one process. Arguments: the output folder, then the runs."""
    out, *runs = arguments
    torch.set_num_threads(1)
    for number, run in enumerate(runs):
        write_songs_by(load_model(run), Path(f"{out}-{number}"), PRIMER, {"songs": SONGS, **OPTIONS}, "cpu")


def train_nine(folder: Path) -> list[Path]:
    line = [sys.executable, "-m", "melgen.train", "-m", "dataset=control,interval,db12", "cell=lstm,gru,rnn"]
    line += ["+corpus.collections=[misc_folk]", "callbacks=none", "logger=csv", "trainer.max_steps=2"]
    subprocess.run([*line, f"output_dir={folder}", "name=nine", "progress=false"], check=True, capture_output=True)
    return sorted(path for path in (folder / "nine").iterdir() if (path / "checkpoints").is_dir())


def sampling_alone(cell: str, songs: int = 1000, width: int = 128, depth: int = 2, vocabulary: int = 60) -> Row:
    model = MelodyModel(vocabulary, width, depth, find_layer(cell)).eval()
    product = fastest((songs, width), (width, BLOCKS[cell] * width), NOTES)
    scores = fastest((songs, width), (width, vocabulary), NOTES)

    def floor() -> None:
        for _ in range(2 * depth):
            product()
        scores()

    def sample() -> None:
        sample_values(model, [1, 2, 3, 4], songs, NOTES)

    least, ours = interleaved(floor, sample, repeats=7, warm_up=2)
    note = "matrix products / sampling"
    return Row(f"sampling {songs} songs at once, {cell}, {depth}", least / ours, 0.6, note)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    show(rows())


if __name__ == "__main__":
    main()
