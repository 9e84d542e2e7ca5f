"""Play with the networks of a page: a primer on the piano, and its continuation by a network that is in the page."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from melgen.checkpoint_files import BEST
from melgen.pages.content import Content
from melgen.pages.networks import (
    AddedNetwork,
    NetworkPack,
    PlayedNetwork,
    TooLargeNetwork,
    add_network,
    network_of,
    notices_of,
    why_left_out,
)
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes


class Data(TypedDict):
    """Data of the section."""

    networks: list[PlayedNetwork]
    """The first one is shown first."""
    notices: list[str]
    """What a listener must know of them, in sentences."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The network of the run, if it has one."""
    return _data([(run.directory.resolve().name, run.network)], run.tunes, run.tools, content)


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The selected networks, each with its first seed; the one whose song opens the page comes first."""
    names = sorted(study.models, key=lambda name: name != study.opening_model)
    places = [(name, _place(study, name)) for name in names if study.models[name].get("runs")]
    return _data(places, study.tunes, study.tools, content)


def _place(study: StudyMaterial, name: str) -> Path:
    """The run of a network, or the checkpoint of it that the study selected: several of a run may be on one page."""
    model = study.models[name]
    run, checkpoint = study.directory / str(model["runs"][0]), next(iter(model.get("checkpoints", ())), BEST)
    return run if checkpoint == BEST else run / "checkpoints" / str(checkpoint)


def _data(places: list[tuple[str, Path]], tunes: TrainingTunes | None, tools: Tools, content: Content) -> Data | None:
    added: list[AddedNetwork] = []
    too_large: list[TooLargeNetwork] = []
    taken = 0
    for name, place in places:
        if (trained := network_of(name, place, content)) is None:
            continue
        one = add_network(name, place, trained, tunes, tools.network_bytes - taken, content)
        if isinstance(one, TooLargeNetwork):
            too_large.append(one)
        elif one is not None:
            added.append(one)
            taken += one.size
    if too_large:
        content.add_unplayable(why_left_out(too_large, taken, tools.network_bytes))
    return {"networks": [each.network for each in added], "notices": notices_of(added)} if added else None


SECTION = Section(15, Data, of_run, of_study, packs={"network-N": NetworkPack})
