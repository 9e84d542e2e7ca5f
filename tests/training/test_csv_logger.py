"""Metrics as a CSV file: complete at every moment, and continued by a resumed run."""

from __future__ import annotations

import math

from melgen.runs.history import forget_after, read_history
from melgen.training.loggers.csv import HistoryLogger


def test_logged_values_are_read_back_exactly(tmp_path):
    logger = HistoryLogger(tmp_path)
    logger.log_metrics({"train/loss": 0.1 + 0.2, "epoch": 3}, step=10)
    logger.log_metrics({"val/loss": 1e-300}, step=20)
    logger.log_metrics({"val/accuracy": 1 / 3}, step=10)
    logger.finalize("success")
    assert read_history(tmp_path / "metrics.csv") == [
        {"step": 10, "train/loss": 0.1 + 0.2, "epoch": 3, "val/accuracy": 1 / 3},
        {"step": 20, "val/loss": 1e-300},
    ]


def test_whole_numbers_look_like_whole_numbers(tmp_path):
    logger = HistoryLogger(tmp_path)
    logger.log_metrics({"epoch": 2, "loss": 0.5}, step=1000)
    logger.save()
    assert (tmp_path / "metrics.csv").read_text() == "step,epoch,loss\n1000,2,0.5\n"


def test_nan_and_infinity_are_read_back(tmp_path):
    logger = HistoryLogger(tmp_path)
    logger.log_metrics({"a": math.nan, "b": math.inf, "c": -math.inf}, step=1)
    logger.save()
    (row,) = read_history(tmp_path / "metrics.csv")
    assert math.isnan(row["a"])
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


def test_a_new_metric_adds_a_column(tmp_path):
    logger = HistoryLogger(tmp_path, flush_every_rows=1)
    logger.log_metrics({"a": 1}, step=1)
    logger.log_metrics({"b": 2}, step=2)
    assert (tmp_path / "metrics.csv").read_text() == "step,a,b\n1,1,\n2,,2\n"


def test_rows_are_written_every_so_often(tmp_path):
    logger = HistoryLogger(tmp_path, flush_every_rows=3)
    for step in (1, 2):
        logger.log_metrics({"a": step}, step)
    assert not (tmp_path / "metrics.csv").exists()
    logger.log_metrics({"a": 3}, 3)
    assert len(read_history(tmp_path / "metrics.csv")) == 3


def test_a_resumed_run_continues_the_file_from_its_checkpoint(tmp_path):
    first = HistoryLogger(tmp_path)
    for step in range(1, 6):
        first.log_metrics({"a": step}, step)
    first.finalize("failed")
    forget_after(first.path, 3)
    second = HistoryLogger(tmp_path)
    second.log_metrics({"a": 40}, 4)
    second.finalize("success")
    assert [(row["step"], row["a"]) for row in read_history(second.path)] == [(1, 1), (2, 2), (3, 3), (4, 40)]


def test_forgetting_everything_is_written_too(tmp_path):
    first = HistoryLogger(tmp_path)
    first.log_metrics({"a": 1}, 5)
    first.finalize("failed")
    forget_after(first.path, 3)
    assert read_history(first.path) == []


def test_without_logged_values_there_is_no_file(tmp_path):
    HistoryLogger(tmp_path).finalize("success")
    assert list(tmp_path.iterdir()) == []


def test_rows_are_in_the_order_of_updates(tmp_path):
    logger = HistoryLogger(tmp_path)
    for step in (30, 4, 100):
        logger.log_metrics({"a": 0}, step)
    logger.save()
    assert [row["step"] for row in read_history(logger.path)] == [4, 30, 100]


def test_lightning_may_log_without_an_update(tmp_path):
    logger = HistoryLogger(tmp_path)
    logger.log_metrics({"a": 7})
    logger.save()
    assert read_history(logger.path) == [{"step": 0, "a": 7}]
