import pytest

from melgen.pages.serving import PageServer
from tests.commands.calling import TINY, TINY_RUN, call


@pytest.fixture(scope="session", autouse=True)
def offline():
    """Keep W&B offline: a developer may have a key, and tests must not upload anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        yield


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def served(monkeypatch):
    """The pages that were served, instead of waiting for Ctrl-C."""
    pages = []

    def serve(self, page):
        pages.append(page)
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve", serve)
    return pages


@pytest.fixture(scope="session")
def trained(made_once):
    """A finished run. Tests only read it."""

    def train(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            answer = call("train", *TINY)
        assert answer.code == 0, answer.text

    return made_once("trained", train) / TINY_RUN
