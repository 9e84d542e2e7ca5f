"""The tables of originality: passages that songs share with training tunes, and the nearest of these tunes.

Each is None if nothing was measured that it could show.
"""

from __future__ import annotations

import math

from melgen.studies.results import StudyResults
from melgen.studies.tables.set_comparison import (
    SET_COLUMNS,
    below_the_rule,
    first_notes_sentence,
    metrics_in,
    set_scores_in,
    set_table,
)
from melgen.studies.tables.song_sets import model_sets, references
from melgen.tables.columns import ORIGINALITY, set_score_columns, shared_ngrams
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Table, row


def originality_table(results: StudyResults) -> Table | None:
    """The passages that songs share with training tunes and with each other."""
    groups = [model_sets(results), references(results)]
    diversity = set_score_columns(set_scores_in(groups), "diversity/")
    shares = shared_ngrams(metrics_in(groups)) or "shared_8gram_share"
    ngram = "".join(filter(str.isdigit, shares))
    columns = [
        Column("mean_shared_intervals", "shared intervals, mean"),
        Column("max_shared_intervals", "shared intervals, max", "integer"),
        Column(shares, f"shared {ngram}-grams", decimals=3),
        Column("exact_copies", "exact copies", "integer"),
        Column("mean_repeated_note", "longest repeated note, mean"),
        Column("max_repeated_note", "longest repeated note, max", "integer"),
        *diversity,
    ]
    shared, copies, repeated = ORIGINALITY
    caption = (
        "Shared intervals: the longest run of intervals that a song has in common with a training tune, in any key. "
        f"Shared {ngram}-grams: share of a song's runs of {ngram} intervals that occur in a training tune, mean over "
        "songs. Longest repeated note: notes in the longest run of one pitch. The other columns compare the songs of a "
        f"set with each other.{_about_seeds(results, bool(diversity))}{below_the_rule(results)}"
    )

    def values(songs: MeasuredSet) -> list[Cell]:
        measured = [
            songs.mean(shared),
            max(songs.defined(shared), default=math.nan),
            songs.mean(shares),
            # An empty sum is not a finding: the copies of a set that was not compared are unknown.
            sum(songs.defined(copies)) if songs.defined(copies) else math.nan,
            songs.mean(repeated),
            max(songs.defined(repeated), default=math.nan),
            *(_mean_over_seeds(results, songs, column.key) for column in diversity),
        ]
        return [Cell(value, songs.sources) for value in measured]

    needed = [*ORIGINALITY, shares, *(column.key for column in diversity)]
    return set_table("Originality", caption, columns, groups, values, needed)


def _mean_over_seeds(results: StudyResults, songs: MeasuredSet, score: str) -> float:
    """A number about a set that depends on its size: of a model, the mean over the sets of its seeds."""
    by_seed = results.songs_by_seed.get(songs.name, {}) if songs.role == "model" else {}
    if len(by_seed) < 2:
        return songs.set_score(score)
    return sum(each.set_scores.get(score, math.nan) for each in by_seed.values()) / len(by_seed)


def _about_seeds(results: StudyResults, has_diversity: bool) -> str:
    """The sentences on sizes of sets, where models have several seeds."""
    several = [each for each in results.songs_by_seed.values() if len(each) > 1]
    if not several or not has_diversity:
        return ""
    sizes = sorted({len(songs.songs) for each in several for songs in each.values()})
    size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    return (
        f" They depend on the number of songs: of a model they are means over its seeds, each a set of {size} songs. "
        "Maxima, counts and the numbers of the other sets are over as many songs as the column songs states."
    )


def nearest_tunes_table(results: StudyResults) -> Table | None:
    """The song of each set nearest to a training tune, and that tune."""
    columns = (
        *SET_COLUMNS[:2],
        Column("song", "song", "text"),
        Column("notes", "notes", "integer"),
        Column("longest_shared_intervals", "shared intervals", "integer"),
        Column("tune", "training tune", "text"),
    )
    rows = []
    for songs in (*model_sets(results), *references(results)):
        evaluation = songs.evaluation
        shared = evaluation.scores.get("longest_shared_intervals", ())
        if not shared or not evaluation.nearest_tunes:
            continue
        index = max(range(len(shared)), key=lambda i: (not math.isnan(shared[i]), shared[i], -i))
        tune = evaluation.nearest_tunes[index]
        values = (songs.role, evaluation.songs[index], evaluation.lengths[index], shared[index], tune)
        rows.append(row(songs.name, [songs.title, *values], songs.song_sources(index)))
    caption = "Of each set the song that has most intervals in a row in common with a training tune, in any key."
    caption += first_notes_sentence(results)
    return Table("Nearest training tunes", caption, columns, tuple(rows)) if rows else None
