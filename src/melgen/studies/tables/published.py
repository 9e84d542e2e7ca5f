"""The numbers of the second paper (arXiv 2101.07669), next to those of a study of networks that write rhythm."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from melgen.studies.results import StudyResults
from melgen.studies.tables.original_paper import SECOND
from melgen.studies.tables.song_sets import corpus_sets, model_set
from melgen.tables.columns import mean_column, summary_column
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Row, Table, Value, row

Published = tuple[tuple[float, float], ...]
"""Mean and standard deviation of each metric of the second paper."""

MODELS: Mapping[tuple[str, str], Published] = MappingProxyType(
    {
        ("control", "lstm"): ((2.06, 0.66), (1.97, 0.60), (0.30, 0.10)),
        ("control", "gru"): ((2.01, 0.53), (1.84, 0.55), (0.28, 0.10)),
        ("interval", "lstm"): ((1.65, 0.61), (1.67, 0.70), (0.24, 0.11)),
        ("interval", "gru"): ((2.21, 0.73), (1.99, 0.70), (0.27, 0.11)),
        ("db12", "lstm"): ((2.30, 0.89), (2.25, 1.02), (0.30, 0.14)),
        ("db12", "gru"): ((1.66, 0.65), (2.20, 0.87), (0.34, 0.17)),
    }
)
"""Of 100 songs of the network chosen for each dataset and cell."""

CORPUS: Published = ((2.23, 0.98), (2.05, 1.18), (0.27, 0.14))
"""Of its 4,874 training songs."""

_CAPTION = (
    "The metrics of the second paper (arXiv 2101.07669): mean ± standard deviation over songs [confidence interval of "
    "the mean], then the mean and the deviation that it published. Its corpus was another, which is gone; its songs "
    "had 33 notes, its networks one layer of 512 to 2,048 units. Macroharmony and centricity are those of windows of "
    "32 sixteenths. Below the rule: the training tunes."
)


def published_table(results: StudyResults) -> Table | None:
    """The models of datasets and cells that the paper has, and the training tunes; None without such models."""
    compared = [
        (model_set(results, model), MODELS.get((model.dataset, model.cell))) for model in SECOND.models(results)
    ]
    columns = [Column("set", "set", "text"), Column("songs", "songs", "integer")]
    for metric in SECOND.metrics:
        shown = mean_column(metric)
        columns += [
            summary_column(metric),
            Column(f"{metric}_published", f"{shown.header}, published", decimals=2),
            Column(f"{metric}_published_sd", "± published", decimals=2),
        ]
    rows = [_row(songs, published) for songs, published in compared if published is not None]
    if not rows:
        return None
    rows += [_row(tunes, CORPUS, rule=True) for tunes in corpus_sets(results) if tunes.name == "corpus-train"]
    return Table("Published and ours", _CAPTION, tuple(columns), tuple(rows))


def _row(songs: MeasuredSet, published: Published, rule: bool = False) -> Row:
    cells: list[Value | Cell] = [songs.title, len(songs.evaluation.songs)]
    for metric, (mean, deviation) in zip(SECOND.metrics, published, strict=True):
        cells += [songs.summary(metric), Cell(mean), Cell(deviation)]
    return row(songs.name, cells, songs.sources, rule=rule)
