"""What the tables that compare sets of songs share: a row for each model, baseline and set of tunes, and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from melgen.studies.results import StudyResults
from melgen.tables.columns import set_score_columns
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Row, Table, Value, row

SET_COLUMNS = (Column("set", "set", "text"), Column("role", "role", "text"), Column("songs", "songs", "integer"))
_BASELINES = "the baselines (uniform random notes; unigram and bigram with add-one smoothing)"
RHYTHM_BASELINES = "the baselines that write notes with their lengths (unigram, bigram and trigram)"
_PPM = "prediction by partial matching (ppm)"
_OPENINGS = "the openings, which are the first notes of the test tunes, as many as the songs have"
SPLITS = "the whole tunes of each split of the corpus"


def first_notes_sentence(results: StudyResults) -> str:
    """A sentence for captions, if songs with rhythm are longer than what is measured of them."""
    if results.first_notes is None:
        return ""
    return f" Of a song with rhythm: its first {results.first_notes} notes."


def distance_columns(groups: Iterable[Sequence[MeasuredSet]], kind: str = "") -> list[Column]:
    """The columns of the distances after Yang and Lerch that any of the sets has; ``kind`` begins their names."""
    found = set_scores_in(groups)
    return [
        Column(column.key, f"{short} {column.header}", decimals=3)
        for prefix, short in (("overlapped_area/", "OA"), ("kl_divergence/", "KLD"))
        for column in set_score_columns(found, kind + prefix)
    ]


def set_table(
    title: str,
    caption: str,
    columns: Sequence[Column],
    groups: Iterable[Sequence[MeasuredSet]],
    values: Callable[[MeasuredSet], list[Cell]],
    needed: Sequence[str],
    counted: bool = True,
) -> Table | None:
    """A row for each set, a rule between the groups; None if no set has any of the `needed` metrics or scores."""
    rows: list[Row] = []
    known: set[str] = set()
    for group in groups:
        for i, songs in enumerate(group):
            known.update(songs.evaluation.summaries, songs.evaluation.set_scores)
            head: list[Value | Cell] = [songs.title, songs.role, *([len(songs.evaluation.songs)] if counted else [])]
            rows.append(row(songs.name, [*head, *values(songs)], songs.sources, rule=bool(rows) and not i))
    if known.isdisjoint(needed):
        return None
    return Table(title, caption, (*SET_COLUMNS[: 3 if counted else 2], *columns), tuple(rows))


def below_the_rule(results: StudyResults, corpus: bool = False) -> str:
    """The sentence of a caption on what models are compared with."""
    there = {
        _BASELINES: results.baselines,
        RHYTHM_BASELINES: results.baselines if results.has_rhythm else None,
        _PPM: results.baselines if "ppm" in results.baselines else None,
        _OPENINGS: results.openings,
        SPLITS: results.corpus if corpus else None,
    }
    named = [words for words, sets in there.items() if sets]
    below = f" Below the rule: {', '.join(named)}." if named else ""
    return below + first_notes_sentence(results)


def metrics_in(groups: Iterable[Sequence[MeasuredSet]]) -> list[str]:
    """Names of all metrics of any of the sets, in order."""
    return list(dict.fromkeys(name for group in groups for songs in group for name in songs.evaluation.summaries))


def set_scores_in(groups: Iterable[Sequence[MeasuredSet]]) -> list[str]:
    """Names of all numbers about any of the sets as a whole, in order."""
    return list(dict.fromkeys(name for group in groups for songs in group for name in songs.evaluation.set_scores))
