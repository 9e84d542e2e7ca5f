"""What many jobs of a sweep have in common is on the terminal once, and in the log file of each run."""

import logging

import pytest

from melgen.runs.directory import SWEEP_VARIABLE
from melgen.runs.log_file import logging_to
from melgen.runs.sweep_lines import ONCE_PER_SWEEP, OncePerSweep


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Log the lines of a job: what the terminal shows, and what the log file of the run has."""

    def log(sweep, *lines):
        monkeypatch.delenv(SWEEP_VARIABLE, raising=False)
        if sweep is not None:
            monkeypatch.setenv(SWEEP_VARIABLE, sweep)
        shown = []
        terminal = logging.Handler()
        terminal.emit = lambda record: shown.append(record.getMessage())
        terminal.addFilter(OncePerSweep())  # Hydra makes a new one for each job
        file = tmp_path / "train.log"
        file.unlink(missing_ok=True)
        logger = logging.getLogger("melgen.a_job")
        logger.addHandler(terminal)
        logger.setLevel(logging.INFO)
        try:
            with logging_to(file):
                for line in lines:
                    logger.info("%s", line, extra=ONCE_PER_SWEEP)
                logger.info("its own")
        finally:
            logger.removeHandler(terminal)
        written = [line.partition(": ")[2] for line in file.read_text().splitlines()]
        assert written == [*lines, "its own"]
        return shown

    return log


def test_a_line_is_shown_for_the_first_job_of_a_sweep(job):
    assert job("one", "Corpus folk") == ["Corpus folk", "its own"]
    assert job("one", "Corpus folk") == ["its own"]
    assert job("one", "Corpus airds", "Corpus folk") == ["Corpus airds", "its own"]
    assert job("another", "Corpus folk") == ["Corpus folk", "its own"]


def test_a_single_training_shows_it_each_time(job):
    for _ in range(2):
        assert job(None, "Corpus folk") == ["Corpus folk", "its own"]
