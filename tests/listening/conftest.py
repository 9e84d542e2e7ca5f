from __future__ import annotations

import pytest

from tests.listening.studies import make_study


@pytest.fixture(scope="package")
def made(made_once):
    """Studies of pitches, of rhythm and of both, in a folder each; not to be written into."""

    def make(folder):
        for name, rhythms in {"pitches": (False, False), "rhythm": (True, True), "mixed": (False, True)}.items():
            make_study(folder / name, rhythms)

    return made_once("listening", make)


@pytest.fixture
def study(made):
    """A study of networks of pitches."""
    return made / "pitches" / "study"
