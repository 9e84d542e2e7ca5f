"""Search for hostile files by coverage: Atheris keeps each input that reaches a new line of a reader.

    pip install --target /tmp/atheris atheris
    PYTHONPATH=/tmp/atheris python -m torture.fuzz_coverage pickle --seconds 60

It tests the readers that are written in Python. It starts from the undamaged files and traps of `torture.fuzzing` and
goes beyond their fixed damage. Run it by hand: Atheris is not a dependency. It ends with a traceback and a file
``crash-...`` at the first input that is neither read nor refused by name.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FORMATS = ("midi", "abc", "musicxml", "mxl", "kern", "pickle", "songs")


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz one format for a given time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("--seconds", type=int, default=60, help="duration in seconds (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choices (%(default)s)")
    options = parser.parse_args(argv)
    try:
        import atheris
    except ImportError:
        print("Atheris is not installed: pip install --target /tmp/atheris atheris, and PYTHONPATH=/tmp/atheris")
        return 2
    with atheris.instrument_imports(include=["melgen"]):
        from melgen.corpora.worker import limit_memory
        from torture.fuzz_formats import FORMATS as KINDS

        kind = KINDS[options.format]
        with tempfile.TemporaryDirectory(prefix="melgen-atheris-") as scratch:
            for place in ("corpus", "files"):
                Path(scratch, place).mkdir()
            path = Path(scratch, "files", kind.file_name)
            inputs = [*kind.whole(), *(trap for trap in kind.traps() if len(trap) < kind.most_bytes)]
            for number, data in enumerate(inputs):
                Path(scratch, "corpus", f"{number:05d}").write_bytes(data)
            kind.put(path, inputs[0])
            kind.read(path)  # imports the code to watch

            def read(data: bytes) -> None:
                kind.put(path, data)
                if kind.reader is not None:
                    limit_memory(path)  # as in the process in which melgen reads it
                kind.read(path)

            limits = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-max_len={kind.most_bytes}"]
            limits += ["-timeout=60", "-rss_limit_mb=4000", str(Path(scratch, "corpus"))]
            atheris.Setup([sys.argv[0], *limits], read)
            atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
