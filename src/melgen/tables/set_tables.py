"""Tables of a single set of songs: for a model of a study, and for any folder that is evaluated."""

from __future__ import annotations

import math

from melgen.evaluation.results import SongSetEvaluation
from melgen.tables.columns import mean_column, score_column
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Column, Row, Table, row


def build_set_tables(evaluation: SongSetEvaluation, folder: str = "") -> dict[str, Table]:
    """Tables of one folder of songs: ``summary``, ``songs``, and, if there are any, ``set_scores``, ``left_out``.

    Args:
        folder: the folder of the songs, for the cells' sources.
    """
    songs = MeasuredSet("folder", evaluation.name, evaluation, folder=folder)
    tables = {
        "summary": _summary_table(songs),
        "songs": songs_table(songs),
        "set_scores": _set_scores_table(songs),
        "left_out": left_out_table(left_out_rows(songs)),
    }
    return {name: table for name, table in tables.items() if table is not None}


def songs_table(songs: MeasuredSet, remark: str = "") -> Table:
    """All songs with all their metrics, the nearest to the openings first, of equals in their own order.

    Without openings the nearest to the mean of the set come first. The caption ends with the remark.
    """
    evaluation = songs.evaluation
    compared = bool(evaluation.distances_to_openings)
    columns = (
        Column("song", "song", "text"),
        Column("notes", "notes", "integer"),
        *([Column("distance_to_openings", "distance to openings", decimals=3)] if compared else []),
        Column("distance_to_mean", "distance to mean", decimals=3),
        Column("sum", "sum"),
        *map(score_column, evaluation.scores),
        *([Column("nearest_tune", "nearest training tune", "text")] if evaluation.nearest_tunes else []),
    )
    distances = evaluation.distances_to_openings or evaluation.distances_to_mean
    order = sorted(range(len(evaluation.songs)), key=lambda i: (math.isnan(distances[i]), distances[i], i))
    rows = [
        row(
            evaluation.songs[i],
            [
                evaluation.songs[i],
                evaluation.lengths[i],
                *([songs.distance_to_openings(i)] if compared else []),
                evaluation.distances_to_mean[i],
                songs.tonality_sum(i),
                *(scores[i] for scores in evaluation.scores.values()),
                *([evaluation.nearest_tunes[i]] if evaluation.nearest_tunes else []),
            ],
            songs.song_sources(i),
        )
        for i in order
    ]
    to_mean = "Distance to mean: Euclidean, to the mean point of the three tonality metrics of the set."
    to_openings = (
        "Distance to openings: of the three tonality metrics from their means over the openings, the first notes of "
        "the test tunes, in standard deviations of the openings, summed."
    )
    caption = (
        f"Every song, the nearest to the openings first. {to_openings} {to_mean} Sum: of the three metrics."
        if compared
        else f"Every song, the nearest to the mean of the set first. {to_mean} Sum: of the three metrics."
    )
    return Table(f"Songs of {songs.title}", caption + remark, columns, tuple(rows))


def left_out_rows(songs: MeasuredSet) -> list[Row]:
    """A row for each song of a set that was not measured."""
    return [
        row(f"{songs.name}/{song}", [songs.title, song, reason], songs.sources)
        for song, reason in songs.evaluation.left_out.items()
    ]


def left_out_table(rows: list[Row]) -> Table | None:
    """The songs that were not measured; None if all were."""
    columns = (Column("set", "set", "text"), Column("song", "song", "text"), Column("reason", "reason", "text"))
    return Table("Songs left out", "Songs that were not measured, and why.", columns, tuple(rows)) if rows else None


def _summary_table(songs: MeasuredSet) -> Table:
    statistics = {
        "mean": "mean",
        "variance": "variance",
        "standard_deviation": "standard deviation",
        "low": "low",
        "high": "high",
    }
    columns = (
        Column("metric", "metric", "text"),
        *(Column(key, header, decimals=3) for key, header in statistics.items()),
        Column("count", "songs", "integer"),
    )
    rows = [
        row(
            metric,
            [
                mean_column(metric).header,
                *(getattr(summary, name) for name in statistics),
                summary.count,
            ],
            songs.sources,
        )
        for metric, summary in songs.evaluation.summaries.items()
    ]
    caption = (
        "Each metric over the songs for which it is defined. Variance and deviation divide by n - 1; low and high "
        "bound the confidence interval of the mean."
    )
    return Table(f"Summary of {songs.name}", caption, columns, tuple(rows))


def _set_scores_table(songs: MeasuredSet) -> Table | None:
    columns = (Column("score", "score", "text"), Column("value", "value", decimals=3))
    rows = [row(name, [name, value], songs.sources) for name, value in songs.evaluation.set_scores.items()]
    caption = "Numbers about the set as a whole."
    return Table(f"Scores of {songs.name} as a set", caption, columns, tuple(rows)) if rows else None
