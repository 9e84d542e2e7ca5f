"""Comparisons of cells: what is compared, what it shows, and how that is said."""

import dataclasses
import json
import math

import numpy as np
import pytest

from melgen.evaluation.comparing_cells.compare import Trainings, compare_all
from melgen.evaluation.comparing_cells.crossed import crossed_effects
from melgen.evaluation.comparing_cells.findings import finding, fine_sentence, remarks
from melgen.evaluation.comparing_cells.p_values import holm, sign_flip_p
from melgen.evaluation.comparing_cells.results import (
    AHEAD,
    BEHIND,
    EQUAL,
    UNDECIDED,
    ComparisonOptions,
    Comparisons,
)
from melgen.files import finite
from tests.studies.comparisons_examples import comparisons, trainings

OPTIONS = ComparisonOptions(resamples=50)
WAVES = np.array([-1.0, 0.4, 1.0, -0.4, 0.0, 0.7, -0.7, 0.2, -0.2, 0.0, 0.5, -0.5])


def plain(cell, bits, layers=2):
    """Trainings with the bits per note of all tunes together, and none of single tunes."""
    return Trainings(f"control-{cell}-{layers}", f"control-{cell}-{layers}", cell, layers, dict(enumerate(bits)))


def compared(difference, spread, seeds, **options):
    """A cell against lstm, with a difference in each seed."""
    reference = 2.5 + 0.1 * WAVES[::-1][:seeds]
    model = reference + difference + spread * WAVES[:seeds]
    pairs = [("control", plain("gru", model), plain("lstm", reference))]
    return compare_all(pairs, "lstm", ComparisonOptions(resamples=50, **options))


def test_the_numbers_of_a_comparison():
    found = comparisons(10, ("control",))
    model, reference = trainings("gru", "control", -0.12, 10), trainings("lstm", "control", 0.0, 10)
    each = found.each[0]
    differences = np.array([model.bits[seed] - reference.bits[seed] for seed in range(10)])
    assert each.differences.tolist() == differences.tolist()
    assert (each.cell, each.seeds, each.tunes) == ("gru", tuple(range(10)), 60)
    table = np.stack([model.tune_bits[seed] - reference.tune_bits[seed] for seed in range(10)])
    assert each.crossed == crossed_effects(table, model.notes)
    assert each.interval == (each.crossed.low, each.crossed.high)
    assert each.over_seeds.mean == pytest.approx(each.crossed.mean, rel=1e-9)
    assert each.p == sign_flip_p(differences)
    assert [one.adjusted_p for one in found.each] == holm([one.p for one in found.each])
    assert set(each.sources) == set(model.sources + reference.sources)


def test_the_axis_of_a_drawing_ends_before_a_cell_far_from_the_others():
    cells = {"gru": 0.0, "rnn": 0.02, "nas": -0.03, "lru": 0.04, "attention": 1.0, "slstm": -0.9}
    near = [name for name in cells if abs(cells[name]) < 0.1]
    of = {name: compared(difference, 0.01, 3).each[0] for name, difference in cells.items()}
    found = Comparisons("lstm", ComparisonOptions(), tuple(of.values()))
    low, high = found.drawn_range
    assert low == min(min(*of[name].interval, *of[name].differences) for name in near)
    assert high == max(max(*of[name].interval, *of[name].differences) for name in near)
    alone = Comparisons("lstm", ComparisonOptions(region_bits=0.2), (of["gru"],))
    assert alone.drawn_range == pytest.approx((-0.24, 0.24)), "room for the region"


