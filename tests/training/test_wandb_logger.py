"""W&B without an account, a network or prompts. Each training is a separate run, and W&B cannot end it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from typing import ClassVar

import pytest
from omegaconf import OmegaConf

from melgen.train import train
from melgen.training.loggers.csv import HistoryLogger
from melgen.training.loggers.dashboards import close
from melgen.training.loggers.wandb import WandbLogger, tags_of
from melgen.training.loggers.wandb_service import has_key, is_offline
from tests.training.small import small_config
from tests.training.wandb_files import offline_runs


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("WANDB_") and name != "WANDB_SERVICE":  # where the service of this process listens
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")


SMALL = ("logger=wandb", "logger.wandb.choices.corpus=walks", "trainer.max_steps=6", "trainer.val_check_interval=2")


class GoneError(RuntimeError):
    """An error that a missing service may raise."""


class BrokenRun:
    """A run of W&B that fails at every call after its start."""

    id, resumed = "broken", False

    def __init__(self):
        self.calls = 0

    def define_metric(self, *args, **options):
        pass

    def __getattr__(self, name):
        self.calls += 1
        raise GoneError("service gone")


def service():
    """The process of W&B's service for this process."""
    lines = subprocess.run(
        ["ps", "-ww", "-o", "pid=,stat=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    (pid,) = (int(line.split()[0]) for line in lines if "wandb-core" in line and not line.split()[1].startswith("Z"))
    return pid


def test_a_key_is_looked_for_without_asking(monkeypatch, tmp_path):
    assert not has_key()
    (tmp_path / ".netrc").write_text("machine example.org login me password you\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert not has_key()
    for host in ("api.wandb.ai", "api.forge.coreweave.com"):
        (tmp_path / ".netrc").write_text(f"machine {host} login user password secret\n")
        assert has_key()
        assert not is_offline()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.my-lab.org")
    assert not has_key()
    monkeypatch.delenv("WANDB_BASE_URL")
    (tmp_path / ".netrc").write_text("not a netrc at all {")
    assert not has_key()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert not is_offline()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert is_offline()


def test_tags_fit_the_limits_of_wandb():
    assert tags_of({"dataset": "db12", "layers": 3, "corpus": None, "cell": "x" * 80}) == ["db12", "layers 3", "x" * 64]


@pytest.mark.slow
def test_a_wandb_that_cannot_start_gives_one_warning(folder, monkeypatch, caplog):
    tried = []

    def start(*args, **options):
        tried.append(options)
        raise GoneError("no space left on device")

    monkeypatch.setattr("melgen.training.loggers.wandb.start_run", start)
    with caplog.at_level(logging.WARNING):
        train(small_config(folder, *SMALL, "callbacks=default", "callbacks.sampling.songs=2"))
    assert len(tried) == 1, "each try may take a minute"
    assert caplog.text.count("the training goes on without it: GoneError: no space left on device") == 1
    assert json.loads((folder / "run" / "status.json").read_text())["state"] == "finished"
    assert (folder / "run" / "songs" / "songs.json").exists()


@pytest.mark.slow
def test_a_wandb_that_fails_at_everything_gives_one_warning(folder, monkeypatch, caplog):
    broken = BrokenRun()
    monkeypatch.setattr("melgen.training.loggers.wandb.start_run", lambda *args, **options: broken)
    with caplog.at_level(logging.WARNING):
        train(small_config(folder, *SMALL, "callbacks=default", "callbacks.sampling.songs=2"))
    assert broken.calls == 1
    assert caplog.text.count("GoneError: service gone") == 1


@pytest.mark.slow
def test_media_that_fail_do_not_end_the_curves(folder, monkeypatch, caplog):
    import wandb

    class Run(BrokenRun):
        logged: ClassVar[list] = []
        config = summary = type("Values", (), {"update": lambda *args, **options: None})()

        def log(self, values):
            self.logged.append(values)

        def finish(self, exit_code):
            pass

    def fail(*args, **options):
        raise ValueError("no such column")

    monkeypatch.setattr(wandb, "Table", fail)
    monkeypatch.setattr("melgen.training.loggers.wandb.start_run", lambda *args, **options: Run())
    with caplog.at_level(logging.WARNING):
        train(small_config(folder, *SMALL, "callbacks=default", "callbacks.sampling.songs=2"))
    assert "WandbLogger: songs failed, the training goes on: ValueError: no such column" in caplog.text
    assert "test/loss" in {key for values in Run.logged for key in values}


@pytest.mark.slow
def test_a_service_that_has_ended_is_not_waited_for(tmp_path, monkeypatch):
    import wandb

    wandb.teardown()
    monkeypatch.setenv("WANDB_SERVICE", "3-1-tcp-localhost-1")  # as left behind by a process that was killed
    logger = WandbLogger("melgen", tmp_path)
    logger.log_metrics({"val/loss": 1.0}, step=1)
    close(logger, failed=False)
    assert {1: 1.0} in [run.curve("val/loss") for run in offline_runs(tmp_path)]


@pytest.mark.slow
def test_three_trainings_in_one_process_are_three_runs_with_exit_codes(tmp_path):
    for number, failed in enumerate([False, True, False]):
        logger = WandbLogger("melgen", str(tmp_path / f"run{number}"), group="sweep", name=f"job{number}")
        logger.log_metrics({"train/loss": 1.0 + number}, step=1)
        close(logger, failed)
    runs = offline_runs(tmp_path)
    assert [run.name for run in runs] == ["job0", "job1", "job2"]
    assert {run.group for run in runs} == {"sweep"}
    assert len({run.id for run in runs}) == 3
    assert [run.exit_code for run in runs] == [0, 1, 0]


@pytest.mark.parametrize("rhythm", ["none", "paper_pairs", "grid"])
def test_the_choice_of_rhythm_is_the_option_that_the_user_types(tmp_path, rhythm):
    config = small_config(tmp_path, f"rhythm={rhythm}", "logger=wandb")
    choices = OmegaConf.to_container(config.logger.wandb.choices, resolve=True)
    assert choices["rhythm"] == rhythm
    assert (rhythm in tags_of(choices)) == (rhythm != "none")


@pytest.mark.slow
def test_curves_have_updates_for_their_axis_and_the_best_value_as_summary(tmp_path):
    logger = WandbLogger("melgen", tmp_path, choices={"dataset": "db12", "layers": 2}, tags=["mine"])
    logger.log_hyperparams({"hidden_size": 8})
    for step, loss in ((10, 3.0), (20, 1.5), (30, 2.0)):
        logger.log_metrics({"val/loss": loss, "train/loss": loss}, step=step)
    close(logger, failed=False)
    (run,) = offline_runs(tmp_path)
    assert run.tags == {"db12", "layers 2", "mine"}
    assert run.config["choices"] == {"dataset": "db12", "layers": 2}
    assert run.config["hidden_size"] == 8
    assert run.curve("val/loss") == {10: 3.0, 20: 1.5, 30: 2.0}
    assert run.metrics["*"].step_metric == "updates"
    assert run.metrics["val/loss"].step_metric == "updates"
    assert run.metrics["val/loss"].summary.min
    assert run.metrics["val/accuracy"].summary.max
    assert run.summary["best/val_loss"] == 1.5
    assert run.curve("best/val_loss") == {10: 3.0, 20: 1.5, 30: 1.5}


@pytest.mark.slow
def test_a_resumed_training_starts_with_the_history_so_far(tmp_path):
    history = HistoryLogger(tmp_path)
    history.log_metrics({"val/loss": 2.0}, step=5)
    history.log_metrics({"val/loss": 1.0, "train/loss": 1.25}, step=10)
    history.save()
    logger = WandbLogger("melgen", tmp_path)
    logger.log_metrics({"val/loss": 1.5}, step=15)
    close(logger, failed=False)
    (run,) = offline_runs(tmp_path)
    assert run.curve("val/loss") == {5: 2.0, 10: 1.0, 15: 1.5}
    assert run.curve("train/loss") == {10: 1.25}
    assert run.summary["best/val_loss"] == 1.0


@pytest.mark.slow
def test_a_killed_service_ends_its_wandb_run_but_not_the_training_or_the_next_run(folder):
    program = f"""
        import logging, os, signal
        from pathlib import Path
        from melgen.train import train
        from melgen.training.loggers.wandb import WandbLogger
        from tests.training.small import small_config
        from tests.training.test_wandb_logger import SMALL, service

        logging.basicConfig()  # a log that is shown, as the commands set one up
        log_metrics = WandbLogger.log_metrics

        def kill_at_two(self, metrics, step=None):
            if step == 2:
                os.kill(service(), signal.SIGKILL)
            log_metrics(self, metrics, step)

        folder = Path({str(folder)!r})
        more = ["callbacks=default", "callbacks.sampling.songs=2", "callbacks.sampling.every_n_steps=3"]
        WandbLogger.log_metrics = kill_at_two
        train(small_config(folder, *SMALL, *more))
        WandbLogger.log_metrics = log_metrics
        train(small_config(folder, *SMALL, *more, f"run_dir={{folder}}/next"))
    """
    done = in_a_fresh_process(program)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("W&B failed, the training goes on without it") == 1
    assert json.loads((folder / "run" / "status.json").read_text())["state"] == "finished"
    (run,) = offline_runs(folder / "next")
    assert run.exit_code == 0
    assert set(run.curve("val/loss")) == {2, 4, 6}


def in_a_fresh_process(program, **environment):
    """Run a program in a new process, independent of the W&B of this one."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env=own | environment,
    )


@pytest.mark.slow
def test_a_process_whose_service_was_killed_ends_in_silence_and_success(tmp_path):
    program = f"""
        import os, signal
        from melgen.training.loggers.wandb import WandbLogger
        from tests.training.test_wandb_logger import service
        logger = WandbLogger("melgen", {str(tmp_path)!r})
        logger.log_metrics({{"val/loss": 1.0}}, step=1)
        os.kill(service(), signal.SIGKILL)
        for step in range(2, 1000):
            logger.log_metrics({{"val/loss": 1.0}}, step=step)
        logger.close(failed=False)
    """
    done = in_a_fresh_process(program)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("W&B failed, the training goes on without it") == 1


@pytest.mark.slow
def test_without_a_network_the_run_is_recorded_offline(tmp_path):
    program = f"""
        from melgen.training.loggers import wandb_service
        from melgen.training.loggers.wandb import WandbLogger
        wandb_service.START_TIMEOUT_S = 5.0
        logger = WandbLogger("melgen", {str(tmp_path)!r}, group="sweep", name="job")
        assert not logger.offline
        logger.log_metrics({{"val/loss": 1.0}}, step=3)
        logger.close(failed=False)
    """
    done = in_a_fresh_process(program, WANDB_API_KEY="a" * 40, WANDB_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "W&B cannot be reached, recording offline" in done.stderr
    (run,) = (run for run in offline_runs(tmp_path) if run.file.parent.name.startswith("offline-run"))
    assert (run.name, run.group, run.exit_code) == ("job", "sweep", 0)
    assert run.curve("val/loss") == {3: 1.0}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"a" * 40 not in written, "the key is in no file"
