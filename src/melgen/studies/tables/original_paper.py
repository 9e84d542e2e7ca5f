r"""The lines of LaTeX that the scripts of the original study printed (rnn-cells-music-paper, ``paper_scripts``).

They are rows of a ``tabular`` without its head: a column for each cell, a row for each dataset, any number of
both; the original had lstm, nas, ugrnn and control, interval, db12. Numbers have two decimals, exact halves go
to the even digit (1.125 is 1.12), and what one song leaves undefined is ``nan``, as it was there. New are
``--`` for a pair without a model and the variant in a row's label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from melgen.evaluation.results import Summary
from melgen.studies.results import StudyResults
from melgen.studies.tables.song_sets import corpus_sets, model_set
from melgen.tables.columns import TONALITY
from melgen.tables.escaping import escape_latex
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import CellSources

_NO_MODEL = "--"
_METRIC_LABELS = ("m1", "m2", "m3")
_UNDEFINED = Summary(math.nan, math.nan, math.nan, math.nan, math.nan, 0)

Grid = dict[str, dict[str, MeasuredSet | None]]


def paper_tables(results: StudyResults) -> dict[str, str]:
    r"""Text of each table by file name.

    ``mean.tex``, ``variance.tex``, ``standard_deviation.tex``, ``best_songs.tex`` and
    ``representative_songs.tex`` hold a triple of metrics for each model, ``mean_deviation.tex`` a block of
    ``mean $\pm$ deviation`` for each metric, and ``corpus_<split>_variance.tex``,
    ``corpus_<split>_deviation.tex`` one line for a split.

    Raises:
        ValueError: if two models are of the same dataset, cell and variant.
    """
    grid = _grid(results)
    # The script for the representative songs has two blanks in every label, the others one in the first.
    texts = {
        "mean.tex": _triples(grid, lambda models: _statistic(models, "mean")),
        "variance.tex": _triples(grid, lambda models: _statistic(models, "variance")),
        "standard_deviation.tex": _triples(grid, lambda models: _statistic(models, "standard_deviation")),
        "mean_deviation.tex": _deviation_blocks(grid),
        "best_songs.tex": _triples(grid, lambda models: _song(models, models.evaluation.best)),
        "representative_songs.tex": _triples(
            grid, lambda models: _song(models, models.evaluation.representative), first_blanks=2
        ),
    }
    for split, tunes in zip(results.corpus, corpus_sets(results), strict=True):
        summaries = _summaries(tunes)
        texts[f"corpus_{split}_variance.tex"] = _line(f"{s.mean:.2f} {s.variance:.2f}" for s in summaries)
        texts[f"corpus_{split}_deviation.tex"] = _line(map(_mean_deviation, summaries))
    return {name: text for name, text in texts.items() if text}


def paper_sources(results: StudyResults) -> dict[str, CellSources]:
    """Where the numbers of `paper_tables` come from: file name, row, column (a cell, or a metric), paths."""
    grid = _grid(results)

    def by_model(sources: Callable[[MeasuredSet], Sequence[str]]) -> CellSources:
        return {
            label: {cell: list(sources(models)) for cell, models in models_of.items() if models is not None}
            for label, models_of in grid.items()
        }

    pooled = by_model(lambda models: models.sources)
    found = {f"{name}.tex": pooled for name in ("mean", "variance", "standard_deviation")}
    found["mean_deviation.tex"] = {
        f"{metric} {label}": cells for metric in _METRIC_LABELS for label, cells in pooled.items()
    }
    found["best_songs.tex"] = by_model(lambda models: _song_sources(models, models.evaluation.best))
    found["representative_songs.tex"] = by_model(lambda models: _song_sources(models, models.evaluation.representative))
    for split, tunes in zip(results.corpus, corpus_sets(results), strict=True):
        for kind in ("variance", "deviation"):
            found[f"corpus_{split}_{kind}.tex"] = {split: {metric: list(tunes.sources) for metric in TONALITY}}
    return {name: sources for name, sources in found.items() if sources}


def _grid(results: StudyResults) -> Grid:
    """Label of a row, cell, models: the rows as the models come, the columns as in the fullest row."""
    rows: dict[str, dict[str, MeasuredSet]] = {}
    for model in results.models:
        row = rows.setdefault(" ".join(filter(None, (model.dataset, model.variant_text))), {})
        if model.cell in row:
            raise ValueError(f"{model.name} and {row[model.cell].name} claim the same place in the paper's tables")
        row[model.cell] = model_set(results, model)
    cells = dict.fromkeys(cell for row in sorted(rows.values(), key=len, reverse=True) for cell in row)
    return {label: {cell: row.get(cell) for cell in cells} for label, row in rows.items()}


def _triples(grid: Grid, triple: Callable[[MeasuredSet], Sequence[float]], first_blanks: int = 1) -> str:
    def shown(models: MeasuredSet | None) -> str:
        return " ".join(f"{value:.2f}" for value in triple(models)) if models else " ".join([_NO_MODEL] * 3)

    lines = []
    for i, (label, cells) in enumerate(grid.items()):
        blanks = " " * (2 if i else first_blanks)
        lines.append(f"{escape_latex(label)}{blanks}& {_line(map(shown, cells.values()))}")
    return "".join(lines)


def _deviation_blocks(grid: Grid) -> str:
    if not grid:
        return ""
    lines = []
    for metric, metric_label in enumerate(_METRIC_LABELS):
        lines.append(rf"\multirow{{ {len(grid)}}}{{*}}{{{metric_label}}} &  " + "\n")
        for i, (label, cells) in enumerate(grid.items()):
            shown = (_mean_deviation(_summaries(models)[metric]) if models else _NO_MODEL for models in cells.values())
            start = f"&{escape_latex(label)}  & " if i else f"{escape_latex(label)} & "
            lines.append(start + _line(shown))
        lines.append("\\hline\n")
    return "".join(lines)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + " \\\\\n"


def _mean_deviation(summary: Summary) -> str:
    return rf"{summary.mean:.2f} $\pm$ {summary.standard_deviation:.2f}"


def _summaries(models: MeasuredSet) -> list[Summary]:
    return [models.summary(metric) or _UNDEFINED for metric in TONALITY]


def _statistic(models: MeasuredSet, name: str) -> list[float]:
    return [getattr(summary, name) for summary in _summaries(models)]


def _song(models: MeasuredSet, index: int) -> list[float]:
    return [models.score(metric, index) if models.evaluation.songs else math.nan for metric in TONALITY]


def _song_sources(models: MeasuredSet, index: int) -> Sequence[str]:
    return models.song_sources(index) if models.evaluation.songs else models.sources
