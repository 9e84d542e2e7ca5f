"""How long a corpus takes to read for the first time, and from the cache.

python benchmarks/corpus.py                        # the default corpus
python benchmarks/corpus.py --collections airds misc_folk --workers 1
python benchmarks/corpus.py --folder my_tunes
"""

from __future__ import annotations

import argparse
import tempfile
import time

from melgen.corpora import FolderCorpus, FolkCorpus
from melgen.corpora.folk import COLLECTIONS
from melgen.processes import available_cpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--collections", nargs="+", choices=list(COLLECTIONS), help="by default all, as one corpus")
    parser.add_argument("--folder", help="a folder of one's own instead")
    parser.add_argument("--each", action="store_true", help="every collection by itself")
    parser.add_argument("--workers", type=int, default=available_cpus())
    arguments = parser.parse_args()
    if arguments.folder:
        corpora = [FolderCorpus(arguments.folder)]
    elif arguments.each:
        corpora = [FolkCorpus([name]) for name in arguments.collections or COLLECTIONS]
    else:
        corpora = [FolkCorpus(arguments.collections)]
    names = f"{'files':>8}{'tunes':>8}{'kept':>8}{'notes':>11}{'first s':>9}{'cached s':>10}{'ratio':>7}"
    print(f"{'corpus':<24}{names}")
    for corpus in corpora:
        with tempfile.TemporaryDirectory() as cache:
            seconds = []
            for _ in range(2):
                started = time.perf_counter()
                report = corpus.load(cache_dir=cache, workers=arguments.workers).report
                seconds.append(time.perf_counter() - started)
        first, cached = seconds
        print(
            f"{corpus.description:<24}{report.files_found:>8,}{report.tunes_found:>8,}{report.tunes_kept:>8,}"
            f"{report.notes_kept:>11,}{first:>9.2f}{cached:>10.3f}{first / cached:>7.0f}"
        )
    print(f"{arguments.workers} workers")


if __name__ == "__main__":
    main()
