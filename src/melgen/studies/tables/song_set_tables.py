"""The tables that compare sets of songs: a row for each model, baseline, set of tunes.

Each is None if nothing was measured that it could show.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from melgen.evaluation.song_metrics import song_metric
from melgen.evaluation.song_sets import distance_to_openings
from melgen.studies.results import StudyResults
from melgen.studies.tables.song_sets import BASELINE_ROLE, baseline_sets, corpus_sets, model_set, model_sets, references
from melgen.tables.columns import (
    CORRECTED,
    ORIGINALITY,
    TONALITY,
    is_descriptor,
    mean_column,
    set_score_columns,
    shared_ngrams,
    summary_column,
)
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Row, Table, Value, row

_SET_COLUMNS = (Column("set", "set", "text"), Column("role", "role", "text"), Column("songs", "songs", "integer"))
_BASELINES = "the baselines (uniform random notes; unigram and bigram with add-one smoothing)"
_RHYTHM_BASELINES = "the baselines that write notes with their lengths (unigram, bigram and trigram)"
_PPM = "prediction by partial matching (ppm)"
_ABOUT_COUNTING = (
    " kn: n-grams with modified Kneser-Ney smoothing. ppm: prediction by partial matching of variable order; ltm "
    "counts in the training tunes, stm in the tune so far, and ppm does both."
)
_ABOUT_PARTS = (
    "Pitch: bits of the pitch of notes 3 to N, given that a note begins. Rhythm: bits of all else, which is whether a "
    "note, a rest or the end comes next, and how long it lasts. Both are per note, over the tunes that all rhythms and "
    "representations can write. "
)
_NOT_COMPARABLE = (
    "Networks with rhythm predict more, so that their bits per note are not comparable with those of networks of "
    "pitches; bits of pitch are. "
)
_OPENINGS = "the openings, which are the first notes of the test tunes, as many as the songs have"
_SPLITS = "the whole tunes of each split of the corpus"


def tonality_table(results: StudyResults) -> Table | None:
    """The three metrics of every set, and how far their means are from the openings."""
    reference = _reference(results)
    columns = [summary_column(metric) for metric in TONALITY]
    caption = "Mean ± standard deviation over songs [confidence interval of the mean]."
    caption += _below_the_rule(results, corpus=True)
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
    return _set_table("Tonality", caption, columns, groups, values, TONALITY)


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


def first_notes_sentence(results: StudyResults) -> str:
    """A sentence for captions, if songs with rhythm are longer than what is measured of them."""
    if results.first_notes is None:
        return ""
    return f" Of a song with rhythm: its first {results.first_notes} notes."


def primer_sentences(results: StudyResults) -> str:
    """Sentences for captions, about primers whose pitches are rare in the training tunes."""
    return "".join(f" Note: {remark}." for remark in results.primer_remarks)


def corrected_table(results: StudyResults) -> Table | None:
    """The corrected readings of the three metrics."""
    caption = (
        "The readings of Tymoczko's measures that count pitch classes, keep both limits and take the frequency of the "
        "commonest note. Mean ± standard deviation over songs [confidence interval of the mean]."
        f"{_below_the_rule(results, corpus=True)}"
    )
    groups = [model_sets(results), references(results), corpus_sets(results)]
    columns = [summary_column(metric) for metric in CORRECTED]

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.summary(metric), songs.sources) for metric in CORRECTED]

    return _set_table("Tonality, corrected readings", caption, columns, groups, values, CORRECTED)


def likelihood_table(results: StudyResults) -> Table | None:
    """Bits per note of the corpus's splits; of networks with rhythm, bits of pitch and of rhythm."""
    splits = ("train", "validation", "test")
    names = [f"bits_per_note/{split}" for split in splits]
    of_parts: list[str] = []
    columns: list[Column] = []
    caption = ""
    has_pitches_only = not all(model.writes_rhythm for model in results.models)
    if has_pitches_only or not results.has_rhythm:
        columns = [Column(name, name.removeprefix("bits_per_note/"), decimals=3) for name in names]
        columns.append(Column("gap", "gap (test - train)", decimals=3))
        caption = (
            "Bits per note of the corpus's tunes, given all notes before: notes 3 to N of each tune in its own key. "
        )
    if results.has_rhythm:
        of_parts = [f"{part}_bits_per_note/{split}" for part in ("pitch", "rhythm") for split in splits]
        of_parts.append("bits_per_note_with_rhythm/test")
        headers = [*(f"{part}, {split}" for part in ("pitch", "rhythm") for split in splits), "both, test"]
        columns += [Column(name, header, decimals=3) for name, header in zip(of_parts, headers, strict=True)]
        caption += _ABOUT_PARTS
        if has_pitches_only:
            caption += _NOT_COMPARABLE
    caption += "Below the rule: the baselines, fitted on the training tunes, by the same count."
    caption += _ABOUT_COUNTING if "ppm" in results.baselines else ""
    if results.without_bits:
        caption += f" Missing values: {results.without_bits}."

    def values(songs: MeasuredSet) -> list[Cell]:
        bits = {name: songs.set_score(name) for name in (*names, *of_parts)}
        bits["gap"] = bits[names[2]] - bits[names[0]]
        return [Cell(bits[column.key], songs.run_sources or songs.sources) for column in columns]

    groups = [model_sets(results), baseline_sets(results)]
    return _set_table("Likelihood", caption, columns, groups, values, [*names, *of_parts], counted=False)


