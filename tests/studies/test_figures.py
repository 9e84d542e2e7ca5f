"""Figures: their content, incomplete data, and equal bytes for equal data."""

import dataclasses
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from melgen.evaluation.embedding_geometry import embedding_geometry
from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.evaluation.tonality import Tonality
from melgen.music import pitch_name
from melgen.studies.figures import (
    EmbeddingMap,
    cost_validation,
    embedding_maps,
    learning_curves,
    likelihood,
    metric_distributions,
    originality,
    primers,
    save,
    span_profile,
    tonality_by_model,
)
from melgen.studies.figures.distributions import SHARED_WITH_TRAINING
from melgen.studies.results import Model, Run, StudyResults
from tests.tiers import quick_rows

pytestmark = pytest.mark.slow

OF_RESULTS = [learning_curves, tonality_by_model, metric_distributions, originality, likelihood]
METRICS = (*Tonality._fields, *SHARED_WITH_TRAINING)


def summary_of(values):
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Summary(*[math.nan] * 5, 0)
    deviation = finite.std(ddof=1) if finite.size > 1 else math.nan
    half = 2 * deviation / math.sqrt(finite.size)
    return Summary(finite.mean(), deviation**2, deviation, finite.mean() - half, finite.mean() + half, finite.size)


def evaluation(name, songs=20, shift=0.0, bits=math.nan):
    rng = np.random.default_rng(songs)
    scores = {metric: 2 + shift + rng.normal(0, 0.3, songs) for metric in METRICS}
    return SongSetEvaluation(
        name,
        tuple(f"song_{i}" for i in range(songs)),
        (34,) * songs,
        {metric: tuple(values.tolist()) for metric, values in scores.items()},
        {metric: summary_of(values) for metric, values in scores.items()},
        (0.0,) * songs,
        0,
        0,
        {"bits_per_note/test": bits, "bits_per_note/train": bits - 0.1},
    )


def study(datasets=("control", "db12"), cells=("lstm", "rnn"), layers=(1, 2, 3), seeds=(0,), songs=20):
    """A study with the lowest losses at 2 layers, or at the only layer count."""
    steps = range(50, 501, 50)
    chosen = 2 if 2 in layers else layers[0]
    runs = [
        Run(
            Path(f"{dataset}-{cell}-{count}-seed{seed}"),
            dataset,
            cell,
            count,
            seed,
            result={"test/bits_per_note": 2.4 + 0.02 * seed},
            history=tuple(
                {"step": step, "val/loss": 1.5 + 0.1 * abs(count - chosen) + 0.02 * seed + 20 / step,
                 "train/loss": 1.4 + 20 / step}
                for step in steps
            ),
        )
        for dataset in datasets for cell in cells for count in layers for seed in seeds
    ]  # fmt: skip
    pairs = dict.fromkeys(run.pair for run in runs)
    models = [Model(tuple(run for run in runs if run.pair == pair and run.layers == chosen)) for pair in pairs]
    return StudyResults(
        tuple(runs),
        tuple(models),
        {model.name: evaluation(model.name, songs, bits=2.4) for model in models},
        {},
        {"test": evaluation("corpus-test", 40)},
        evaluation("openings", 40),
        {
            "uniform": evaluation("uniform", shift=30, bits=5.0),
            "bigram": evaluation("bigram", shift=0.2, bits=2.7),
        },
    )


def embedding(name="control", count=25):
    values = list(range(60, 60 + count))
    weights = np.random.default_rng(count).normal(size=(count, 8))
    return EmbeddingMap(name, weights, [pitch_name(v) for v in values], values,
                        embedding_geometry(weights, values, permutations=9))  # fmt: skip


def all_texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def shown_texts(figure):
    return [text for axes in figure.axes for text in axes.texts if text.get_text() and text.get_visible()]


# Learning curves.


