"""The finding of the probe of budgets, as a sentence."""

from __future__ import annotations

from melgen.studies.probes.results import BudgetFound


def budget_finding(found: BudgetFound) -> str:
    """A sentence about the order of the cells of a setting at several budgets."""
    order = found.order
    if not order.is_tested:
        changes = "changes" if order.order_of_means_changes else "does not change"
        why = "there are too few common seeds to tell that from chance"
        return f"{found.setting}: the order of the means {changes} with the budget; {why}."
    if order.changes:
        each = "; ".join(
            f"{change.overtaking} is behind {change.overtaken} at {change.before:,} updates and ahead of it at "
            f"{change.after:,}"
            for change in order.changes
        )
        return f"{found.setting}: the order changes with the budget: {each}."
    if order.order_of_means_changes:
        return (
            f"{found.setting}: the order of the means changes with the budget, but no change is beyond what seeds "
            "explain."
        )
    return f"{found.setting}: the order is the same at every budget."
