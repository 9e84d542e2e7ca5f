"""Every test here has its own cache directory."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MELGEN_CACHE_DIR", str(path))
    return path