def rhythm_table(results: StudyResults) -> Table | None:
    """Means of the metrics of rhythm, of the sets that have one."""
    groups = _sets_with_rhythm(results)
    metrics = [name for name in _metrics(groups) if song_metric(name).group == "rhythm"]
    caption = (
        "Means over whole songs; their reference is the whole tunes of the test split. Below the rule: "
        f"{_RHYTHM_BASELINES}, {_SPLITS}."
    )
    if "ends_on_tonic" in metrics:
        caption += (
            " Whether a tune ends on the tonic is known where its source states a key; songs of networks have none."
        )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.mean(metric), songs.sources) for metric in metrics]

    return _set_table("Rhythm", caption, [mean_column(name) for name in metrics], groups, values, metrics)


def rhythm_distances_table(results: StudyResults) -> Table | None:
    """Distances of the rhythm of whole songs to that of the test tunes."""
    groups = _sets_with_rhythm(results)
    columns = _distance_columns(groups, "rhythm_")
    caption = (
        "As the distance to the openings, but of the rhythm of whole songs to that of the whole tunes of the test "
        "split; corpus-test: of the validation tunes to the test tunes. OA: overlapped area, 1 where they agree. KLD: "
        f"Kullback-Leibler divergence, 0 where they agree. Below the rule: {_RHYTHM_BASELINES}, the test tunes."
    )
    needed = [column.key for column in columns]
    groups = [
        [songs for songs in group if not songs.evaluation.set_scores.keys().isdisjoint(needed)] for group in groups
    ]

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.set_score(name), songs.sources) for name in needed]

    return _set_table("Distance of the rhythm", caption, columns, groups, values, needed)


def _sets_with_rhythm(results: StudyResults) -> list[list[MeasuredSet]]:
    """Models, baselines and whole tunes. Openings have no end, so that they are no reference of rhythm."""
    baselines = [songs for songs in references(results) if songs.role == BASELINE_ROLE]
    groups = [model_sets(results), baselines, corpus_sets(results)]
    return [[songs for songs in group if songs.evaluation.has_rhythm] for group in groups]


def descriptors_table(results: StudyResults) -> Table | None:
    """Means of all other metrics of single songs."""
    groups = [model_sets(results), references(results), corpus_sets(results)]
    metrics = [name for name in _metrics(groups) if is_descriptor(name)]
    caption = (
        "Means over songs; own metrics, if any, come last. Range and number of pitches grow with the length of a song."
        f"{_below_the_rule(results, corpus=True)}"
    )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.mean(metric), songs.sources) for metric in metrics]

    return _set_table("Descriptors", caption, [mean_column(name) for name in metrics], groups, values, metrics)


