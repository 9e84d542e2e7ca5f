"""Train ten thousand updates with all features on, and check that memory and open files do not grow.

python -m torture.long_run                   # several minutes
python -m torture.long_run --updates 1500
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.commands.calling import command

WARM_UP = 0.4
"""Fraction of the samples that are left out: by then all caches are full and all shapes have occurred."""
MEGABYTES, OPEN_FILES = 10.0, 3
"""Allowed rise of the median from the first half after the warm-up to the second."""
POLL_SECONDS = 0.1


def training(updates: int) -> list[str]:
    """The overrides of a training with frequent validation, checkpoints, songs and projections."""
    return [
        "corpus=misc_folk", "run_dir=run", "hidden_size=8", "layers=1", "batch_size=10", "seq_length=10",
        f"trainer.max_steps={updates}", "trainer.log_every_n_steps=10", "trainer.val_check_interval=50",
        "callbacks.checkpoint.every_n_steps=25", "callbacks.checkpoint.keep_every_n_steps=50",
        "callbacks.checkpoint.keep=3", "callbacks.sampling.every_n_steps=100", "callbacks.sampling.at_steps=[]",
        "callbacks.sampling.notes=8",
        "callbacks.projection.every_n_steps=250", "logger=default", "report=false", "progress=false",
    ]  # fmt: skip


def watch(folder: Path, updates: int) -> tuple[list[tuple[float, int]], int]:
    """Samples of a training from outside (resident megabytes, open files), and its exit code."""
    process = subprocess.Popen(command("train", *training(updates)), cwd=folder)
    samples = []
    samples_folder = folder / "run" / "samples"
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        if not samples_folder.is_dir() or (folder / "run" / "result.json").exists():
            continue  # before or after the training itself
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            samples.append((pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(f"/proc/{process.pid}/fd"))))
        except (OSError, IndexError):
            break  # the process has just ended
    return samples, process.wait()


def grown(samples: list[tuple[float, int]]) -> tuple[float, float]:
    """The rise of the median from the first half after the warm-up to the second: megabytes, open files.

    The memory of a process falls by forty megabytes each time that Python collects its oldest garbage, and rises again
    to where it was; so the minimum depends on where these falls are. A leak raises the median.
    """
    settled = samples[int(len(samples) * WARM_UP) :]
    halves = settled[: len(settled) // 2], settled[len(settled) // 2 :]
    first, second = ([statistics.median(sample[kind] for sample in half) for kind in (0, 1)] for half in halves)
    return second[0] - first[0], second[1] - first[1]


def main(argv: list[str] | None = None) -> int:
    """Train and print the growth; return 1 if it exceeds a limit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--updates", type=int, default=10_000)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="melgen-long-run-") as folder:
        samples, code = watch(Path(folder), arguments.updates)
    if code or len(samples) < 20:
        print(f"the training ended with exit code {code} after {len(samples)} samples")
        return 1
    megabytes, files = grown(samples)
    most = max(size for size, _ in samples)
    print(
        f"{arguments.updates:,} updates: {megabytes:+.1f} MB (at most {MEGABYTES:+.0f}) of {most:.0f}, "
        f"{files:+.0f} open files (at most {OPEN_FILES:+d}), from {len(samples)} samples"
    )
    return int(megabytes > MEGABYTES or files > OPEN_FILES)


if __name__ == "__main__":
    sys.exit(main())