@pytest.mark.slow
def test_learning_curves_name_the_chosen_layer_count_in_every_panel():
    figure = learning_curves(study())
    assert len(figure.axes) == 4
    assert [text.get_text() for text in shown_texts(figure)] == ["2 layers"] * 4
    assert [axes.get_title() for axes in figure.axes[:2]] == ["lstm", "rnn"]
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes[::2]] == ["control", "db12"]


def test_the_bold_line_is_the_chosen_one_and_the_mean_over_seeds():
    axes = learning_curves(study(datasets=("control",), cells=("lstm",), seeds=(0, 1, 2))).axes[0]
    (bold,) = [line for line in axes.lines if line.get_linewidth() > 2]
    assert bold.get_xdata().tolist() == list(range(50, 501, 50))
    assert bold.get_ydata() == pytest.approx([1.52 + 20 / step for step in range(50, 501, 50)])
    assert len(axes.collections) == 3  # a band of seeds for each layer count
    (mark,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert mark.get_xdata().tolist() == [500]


def test_seeds_that_end_at_different_updates_are_compared_where_both_have_been():
    results = study(datasets=("control",), cells=("lstm",), layers=(2,), seeds=(0, 1))
    short = dataclasses.replace(results.runs[1], history=results.runs[1].history[:4])
    axes = learning_curves(dataclasses.replace(results, runs=(results.runs[0], short))).axes[0]
    (bold,) = [line for line in axes.lines if line.get_linewidth() > 2]
    assert bold.get_xdata().tolist() == [50, 100, 150, 200]


@pytest.mark.slow
def test_a_pair_without_runs_has_a_panel_with_a_note():
    results = study()
    kept = tuple(run for run in results.runs if (run.dataset, run.cell) != ("db12", "rnn"))
    texts = all_texts(learning_curves(dataclasses.replace(results, runs=kept, models=results.models[:3])))
    assert texts.count("no run") == 1


def test_losses_that_are_not_finite_are_left_out():
    results = study(datasets=("control",), cells=("lstm",), layers=(2,))
    broken = tuple({**row, "val/loss": math.nan} if row["step"] > 300 else row for row in results.runs[0].history)
    axes = learning_curves(
        dataclasses.replace(results, runs=(dataclasses.replace(results.runs[0], history=broken),))
    ).axes[0]
    (bold,) = [line for line in axes.lines if line.get_linewidth() > 2]
    assert bold.get_xdata().max() == 300
    assert np.isfinite(axes.get_ylim()).all()


def varied(*texts, **choices):
    """The same study for each of several variants, its losses a little higher each time."""
    base = study(**choices)
    runs = [
        dataclasses.replace(
            run, variant=f"v{i}", variant_text=text,
            history=tuple({k: v + 0.1 * i * (k != "step") for k, v in row.items()} for row in run.history),
        )
        for i, text in enumerate(texts) for run in base.runs
    ]  # fmt: skip
    pairs = dict.fromkeys(run.pair for run in runs)
    chosen = base.models[0].layers
    models = [Model(tuple(run for run in runs if run.pair == pair and run.layers == chosen)) for pair in pairs]
    songs = {model.name: evaluation(model.name) for model in models}
    return dataclasses.replace(base, runs=tuple(runs), models=tuple(models), songs=songs)


LONG = "from essen/control-lstm-2-seed0-hidden_size-256, update 5000, input_keep_prob 0.5"


@pytest.mark.slow
def test_each_variant_has_a_colour_and_a_dash_in_the_panel_of_its_pair():
    figure = learning_curves(varied("hidden_size 8", LONG, "mine", layers=(2,)))
    assert len(figure.axes) == 4, "a panel a pair, not one for each variant"
    for axes in figure.axes:
        bold = [line for line in axes.lines if line.get_linewidth() > 2]
        assert len({line.get_color() for line in bold}) == 3
        assert len({str(line._dash_pattern) for line in bold}) == 3
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "hidden_size 8"
    assert texts[1].replace("\n", "").replace(" ", "") == LONG.replace(" ", "")
    assert max(len(line) for line in texts[1].split("\n")) <= 34


@pytest.mark.slow
@pytest.mark.parametrize("draw", OF_RESULTS)
def test_long_names_of_variants_cover_nothing(draw):
    figure = draw(varied("hidden_size 8", LONG, LONG + " too", seeds=(0, 1)))
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:  # except the numbers along an axis, some of which are outside and not drawn
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_yticklabels()]
    boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    assert all(box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2 for box in boxes)
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels() if label.get_text()]
    ordered = sorted(labels, key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(ordered))
    for axes in figure.axes:
        assert axes.get_window_extent().height > 60
        title = axes.xaxis.label
        if title.get_text():
            ticks = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
            assert title.get_window_extent().y1 <= min(box.y0 for box in ticks) + 1


