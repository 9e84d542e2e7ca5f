"""The sweep of 45 networks on all cores, one epoch each, against Hydra's basic launcher over bare torch networks.

python benchmarks/sweep.py                       # some ten minutes
python benchmarks/sweep.py --layers 1 --repeats 3

The whole command is timed: imports, data, training, validation, logging. Both sides log to CSV
files and have no callbacks; melgen also writes checkpoints and scores the test tunes. The corpus is one collection,
read beforehand.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from table import Row, interleaved, show

GOAL = 1.8
HERE = Path(__file__).parent
REPRESENTATIONS, CELLS = "control,interval,db12", "lstm,gru,rnn"


def rows(layers: str = "1,2,3,4,5", collection: str = "misc_folk", repeats: int = 1) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        turn = iter(range(1000))

        def baseline() -> None:
            out = Path(folder, f"baseline{next(turn)}")
            run(str(HERE / "baseline_sweep.py"), "-m", f"dataset={REPRESENTATIONS}", f"cell={CELLS.upper()}",
                f"layers={layers}", f"collection={collection}", f"hydra.sweep.dir={out}")  # fmt: skip

        def ours() -> None:
            run("-m", "melgen.train", "-m", f"dataset={REPRESENTATIONS}", f"cell={CELLS}", f"layers={layers}",
                f"+corpus.collections=[{collection}]", "hydra/launcher=local", "callbacks=none", "logger=csv",
                "trainer.max_epochs=1", "trainer.max_steps=-1", "progress=false",
                f"output_dir={folder}/ours{next(turn)}")  # fmt: skip

        warm = f"+corpus.collections=[{collection}]"
        run("-m", "melgen.prepare", warm)
        theirs, own = interleaved(baseline, ours, repeats=repeats, warm_up=0)
    jobs = 9 * len(layers.split(","))
    note = f"{jobs} jobs: basic launcher over bare torch {theirs:.0f} s / melgen.train -m hydra/launcher=local"
    yield Row("sweep", theirs / own, GOAL, note)


def run(*arguments: str) -> None:
    # Other benchmarks limit this process to one thread; here each side uses its own default.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", default="1,2,3,4,5")
    parser.add_argument("--collection", default="misc_folk")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    show(rows(arguments.layers, arguments.collection, arguments.repeats))


if __name__ == "__main__":
    main()