@pytest.mark.parametrize(
    ("difference", "spread", "verdict", "words"),
    [
        (-0.1, 0.02, AHEAD, "gru is ahead of lstm by 0.1"),
        (0.1, 0.02, BEHIND, "gru is behind lstm by 0."),
        (0.0, 0.01, EQUAL, "gru and lstm are equal within 0.03 bits per note: difference "),
        (0.01, 0.001, EQUAL, "It is not 0, but that small."),
        (0.01, 0.05, UNDECIDED, "gru is not shown to differ from lstm, nor to be equal: difference "),
    ],
)
@pytest.mark.parametrize("seeds", [5, 10])
def test_what_a_comparison_shows(difference, spread, verdict, words, seeds):
    found = compared(difference, spread, seeds)
    assert found.each[0].verdict == verdict
    sentence = finding(found.each[0], found)
    assert words in sentence
    assert "over seeds " in sentence, "single tunes were not scored"
    if verdict in (AHEAD, BEHIND):
        near, far = sorted(map(abs, found.each[0].interval))
        assert f"over seeds {near:.3f} to {far:.3f}" in sentence, "with the sign of the words"
    assert ("adjusted p" in sentence) == (seeds >= 10 and verdict in (AHEAD, BEHIND))


def test_an_end_of_an_interval_that_is_not_0_does_not_print_as_0():
    def with_interval(verdict, low, high):
        found = compared(-0.02, 0.001, 5)
        one = found.each[0]
        summary = dataclasses.replace(one.over_seeds, low=low, high=high)
        return finding(dataclasses.replace(one, over_seeds=summary, verdict=verdict), found)

    assert "over seeds 0.0004 to 0.041)" in with_interval(AHEAD, -0.041, -0.0004)
    assert "over seeds \u22120.024 to \u22120.0002). It is not 0" in with_interval(EQUAL, -0.024, -0.0002)
    assert "over seeds \u22120.024 to 0.000)" in with_interval(EQUAL, -0.024, 0.0)
    assert "over seeds \u22120.0002 to +0.0003)" in with_interval(EQUAL, -0.0002, 0.0003)


def test_the_region_decides_what_is_equal():
    assert compared(0.0, 0.01, 5, region_bits=0.03).each[0].verdict == EQUAL
    assert compared(0.0, 0.01, 5, region_bits=0.005).each[0].verdict == UNDECIDED
    with pytest.raises(ValueError, match=r"compare.region_bits=0: must be a number above 0"):
        ComparisonOptions(region_bits=0)


def test_a_difference_is_shown_only_if_its_adjusted_p_value_is_small_too():
    """With 40 comparisons of ten seeds no adjusted p-value can be below 0.05."""
    one = compared(-0.1, 0.02, 10)
    pair = ("control", plain("gru", one.each[0].bits), plain("lstm", one.each[0].reference_bits))
    many = compare_all([pair] * 40, "lstm", OPTIONS)
    assert {each.verdict for each in many.each} == {UNDECIDED}
    assert "its p-value, adjusted for all comparisons, is 0.078" in finding(many.each[0], many)
    assert any("no adjusted p-value can be below 0.05" in line and "11 seeds" in line for line in remarks(many))
    assert compare_all([pair] * 25, "lstm", OPTIONS).each[0].verdict == AHEAD
    assert not any("no adjusted" in line for line in remarks(compare_all([pair] * 25, "lstm", OPTIONS)))


def test_seeds_that_would_decide_an_undecided_comparison_do():
    """The same mean and deviation with so many seeds are decided, with one fewer they are not."""
    each = compared(0.004, 0.05, 5).each[0]
    sd, mean, seeds = each.over_seeds.standard_deviation, each.over_seeds.mean, each.seeds_to_decide

    def verdict(count):
        values = np.resize([1.0, -1.0], count) - (count % 2) / count
        values *= sd / values.std(ddof=1)
        pair = ("s", plain("gru", 2.5 + mean + values), plain("lstm", [2.5] * count))
        return compare_all([pair], "lstm", OPTIONS).each[0].verdict

    assert seeds > 5
    assert verdict(seeds) == EQUAL
    assert verdict(seeds - 1) == UNDECIDED
    assert compared(-0.1, 0.02, 5).each[0].seeds_to_decide is None, "it is decided"


