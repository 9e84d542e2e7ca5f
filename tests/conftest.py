"""Fixtures for every test: a cache for the test run, one thread, and the same random seed."""

from __future__ import annotations

import logging
import os
import shutil

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

from tests.tiers import longest_first

# A test tries the same examples each time, so that only a change turns a run red. `brief`, a third of Hypothesis's
# usual number, keeps `make test` quick; .ci/run takes `full` for the long tests. --hypothesis-profile=default searches
# among new examples each time.
settings.register_profile("brief", derandomize=True, max_examples=30)
settings.register_profile("full", derandomize=True)
settings.load_profile("brief")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """One worker more than cores for the long tests: a third of their time is waiting, for SLURM, say, or a browser."""
    return (os.cpu_count() or 1) + 1 if config.option.markexpr == "slow" else None


def pytest_collection_modifyitems(items):
    """Start with the files that take longest."""
    items.sort(key=longest_first)


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory):
    """A directory that all workers of the test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def made_once(shared_dir):
    """``made_once(name, make)`` returns a directory that ``make(directory)`` has filled, once for all workers."""

    def folder_of(name, make):
        folder, done = shared_dir / name, shared_dir / f"{name}.done"
        with FileLock(shared_dir / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a worker that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session", autouse=True)
def cache_dir(shared_dir):
    """One cache for all workers of a test run: the first worker that needs the corpus reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MELGEN_CACHE_DIR", str(shared_dir / "melgen_cache"))
        yield shared_dir / "melgen_cache"


@pytest.fixture(autouse=True)
def same_log():
    """The log's handlers, back after each test: a command's own handler writes to a stream that is closed by then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture(autouse=True)
def quiet_torch():
    """One thread, as in training, and the same random numbers in every order of the tests."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
