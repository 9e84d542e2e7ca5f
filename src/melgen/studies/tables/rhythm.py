"""The tables of rhythm: means of its metrics, and distances of the rhythm of songs to that of the test tunes.

Each is None if no set has a rhythm.
"""

from __future__ import annotations

from melgen.evaluation.song_metrics import song_metric
from melgen.studies.results import StudyResults
from melgen.studies.tables.set_comparison import RHYTHM_BASELINES, SPLITS, distance_columns, metrics_in, set_table
from melgen.studies.tables.song_sets import BASELINE_ROLE, corpus_sets, model_sets, references
from melgen.tables.columns import mean_column
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Table


def rhythm_table(results: StudyResults) -> Table | None:
    """Means of the metrics of rhythm, of the sets that have one."""
    groups = _sets_with_rhythm(results)
    metrics = [name for name in metrics_in(groups) if song_metric(name).group == "rhythm"]
    caption = (
        "Means over whole songs; their reference is the whole tunes of the test split. Below the rule: "
        f"{RHYTHM_BASELINES}, {SPLITS}."
    )
    if "ends_on_tonic" in metrics:
        caption += (
            " Whether a tune ends on the tonic is known where its source states a key; songs of networks have none."
        )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.mean(metric), songs.sources) for metric in metrics]

    return set_table("Rhythm", caption, [mean_column(name) for name in metrics], groups, values, metrics)


def rhythm_distances_table(results: StudyResults) -> Table | None:
    """Distances of the rhythm of whole songs to that of the test tunes."""
    groups = _sets_with_rhythm(results)
    columns = distance_columns(groups, "rhythm_")
    caption = (
        "As the distance to the openings, but of the rhythm of whole songs to that of the whole tunes of the test "
        "split; corpus-test: of the validation tunes to the test tunes. OA: overlapped area, 1 where they agree. KLD: "
        f"Kullback-Leibler divergence, 0 where they agree. Below the rule: {RHYTHM_BASELINES}, the test tunes."
    )
    needed = [column.key for column in columns]
    groups = [
        [songs for songs in group if not songs.evaluation.set_scores.keys().isdisjoint(needed)] for group in groups
    ]

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.set_score(name), songs.sources) for name in needed]

    return set_table("Distance of the rhythm", caption, columns, groups, values, needed)


def _sets_with_rhythm(results: StudyResults) -> list[list[MeasuredSet]]:
    """Models, baselines and whole tunes. Openings have no end, so that they are no reference of rhythm."""
    baselines = [songs for songs in references(results) if songs.role == BASELINE_ROLE]
    groups = [model_sets(results), baselines, corpus_sets(results)]
    return [[songs for songs in group if songs.evaluation.has_rhythm] for group in groups]
