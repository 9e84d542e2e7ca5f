"""The time to the first training step of `python -m melgen.train`, against importing torch and Lightning.

python benchmarks/start_up.py

The corpus has been read before, as at every start but the first.
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

GOAL = 1.5
HERE = Path(__file__).parent
IMPORTS = [sys.executable, "-c", "import torch, pytorch_lightning"]


def rows(repeats: int = 7) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "melgen.train", "callbacks=none", "logger=csv", f"output_dir={folder}"]
        command += ["+callbacks.stop._target_=first_step.StopAtFirstStep"]
        environment = os.environ | {"PYTHONPATH": str(HERE)}

        def run(line: list[str]) -> None:
            subprocess.run(line, env=environment, check=True, capture_output=True, cwd=folder)

        imports, first_step = interleaved(lambda: run(IMPORTS), lambda: run(command), repeats=repeats)
    note = f"python -m melgen.train to its first step / import torch, pytorch_lightning ({imports:.1f} s)"
    yield Row("start-up", first_step / imports, GOAL, note, lower=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    show(rows(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
