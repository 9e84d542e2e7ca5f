"""Give damaged and hostile files to every reader, and report the outcomes.

    python -m torture.fuzzing                            # more than 100,000 files of ten formats
    python -m torture.fuzzing --format midi --seed 2     # one format, other mutations
    python -m torture.fuzzing --format midi --seed 2 --case 1234    # one file again, with its full text

A reader may read a file or refuse it by name. Everything else is a finding: another exception, a crash of the process,
a file that takes longer than ``--seconds`` or more memory than ``--megabytes``, a file opened or written elsewhere, a
process, a connection, or code from the file. The command keeps such a file in ``--findings`` and returns 1.

melgen reads tunes and pickles in separate processes (`melgen.corpora.workers`), because libraries may crash or hang.
After a crash or a hang here, such a process reads the file again. If it is ended in time and the file is refused by
name, the outcome is *stopped*.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection
from melgen.corpora.importing import read_source
from melgen.corpora.sources import Source
from melgen.corpora.worker import MEMORY, MEMORY_PER_BYTE
from melgen.corpora.workers import map_sources
from torture.fuzz_child import READY
from torture.fuzz_formats import FORMATS, OWN_TEST, Format

LARGE_BYTES = 250_000
AT_ONCE = 4000
"""Cases of one process; a new process limits the effect of one case on later ones."""

START_SECONDS = 120
FINE = ("read", "refused", "stopped")
READERS_MEGABYTES = (MEMORY + MEMORY_PER_BYTE * LARGE_BYTES) // 2**20
"""The limit that melgen sets for a process that reads a file of the largest size here."""
GRACE_SECONDS = 20
"""Time to end a reading process."""
KINDS = ("exception", "nameless", "crash", "hang", "memory", "escape")


@dataclass
class Findings:
    """The outcomes of the files of one format."""

    inputs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    found: list[tuple[int, str, str]] = field(default_factory=list)
    peak_megabytes: int = 0
    longest: tuple[float, int] = (0.0, 0)
    seconds: float = 0.0

    @property
    def number(self) -> int:
        """The number of files that were neither read nor properly refused."""
        return sum(self.counts[kind] for kind in KINDS)


def fuzz(
    name: str, seed: int, cases: range, *, seconds: float, megabytes: int, keep: Path | None, most: int = 40
) -> Findings:
    """Read files of a format in processes that may crash; stop after ``most`` findings."""
    kind, findings, started = (FORMATS | OWN_TEST)[name], Findings(), time.monotonic()
    bound = megabytes if kind.reader is None else READERS_MEGABYTES
    with tempfile.TemporaryDirectory(prefix="melgen-fuzzing-", ignore_cleanup_errors=True) as folder:
        inputs = Path(folder, "inputs")
        inputs.mkdir()
        whole, traps = kind.whole(), kind.traps()
        for prefix, several in (("whole", whole), ("trap", traps)):
            for number, data in enumerate(several):
                (inputs / f"{prefix}-{number:05d}").write_bytes(data)
        del traps
        place, tries = cases.start, 0
        while place < cases.stop and findings.number < most:
            tries += 1
            last = min(cases.stop, place + AT_ONCE)
            for number, outcome, text, peak, took in _read(
                name, seed, range(place, last), inputs, Path(folder, str(tries)), seconds
            ):
                place = number + 1
                findings.inputs += 1
                findings.peak_megabytes = max(findings.peak_megabytes, peak)
                findings.longest = max(findings.longest, (took, number))
                if kind.reader is not None and outcome in ("hang", "crash"):
                    data = _case(kind, seed, number, inputs, whole)
                    outcome, text = _guarded(kind, data, Path(folder, f"guarded-{number}"), seconds, outcome, text)
                if peak > bound and outcome in FINE:
                    outcome, text = "memory", f"{peak} MB more than before, more than the limit of {bound}"
                findings.counts[outcome] += 1
                if outcome in ("refused", "stopped"):
                    findings.refusals[text] += 1
                if outcome not in FINE:
                    findings.found.append((number, outcome, text))
                    if keep is not None:
                        keep.mkdir(parents=True, exist_ok=True)
                        data = _case(kind, seed, number, inputs, whole)
                        (keep / f"{name}-{seed}-{number}-{outcome}-{kind.file_name}").write_bytes(data)
                if outcome == "memory" or findings.number >= most:
                    break  # the peak of a process never falls: the next file needs a new process
    findings.seconds = time.monotonic() - started
    return findings


def _case(kind: Format, seed: int, number: int, inputs: Path, whole: Sequence[bytes]) -> bytes:
    trap = inputs / f"trap-{number:05d}"
    return trap.read_bytes() if trap.exists() else kind.case(seed, number, whole)


def _guarded(kind: Format, data: bytes, folder: Path, seconds: float, outcome: str, text: str) -> tuple[str, str]:
    """The outcome when melgen itself reads a file that hangs or crashes a reader: it should reject the file."""
    assert kind.reader is not None
    reader = kind.reader()
    folder.mkdir()
    path = folder / kind.file_name
    path.write_bytes(data)
    task = partial(read_source, read=reader, cleaning=Cleaning(min_length_notes=1))
    started = time.monotonic()
    ((_, result),) = map_sources(task, [Source(path, path.name)], 1, max_silent_seconds=seconds)
    if time.monotonic() - started > seconds + GRACE_SECONDS:
        return "hang", f"not stopped after {seconds} s"
    if isinstance(result, Rejection) and result.source == path.name:
        return "stopped", f"stopped: {result.detail.partition(' (')[0]}"
    return outcome, text


def _read(
    name: str, seed: int, cases: range, inputs: Path, scratch: Path, seconds: float
) -> Iterator[tuple[int, str, str, int, float]]:
    """Yield number, outcome, text, peak memory (MB) and time (s) of each case, up to one that ends the process."""
    scratch.mkdir()
    folders = str(inputs), str(scratch / "scratch")
    errors = scratch / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "torture.fuzz_child",
                name,
                *map(str, (seed, cases.start, cases.stop)),
                *folders,
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
    assert process.stdout is not None
    number, buffer, waiting_since = cases.start, b"", time.monotonic()
    started = False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while number < cases.stop:
                while b"\n" not in buffer:
                    left = waiting_since + (seconds if started else START_SECONDS) - time.monotonic()
                    if left <= 0:
                        yield number, "hang", f"longer than {seconds} s", 0, seconds
                        return
                    if selector.select(left):
                        block = os.read(process.stdout.fileno(), 1 << 16)
                        if not block:
                            status = process.wait()
                            output = errors.read_text(errors="replace")[-2000:]
                            if not started:
                                raise RuntimeError(f"the reading process does not start:\n{output}")
                            yield number, "crash", f"exit status {status}\n{output}", 0, 0.0
                            return
                        buffer += block
                line, _, buffer = buffer.partition(b"\n")
                now = time.monotonic()
                if not started:
                    started, waiting_since = line.decode() == READY, now
                    continue
                number, outcome, text, peak = json.loads(line)
                yield number, outcome, text, peak, now - waiting_since
                waiting_since, number = time.monotonic(), number + 1
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def table(results: dict[str, Findings]) -> str:
    """A line for each format, and below them the reasons of refusals."""
    columns = ("inputs", *FINE, *KINDS)
    lines = [f"{'':12}" + "".join(f"{column:>11}" for column in columns) + f"{'longest s':>11}{'peak MB':>9}{'s':>7}"]
    total = Findings()
    for found in results.values():
        total.inputs += found.inputs
        total.counts += found.counts
        total.peak_megabytes = max(total.peak_megabytes, found.peak_megabytes)
        total.longest = max(total.longest, found.longest)
        total.seconds += found.seconds
    for name, found in [*results.items(), ("together", total)]:
        numbers = [found.inputs, *(found.counts[column] for column in columns[1:])]
        lines.append(
            f"{name:12}"
            + "".join(f"{number:>11,}" for number in numbers)
            + f"{found.longest[0]:>11.1f}{found.peak_megabytes:>9,}{found.seconds:>7.0f}"
        )
    lines.append("")
    for name, found in results.items():
        seconds, number = found.longest
        lines.append(f"{name}: slowest case {number}, {seconds:.1f} s")
        reasons = ", ".join(f"{text}: {count:,}" for text, count in found.refusals.most_common(12))
        lines.append(f"{name} refused: {reasons or 'none'}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz and print the findings; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--format", choices=FORMATS | OWN_TEST, action="append", help="only this format; may be given several times"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations (%(default)s)")
    parser.add_argument(
        "--cases", type=int, help="files of each format (default: more than 100,000 of all formats together)"
    )
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument("--seconds", type=float, default=15, help="longest time for a file (%(default)s)")
    parser.add_argument("--megabytes", type=int, default=150, help="largest memory for a file (%(default)s)")
    parser.add_argument(
        "--findings",
        type=Path,
        default=Path("fuzzing-findings"),
        help="directory for the files of findings (%(default)s)",
    )
    options = parser.parse_args(argv)
    results = {}
    for name in options.format or FORMATS:
        count = (FORMATS | OWN_TEST)[name].share if options.cases is None else options.cases
        cases = range(count) if options.case is None else range(options.case, options.case + 1)
        found = results[name] = fuzz(
            name, options.seed, cases, seconds=options.seconds, megabytes=options.megabytes, keep=options.findings
        )
        print(f"{name}: {found.inputs:,} files in {found.seconds:.0f} s, {found.number} findings", flush=True)
        alike = Counter((outcome, text.strip().rpartition("\n")[2][:300]) for _, outcome, text in found.found)
        for (outcome, text), count in alike.most_common():
            number = next(
                each[0]
                for each in found.found
                if (each[1], each[2].strip().rpartition("\n")[2][:300]) == (outcome, text)
            )
            print(
                f"  {outcome}, {count} times, for example --format {name} --seed {options.seed} --case {number}: {text}"
            )
        if options.case is not None:
            print("\n".join(text for _, _, text in found.found))
    print(f"\nseed {options.seed}\n{table(results)}")
    return 1 if any(found.number for found in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
