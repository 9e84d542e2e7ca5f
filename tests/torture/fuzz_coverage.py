"""Looks for hostile files by what they make the readers do: Atheris keeps each input that reaches a new line.

    pip install --target /tmp/atheris atheris
    PYTHONPATH=/tmp/atheris python -m tests.torture.fuzz_coverage pickle --seconds 60

For the readers that are written in Python; beyond the fixed damage of `tests.torture.fuzzing`, which it takes its whole
files and traps from, and by hand only: Atheris is no dependency. It ends with a traceback and a file ``crash-...`` at
the first input that is neither read nor refused by name.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FORMATS = ("midi", "abc", "musicxml", "mxl", "kern", "pickle", "songs", "run")


def main(argv: Sequence[str] | None = None) -> int:
    """Explore one format for a while."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("--seconds", type=int, default=60, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of its choices (%(default)s)")
    options = parser.parse_args(argv)
    try:
        import atheris
    except ImportError:
        print("Atheris is not there: pip install --target /tmp/atheris atheris, and PYTHONPATH=/tmp/atheris")
        return 2
    with atheris.instrument_imports(include=["melgen"]):
        from melgen.corpora.worker import limit_memory
        from tests.torture.fuzz_formats import FORMATS as KINDS

        kind = KINDS[options.format]
        with tempfile.TemporaryDirectory(prefix="melgen-atheris-") as scratch:
            for place in ("corpus", "files"):
                Path(scratch, place).mkdir()
            path = Path(scratch, "files", kind.file_name)
            inputs = [*kind.whole(), *(trap for trap in kind.traps() if len(trap) < kind.most_bytes)]
            for number, data in enumerate(inputs):
                Path(scratch, "corpus", f"{number:05d}").write_bytes(data)
            kind.put(path, inputs[0])
            kind.read(path)  # imports what is to be watched

            def read(data: bytes) -> None:
                kind.put(path, data)
                if kind.reader is not None:
                    limit_memory(path)  # as the process would that melgen reads it in
                kind.read(path)

            limits = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-max_len={kind.most_bytes}"]
            limits += ["-timeout=60", "-rss_limit_mb=4000", str(Path(scratch, "corpus"))]
            atheris.Setup([sys.argv[0], *limits], read)
            atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
