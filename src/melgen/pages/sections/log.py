"""The end of the log of a run that is not finished."""

from __future__ import annotations

from typing import TypedDict

from melgen.pages.content import Content
from melgen.pages.plain import text_of
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.runs.directory import FINISHED

LINES = 40


class Data(TypedDict):
    """Data of the section."""

    name: str
    """Of the file."""
    text: str
    """Its last lines."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The end of the first file that there is: the error, or the log."""
    if run.run["state"] == FINISHED:
        return None
    for name in ("error.txt", "train.log"):
        if text := text_of(run.directory / name):
            return {"name": name, "text": "\n".join(text.splitlines()[-LINES:])}
    return None


SECTION = Section(100, Data, of_run)