def distances_table(results: StudyResults) -> Table | None:
    """Distances to the openings."""
    groups = [model_sets(results), references(results)]
    columns = _distance_columns(groups)
    caption = (
        "Distance to the openings after Yang and Lerch (2018): for each feature, the distances between songs and "
        "openings against those between the openings. OA: overlapped area of the two "
        "densities, 1 where they agree. KLD: Kullback-Leibler divergence, 0 where they agree."
        f"{_below_the_rule(results)}"
    )

    def values(songs: MeasuredSet) -> list[Cell]:
        return [Cell(songs.set_score(column.key), songs.sources) for column in columns]

    return _set_table("Distance to the openings", caption, columns, groups, values, [c.key for c in columns])


def _distance_columns(groups: Iterable[Sequence[MeasuredSet]], kind: str = "") -> list[Column]:
    found = _set_scores(groups)
    return [
        Column(column.key, f"{short} {column.header}", decimals=3)
        for prefix, short in (("overlapped_area/", "OA"), ("kl_divergence/", "KLD"))
        for column in set_score_columns(found, kind + prefix)
    ]


def originality_table(results: StudyResults) -> Table | None:
    """The passages that songs share with training tunes and with each other."""
    groups = [model_sets(results), references(results)]
    diversity = set_score_columns(_set_scores(groups), "diversity/")
    shares = shared_ngrams(_metrics(groups)) or "shared_8gram_share"
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
        f"set with each other.{_below_the_rule(results)}"
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
            *(songs.set_score(column.key) for column in diversity),
        ]
        return [Cell(value, songs.sources) for value in measured]

    needed = [*ORIGINALITY, shares, *(column.key for column in diversity)]
    return _set_table("Originality", caption, columns, groups, values, needed)


def nearest_tunes_table(results: StudyResults) -> Table | None:
    """The song of each set nearest to a training tune, and that tune."""
    columns = (
        *_SET_COLUMNS[:2],
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


def _set_table(
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
    return Table(title, caption, (*_SET_COLUMNS[: 3 if counted else 2], *columns), tuple(rows))


def _below_the_rule(results: StudyResults, corpus: bool = False) -> str:
    """The sentence of a caption on what models are compared with."""
    there = {
        _BASELINES: results.baselines,
        _RHYTHM_BASELINES: results.baselines if results.has_rhythm else None,
        _PPM: results.baselines if "ppm" in results.baselines else None,
        _OPENINGS: results.openings,
        _SPLITS: results.corpus if corpus else None,
    }
    named = [words for words, sets in there.items() if sets]
    below = f" Below the rule: {', '.join(named)}." if named else ""
    return below + first_notes_sentence(results)


def _metrics(groups: Iterable[Sequence[MeasuredSet]]) -> list[str]:
    """Names of all metrics of any of the sets, in order."""
    return list(dict.fromkeys(name for group in groups for songs in group for name in songs.evaluation.summaries))


def _set_scores(groups: Iterable[Sequence[MeasuredSet]]) -> list[str]:
    """Names of all numbers about any of the sets as a whole, in order."""
    return list(dict.fromkeys(name for group in groups for songs in group for name in songs.evaluation.set_scores))


def _reference(results: StudyResults) -> MeasuredSet | None:
    """The set from which `tonality_table` measures distances: the openings, else whole tunes of the test split."""
    found = [songs for songs in references(results) if songs.role == "openings"]
    found += [songs for songs in corpus_sets(results) if songs.name == "corpus-test"]
    return found[0] if found else None


def _standardized_distance(songs: MeasuredSet, reference: MeasuredSet) -> float:
    return distance_to_openings(songs.evaluation.summaries, reference.evaluation.summaries)
