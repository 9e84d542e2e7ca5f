"""An embedding for a page: where each value lies, and which values are its nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np

from melgen.evaluation.embeddings import Metric, nearest_neighbours
from melgen.music.melody import pitch_name
from melgen.pages.plain import short

DIMENSIONS = 3
NEIGHBOURS = 8
_PITCH_OF_NAME = {pitch_name(pitch): pitch for pitch in range(-64, 192)}


def embedding_content(folder: Path) -> dict[str, Any] | None:
    """What a run's ``embedding/`` holds, projected on its first three principal components; ``None`` if nothing.

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
    points, explained = project(weights)
    count = min(NEIGHBOURS, len(names) - 1)
    neighbours = {}
    for metric in get_args(Metric) if count else ():
        found = nearest_neighbours(weights, count, metric)
        neighbours[metric] = [
            [[index, short(distance)] for index, distance in zip(*row, strict=True)]
            for row in zip(found.indices.tolist(), found.distances.tolist(), strict=True)
        ]
    return {
        "names": names,
        "values": [_value(name) for name in names],
        "intervals": not all(name in _PITCH_OF_NAME for name in names),
        "points": [[short(x) for x in row] for row in points.tolist()],
        "explained": [short(x) for x in explained.tolist()],
        "neighbours": neighbours,
    }


def project(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The three directions in which rows differ most, and the share of the variance that each explains.

    As `melgen.evaluation.embeddings.project_2d`, with a third direction.

    Shape:
        ``[V, E]`` to ``[V, 3]`` and ``[3]``.

    >>> points, explained = project(np.array([[0.0, 0.0], [0.0, 3.0], [0.0, 9.0]]))
    >>> (points.round(6) + 0.0).tolist(), explained.round(6).tolist()
    ([[-4.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [5.0, 0.0, 0.0]], [1.0, 0.0, 0.0])
    """
    left, singular, _ = np.linalg.svd(weights - weights.mean(axis=0), full_matrices=False)
    kept = min(DIMENSIONS, len(singular))
    points, explained = np.zeros((len(weights), DIMENSIONS)), np.zeros(DIMENSIONS)
    points[:, :kept] = left[:, :kept] * singular[:kept]
    largest = np.take_along_axis(points, np.abs(points).argmax(axis=0)[None], axis=0)
    points *= np.where(largest < 0, -1, 1)
    total = (singular**2).sum()
    if total > 0:
        explained[:kept] = singular[:kept] ** 2 / total
    return points, explained


def _value(name: str) -> int | None:
    """The pitch or interval that a name stands for."""
    try:
        return _PITCH_OF_NAME[name] if name in _PITCH_OF_NAME else int(name)
    except ValueError:
        return None
