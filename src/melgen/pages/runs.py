"""Runs for a page: what was chosen for each, its state, its results, its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM, with_marked_bits
from melgen.files import read_json
from melgen.nested import value_at
from melgen.pages.plain import short
from melgen.pages.schema import Curve, CurvePack, Run
from melgen.runs.config import plain_config
from melgen.runs.directory import FINISHED
from melgen.runs.history import HISTORY, STEP, read_history
from melgen.runs.naming import parse_run_name
from melgen.runs.variants import variants_of

VALIDATION_LOSS, TRAINING_LOSS = "val/loss", "train/loss"
CURVES = (
    f"val/{BITS}",
    f"val/{BITS_WITH_RHYTHM}",
    f"val/{BITS_OF_PITCH}",
    f"val/{BITS_OF_RHYTHM}",
    VALIDATION_LOSS,
    TRAINING_LOSS,
    "val/accuracy",
)
"""Metrics of a run that are drawn as curves, in the order to choose from."""
LONGEST_CURVE = 500
UNKNOWN = "?"
"""The representation or the cell of a run whose name and configuration do not state it."""


class Choices(TypedDict):
    """The choices made for a run; see `melgen.pages.schema.Run`."""

    dataset: str
    cell: str
    layers: int
    seed: int
    variant: str


def read_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> tuple[list[Run], CurvePack]:
    """Runs that are shown together, with the curves of those that have any; missing files leave gaps.

    Args:
        paths: directories of the runs.
        names: of the runs, each another; by default those of the directories.
    """
    runs: list[Run] = []
    curves: CurvePack = {}
    for path, name in zip(paths, names or [path.name for path in paths], strict=True):
        found = curves_of(path)
        if found:
            curves[name] = found
        runs.append({**_read_run(path, found), "name": name})
    for run, variant in zip(runs, variants_of(paths), strict=True):
        run["variant"] = variant.text
    _make_comparable([*(run["values"] for run in runs), *curves.values()])
    return runs, curves


def _make_comparable(found: Sequence[dict[str, Any]]) -> None:
    """Give all runs bits of pitch, which are comparable, if some of them write rhythm and others do not."""
    for split in ("val", "test"):
        bits, pitch_bits = f"{split}/{BITS}", f"{split}/{BITS_OF_PITCH}"
        if any(pitch_bits in each for each in found):
            for each in found:
                if bits in each:
                    each[pitch_bits] = each.pop(bits)


def _read_run(path: Path, curves: Mapping[str, Curve]) -> Run:
    """A run's name, choices, state and results.

    Never raises: a page of many runs must not fail for one.
    """
    status, result = read_json(path / "status.json"), with_marked_bits(read_json(path / "result.json"))
    state = status.get("state", "not started")
    return {
        "name": path.name,
        **choices_of(path),
        "state": state,
        "error": str(status.get("error", "")).partition("\n")[0],
        "values": {
            key: short(value)
            for key, value in result.items()
            if state == FINISHED and isinstance(value, int | float) and not isinstance(value, bool)
        },
        "is_selected": False,
        "validations": len(curves[VALIDATION_LOSS]["updates"]) if VALIDATION_LOSS in curves else 0,
    }


def choices_of(path: Path) -> Choices:
    """The choices that the name of a run's directory states or, if it is not such a name, its configuration."""
    parsed = parse_run_name(path.name)
    if parsed is not None:
        return {
            "dataset": parsed.dataset,
            "cell": parsed.cell,
            "layers": parsed.layers,
            "seed": parsed.seed,
            "variant": parsed.variant,
        }
    config = plain_config(path)

    def class_at(key: str) -> str:
        return str(value_at(config, key) or UNKNOWN).rpartition(".")[-1].lower()

    return {
        "dataset": class_at("dataset.representation._target_"),
        "cell": class_at("cell._target_"),
        "layers": config.get("layers", 0),
        "seed": config.get("seed", 0),
        "variant": path.name,
    }


def curves_of(path: Path) -> dict[str, Curve]:
    """Updates and values of each metric that is drawn, thinned to what a screen can show."""
    try:
        rows = read_history(path / HISTORY)
    except (OSError, ValueError):
        return {}
    curves: dict[str, Curve] = {}
    for metric in CURVES:
        points = [(int(row[STEP]), short(row[metric])) for row in rows if metric in row]
        points = thinned([(step, value) for step, value in points if value is not None])
        if points:
            updates, values = zip(*points, strict=True)
            curves[metric] = {"updates": [*updates], "values": [*values]}
    return curves


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Choose evenly at most `LONGEST_CURVE` points, and the last.

    >>> len(thinned([(i, 0.0) for i in range(10_001)])), thinned([(1, 0.0), (2, 0.0)])
    (478, [(1, 0.0), (2, 0.0)])
    """
    stride = -(-len(points) // LONGEST_CURVE)
    return points if stride <= 1 else [*points[:-1:stride], points[-1]]
