"""What every test may rely on: a cache of the session's own, one thread, the same chance."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
from filelock import FileLock


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory):
    """A directory of the whole test run, which all its workers see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def made_once(shared_dir):
    """``made_once(name, make)`` is a directory that ``make(directory)`` has filled: by one worker, for all of them."""

    def folder_of(name, make):
        folder, done = shared_dir / name, shared_dir / f"{name}.done"
        with FileLock(shared_dir / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed at it
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session", autouse=True)
def cache_dir(shared_dir):
    """One cache for all workers of a test run: the first to need the corpus reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MELGEN_CACHE_DIR", str(shared_dir / "melgen_cache"))
        yield shared_dir / "melgen_cache"


@pytest.fixture(autouse=True)
def quiet_torch():
    """One thread, as in training, and the same chance in every order of the tests."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
