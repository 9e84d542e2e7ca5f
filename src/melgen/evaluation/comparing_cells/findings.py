"""Sentences that state what the comparisons of cells show."""

from __future__ import annotations

import math

from melgen.decimals import in_percent, with_decimals
from melgen.evaluation.comparing_cells.results import (
    AHEAD,
    BEHIND,
    EQUAL,
    FINE_BITS,
    LEAST_SEEDS_OF_TEST,
    Comparison,
    Comparisons,
)
from melgen.plurals import counted

_POSITIONS = {AHEAD: "ahead of", BEHIND: "behind"}


def finding(found: Comparison, comparisons: Comparisons) -> str:
    """A sentence about one comparison: ahead, behind, equal within the region, or not shown to differ."""
    region = comparisons.options.region_bits
    cell, reference = _names(found, comparisons)
    mean = found.over_seeds.mean
    low, high = found.interval
    over = "seeds and tunes" if found.crossed else "seeds"
    interval_over = f"{in_percent(comparisons.options.confidence)} interval over {over}"
    if found.verdict in (AHEAD, BEHIND):
        # The words state the sign, so the numbers have none: neither the mean nor its interval.
        near, far = sorted((abs(low), abs(high)))
        p = "" if math.isnan(found.adjusted_p) else f", adjusted p {_p(found.adjusted_p)}"
        return (
            f"{cell} is {_POSITIONS[found.verdict]} {reference} by {with_decimals(abs(mean), 3)} bits per note "
            f"({interval_over} {with_decimals(near, 3)} to {with_decimals(far, 3)}{p})."
        )
    interval = f"{interval_over} {_signed(low)} to {_signed(high)}"
    if found.verdict == EQUAL:
        small = " It is not 0, but that small." if low > 0 or high < 0 else ""
        return (
            f"{cell} and {reference} are equal within {region:g} bits per note: difference "
            f"{_signed(mean)} ({interval}).{small}"
        )
    return (
        f"{cell} is not shown to differ from {reference}, nor to be equal: difference {_signed(mean)} "
        f"bits per note ({interval}){_what_would_decide(found, comparisons)}."
    )


def fine_sentence(found: Comparison, comparisons: Comparisons) -> str:
    """How many seeds an interval of ± `FINE_BITS` would need."""
    start = f"An interval of ± {FINE_BITS:g} bits"
    if found.seeds_for_fine is None:
        return f"{start} is out of reach{_because_of_tunes(found, comparisons)}."
    if found.seeds_for_fine <= len(found.seeds):
        return f"{start} needs no more than these {len(found.seeds)} seeds."
    return f"{start} would need about {found.seeds_for_fine:,} seeds."


def remarks(comparisons: Comparisons) -> list[str]:
    """Sentences about all comparisons: the tests, and the limits of this number of seeds."""
    lines = []
    counts = sorted({len(each.seeds) for each in comparisons.each})
    tested = [each for each in comparisons.each if not math.isnan(each.p)]
    if counts and counts[0] < LEAST_SEEDS_OF_TEST:
        some = "Comparisons with fewer" if tested else "Fewer"
        seeds = _range(counts if not tested else [count for count in counts if count < LEAST_SEEDS_OF_TEST])
        smallest = f"{2.0 ** (1 - counts[0]):.2g}"
        lines.append(
            f"{some} than {LEAST_SEEDS_OF_TEST} seeds ({seeds}): intervals without p-values. A two-sided sign-flip "
            f"test of n seeds cannot have a p-value below 2 / 2^n, which is {smallest} for {counts[0]} seeds."
        )
    if tested:
        lines.append(f"P-values: sign-flip tests over seeds, adjusted for {counted(len(tested), 'comparison')} (Holm).")
        lines += _out_of_reach(comparisons, tested)
    lines += [f"Not compared: {line}." for line in comparisons.not_compared]
    return lines


def _out_of_reach(comparisons: Comparisons, tested: list[Comparison]) -> list[str]:
    """A sentence if no p-value can be small enough with this number of comparisons."""
    level = 1 - comparisons.options.confidence
    fewest = min(len(each.seeds) for each in tested)
    if len(tested) * 2.0 ** (1 - fewest) < level:
        return []
    needed = math.floor(1 + math.log2(len(tested) / level)) + 1
    return [
        f"With {counted(len(tested), 'comparison')} of {fewest} seeds no adjusted p-value can be below {level:.2g}, "
        f"however clear a difference is; {needed} seeds are enough."
    ]


def _what_would_decide(found: Comparison, comparisons: Comparisons) -> str:
    low, high = found.interval
    if low > 0 or high < 0:
        return f"; its p-value, adjusted for all comparisons, is {_p(found.adjusted_p)}"
    if found.seeds_to_decide is None:
        return f"; more seeds would not decide it{_because_of_tunes(found, comparisons)}"
    return f"; about {found.seeds_to_decide:,} seeds would decide it, if mean and spread stay"


def _because_of_tunes(found: Comparison, comparisons: Comparisons) -> str:
    if found.crossed is None or found.crossed.variance_of_tunes == 0:
        return ""
    from scipy.stats import norm

    margin = float(norm.ppf((1 + comparisons.options.confidence) / 2)) * math.sqrt(found.crossed.variance_of_tunes)
    return (
        f", since the choice of the {counted(found.tunes, 'test tune')} alone leaves ± {with_decimals(margin, 3)} bits"
    )


def _names(found: Comparison, comparisons: Comparisons) -> tuple[str, str]:
    """Both cells; with their layers if these differ."""
    cell, reference = found.cell, comparisons.reference
    if found.layers == found.reference_layers:
        return cell, reference
    return f"{cell} ({counted(found.layers, 'layer')})", f"{reference} ({counted(found.reference_layers, 'layer')})"


def _signed(value: float) -> str:
    text = with_decimals(value, 3)
    return text.replace("-", "\N{MINUS SIGN}") if value < 0 or float(text) == 0 else f"+{text}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "below 0.001"


def _range(counts: list[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