def test_a_run_validated_once_shows_a_mark_and_its_training_loss():
    results = study(datasets=("control",), cells=("lstm",), layers=(1, 2))
    once = tuple(
        dataclasses.replace(
            run,
            history=tuple(
                {k: v for k, v in row.items() if k != "val/loss" or row["step"] == 500} for row in run.history
            ),
        )
        for run in results.runs
    )
    axes = learning_curves(dataclasses.replace(results, runs=once)).axes[0]
    points = [line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_marker() not in ("None", None)]
    assert len(points) == 2, "one for each layer count"
    assert len([line for line in axes.lines if len(line.get_xdata()) == 10]) == 2


def test_stages_after_the_best_are_hollow():
    axes = cost_validation([5, 10, 15], [3, 2, 2.5], {"centricity": [1, 2, 3]}, beyond_best=[False, False, True]).axes[
        0
    ]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in hollow] == [[2.5]]
    assert ":" in [line.get_linestyle() for line in axes.lines]


@pytest.mark.slow
def test_primers_have_a_mark_each_in_every_row():
    results = study(layers=(2,))
    after = {name: {m: evaluation(m, shift=shift) for m in results.songs} for name, shift in (("a", 0.0), ("b", 2.0))}
    axes = primers(dataclasses.replace(results, by_primer=after)).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()][:2] == ["control lstm 2", "control rnn 2"]
    marks = [line for line in axes[0].lines if line.get_marker() in ("o", "s")]
    assert len(marks) == 8


# Rows of models.


@pytest.mark.slow
@pytest.mark.parametrize("draw", [tonality_by_model, metric_distributions])
def test_every_set_of_songs_has_its_row(draw):
    axes = draw(study()).axes
    assert len(axes) == 3
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        "control lstm 2", "control rnn 2", "db12 lstm 2", "db12 rnn 2",
        "openings", "corpus-test", "uniform", "bigram",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("draw", [tonality_by_model, metric_distributions])
def test_a_baseline_far_off_is_marked_at_the_edge_and_does_not_squeeze_the_rest(draw):
    figure = draw(study())
    for axes in figure.axes:
        (value,) = [float(text.get_text()) for text in axes.texts]
        assert value == pytest.approx(32, abs=0.5)
        assert axes.get_xlim()[1] < 5


def test_means_intervals_and_band_are_drawn_at_the_values_of_the_summaries():
    results = study(datasets=("control",), cells=("lstm",))
    for axes, metric in zip(tonality_by_model(results).axes, Tonality._fields, strict=True):
        expected = results.songs["control-lstm-2"].summaries[metric]
        (mean,) = [line for line in axes.lines if line.get_marker() == "o"]
        assert mean.get_xdata()[0] == expected.mean
        spans = [collection.get_segments()[0][:, 0].tolist() for collection in axes.collections[:2]]
        assert spans[0] == pytest.approx([expected.mean - expected.standard_deviation,
                                          expected.mean + expected.standard_deviation])  # fmt: skip
        assert spans[1] == pytest.approx([expected.low, expected.high])
        corpus = results.corpus["test"].summaries[metric]
        assert axes.patches[0].get_extents().transformed(axes.transData.inverted()).x0 == pytest.approx(
            corpus.mean - corpus.standard_deviation
        )


