"""The songs of each model, with the training tunes that they have most in common with."""

from __future__ import annotations

from typing import TypedDict

from melgen.evaluation.results import CHOICES
from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial


class Data(TypedDict):
    """Data of the section; the songs are in the packs ``songs-N``, their scores in ``scores-N``."""

    choices: dict[str, str]
    """The reasons why songs were chosen, in words: by the keys of ``chosen`` in a pack."""


def gather(material: RunMaterial | StudyMaterial, content: Content) -> Data | None:
    """The choices in words, if there are songs to hear."""
    return {"choices": CHOICES} if any("pack" in one for one in content.data["song_sets"]) else None


SECTION = Section(70, Data, gather, gather)
