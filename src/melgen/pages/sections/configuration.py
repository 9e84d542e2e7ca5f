"""The configuration of a run, as it is."""

from __future__ import annotations

from typing import TypedDict

from melgen.pages.content import Content
from melgen.pages.plain import text_of
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section


class Data(TypedDict):
    """Data of the section."""

    text: str
    """The file ``config.yaml``."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The file, if it can be read."""
    text = text_of(run.directory / "config.yaml")
    return {"text": text} if text else None


SECTION = Section(110, Data, of_run)
