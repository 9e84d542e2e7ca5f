"""Does the order of cells depend on the budget? Validation bits of several cells against updates.

The value of a training at a budget is its lowest validation bits up to there, since the best weights of a training are
kept. Cells are ordered by their means over seeds. The order of two cells has *changed* between two budgets only if one
is ahead at one budget and behind at the other, each time by a paired t interval over common seeds that does not contain
0: a change that seeds may explain is not reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.comparing_cells.paired import paired_difference

SHARES = (0.25, 0.5, 0.75, 1.0)
"""The budgets that are compared, in parts of the updates that all trainings have made."""

Curve = tuple[ArrayLike, ArrayLike]
"""Updates and validation bits, each ``[validations]``."""


@dataclass(frozen=True)
class CellCurves:
    """The trainings of one cell in a setting.

    Attributes:
        name: of the cell, as it is shown.
        curves: by seed.
    """

    name: str
    curves: Mapping[int, Curve]


@dataclass(frozen=True)
class Change:
    """A cell that is behind another at one budget and ahead of it at a later one.

    Attributes:
        overtaking, overtaken: names of the cells.
        before, after: the earliest budget, in updates, at which the first is shown to be behind, and the latest at
            which it is shown to be ahead.
    """

    overtaking: str
    overtaken: str
    before: int
    after: int


@dataclass(frozen=True)
class BudgetOrder:
    """The cells of a setting at several budgets.

    Attributes:
        names: of the cells.
        budgets: in updates.
        bits: validation bits, by cell: ``[seeds, budgets]``; nan before the first validation.
        ranks: ``[cells, budgets]``, 1 for the fewest bits; nan where a cell has no value.
        changes: shown changes of the order.
        is_tested: whether any two cells have two seeds in common; otherwise no change can be shown.
    """

    names: tuple[str, ...]
    budgets: tuple[int, ...]
    bits: Mapping[str, NDArray[np.float64]]
    ranks: NDArray[np.float64]
    changes: tuple[Change, ...]
    is_tested: bool

    @property
    def order_of_means_changes(self) -> bool:
        """Whether the order of the means differs between any two budgets at which all cells have values."""
        whole = self.ranks[:, ~np.isnan(self.ranks).any(axis=0)]
        return bool((whole != whole[:, :1]).any())


def order_at_budgets(
    cells: Sequence[CellCurves], shares: Sequence[float] = SHARES, confidence: float = 0.95
) -> BudgetOrder | None:
    """Compare cells at parts of the updates that all their trainings have made.

    Args:
        cells: at least two, each with at least one curve.
        shares: the budgets, rising, in parts.
        confidence: of the t intervals.

    Returns:
        The order; None for fewer than two cells with curves.

    >>> slow, fast = CellCurves("slow", {0: ([10, 20], [3.0, 1.0])}), CellCurves("fast", {0: ([10, 20], [2.0, 1.5])})
    >>> found = order_at_budgets([slow, fast], shares=(0.5, 1.0))
    >>> found.ranks.tolist(), found.order_of_means_changes, found.changes
    ([[2.0, 1.0], [1.0, 2.0]], True, ())
    """
    cells = [cell for cell in cells if cell.curves]
    if len(cells) < 2:
        return None
    last = min(int(np.max(updates)) for cell in cells for updates, _ in cell.curves.values())
    budgets = tuple(round(share * last) for share in shares)
    bits = {
        cell.name: np.array([[best_until(curve, budget) for budget in budgets] for curve in cell.curves.values()])
        for cell in cells
    }
    means = np.stack([table.mean(axis=0) for table in bits.values()])
    ranks = np.where(np.isnan(means), np.nan, 1.0 + (means[None] < means[:, None]).sum(axis=1))
    pairs = [pair for pair in combinations(cells, 2) if len(_common(*pair)) >= 2]
    found = [_change(pair, bits, budgets, confidence) for pair in pairs]
    changes = tuple(change for change in found if change is not None)
    return BudgetOrder(tuple(cell.name for cell in cells), budgets, bits, ranks, changes, bool(pairs))


def best_until(curve: Curve, budget: float) -> float:
    """The lowest value up to a budget; nan if there is none.

    >>> best_until(([10, 20, 30], [3.0, 2.0, 2.5]), 30), best_until(([10], [3.0]), 5)
    (2.0, nan)
    """
    updates, values = (np.asarray(each, np.float64) for each in curve)
    reached = values[(updates <= budget) & np.isfinite(values)]
    return float(reached.min()) if len(reached) else math.nan


def _common(one: CellCurves, other: CellCurves) -> list[int]:
    return [seed for seed in one.curves if seed in other.curves]


def _change(
    pair: tuple[CellCurves, CellCurves],
    bits: Mapping[str, NDArray[np.float64]],
    budgets: Sequence[int],
    confidence: float,
) -> Change | None:
    one, other = pair
    seeds = _common(one, other)
    rows = [bits[cell.name][[list(cell.curves).index(seed) for seed in seeds]] for cell in pair]
    signs = []
    for at in range(len(budgets)):
        difference = paired_difference(rows[0][:, at], rows[1][:, at], confidence)
        signs.append(1 if difference.low > 0 else -1 if difference.high < 0 else 0)  # nan shows nothing
    shown = [at for at, sign in enumerate(signs) if sign]
    if not shown or len({signs[at] for at in shown}) < 2:
        return None
    first, last = shown[0], max(at for at in shown if signs[at] != signs[shown[0]])
    names = (one.name, other.name) if signs[first] > 0 else (other.name, one.name)
    return Change(*names, budgets[first], budgets[last])
