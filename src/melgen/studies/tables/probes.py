"""The tables of the probes. Each is None if the probe has found nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from melgen.decimals import in_percent
from melgen.evaluation.comparing_cells.crossed import tune_interval
from melgen.evaluation.correlation import rank_correlation
from melgen.evaluation.probes import BUDGET, COPYING, MEMORIZATION, SIMILARITY, STATES
from melgen.evaluation.probes.budget import SHARES
from melgen.evaluation.probes.copied_bits import COUNTED_FROM, range_names
from melgen.evaluation.probes.copying import LEAST_NOTES
from melgen.evaluation.probes.labels import TARGETS
from melgen.evaluation.probes.linear import LEAST_TUNES_OF_CLASS
from melgen.evaluation.probes.similarity import NGRAM_INTERVALS, bin_names, bits_by_bin, tunes_by_bin
from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import over_seeds
from melgen.runs.network_size import SIZES, sizes_in
from melgen.studies.probes.findings import budget_finding
from melgen.studies.probes.results import CopyingFound
from melgen.studies.results import Model, StudyResults
from melgen.studies.tables.memorization import memorization_table
from melgen.tables.table import Column, Row, Table, Value, row

_Found = TypeVar("_Found")

_PARTS = {"pitch": "pitch", "rhythm": "rhythm", "all": "both"}
_CHANCE_DRAWS_SEED = 0


def copying_table(results: StudyResults) -> Table | None:
    """Bits of notes that are heard twice, a row for each model and kind of bits."""
    found = results.probes.copying
    if not any(each.parts["all"].notes.sum() for runs in found.values() for each in runs.values()):
        return None
    with_parts = results.has_rhythm
    columns = (
        Column("model", "model", "text"),
        *([Column("bits", "bits of", "text")] if with_parts else []),
        Column("seeds", "seeds", "integer"),
        Column("remembered", SIZES["remembered"], "integer"),
        Column("tunes", "tunes with repeats", "integer"),
        Column("notes", "notes", "integer"),
        Column("first", "first hearing", decimals=3),
        Column("second", "second hearing", decimals=3),
        Column("difference", "second - first", "summary", 3),
        Column("difference_tunes_low", "over tunes, low", decimals=3),
        Column("difference_tunes_high", "over tunes, high", decimals=3),
        Column("replaced", "control: first replaced", "summary", 3),
        *(Column(f"difference_{name}", f"second - first, note {name}", decimals=3) for name in range_names()),
    )
    rows: list[Row] = []
    for model, runs in _of_models(results, found):
        parts = _PARTS if model.writes_rhythm else {"all": "pitch"}
        remembered = sizes_in(model.runs[0].result)["remembered"]
        for part, words in parts.items():
            head: list[Value] = [model.title, *([words] if with_parts else []), len(runs), remembered]
            rows.append(row(f"{model.name}/{part}", [*head, *_copying_cells(runs, part)], _sources(model)))
    for name, one in results.probes.baselines.items():
        head = [name, *(["pitch"] if with_parts else []), None, None]
        of_first = name == next(iter(results.probes.baselines))
        rows.append(row(name, [*head, *_copying_cells({0: one}, "all")], rule=of_first))
    searched = max(each.tunes for runs in found.values() for each in runs.values())
    caption = (
        f"Bits per note of passages of at least {LEAST_NOTES} notes that occur twice in a test tune, at the first "
        "hearing and at the second, and their difference: below 0 is copying from context. Notes count from number "
        f"{COUNTED_FROM} of a passage on; {searched:,} tunes were searched. Over seeds: mean ± standard deviation [t "
        "interval]; over tunes: bootstrap interval for these networks. Control: bits at the second hearing, after "
        "the first was replaced by notes of another tune, minus those at the first; nothing can be copied. Last "
        "columns: the difference by the number of the note in the passage. A repeat is one of pitches, and for "
        "networks with rhythm of pitches, durations and rests. Numbers remembered are those of the state of one "
        "melody. kn-bigram remembers one note, so that it cannot copy; ppm-stm knows nothing but the tune so far."
    )
    return Table("Copying from context", caption, columns, tuple(rows))


def _copying_cells(runs: Mapping[int, CopyingFound], part: str) -> list[Value]:
    whole = [found.parts[part] for found in runs.values()]
    each = [one.counted for one in whole]
    notes = each[0].notes.sum(axis=1)
    heard = notes > 0
    if not heard.any():
        return [0, 0, *[None] * (6 + len(range_names()))]
    total = notes.sum()
    differences = np.stack([(one.second - one.first).sum(axis=1)[heard] for one in each])
    in_range = whole[0].notes.sum(axis=0)
    by_range = np.mean([(one.second - one.first).sum(axis=0) for one in whole], axis=0)
    places = np.divide(by_range, in_range, out=np.full(len(by_range), math.nan), where=in_range > 0)
    return [
        int(heard.sum()),
        int(total),
        float(np.mean([one.first.sum() / total for one in each])),
        float(np.mean([one.second.sum() / total for one in each])),
        over_seeds(differences.sum(axis=1) / total),
        *tune_interval(differences, notes[heard]),
        over_seeds([(one.replaced - one.first).sum() / total for one in each]),
        *map(float, places),
    ]


def states_table(results: StudyResults) -> Table | None:
    """The accuracies of linear probes of states, a row for each model and target."""
    found = results.probes.states
    rows = []
    for model, runs in _of_models(results, found):
        for target, words in TARGETS.items():
            each = [one.targets[target] for one in runs.values() if target in one.targets]
            each = [readers for readers in each if not math.isnan(readers["trained"].accuracy)]
            if not each:
                continue
            first = next(iter(runs.values()))
            what = f"{words} ({first.metre})" if target == "bar" else words
            trained = each[0]["trained"]
            values: list[Value] = [
                model.title,
                what,
                len(each),
                sizes_in(model.runs[0].result)["remembered"],
                trained.classes,
                trained.notes,
                over_seeds([readers["trained"].accuracy for readers in each]),
                float(np.mean([readers["untrained"].accuracy for readers in each])),
                each[0]["note"].accuracy,
                trained.chance,
                over_seeds([readers["trained"].shuffled for readers in each]),
            ]
            rows.append(row(f"{model.name}/{target}", values, _sources(model)))
    if not rows:
        return None
    columns = (
        Column("model", "model", "text"),
        Column("target", "read from the state", "text"),
        Column("seeds", "seeds", "integer"),
        Column("remembered", SIZES["remembered"], "integer"),
        Column("classes", "classes", "integer"),
        Column("notes", "test notes", "integer"),
        Column("accuracy", "balanced accuracy", "summary", 3),
        Column("untrained", "untrained network", decimals=3),
        Column("note", "note alone", decimals=3),
        Column("chance", "chance", decimals=3),
        Column("shuffled", "control: shuffled", "summary", 3),
    )
    measured = [each for runs in found.values() for each in runs.values()]
    caption = (
        "Balanced accuracy, the mean over classes of the share of their notes that are recognised, of a linear "
        "discriminant on the output of the top layer after each note; trained on training tunes, measured on test "
        "tunes. Place in the bar: the eighth of the bar in which the note begins, in tunes of the commonest metre "
        "whose bars are known. Tonic: its pitch class; for networks of intervals the semitones from the tonic up to "
        f"the note; {measured[0].without_key} of {measured[0].tunes} test tunes have no stated key and are left out. "
        f"Classes in fewer than {LEAST_TUNES_OF_CLASS} tunes are left out. Over seeds: mean ± standard deviation [t "
        "interval]. Untrained network: the same shape with its first weights, whose state remembers notes too. Note "
        "alone: what the network has read last, without a state. Control: the classes of the training notes are "
        "shuffled; what is near it was not read from the state."
    )
    return Table("What linear probes read from the state", caption, columns, tuple(rows))


def similarity_table(results: StudyResults) -> Table | None:
    """Bits per note by similarity to the nearest training tune, a row for each model."""
    found = _of_models(results, results.probes.similarity)
    if not found:
        return None
    columns = (
        Column("model", "model", "text"),
        Column("seeds", "seeds", "integer"),
        *(
            Column(f"bits_{number}", f"bits/note, {name}", "summary", 3)
            for number, name in enumerate(bin_names(), start=1)
        ),
        Column("correlation", "rank correlation"),
        Column("correlation_low", "low"),
        Column("correlation_high", "high"),
        Column("shuffled", "control: shuffled"),
    )
    rows = []
    for model, runs in found:
        each = list(runs.values())
        bins = np.stack([bits_by_bin(one.share, one.bits, one.notes) for one in each])
        bits = np.mean([one.bits for one in each], axis=0) / each[0].notes
        share = each[0].share
        correlation = rank_correlation(share, bits, resamples=1_000)
        shuffled = rank_correlation(np.random.default_rng(_CHANCE_DRAWS_SEED).permutation(share), bits, resamples=1)
        summaries: list[Summary | None] = [None if np.isnan(column).all() else over_seeds(column) for column in bins.T]
        ends = correlation.coefficient, correlation.low, correlation.high, shuffled.coefficient
        rows.append(row(model.name, [model.title, len(runs), *summaries, *ends], _sources(model)))
    counts = {model.writes_rhythm: tunes_by_bin(next(iter(runs.values())).share).tolist() for model, runs in found}
    about = " and ".join(
        f"{', '.join(map(str, numbers))}{' of networks with rhythm' if len(counts) > 1 and rhythm else ''}"
        for rhythm, numbers in counts.items()
    )
    caption = (
        "Bits per note of test tunes by the share of their n-grams of intervals that occur in the nearest training "
        f"tune ({NGRAM_INTERVALS} intervals, any key); tunes in each bin: {about}. Over seeds: mean ± standard "
        "deviation [t interval]. Bits of networks with rhythm are those of pitch and rhythm. Rank correlation: "
        "Spearman's, over tunes, of the similarity with the bits per note of the tune, with its bootstrap interval. "
        "Control: the similarities are shuffled among the tunes, so that it must be near 0."
    )
    return Table("Bits per note by similarity to training", caption, columns, tuple(rows))


def budget_table(results: StudyResults) -> Table | None:
    """Validation bits and rank of each cell at several budgets, a row for each setting and cell."""
    found = results.probes.budget
    if not found:
        return None
    columns = [
        Column("setting", "setting", "text"),
        Column("cell", "cell", "text"),
        Column("seeds", "seeds", "integer"),
    ]
    for share in SHARES:
        columns.append(Column(f"bits_{100 * share:.0f}", f"bits/note at {in_percent(share)}", "summary", 3))
    for share in SHARES:
        columns.append(Column(f"rank_{100 * share:.0f}", f"rank at {in_percent(share)}", "integer"))
    rows = []
    for place, each in enumerate(found):
        for number, name in enumerate(each.order.names):
            bits = each.order.bits[name]
            summaries = [None if np.isnan(column).all() else over_seeds(column) for column in bits.T]
            ranks = [float(rank) for rank in each.order.ranks[number]]
            values: list[Value] = [each.setting, name, len(bits), *summaries, *ranks]
            rows.append(row(f"{each.setting}/{name}", values, rule=bool(place and not number)))
    caption = (
        "The lowest validation bits per note up to parts of the updates that all trainings of a setting have made, "
        "mean over seeds ± standard deviation [t interval], and the rank of the mean. A training that was planned "
        "to be "
        "shorter would have had another schedule of its rate. " + " ".join(budget_finding(each) for each in found)
    )
    return Table("Validation bits against the budget", caption, tuple(columns), tuple(rows))


def _of_models(
    results: StudyResults, found: Mapping[str, Mapping[int, _Found]]
) -> list[tuple[Model, Mapping[int, _Found]]]:
    return [(model, found[model.name]) for model in results.models if model.name in found]


def _sources(model: Model) -> tuple[str, ...]:
    return tuple(run.path.as_posix() for run in model.runs)


PROBE_TABLES: Mapping[str, Callable[[StudyResults], Table | None]] = {
    COPYING: copying_table,
    STATES: states_table,
    SIMILARITY: similarity_table,
    BUDGET: budget_table,
    MEMORIZATION: memorization_table,
}
