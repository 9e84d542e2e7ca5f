"""Processor time of a job of the sweep: to start, to train an update, to validate.

python benchmarks/job_cost.py                    # some ten minutes
python benchmarks/job_cost.py --layers 3         # about the mean, in a third of the time

Means over the sweep's three representations and three cells at the default sizes and corpus. The time grows linearly
with the number of layers, so that the depths 1, 3 and 5 represent all five. Processor time is measured instead of wall
time, because other programs on the machine affect it less.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

FEW, MORE = 20, 80
"""Updates of the sweeps that are compared."""


def cost(*arguments: str) -> float:
    """Processor seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", default="1,3,5")
    arguments = parser.parse_args()
    jobs = 9 * len(arguments.layers.split(","))
    cost("-m", "melgen.prepare")
    imports = cost("-c", "import melgen.training.build")

    def sweep(updates: int, between_validations: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return cost("-m", "melgen.train", "-m", "dataset=control,interval,db12", "cell=lstm,gru,rnn",
                        f"layers={arguments.layers}", f"trainer.max_steps={updates}",
                        f"trainer.val_check_interval={between_validations}", "progress=false", "logger=csv",
                        f"output_dir={folder}")  # fmt: skip

    few = sweep(FEW, FEW)
    update = (sweep(MORE, MORE) - few) / jobs / (MORE - FEW)
    validation = (sweep(FEW, FEW // 2) - few) / jobs
    rest = (few - imports) / jobs - FEW * update - validation
    print(f"seconds of a core, means over {jobs} jobs (dataset=control,interval,db12 cell=lstm,gru,rnn "
          f"layers={arguments.layers}):")  # fmt: skip
    print(f"  imports {imports:.1f}, once a process: on SLURM once a job")
    print(f"  an update {update:.4f}")
    print(f"  a validation {validation:.2f}")
    print(f"  all else of a job (data, test, songs) {rest:.1f}")


if __name__ == "__main__":
    main()
