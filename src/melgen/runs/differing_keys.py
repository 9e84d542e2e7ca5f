"""The keys whose values differ between runs, without those that follow from other keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from melgen.runs.choices import Choices
from melgen.runs.identity import RECORDED

_NOT_COMPARED = frozenset({"seed", "layers", "model.layers", *RECORDED})
_BY_CELL, _BY_DATASET = ("cell.", "model.cell."), ("dataset.representation.",)
ABSENT = object()
"""The value of a key that a run does not have."""


@dataclass
class Key:
    """A key whose values differ between runs."""

    name: str
    values: list[Any] = field(default_factory=list)

    def decides(self, other: Key) -> bool:
        """Whether each value of this key occurs with only one value of the other key, which may refer to it."""
        found: dict[Any, Any] = {}
        return all(found.setdefault(mine, its) == its for mine, its in zip(self.values, other.values, strict=True))


def keys_that_differ(runs: Sequence[Choices]) -> list[Key]:
    """The keys that differ, without those that follow from them: ``model.hidden_size`` next to ``hidden_size``."""
    names = dict.fromkeys(key for run in runs for key in run.settings or ())
    differing = []
    for name in names:
        if name in _NOT_COMPARED:
            continue
        values = [_plain((run.settings or {}).get(name, ABSENT)) for run in runs]
        by_choice: dict[str, set[Any]] = {}
        for run, value in zip(runs, values, strict=True):
            # The options of a cell belong to its name, unless two runs of this cell differ in them.
            group = run.cell if name.startswith(_BY_CELL) else run.dataset if name.startswith(_BY_DATASET) else ""
            by_choice.setdefault(group, set()).add(value)
        if any(len(found) > 1 for found in by_choice.values()):
            differing.append(Key(name, values))
    # A class before its options, then short keys before longer ones that repeat them.
    differing.sort(key=lambda key: (not key.name.endswith("_target_"), key.name.count("."), key.name))
    kept: list[Key] = []
    for key in differing:
        if not any(_are_related(known.name, key.name) and known.decides(key) for known in kept):
            kept.append(key)
    return sorted(kept, key=lambda key: (key.name.rpartition(".")[2], key.name))


def _are_related(first: str, second: str) -> bool:
    """Whether one key may repeat the other, or be an option of the other one's class."""
    if first.endswith("_target_"):
        return second.partition(".")[0] == first.partition(".")[0]
    return first.rpartition(".")[2] == second.rpartition(".")[2] or second.startswith(f"model.{first}.")


def _plain(value: Any) -> Any:
    """A value that can be compared and counted."""
    return repr(value) if isinstance(value, list | dict) else value
