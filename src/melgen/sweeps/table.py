"""The table of a sweep: a row for each run, as CSV and for the terminal."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM
from melgen.errors import IdentityError
from melgen.evaluation.run_metrics import run_metric
from melgen.evaluation.song_metrics import TONALITY, song_metric
from melgen.files import read_json
from melgen.runs.choices import label_of
from melgen.runs.config import plain_config
from melgen.runs.directory import FAILED, FINISHED, RunDirectory
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.network_size import SIZES, sizes_in
from melgen.runs.variants import names_in, variants_of

KINDS_OF_BITS = (BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM)
"""A network of pitches has the first two, which are equal; a network with rhythm has the others."""
_LONGEST_HEADER_LINE = 12  # "with rhythm" has a line of its own

COLUMNS = {
    "run": "run",
    "label": "label",
    "state": "state",
    "updates": "updates",
    "val_loss": "val loss (nats)",
    **{key: run_metric(f"val/{key}").header for key in KINDS_OF_BITS},
    **{metric: song_metric(metric).header for metric in TONALITY},
    "seconds": "time (s)",
    **SIZES,
    "error": "error",
}
"""Keys of a row of the table, and how the terminal heads them. It has no room for the sizes."""

_WRITES_RHYTHM = "writes_rhythm"
"""Key of a row, not shown: whether its bits per note include rhythm."""
HAS_DIVERGED = "has_diverged"
"""Key of a row, not shown: whether the training failed because its loss or gradient became infinite or NaN."""


def table_row(run: RunDirectory) -> dict[str, Any]:
    """A run's line in the table of a sweep."""
    try:
        status, result, has_diverged = run.status, run.result or {}, run.has_diverged
    except IdentityError as error:  # one damaged file must not cost the table of all others
        status, result, has_diverged = {"state": FAILED, "error": str(error)}, {}, False
    state = status.get("state", "unknown")
    if state != FINISHED:
        result = {}
    return {
        "directory": str(run.path),
        "run": run.path.name,
        "label": label_of(plain_config(run.path)),
        "state": state,
        "updates": result.get("updates"),
        "val_loss": result.get("val/loss"),
        **_bits_of(result),
        **{key: result.get(f"tonality/{key}") for key in TONALITY},
        "seconds": result.get("seconds"),
        **sizes_in(result),
        "error": str(status.get("error", "")).partition("\n")[0],
        HAS_DIVERGED: has_diverged,
    }


def _bits_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """The bits per note of a result; all bits of a network of pitches are bits of pitch."""
    bits = {key: result.get(f"val/{key}") for key in KINDS_OF_BITS}
    writes_rhythm = f"val/{BITS_WITH_RHYTHM}" in result
    if not writes_rhythm:
        bits[BITS_OF_PITCH] = bits[BITS]
    return {**bits, _WRITES_RHYTHM: writes_rhythm}


def to_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """The table for the terminal: runs by what differs between them, or by the user's labels.

    The common ending of all names is printed once, below.
    """
    from rich.console import Console
    from rich.table import Table

    # Bits of pitches alone and bits with rhythm are not comparable, so that they never share a column.
    has_rhythm = any(row[_WRITES_RHYTHM] for row in rows)
    hidden = {"error", "label", *SIZES, *([BITS] if has_rhythm else KINDS_OF_BITS[1:])}
    shown = [key for key in COLUMNS if key not in hidden]
    headers = {key: fill(COLUMNS[key], _LONGEST_HEADER_LINE) if has_rhythm else COLUMNS[key] for key in shown}
    places = [Path(row["directory"]) for row in rows]
    names = names_in(places, variants_of(places))
    ending = common_ending([row["run"] for row in rows])
    table = Table(*headers.values(), box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify = "right"
    for row, name in zip(rows, names, strict=True):
        row = row | {"run": name}
        table.add_row(*(_cell(key, row[key]) for key in shown))
    # A log file has no width of its own; this holds a row without wrapping.
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(table)
    if ending:
        console.print(f"(all runs: ...{ending})")
    for (kind, reason), names in reasons_without_bits(rows).items():
        of_all = len(names) == sum(row["state"] == FINISHED for row in rows)
        whose = "" if of_all else f" of {', '.join(name.removesuffix(ending) for name in names)}"
        console.print(f"{COLUMNS[kind]}{whose} is -: {reason}", soft_wrap=True)


def reasons_without_bits(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """The names of finished runs without bits per note, by the column that is empty and the reason."""
    has_rhythm = any(row[_WRITES_RHYTHM] for row in rows)
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        kind = _column_of_bits(row, has_rhythm)
        if row["state"] == FINISHED and row[kind] is None:
            reason = why_without_bits(read_json(Path(row["directory"]) / "data.json"))
            found.setdefault((kind, reason or "its result has none"), []).append(row["run"])
    return found


def _column_of_bits(row: Mapping[str, Any], has_rhythm: bool) -> str:
    """The column that shows all bits of a run; in a table with rhythm, a network of pitches has bits of pitch."""
    if row[_WRITES_RHYTHM]:
        return BITS_WITH_RHYTHM
    return BITS_OF_PITCH if has_rhythm else BITS


def common_ending(names: Sequence[str]) -> str:
    """The common ending of several names, from a hyphen on.

    >>> common_ending(["control-lstm-1-seed0-lr-1", "control-lstm-2-seed0-lr-1"])
    '-seed0-lr-1'
    >>> common_ending(["control-lstm-1-seed0"])
    ''
    """
    if len(names) < 2:
        return ""
    ending = os.path.commonprefix([name[::-1] for name in names])[::-1]
    return ending[ending.index("-") :] if "-" in ending else ""


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if key == "seconds" else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
