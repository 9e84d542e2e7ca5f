"""What is read here is cached in a directory of this test session."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def cache_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MELGEN_CACHE_DIR", str(path))
        yield path


@pytest.fixture(autouse=True)
def quiet_torch():
    """One thread, as in training, and the same chance in every order of the tests."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
