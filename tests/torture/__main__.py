"""All harnesses, one after the other: what `docs/reliability.md` promises, at length.

python -m tests.torture                 # some hours; as root on Debian, with SLURM, for all of them
python -m tests.torture kills fuzzing   # only these
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

HARNESSES = {
    "kills": ["tests.torture.kills", "--kills", "100"],
    "file-operations": ["tests.torture.kills", "--every-file-operation"],
    "going-on": ["tests.torture.kills", "--every-file-operation", "--stride", "5", "--scenario", "more"],
    "starting-anew": ["tests.torture.kills", "--every-file-operation", "--stride", "5", "--scenario", "anew-once"],
    "fuzzing": ["tests.torture.fuzzing"],
    "full-disks": ["tests.torture.disks"],
    "long-run": ["tests.torture.long_run"],
    "slurm": ["tests.torture.slurm"],
}


def main() -> int:
    """Run them; how many did not end well."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(HARNESSES)}; default: all")
    names = parser.parse_args().names or list(HARNESSES)
    if unknown := set(names) - set(HARNESSES):
        parser.error(f"no harness is called {sorted(unknown)[0]}; there are {', '.join(HARNESSES)}")
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
