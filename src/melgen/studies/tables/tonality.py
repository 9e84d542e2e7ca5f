"""The tables of tonality: of each set of songs, after each primer, and by the corrected readings.

Each is None if nothing was measured that it could show.
"""

from __future__ import annotations

import dataclasses

from melgen.evaluation.song_sets import distance_to_openings
from melgen.studies.results import StudyResults
from melgen.studies.tables.set_comparison import below_the_rule, set_table
from melgen.studies.tables.song_sets import BASELINE_ROLE, corpus_sets, model_set, model_sets, references
from melgen.tables.columns import CORRECTED, TONALITY, summary_column
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Row, Table, Value, row


def tonality_table(results: StudyResults) -> Table | None:
    """The three metrics of every set, and how far their means are from the openings."""
    reference = _reference(results)
    columns = [summary_column(metric) for metric in TONALITY]
    caption = "Mean ± standard deviation over songs [confidence interval of the mean]."
    caption += below_the_rule(results, corpus=True)
    if reference is not None:
        columns.append(Column("distance", "distance"))
        caption += (
            f" Distance: of the mean from that of the set {reference.name}, in standard deviations of that set, summed "
            "over the three metrics."
        )
    caption += primer_sentences(results)

    def values(songs: MeasuredSet) -> list[Cell]:
        cells = [Cell(songs.summary(metric), songs.sources) for metric in TONALITY]
        if reference is not None:
            sources = tuple(dict.fromkeys(songs.sources + reference.sources))
            cells.append(Cell(_standardized_distance(songs, reference), sources))
        return cells

    groups = [model_sets(results), references(results), corpus_sets(results)]
    return set_table("Tonality", caption, columns, groups, values, TONALITY)


def primers_table(results: StudyResults) -> Table | None:
    """The tonality of every model's songs after each of several primers, the primers of a model below each other."""
    if len(results.by_primer) < 2:
        return None
    reference = _reference(results)
    columns = [
        Column("model", "model", "text"),
        Column("primer", "primer", "text"),
        Column("songs", "songs", "integer"),
        *map(summary_column, TONALITY),
        *([Column("distance", "distance")] if reference else []),
    ]
    groups = [(model_set(results, model), results.by_primer, model.name) for model in results.models]
    groups += [
        (songs, results.baselines_by_primer, songs.name) for songs in references(results) if songs.role == BASELINE_ROLE
    ]
    rows: list[Row] = []
    for songs, by_primer, name in groups:
        for number, (primer, sets) in enumerate(by_primer.items()):
            if name not in sets:
                continue
            found = sets[name]
            own = dataclasses.replace(songs, evaluation=found, folder=results.song_folders.get(found.name, ""))
            cells: list[Value | Cell] = [songs.title, primer, len(found.songs)]
            cells += [own.summary(metric) for metric in TONALITY]
            cells += [_standardized_distance(own, reference)] if reference else []
            rows.append(row(f"{name}/{primer}", cells, own.sources, rule=bool(rows) and not number))
    caption = (
        "The same networks' songs after each primer: mean ± standard deviation over songs [confidence interval of the "
        "mean]."
    )
    if reference is not None:
        caption += f" Distance: as in the table of tonality, from the set {reference.name}."
    return Table("Primers", f"{caption}{primer_sentences(results)}", tuple(columns), tuple(rows))


def primer_sentences(results: StudyResults) -> str:
    """Sentences for captions, about primers whose pitches are rare in the training tunes."""
    return "".join(f" Note: {remark}." for remark in results.primer_remarks)


def corrected_table(results: StudyResults) -> Table | None:
    """The corrected readings of the three metrics."""
    caption = (
        "The readings of Tymoczko's measures that count pitch classes, keep both limits and take the frequency of the "
        "commonest note. Mean ± standard deviation over songs [confidence interval of the mean]."
        f"{below_the_rule(results, corpus=True)}"
    )
    groups = [model_sets(results), references(results), corpus_sets(results)]
    columns = [summary_column(metric) for metric in CORRECTED]

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.summary(metric), songs.sources) for metric in CORRECTED]

    return set_table("Tonality, corrected readings", caption, columns, groups, values, CORRECTED)


def _reference(results: StudyResults) -> MeasuredSet | None:
    """The set from which `tonality_table` measures distances: the openings, else whole tunes of the test split."""
    found = [songs for songs in references(results) if songs.role == "openings"]
    found += [songs for songs in corpus_sets(results) if songs.name == "corpus-test"]
    return found[0] if found else None


def _standardized_distance(songs: MeasuredSet, reference: MeasuredSet) -> float:
    return distance_to_openings(songs.evaluation.summaries, reference.evaluation.summaries)