def test_two_to_nine_seeds_have_intervals_without_p_values_and_say_so():
    found = compared(-0.1, 0.02, 5)
    assert math.isnan(found.each[0].p)
    assert math.isnan(found.each[0].adjusted_p)
    assert math.isfinite(found.each[0].over_seeds.low)
    (line,) = remarks(found)
    assert "Fewer than 10 seeds (5): intervals without p-values." in line
    assert "0.062 for 5 seeds" in line or "0.063 for 5 seeds" in line
    (line,) = remarks(compared(-0.1, 0.02, 10))
    assert line == "P-values: sign-flip tests over seeds, adjusted for 1 comparison (Holm)."


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        ([2.0], "one seed in common with control-lstm-2; a difference needs at least 2"),
        ([2.0, math.nan], "one seed in common with"),
        ([math.nan, math.nan], "no bits per note"),
    ],
)
def test_too_few_seeds_are_not_compared_and_named(bits, reason):
    found = compare_all([("control", plain("gru", bits), plain("lstm", [2.0, 2.1]))], "lstm", OPTIONS, ("x: alone",))
    assert found.each == ()
    assert [line for line in remarks(found) if reason in line and line.startswith("Not compared: control-gru-2")]
    assert "Not compared: x: alone." in remarks(found)


def test_only_common_seeds_are_paired():
    reference = dataclasses.replace(plain("lstm", []), bits={1: 2.0, 3: 2.2, 4: 2.1})
    model = dataclasses.replace(plain("gru", []), bits={3: 2.1, 0: 9.0, 4: 2.15, 1: 2.05})
    each = compare_all([("control", model, reference)], "lstm", OPTIONS).each[0]
    assert each.seeds == (1, 3, 4)
    assert each.differences == pytest.approx([0.05, -0.1, 0.05])


def test_other_tunes_are_not_compared_tune_by_tune():
    model, reference = trainings("gru", "control", 0.1, 3), trainings("lstm", "control", 0.0, 3)
    other = dataclasses.replace(reference, notes=reference.notes + 1)
    each = compare_all([("control", model, other)], "lstm", OPTIONS).each[0]
    assert (each.tunes, each.crossed) == (0, None)
    assert each.interval == (each.over_seeds.low, each.over_seeds.high)
    missing = dataclasses.replace(model, tune_bits={0: model.tune_bits[0]})
    assert compare_all([("control", missing, reference)], "lstm", OPTIONS).each[0].crossed is None


def test_a_finer_interval_that_the_tunes_forbid():
    found = comparisons(10, ("control",))
    sentence = fine_sentence(found.each[0], found)
    assert sentence.startswith(
        "An interval of ± 0.01 bits is out of reach, since the choice of the 60 test tunes alone"
    )
    few = compared(0.0, 0.0001, 5)
    assert fine_sentence(few.each[0], few) == "An interval of ± 0.01 bits needs no more than these 5 seeds."
    wide = compared(0.0, 0.05, 5)
    assert fine_sentence(wide.each[0], wide).startswith("An interval of ± 0.01 bits would need about ")


def test_over_settings_needs_two_of_them():
    assert comparisons(3, ("control",)).over_settings == ()
    found = comparisons(10)
    assert [(row.cell, row.settings, row.pairs) for row in found.over_settings] == [
        ("gru", 2, 20),
        ("mingru", 2, 20),
        ("rnn", 2, 20),
    ]
    gru = found.over_settings[0]
    assert gru.middle.low < gru.middle.value < gru.middle.high < 0
    assert gru.improvement.value > 0.5 > found.over_settings[2].improvement.value


@pytest.mark.parametrize("seeds", [3, 10])
def test_plain_data_and_back(seeds):
    found = comparisons(seeds)
    stored = json.loads(json.dumps(finite(found.to_dict())))
    assert repr(Comparisons.from_dict(stored)) == repr(found)


def test_different_layers_are_named():
    pair = ("control", plain("gru", [2.0, 2.01, 2.02]), plain("lstm", [2.5, 2.51, 2.53], layers=1))
    found = compare_all([pair], "lstm", OPTIONS)
    assert "gru (2 layers) is ahead of lstm (1 layer) by" in finding(found.each[0], found)
