"""The tables that compare cells with the reference cell, seeds paired. Each is None without comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from melgen.decimals import in_percent
from melgen.evaluation.comparing_cells.findings import remarks
from melgen.evaluation.comparing_cells.results import (
    AHEAD,
    BEHIND,
    EQUAL,
    FINE_BITS,
    UNDECIDED,
    Comparison,
    Comparisons,
)
from melgen.studies.results import StudyResults
from melgen.tables.table import Column, Row, Table, Value, row

_HEAD = (
    Column("setting", "setting", "text"),
    Column("cell", "cell", "text"),
    Column("layers", "layers", "integer"),
    Column("seeds", "seeds", "integer"),
)


def paired_differences_table(results: StudyResults) -> Table | None:
    """The difference of every cell from the reference, with its intervals and what they show."""
    found = results.comparisons
    if found is None or not found.each:
        return None
    with_tunes = any(each.tunes for each in found.each)
    with_tests = any(not math.isnan(each.p) for each in found.each)
    bootstraps = any(not math.isnan(each.middle.low) for each in found.each)
    columns = (
        *_HEAD,
        *_reference_layers(found),
        Column("difference", "difference, over seeds", "summary", 3),
        *(_in_csv(_ends("over_tunes", "over tunes")) if with_tunes else ()),
        *(_ends("over_both", "over seeds and tunes") if with_tunes else ()),
        *_in_csv([Column("interquartile_mean", "interquartile mean", decimals=3)]),
        *(_in_csv(_ends("interquartile_mean", "interquartile mean")) if bootstraps else ()),
        *_in_csv([Column("improvement", "probability of improvement")]),
        *(_in_csv(_ends("improvement", "probability of improvement", 2)) if bootstraps else ()),
        *(_in_csv([Column("p", "p", decimals=4)]) if with_tests else ()),
        *([Column("adjusted_p", "p (Holm)", decimals=4)] if with_tests else ()),
        Column("finding", "finding", "text"),
        *_in_csv([
            Column("seeds_to_decide", "seeds to decide", "integer"),
            Column("seeds_for_fine", f"seeds for ± {FINE_BITS:g}", "integer"),
        ]),
    )  # fmt: skip

    def values(each: Comparison) -> Iterable[Value]:
        yield from _head(each, found)
        yield each.over_seeds
        if with_tunes:
            both = each.crossed
            yield from (*each.over_tunes, both.low if both else math.nan, both.high if both else math.nan)
        for estimate in (each.middle, each.improvement):
            yield from estimate if bootstraps else estimate[:1]
        if with_tests:
            yield from (each.p, each.adjusted_p)
        yield verdict_in_words(each.verdict, found)
        yield from (each.seeds_to_decide, each.seeds_for_fine)

    region, reference = found.options.region_bits, found.reference
    confidence = in_percent(found.options.confidence)
    caption = (
        f"Bits per note of the test tunes minus those of {reference} in the same setting, by networks with the same "
        "seed: below 0 is better. Over seeds: mean ± standard deviation [t interval]; it holds for these tunes. "
    )
    if with_tunes:
        caption += "Over seeds and tunes: both effects crossed; this interval decides. "
    caption += (
        f"All intervals: {confidence}. Finding: equal if the interval is within ± {region:g} bits; else ahead or "
        f"behind if it does not contain 0{' and the adjusted p-value is small enough' if with_tests else ''}; else "
        "not shown to differ. Only in the CSV file: "
    )
    if with_tunes:
        caption += "the bootstrap interval over tunes, which holds for these networks; "
    caption += (
        "the interquartile mean of the differences; the probability of improvement, that a network needs fewer bits "
        f"than one of {reference}; the seeds that would decide it if difference and deviation stayed as they are, and "
        f"those for an interval of the mean ± {FINE_BITS:g} bits."
    )
    caption += "".join(f" {line}" for line in remarks(found))
    rows = _rows(found.each, lambda each: [*values(each)])
    return Table(f"Paired differences from {reference}", caption, columns, rows)


def seed_and_tune_table(results: StudyResults) -> Table | None:
    """How the differences vary over seeds and tunes."""
    found = results.comparisons
    crossed = [each for each in found.each if each.crossed] if found else []
    if found is None or not crossed:
        return None
    columns = (
        *_HEAD,
        *_reference_layers(found),
        Column("tunes", "tunes", "integer"),
        Column("difference", "difference", decimals=4),
        Column("seed_deviation", "sd of seeds", decimals=4),
        Column("tune_deviation", "sd of tunes", decimals=4),
        Column("rest_deviation", "sd of the rest", decimals=4),
        Column("error_of_seeds", "error by seeds", decimals=4),
        Column("error_of_tunes", "error by tunes", decimals=4),
    )

    def values(each: Comparison) -> list[Value]:
        effects = each.crossed
        assert effects is not None
        errors = math.sqrt(effects.variance_of_seeds), math.sqrt(effects.variance_of_tunes)
        deviations = effects.seed_deviation, effects.tune_deviation, effects.rest_deviation
        return [*_head(each, found), each.tunes, effects.mean, *deviations, *errors]

    caption = (
        f"The difference of bits per note from {found.reference}, as the sum of its mean, an effect of the seed, an "
        "effect of the tune and a rest: standard deviations of these random effects, by the method of analysis of "
        "variance. Errors: the parts of the standard error of the mean that more seeds, and that only more tunes, "
        "reduce. All in bits per note."
    )
    return Table("Effects of seeds and tunes", caption, columns, _rows(crossed, values))


def cells_over_settings_table(results: StudyResults) -> Table | None:
    """Every cell against the reference in all settings together."""
    found = results.comparisons
    if found is None or not found.over_settings:
        return None
    columns = (
        Column("cell", "cell", "text"),
        Column("settings", "settings", "integer"),
        Column("pairs", "pairs", "integer"),
        Column("interquartile_mean", "interquartile mean", decimals=3),
        *_ends("interquartile_mean", "interquartile mean"),
        Column("improvement", "probability of improvement"),
        *_ends("improvement", "probability of improvement", 2),
    )
    rows = [
        row(each.cell, [each.cell, each.settings, each.pairs, *each.middle, *each.improvement], each.sources)
        for each in found.over_settings
    ]
    caption = (
        f"Differences of bits per note from {found.reference} in all settings (Agarwal et al., 2021): interquartile "
        "mean, the mean of the middle half of the differences; probability of improvement, that a network needs fewer "
        f"bits than one of {found.reference}, averaged over settings. {in_percent(found.options.confidence)} bootstrap "
        "intervals over pairs of networks with the same seed, drawn within each setting; none of few pairs, for which "
        "they are too narrow."
    )
    return Table(f"Cells against {found.reference} over all settings", caption, columns, tuple(rows))


def verdict_in_words(verdict: str, comparisons: Comparisons) -> str:
    """A verdict as a table shows it."""
    return {
        AHEAD: AHEAD,
        BEHIND: BEHIND,
        EQUAL: f"equal within {comparisons.options.region_bits:g}",
        UNDECIDED: "not shown to differ",
    }[verdict]


def _reference_layers(found: Comparisons) -> list[Column]:
    """A column for the reference's layers, if any comparison is between different numbers of layers."""
    if all(each.layers == each.reference_layers for each in found.each):
        return []
    return [Column("reference_layers", f"layers of {found.reference}", "integer")]


def _head(each: Comparison, found: Comparisons) -> list[Value]:
    layers = [each.reference_layers] if _reference_layers(found) else []
    return [each.setting, each.cell, each.layers, len(each.seeds), *layers]


def _ends(key: str, header: str, decimals: int = 3) -> tuple[Column, Column]:
    return (
        Column(f"{key}_low", f"{header}, low", decimals=decimals),
        Column(f"{key}_high", f"{header}, high", decimals=decimals),
    )


def _in_csv(columns: Iterable[Column]) -> list[Column]:
    """Columns for which the readable forms have no room."""
    return [replace(column, only_in_csv=True) for column in columns]


def _rows(found: Sequence[Comparison], values: Callable[[Comparison], list[Value]]) -> tuple[Row, ...]:
    """A row for each comparison, those of a setting together and a rule between settings."""
    settings = list(dict.fromkeys(each.setting for each in found))
    grouped = [[each for each in found if each.setting == setting] for setting in settings]
    return tuple(
        row(each.model, values(each), each.sources, rule=bool(place) and not number)
        for place, group in enumerate(grouped)
        for number, each in enumerate(group)
    )
