r"""The lines of LaTeX that the scripts of the two original studies printed.

They are rows of a ``tabular`` without its head: a column for each cell, a row for each dataset, any number of
both. The first study (rnn-cells-music-paper, ``paper_scripts``) had lstm, nas, ugrnn and control, interval, db12; the
second (rnn-time-music-paper), on rhythm, lstm and gru. Numbers have two decimals, exact halves go to the even digit
(1.125 is 1.12), and what one song leaves undefined is ``nan``, as it was there. New are ``--`` for a pair without a
model and the variant in a row's label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import best_song, representative_song
from melgen.studies.results import Model, StudyResults
from melgen.studies.tables.song_sets import corpus_sets, model_set
from melgen.tables.columns import TONALITY
from melgen.tables.escaping import escape_latex
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import CellSources

_NO_MODEL = "--"
_UNDEFINED = Summary(math.nan, math.nan, math.nan, math.nan, math.nan, 0)

Grid = dict[str, dict[str, MeasuredSet | None]]

TIMED_TONALITY = ("conjunct_melodic_motion", "timed_macroharmony", "timed_centricity")
"""The metrics of the second paper. Motion does not depend on rhythm."""


@dataclass(frozen=True)
class Paper:
    """The differences between the tables of the two papers.

    Attributes:
        folder: of its files, below ``tables/``.
        metrics: the three that it compares.
        labels: of these, in its table of means and deviations.
        with_rhythm: whether it is about networks that write rhythm; its tables then leave out the others.
        blanks: in the first label of its table of representative songs.
    """

    folder: str
    metrics: tuple[str, ...]
    labels: tuple[str, ...]
    with_rhythm: bool
    blanks: int

    def models(self, results: StudyResults) -> list[Model]:
        """The models of a study that its tables show."""
        return [model for model in results.models if model.writes_rhythm or not self.with_rhythm]

    def summaries(self, models: MeasuredSet) -> list[Summary]:
        """The three metrics of a set of songs."""
        return [models.summary(metric) or _UNDEFINED for metric in self.metrics]

    def song(self, models: MeasuredSet, choose: Callable[[NDArray[np.float64]], int]) -> int | None:
        """The index of the song that is chosen by the three metrics, among those that have them all."""
        scores = models.evaluation.scores
        if not scores.keys() >= set(self.metrics):
            return None
        table = np.array([scores[metric] for metric in self.metrics], np.float64).T
        defined = np.flatnonzero(np.isfinite(table).all(1))
        return int(defined[choose(table[defined])]) if len(defined) else None

    def song_scores(self, models: MeasuredSet, choose: Callable[[NDArray[np.float64]], int]) -> list[float]:
        """The three metrics of that song."""
        index = self.song(models, choose)
        return [math.nan if index is None else models.score(metric, index) for metric in self.metrics]

    def song_sources(self, models: MeasuredSet, choose: Callable[[NDArray[np.float64]], int]) -> Sequence[str]:
        """The paths that its metrics come from."""
        index = self.song(models, choose)
        return models.sources if index is None else models.song_sources(index)


# The first script for the representative songs has two blanks in every label, the others one in the first.
FIRST = Paper("paper", TONALITY, ("m1", "m2", "m3"), with_rhythm=False, blanks=2)
SECOND = Paper("paper_rhythm", TIMED_TONALITY, ("CMM", "LM", "CENTR"), with_rhythm=True, blanks=1)
PAPERS = (FIRST, SECOND)


def paper_tables(results: StudyResults, paper: Paper = FIRST) -> dict[str, str]:
    r"""Text of each table of a paper by file name; the second has tables only of networks that write rhythm.

    ``mean.tex``, ``variance.tex``, ``standard_deviation.tex``, ``best_songs.tex`` and
    ``representative_songs.tex`` hold a triple of metrics for each model, ``mean_deviation.tex`` a block of
    ``mean $\pm$ deviation`` for each metric, and ``corpus_<split>_variance.tex``,
    ``corpus_<split>_deviation.tex`` one line for a split.

    Raises:
        ValueError: if two models are of the same dataset, cell and variant.
    """
    grid = _grid(results, paper)
    if not grid and paper.with_rhythm:
        return {}
    texts = {
        "mean.tex": _triples(grid, lambda models: [s.mean for s in paper.summaries(models)]),
        "variance.tex": _triples(grid, lambda models: [s.variance for s in paper.summaries(models)]),
        "standard_deviation.tex": _triples(
            grid, lambda models: [s.standard_deviation for s in paper.summaries(models)]
        ),
        "mean_deviation.tex": _deviation_blocks(grid, paper),
        "best_songs.tex": _triples(grid, lambda models: paper.song_scores(models, best_song)),
        "representative_songs.tex": _triples(
            grid, lambda models: paper.song_scores(models, representative_song), first_blanks=paper.blanks
        ),
    }
    for split, tunes in zip(results.corpus, corpus_sets(results), strict=True):
        summaries = paper.summaries(tunes)
        texts[f"corpus_{split}_variance.tex"] = _line(f"{s.mean:.2f} {s.variance:.2f}" for s in summaries)
        texts[f"corpus_{split}_deviation.tex"] = _line(map(_mean_deviation, summaries))
    return {name: text for name, text in texts.items() if text}


def paper_sources(results: StudyResults, paper: Paper = FIRST) -> dict[str, CellSources]:
    """The sources of the numbers of `paper_tables`: file name, row, column (a cell, or a metric), paths."""
    grid = _grid(results, paper)
    if not grid and paper.with_rhythm:
        return {}

    def by_model(sources: Callable[[MeasuredSet], Sequence[str]]) -> CellSources:
        return {
            label: {cell: list(sources(models)) for cell, models in models_of.items() if models is not None}
            for label, models_of in grid.items()
        }

    pooled = by_model(lambda models: models.sources)
    found = {f"{name}.tex": pooled for name in ("mean", "variance", "standard_deviation")}
    found["mean_deviation.tex"] = {
        f"{metric} {label}": cells for metric in paper.labels for label, cells in pooled.items()
    }
    found["best_songs.tex"] = by_model(lambda models: paper.song_sources(models, best_song))
    found["representative_songs.tex"] = by_model(lambda models: paper.song_sources(models, representative_song))
    for split, tunes in zip(results.corpus, corpus_sets(results), strict=True):
        for kind in ("variance", "deviation"):
            found[f"corpus_{split}_{kind}.tex"] = {split: {metric: list(tunes.sources) for metric in paper.metrics}}
    return {name: sources for name, sources in found.items() if sources}


def _grid(results: StudyResults, paper: Paper) -> Grid:
    """Label of a row, cell, models: the rows as the models come, the columns as in the fullest row."""
    rows: dict[str, dict[str, MeasuredSet]] = {}
    for model in paper.models(results):
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


def _deviation_blocks(grid: Grid, paper: Paper) -> str:
    if not grid:
        return ""
    lines = []
    for metric, metric_label in enumerate(paper.labels):
        lines.append(rf"\multirow{{ {len(grid)}}}{{*}}{{{metric_label}}} &  " + "\n")
        for i, (label, cells) in enumerate(grid.items()):
            shown = (
                _mean_deviation(paper.summaries(models)[metric]) if models else _NO_MODEL for models in cells.values()
            )
            start = f"&{escape_latex(label)}  & " if i else f"{escape_latex(label)} & "
            lines.append(start + _line(shown))
        lines.append("\\hline\n")
    return "".join(lines)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + " \\\\\n"


def _mean_deviation(summary: Summary) -> str:
    return rf"{summary.mean:.2f} $\pm$ {summary.standard_deviation:.2f}"
