from __future__ import annotations

import pytest

from tests.pages.examples import make_corpus, make_run, make_study


@pytest.fixture(scope="package")
def config(tmp_path_factory):
    """The configuration of a small corpus."""
    return make_corpus(tmp_path_factory.mktemp("corpus") / "tunes")


@pytest.fixture(scope="package")
def run(tmp_path_factory, config):
    """A run. Tests only read it."""
    return make_run(tmp_path_factory.mktemp("runs") / "control-lstm-1-seed0", config)


@pytest.fixture(scope="package")
def study(tmp_path_factory, config):
    """A study. Tests only read it."""
    return make_study(tmp_path_factory.mktemp("study") / "tiny", config)


@pytest.fixture(scope="package")
def pages(tmp_path_factory, run, study):
    """The pages of the run and of the study."""
    from melgen.pages.writing import write_report

    folder = tmp_path_factory.mktemp("pages")
    return {
        "run": write_report(run, out=folder / "run.html", progress=False),
        "study": write_report(study, out=folder / "study.html", progress=False),
    }


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder with a section, which is removed from the package after the test."""
    import sys

    import melgen.pages.sections as sections

    monkeypatch.setattr(sections, "__path__", list(sections.__path__))
    yield tmp_path / "sections_of_mine"
    sys.modules.pop("melgen.pages.sections.greeting", None)
