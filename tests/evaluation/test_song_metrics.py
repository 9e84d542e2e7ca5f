"""The table of metrics: it has a row for every metric, and a new metric is shown under its own name."""

from melgen.evaluation.baseline_table import BASELINES, RHYTHM_BASELINES, in_order
from melgen.evaluation.descriptors import DESCRIPTORS
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.song_metrics import METRICS, TONALITY, song_metric
from melgen.evaluation.song_sets import evaluate_songs
from melgen.evaluation.tonality import Tonality
from melgen.pages.wording import song_metrics
from melgen.studies.figures.style import label_of
from melgen.tables.columns import is_descriptor, score_column


def test_every_metric_that_is_measured_is_in_the_table():
    assert Tonality._fields == TONALITY
    assert {metric.key for metric in METRICS} >= {*Tonality._fields, *DESCRIPTORS}
    measured = evaluate_songs("a", {"x": [60, 62, 64], "y": [60, 60, 67]}, options=EvaluationOptions(resamples=5))
    assert all(song_metric(metric).meaning for metric in measured.scores)


def test_a_new_metric_is_shown_everywhere_under_its_name():
    assert score_column("my_4gram").header == label_of("my_4gram") == "my 4-gram"
    assert is_descriptor("my_4gram")
    (shown,) = song_metrics(["my_4gram"])
    assert (shown["label"], shown["group"]) == ("my 4-gram", "Descriptors")


def test_a_new_baseline_has_its_place():
    names = [baseline.name for baseline in (*BASELINES, *RHYTHM_BASELINES)]
    assert in_order(["mine", "test", *reversed(names)]) == [*names, "test", "mine"]
