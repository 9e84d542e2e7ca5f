"""Compare two runs bit for bit."""

from __future__ import annotations

from pathlib import Path

from melgen.checkpoint import BEST, LAST, read_checkpoint
from melgen.runs.history import STEP, read_history
from tests.training.small import same

PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "position", "carried", "random_state")
"""Parts of a checkpoint on which the next update depends; the others hold paths and speeds."""


def unequal(run: Path, other: Path) -> list[str]:
    """The parts of the checkpoints and the columns of the histories in which two runs differ."""
    found = []
    for name in (LAST, BEST):
        one, another = (read_checkpoint(folder / "checkpoints" / name) for folder in (run, other))
        found += [f"{name}: {part}" for part in PARTS if not same(one.get(part), another.get(part))]
    one, another = (_losses(folder / "metrics.csv") for folder in (run, other))
    found += sorted({f"metrics.csv: {key}" for _, key in dict(one.items() ^ another.items())})
    return found


def _losses(path: Path) -> dict[tuple[float, str], float]:
    rows = read_history(path)
    return {(row[STEP], key): value for row in rows for key, value in row.items() if key.endswith("loss")}
