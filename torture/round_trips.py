"""Write every tune of the folk corpus in every rhythm, read it again, and compare.

python -m torture.round_trips                  # about half an hour of one core
python -m torture.round_trips --part 10        # every tenth tune

A tune must have the same notes, metre and pickup, and its spelling must be the one that scoring and sampling allow.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from melgen.corpora import FolkCorpus
from tests.music.encodings import ENCODINGS, comes_back


def check(number: int, part: int) -> tuple[int, list[str], Counter[str]]:
    """Tunes that came back, the names of those that did not, and the reasons of those that cannot be written."""
    encoding = ENCODINGS[number]
    came_back, different, refused = 0, [], Counter[str]()
    for tune in FolkCorpus().load(progress=False).melodies[::part]:
        if (reason := encoding.reason_against(tune)) is not None:
            refused[reason] += 1
        elif comes_back(encoding, tune):
            came_back += 1
        else:
            different.append(tune.title or tune.source)
    return came_back, different, refused


def main() -> int:
    """Check all encodings; 1 if a tune did not come back from one."""
    parser = argparse.ArgumentParser(prog="python -m torture.round_trips", description=__doc__.split("\n")[0])
    parser.add_argument("--part", type=int, default=1, help="check every n-th tune only (default: 1)")
    part = parser.parse_args().part
    failed = False
    with ProcessPoolExecutor() as pool:
        found = pool.map(check, range(len(ENCODINGS)), [part] * len(ENCODINGS))
        for encoding, (came_back, different, refused) in zip(ENCODINGS, found, strict=True):
            failed |= bool(different) or not came_back
            reasons = "".join(f"; {count:,} cannot be written: {reason}" for reason, count in refused.most_common())
            print(f"{encoding.representation.name}, {encoding.rhythm}: {came_back:,} came back{reasons}", flush=True)
            if different:
                print(f"  {len(different):,} did not: {', '.join(different[:5])} ...")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
