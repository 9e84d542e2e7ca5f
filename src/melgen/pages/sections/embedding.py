"""An embedding: where training has put each value, and which values are its nearest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from melgen.checkpoint_files import BEST
from melgen.evaluation.embeddings import neighbours_by_metric, principal_components
from melgen.music.melody import pitch_name
from melgen.pages.content import Content
from melgen.pages.plain import short
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial

DIMENSIONS = 3
NEIGHBOURS = 8
_PITCH_OF_NAME = {pitch_name(pitch): pitch for pitch in range(-64, 192)}


class Neighbour(TypedDict):
    """A value near another one."""

    index: int
    """Of the value, from 0 to V - 1."""
    distance: float


class Embedding(TypedDict):
    """The embedding of one network; V is its number of values."""

    names: list[str]
    """Of the values, ``[V]``."""
    values: list[int | None]
    """MIDI pitch or interval in semitones that each value is; null for another one, ``[V]``."""
    is_intervals: bool
    """Whether the values are intervals."""
    points: list[list[float]]
    """Projected on the first three principal components, ``[V, 3]``."""
    explained: list[float]
    """Share of the variance that each component explains, ``[3]``."""
    neighbours: dict[str, list[list[Neighbour]]]
    """By the name of a distance: for each value the nearest others, the nearest first, ``[V, at most 8]``."""


class Data(TypedDict):
    """Data of the section; embedding i is in the pack ``embedding-i``."""

    names: list[str]
    """Of the runs or models."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The embedding that the run has left."""
    return _data({run.run["name"]: run.directory / "embedding"}, content)


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The embedding of each model's first run, if it is that of its best weights."""
    folders = {}
    for name, model in study.models.items():
        runs, checkpoints = model.get("runs", []), model.get("checkpoints", [])
        if runs and (not checkpoints or checkpoints[0] == BEST):
            folders[name] = study.directory / runs[0] / "embedding"
    return _data(folders, content)


def _data(folders: Mapping[str, Path], content: Content) -> Data | None:
    names: list[str] = []
    for name, folder in folders.items():
        try:
            found = read_embedding(folder)
        except (ValueError, OSError) as error:
            content.add_notice(f"The embedding of {name} cannot be read: {error}")
            continue
        if found is not None:
            content.add_pack(f"embedding-{len(names)}", found)
            names.append(name)
    return {"names": names} if names else None


def read_embedding(folder: Path) -> Embedding | None:
    """The embedding in a run's ``embedding/``; ``None`` if there is none.

    Raises:
        ValueError: if its files are damaged.
    """
    try:
        weights = np.loadtxt(folder / "tensors.tsv", delimiter="\t", ndmin=2)
        names = (folder / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if len(names) != len(weights) or not np.isfinite(weights).all():
        raise ValueError(f"{folder}: {len(names)} names for {len(weights)} rows, or numbers that are not finite")
    points, explained = principal_components(weights, DIMENSIONS)
    neighbours: dict[str, list[list[Neighbour]]] = {}
    for metric, found in neighbours_by_metric(weights, NEIGHBOURS).items() if len(names) > 1 else ():
        neighbours[metric] = [
            [{"index": index, "distance": short(distance)} for index, distance in zip(*row, strict=True)]
            for row in zip(found.indices.tolist(), found.distances.tolist(), strict=True)
        ]
    return {
        "names": names,
        "values": [_value(name) for name in names],
        "is_intervals": not all(name in _PITCH_OF_NAME for name in names),
        "points": [[short(x) for x in row] for row in points.tolist()],
        "explained": [short(x) for x in explained.tolist()],
        "neighbours": neighbours,
    }


def _value(name: str) -> int | None:
    """The pitch or interval that a name means."""
    try:
        return _PITCH_OF_NAME[name] if name in _PITCH_OF_NAME else int(name)
    except ValueError:
        return None


SECTION = Section(80, Data, of_run, of_study, packs={"embedding-N": Embedding}, uses_plotly=True)
