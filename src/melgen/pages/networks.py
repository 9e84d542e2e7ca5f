"""Networks for a page that can be played with: their weights, their program, and how they read and write tunes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from melgen.bit_names import BITS, BITS_WITH_RHYTHM
from melgen.corpora.licences import notice_of
from melgen.corpora.sources import Split
from melgen.engine.network import NetworkData
from melgen.engine.writing import WritingData
from melgen.errors import CheckpointError, EngineError
from melgen.exporting.origin import corpora_of
from melgen.pages.content import Content
from melgen.pages.page import packed
from melgen.pages.training_tunes import TrainingTunes
from melgen.pasting import command
from melgen.plurals import counted, listed

if TYPE_CHECKING:
    from melgen.checkpoint import TrainedModel

_NAMED = 3
TUNES_FOR_ROUNDING = 30
"""Test tunes on which the cost of rounding the weights is measured."""


class NetworkPack(TypedDict):
    """Pack ``network-N``: a network that the page can run."""

    network: NetworkData
    writing: WritingData


class PlayedNetwork(TypedDict):
    """A network of the page."""

    name: str
    """Of its run; in a study the name of the model."""
    pack: str
    """Name of its pack."""
    has_rhythm: bool


class AddedNetwork(NamedTuple):
    """A network that was added to a page.

    Attributes:
        network: its entry.
        size: of its pack in bytes.
        rounding: what storing the weights in half precision adds to the bits per note, and on how many test tunes; or
            empty.
        licence: what the licence of the corpus asks for; or empty.
    """

    network: PlayedNetwork
    size: int
    rounding: str
    licence: str


class TooLargeNetwork(NamedTuple):
    """A network that the page has no room for: its name, the file or run, and the size of its pack in bytes."""

    name: str
    place: Path
    size: int


def network_of(name: str, place: Path, content: Content) -> TrainedModel | None:
    """The network of a run, a checkpoint or a model file.

    Args:
        name: shown on the page.
        place: the directory of the run, or the file.
        content: that the reason is added to if it cannot be read.

    Returns:
        None for a run without one, and, with a notice on the page, for one that cannot be read.
    """
    if place.is_dir() and not any((place / "checkpoints").glob("*.ckpt")):
        return None
    from melgen.checkpoint import load_model

    try:
        return load_model(place)
    except CheckpointError as error:
        content.add_unplayable(f"{name} cannot be played with: {error}")
        return None


def add_network(
    name: str, place: Path, trained: TrainedModel, tunes: TrainingTunes | None, bytes_left: int, content: Content
) -> AddedNetwork | TooLargeNetwork | None:
    """Add a network to a page.

    Args:
        name: shown on the page.
        place: the run, checkpoint or model file that it was read from.
        trained: the network.
        tunes: of its corpus, on which the cost of rounding is measured; None if they are not at hand.
        bytes_left: how large the pack may be.
        content: that the pack, or the reason why a page cannot run the network, is added to.

    Returns:
        The network; None for one that a page cannot run.
    """
    from melgen.engine.network import network_data
    from melgen.engine.writing import writing_data

    try:
        pack: NetworkPack = {
            "writing": writing_data(trained.representation, trained.rhythm, trained.vocabulary),
            "network": network_data(trained.model),
        }
    except EngineError as error:
        content.add_unplayable(f"{name} cannot be played with in this page: {error}")
        return None
    size = len(packed(pack))
    if size > bytes_left:
        return TooLargeNetwork(name, place, size)
    number = sum(each.startswith("network-") for each in content.packs)
    content.add_pack(f"network-{number}", pack)
    network: PlayedNetwork = {
        "name": name,
        "pack": f"network-{number}",
        "has_rhythm": trained.has_rhythm,
    }
    return AddedNetwork(network, size, _cost_of_rounding(trained, tunes), notice_of(corpora_of(trained)))


def why_left_out(too_large: Sequence[TooLargeNetwork], taken: int, limit: int) -> str:
    """Why a page lacks some networks, with a command that serves the first of them.

    Args:
        too_large: these networks.
        taken: what the networks in the page take, in bytes.
        limit: how much the networks of the page may take together, in bytes.

    >>> why_left_out([TooLargeNetwork("a", Path("runs/a"), 536_000)], 7_512_000, 8_000_000)
    'No room to play a (0.536 MB): the networks in this page take 7.512 of at most 8 MB. This command serves it: \
python -m melgen.play run=runs/a'
    """
    sizes = [f"{each.name} ({each.size / 1e6:.3f} MB)" for each in too_large]
    if len(sizes) > _NAMED:
        sizes = [*sizes[: _NAMED - 1], f"{len(sizes) - _NAMED + 1:,} more networks"]
    served = command("play", {"run": Path(os.path.relpath(too_large[0].place))})
    return (
        f"No room to play {listed(sizes)}: the networks in this page take {taken / 1e6:.3f} of at most "
        f"{limit / 1e6:g} MB. This command serves {'it' if len(too_large) == 1 else 'the first'}: {served}"
    )


def notices_of(added: Sequence[AddedNetwork]) -> list[str]:
    """Notices about the networks of a page, for listeners; one notice for all networks that it is true of.

    >>> entries = [{"name": name, "pack": "", "has_rhythm": False} for name in ("a", "b", "c")]
    >>> notices_of([AddedNetwork(entry, 0, "0.0002 on 30 test tunes", "") for entry in entries])
    ['The weights of a, b and c are in this page in half precision, which changes their bits per note by 0.0002 on \
30 test tunes.']
    """
    by_cost: dict[str, list[str]] = {}
    for each in added:
        if each.rounding:
            by_cost.setdefault(each.rounding, []).append(each.network["name"])
    costs = [
        f"The weights of {listed(names)} are in this page in half precision, which changes "
        f"{'its' if len(names) == 1 else 'their'} bits per note by {cost}."
        for cost, names in by_cost.items()
    ]
    return costs + list(dict.fromkeys(each.licence for each in added if each.licence))


def _cost_of_rounding(trained: TrainedModel, tunes: TrainingTunes | None) -> str:
    """As in `AddedNetwork`."""
    from melgen.engine.network import rounded
    from melgen.scoring.likelihood import likelihood

    if tunes is None:
        return ""
    numbers = np.flatnonzero(tunes.reference.splits == Split.TEST)[:TUNES_FOR_ROUNDING]
    melodies = [tunes.reference.melodies[int(number)] for number in numbers]
    if not melodies:
        return ""
    everything = np.ones(len(melodies), np.bool_)
    exact, stored = (
        likelihood(replace(trained, model=model), melodies, everything)
        for model in (trained.model, rounded(trained.model))
    )
    key = next((key for key in (BITS_WITH_RHYTHM, BITS) if key in exact), None)
    if key is None:
        return ""
    cost = stored[key] - exact[key]
    size = "less than 0.0001" if abs(cost) < 0.0001 else f"{cost:.4f}"
    return f"{size} on {counted(len(melodies), 'test tune')}"
