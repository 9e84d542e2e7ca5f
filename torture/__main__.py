"""Run all harnesses, one after the other: the claims of `docs/reliability.md`, at full length.

Run it from the root of the repository:

python -m torture                 # several hours; needs root, Debian and SLURM for all of them
python -m torture kills fuzzing   # only these two
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

HARNESSES = {
    "kills": ["torture.kills", "--kills", "100"],
    "file-operations": ["torture.kills", "--every-file-operation"],
    "continuing": ["torture.kills", "--every-file-operation", "--stride", "5", "--scenario", "more"],
    "forced": ["torture.kills", "--every-file-operation", "--stride", "5", "--scenario", "forced-once"],
    "round-trips": ["torture.round_trips"],
    "rhythm": ["torture.kills", "--every-file-operation", "--stride", "5", "--rhythm", "factored"],
    "fuzzing": ["torture.fuzzing"],
    "full-disks": ["torture.disks"],
    "long-run": ["torture.long_run"],
    "slurm": ["torture.slurm"],
}


def main() -> int:
    """Run the chosen harnesses; return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"harnesses to run, of {', '.join(HARNESSES)} (default: all)")
    names = parser.parse_args().names or list(HARNESSES)
    if unknown := set(names) - set(HARNESSES):
        parser.error(f"{sorted(unknown)[0]}: unknown harness; choose from {', '.join(HARNESSES)}")
    codes = {}
    for name in names:
        print(f"\n=== {name}: python -m {' '.join(HARNESSES[name])}", flush=True)
        began = time.monotonic()
        codes[name] = subprocess.run([sys.executable, "-m", *HARNESSES[name]], check=False).returncode
        print(f"=== {name}: exit code {codes[name]} after {time.monotonic() - began:.0f} s", flush=True)
    print("\n" + ", ".join(f"{name} {'ok' if code == 0 else 'FAILED'}" for name, code in codes.items()))
    return sum(code != 0 for code in codes.values())


if __name__ == "__main__":
    sys.exit(main())
