"""What every test may rely on: a cache of the session's own, one thread, the same chance."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory):
    """One cache for all workers of a test run: whoever comes first reads the corpus."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "melgen_cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MELGEN_CACHE_DIR", str(shared))
        yield shared


@pytest.fixture(autouse=True)
def quiet_torch():
    """One thread, as in training, and the same chance in every order of the tests."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
