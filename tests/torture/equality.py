"""Whether two runs came out the same, to the last bit."""

from __future__ import annotations

from pathlib import Path

from melgen.checkpoint import BEST, LAST, read_checkpoint
from melgen.runs.history import STEP, read_history
from tests.training.small import same

PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "position", "carried", "random_state")
"""Of a checkpoint: all that the next update depends on. The rest says where and how fast."""


def unequal(run: Path, other: Path) -> list[str]:
    """What differs between two runs: parts of their checkpoints, columns of their histories."""
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
