from __future__ import annotations

import pytest

from melgen.files import read_json, write_json
from melgen.pages.writing import write_report
from tests.pages.examples import make_corpus, make_run, make_study
from tests.pages.playing import chromium, networks, page, player

__all__ = ["chromium", "networks", "page", "player"]  # fixtures of the tests that play


@pytest.fixture(scope="package")
def made(made_once):
    """The places of the corpus, the run, the study and their pages; not to be written into."""

    def make(folder):
        config = make_corpus(folder / "tunes")
        write_json(folder / "config.json", config)
        run = make_run(folder / "runs" / "control-lstm-1-seed0", config, network=True)
        study = make_study(folder / "tiny", config)
        write_report(run, out=folder / "run.html", progress=False)
        write_report(study, out=folder / "study.html", progress=False)

    return made_once("pages", make)


@pytest.fixture(scope="package")
def config(made):
    """The configuration of a small corpus."""
    return read_json(made / "config.json")


@pytest.fixture(scope="package")
def run(made):
    """A run, not to be written into."""
    return made / "runs" / "control-lstm-1-seed0"


@pytest.fixture(scope="package")
def study(made):
    """A study, not to be written into."""
    return made / "tiny" / "study"


@pytest.fixture(scope="package")
def pages(made):
    """The pages of both."""
    return {"run": made / "run.html", "study": made / "study.html"}


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder with a section, which is removed from the package after the test."""
    import sys

    import melgen.pages.sections as sections

    monkeypatch.setattr(sections, "__path__", list(sections.__path__))
    yield tmp_path / "sections_of_mine"
    sys.modules.pop("melgen.pages.sections.greeting", None)
