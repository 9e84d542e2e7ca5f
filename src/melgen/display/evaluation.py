"""An evaluation: the table of its metrics over the songs, and the numbers of the set."""

from __future__ import annotations

from melgen.display import table
from melgen.display.markup import block, remark
from melgen.evaluation.results import SongSetEvaluation
from melgen.plurals import counted
from melgen.tables.set_tables import build_set_tables


def html(evaluation: SongSetEvaluation, *, show: int = table.SHOW) -> str:
    """Mean, deviation and confidence interval of each metric, then the numbers of the set as a whole.

    Args:
        evaluation: the evaluation.
        show: the most rows of each table.
    """
    tables = build_set_tables(evaluation)
    shown = [table.html(tables[name], show=show) for name in ("summary", "set_scores") if name in tables]
    left_out = counted(len(evaluation.left_out), "song") + " could not be measured." if evaluation.left_out else ""
    return block("evaluation", *shown, remark(left_out, "to_pandas() has a row for each song."))


def text(evaluation: SongSetEvaluation) -> str:
    """Mean, deviation and confidence interval of each metric."""
    return build_set_tables(evaluation)["summary"].to_markdown()
