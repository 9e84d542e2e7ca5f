"""The tables of other features of songs: their means, and their distances to the openings.

Each is None if nothing was measured that it could show.
"""

from __future__ import annotations

from melgen.studies.results import StudyResults
from melgen.studies.tables.set_comparison import below_the_rule, distance_columns, metrics_in, set_table
from melgen.studies.tables.song_sets import corpus_sets, model_sets, references
from melgen.tables.columns import is_descriptor, mean_column
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Table


def descriptors_table(results: StudyResults) -> Table | None:
    """Means of all other metrics of single songs."""
    groups = [model_sets(results), references(results), corpus_sets(results)]
    metrics = [name for name in metrics_in(groups) if is_descriptor(name)]
    caption = (
        "Means over songs; own metrics, if any, come last. Range and number of pitches grow with the length of a song."
        f"{below_the_rule(results, corpus=True)}"
    )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.mean(metric), songs.sources) for metric in metrics]

    return set_table("Descriptors", caption, [mean_column(name) for name in metrics], groups, values, metrics)


def distances_table(results: StudyResults) -> Table | None:
    """Distances to the openings."""
    groups = [model_sets(results), references(results)]
    columns = distance_columns(groups)
    caption = (
        "Distance to the openings after Yang and Lerch (2018): for each feature, the distances between songs and "
        "openings against those between the openings. OA: overlapped area of the two "
        "densities, 1 where they agree. KLD: Kullback-Leibler divergence, 0 where they agree."
        f"{below_the_rule(results)}"
    )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.set_score(column.key), songs.sources) for column in columns]

    return set_table("Distance to the openings", caption, columns, groups, values, [c.key for c in columns])
