"""Runs for a page: what each was, how it stands, what came out, its curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from melgen.files import read_json
from melgen.pages.plain import short
from melgen.pages.wording import CURVES
from melgen.runs.config import plain_config
from melgen.runs.directory import FINISHED
from melgen.runs.history import STEP, read_history
from melgen.runs.naming import parse_run_name
from melgen.runs.variants import label_of

LONGEST_CURVE = 500
Curves = dict[str, list[list[float]]]


def run_content(path: Path) -> dict[str, Any]:
    """A run's name, choices, state and results; missing files leave gaps.

    Never raises: a page of many runs must not fail for one.
    """
    status, result = read_json(path / "status.json"), read_json(path / "result.json")
    state = status.get("state", "not started")
    return {
        "name": path.name,
        **choices_of(path),
        "label": label_of(plain_config(path)),
        "state": state,
        "error": str(status.get("error", "")).partition("\n")[0],
        "values": {
            key: short(value)
            for key, value in result.items()
            if state == FINISHED and isinstance(value, int | float) and not isinstance(value, bool)
        },
    }


def choices_of(path: Path) -> dict[str, Any]:
    """Representation, cell, layers and seed, as the directory's name says or, failing that, the configuration."""
    parsed = parse_run_name(path.name)
    if parsed is not None:
        return parsed._asdict()
    config = plain_config(path)

    def last_word(*keys: str) -> str:
        node: Any = config
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        return str(node or "?").rpartition(".")[-1].lower()

    return {
        "dataset": last_word("dataset", "representation", "_target_"),
        "cell": last_word("cell", "_target_"),
        "layers": config.get("layers", 0),
        "seed": config.get("seed", 0),
        "variant": path.name,
    }


def curves_of(path: Path) -> Curves:
    """Updates and values of each metric that is drawn, thinned to what a screen can show."""
    try:
        rows = read_history(path / "metrics.csv")
    except (OSError, ValueError):
        return {}
    curves = {}
    for metric in CURVES:
        points = [(int(row[STEP]), short(row[metric])) for row in rows if metric in row]
        points = thinned([(step, value) for step, value in points if value is not None])
        if points:
            curves[metric] = [list(column) for column in zip(*points, strict=True)]
    return curves


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `LONGEST_CURVE` points and the last, evenly chosen.

    >>> len(thinned([(i, 0.0) for i in range(10_001)])), thinned([(1, 0.0), (2, 0.0)])
    (478, [(1, 0.0), (2, 0.0)])
    """
    stride = -(-len(points) // LONGEST_CURVE)
    return points if stride <= 1 else [*points[:-1:stride], points[-1]]


def metrics_present(runs: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every number that some run has."""
    return {key for run in runs for key in run["values"]}