def test_boxes_hold_the_middle_half():
    results = study(datasets=("control",), cells=("lstm",))
    axes = metric_distributions(results, ["centricity"]).axes[0]
    box = next(patch for patch in axes.patches if patch.get_facecolor() == (1, 1, 1, 1))
    values = results.songs["control-lstm-2"].scores["centricity"]
    assert [box.get_x(), box.get_x() + box.get_width()] == pytest.approx(np.percentile(values, [25, 75]))


def test_a_network_that_does_not_beat_the_bigram_is_drawn_in_the_shaded_area():
    results = study(datasets=("control",), cells=("lstm", "rnn"))
    songs = {**results.songs, "control-rnn-2": evaluation("control-rnn-2", bits=2.9)}
    axes = likelihood(dataclasses.replace(results, songs=songs)).axes[0]
    (shade,) = axes.patches
    left = shade.get_extents().transformed(axes.transData.inverted()).x0
    assert left == pytest.approx(2.7)
    tested = [
        line.get_xdata()[0]
        for line in axes.lines
        if line.get_marker() in "o^" and line.get_markerfacecolor() != "white"
    ]
    assert sorted(tested) == [2.4, 2.9]
    texts = [text.get_text() for text in axes.texts]
    assert "bigram 2.70" in texts
    assert any("uniform 5.00" in text for text in texts)


def test_prediction_by_partial_matching_does_not_shade_the_networks():
    results = study(datasets=("control",), cells=("lstm",))
    ppm = dataclasses.replace(evaluation("ppm", bits=1.2), songs=())
    axes = likelihood(dataclasses.replace(results, baselines={**results.baselines, "ppm": ppm})).axes[0]
    (shade,) = axes.patches
    assert shade.get_extents().transformed(axes.transData.inverted()).x0 == pytest.approx(2.7)
    upright = {line.get_xdata()[0]: line.get_linestyle() for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert upright[1.2] == "--"
    assert upright[2.7] == "-"


def test_seeds_of_networks_of_pitches_have_marks_next_to_networks_with_rhythm():
    results = mixed()
    of_pitches, *others = results.models
    runs = tuple(dataclasses.replace(of_pitches.runs[0], seed=seed) for seed in (0, 1, 2))
    recorded = {"test/bits_per_note": 2.4, "test/pitch_bits_per_note": None}
    runs = (*runs[:2], dataclasses.replace(runs[2], result=recorded))
    by_seed = {
        seed: dataclasses.replace(evaluation("a"), set_scores={"pitch_bits_per_note/test": 2.5 + seed / 100})
        for seed in (0, 1)
    }
    models = (Model(runs), *others)
    changed = dataclasses.replace(results, models=models, songs_by_seed={of_pitches.name: by_seed})
    (marks,) = (line.get_xdata() for line in likelihood(changed).axes[0].lines if line.get_marker() == "|")
    assert sorted(marks) == [2.4, 2.5, 2.51]


def test_a_run_whose_result_holds_no_bits_is_drawn_without_them():
    results = study()
    unscored = tuple(
        Model(tuple(dataclasses.replace(run, result={**run.result, "test/bits_per_note": None}) for run in model.runs))
        for model in results.models
    )
    assert likelihood(dataclasses.replace(results, models=unscored)).axes


def test_likelihood_without_scores_of_songs_is_the_mean_over_seeds():
    results = study(datasets=("control",), cells=("lstm",), seeds=(0, 1, 2))
    axes = likelihood(dataclasses.replace(results, songs={}, baselines={})).axes[0]
    tested = [
        line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
    ]
    assert tested == pytest.approx([2.42])


# Figures of plain arrays.


@pytest.mark.slow
def test_span_profile_draws_each_column():
    profile = np.stack([np.full(25, 2.9), np.linspace(3, 1, 25), np.linspace(0.4, 0.1, 25)], axis=1)
    figure = span_profile({"song_042": profile}, range(5, 30))
    for column, axes in enumerate(figure.axes):
        curve = next(line for line in axes.lines if len(line.get_xdata()) == 25)
        assert np.array_equal(curve.get_ydata(), profile[:, column])
    low, high = figure.axes[0].get_ylim()
    assert high - low > 0.09  # a constant is not magnified until its rounding shows


def test_span_profile_refuses_another_shape():
    with pytest.raises(ValueError, match=r"\[25, 3\].*\[3, 25\] for 'a'"):
        span_profile({"a": np.zeros((3, 25))}, range(5, 30))


def test_embedding_maps_list_true_neighbours():
    line = EmbeddingMap("line", [[0.0, 1], [1, 1], [3, 1], [7, 1], [15, 1]], ["C4", "D4", "E4", "F4", "G4"],
                        [60, 62, 64, 65, 67])  # fmt: skip
    figure = embedding_maps([line], highlights=[60, 99])
    listed = [text.get_text() for text in figure.axes[1].texts]
    assert listed[:6] == ["nearest by Euclidean distance", "C4", "D4", "E4", "F4", "G4"]
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["C4", "D4", "E4", "F4", "G4"]


def test_cost_validation_labels_every_point_and_states_the_correlation():
    updates, losses = np.array([250, 500, 12_500]), [2.4, 2.0, 1.6]
    figure = cost_validation(updates, losses, {"centricity": [0.1, math.nan, 0.3]}, {"centricity": (-0.5, -0.9, 0.1)})
    (axes,) = figure.axes
    assert axes.get_title() == "\u03c1 = \u22120.50 [\u22120.90, 0.10]"
    assert [text.get_text() for text in axes.texts] == ["250", "12.5k"]


# All figures.


POOR = {
    "nothing": StudyResults((), (), {}, {}),
    "one run, one song": study(datasets=("control",), cells=("lstm",), layers=(2,), songs=1),
    "no corpus, no baselines": dataclasses.replace(study(), corpus={}, openings=None, baselines={}),
    "no songs": dataclasses.replace(study(), songs={}),
    "unknown names": study(datasets=("mine", "yours"), cells=("mamba",)),
    "nan": dataclasses.replace(
        study(),
        songs={
            name: dataclasses.replace(
                one,
                scores=dict.fromkeys(METRICS, (math.nan,) * 20),
                summaries={metric: Summary(*[math.nan] * 5, 0) for metric in METRICS},
                set_scores={"bits_per_note/test": math.nan},
            )
            for name, one in study().songs.items()
        },
    ),
}


@pytest.mark.parametrize("draw", OF_RESULTS)
@quick_rows(1, "case", POOR)
def test_poor_data_still_make_a_figure(draw, case):
    figure = draw(POOR[case])
    assert all(np.isfinite(axes.get_xlim()).all() and np.isfinite(axes.get_ylim()).all() for axes in figure.axes)


@pytest.mark.slow
@pytest.mark.parametrize("maps", [[], [embedding(count=1)], [embedding(count=2)], [embedding(), embedding("db12", 60)]])
def test_embedding_maps_of_any_size(maps):
    assert embedding_maps(maps).axes


def test_cost_validation_of_nothing_and_of_one_point():
    assert cost_validation([], [], {}).axes
    assert cost_validation([250], [2.0], {"centricity": [0.1]}).axes[0].texts[0].get_text() == "250"


@pytest.mark.slow
@pytest.mark.parametrize("draw", OF_RESULTS)
def test_fifteen_models_fit_the_page(draw):
    figure = draw(study(("control", "interval", "db12"), ("lstm", "gru", "rnn", "nas", "ugrnn"), (1, 2)))
    width, height = figure.get_size_inches()
    assert width <= 7
    assert height <= 9.5
    drawn = figure.get_tightbbox()  # in inches, of everything shown
    assert -0.01 <= drawn.x0 <= drawn.x1 <= width + 0.01
    assert -0.01 <= drawn.y0 <= drawn.y1 <= height + 0.01


@pytest.mark.slow
def test_saved_twice_the_bytes_are_the_same_in_vector_and_bitmap(tmp_path):
    results = study(datasets=("control",))
    save(tonality_by_model(results), tmp_path / "tonality.a")
    again = tonality_by_model(results)
    for name in ("b", "c"):
        save(again, tmp_path / f"tonality.{name}")
    for kind in ("pdf", "png"):
        assert len({path.read_bytes() for path in tmp_path.glob(f"*.{kind}")}) == 1
        assert len(list(tmp_path.glob(f"*.{kind}"))) == 3


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    """Python salts hashes in every process. Sets and fonts must not make the files depend on that."""
    code = (
        "import sys, numpy as np\n"
        "from melgen.studies.figures import *\n"
        "save(cost_validation([250, 500], [2.0, 1.5], {'centricity': [0.1, 0.2]}), sys.argv[1])\n"
    )
    for salt in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / salt)], check=True, env={**os.environ, "PYTHONHASHSEED": salt}
        )
    for kind in ("pdf", "png"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()


@pytest.mark.slow
def test_text_stays_text_and_nothing_dates_the_file(tmp_path):
    (pdf, png) = save(likelihood(study()), tmp_path / "new" / "likelihood")
    content = pdf.read_bytes()
    assert b"/FontFile2" in content  # TrueType, fonttype 42
    assert b"/Type3" not in content
    assert b"CreationDate" not in content
    assert mpl.image.imread(png).shape[1] == 7 * 0.75 * 200


@pytest.mark.slow
def test_the_user_s_settings_neither_matter_nor_change(tmp_path):
    save(likelihood(study()), tmp_path / "ours")
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        before = dict(mpl.rcParams)
        save(likelihood(study()), tmp_path / "theirs")
        assert dict(mpl.rcParams) == before
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()
    assert (tmp_path / "ours.pdf").read_bytes() == (tmp_path / "theirs.pdf").read_bytes()


def mixed():
    """A study of a network of pitches and one with rhythm."""
    base = varied("rhythm none", "rhythm factored", datasets=("control",), cells=("lstm",), layers=(2,))
    runs = (base.runs[0], dataclasses.replace(base.runs[1], rhythm="factored"))
    models = tuple(Model((run,)) for run in runs)
    songs = {}
    for model, parts in zip(models, ({"pitch": 2.5}, {"pitch": 2.25, "rhythm": 1.5}), strict=True):
        bits = {f"{part}_bits_per_note/{split}": value for part, value in parts.items() for split in ("train", "test")}
        songs[model.name] = dataclasses.replace(evaluation(model.name), set_scores=bits)
    baselines = {
        f"rhythm-{name}": dataclasses.replace(evaluation(name), set_scores={"pitch_bits_per_note/test": bits})
        for name, bits in (("unigram", 2.3), ("bigram", 2.301))
    }
    return dataclasses.replace(base, runs=runs, models=models, songs=songs, baselines=baselines)


def test_likelihood_has_a_panel_of_pitch_and_one_of_rhythm():
    figure = likelihood(mixed())
    pitch, rhythm = figure.axes
    for axes, expected in ((pitch, [2.5, 2.25]), (rhythm, [1.5])):
        found = [
            line.get_xdata()[0]
            for line in axes.lines
            if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
        ]
        assert found == expected
    figure.canvas.draw()
    first, second = (text.get_window_extent() for text in pitch.texts if text.get_text().startswith("rhythm-"))
    assert not first.overlaps(second)


def test_losses_of_two_rhythms_have_panels_of_their_own():
    panels = learning_curves(mixed()).axes
    assert [axes.get_ylabel() for axes in panels] == [
        f"control, rhythm {rhythm}\nloss (nats per token)" for rhythm in ("none", "factored")
    ]
    assert all(len([line for line in axes.lines if line.get_linewidth() > 2]) == 1 for axes in panels)
