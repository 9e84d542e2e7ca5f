"""The embedding of a network's values: nearest neighbours, a picture, and files for TensorBoard.

Letters: V vocabulary, E embedding. Every function takes the weights as a matrix ``[V, E]``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_one_of, require
from melgen.evaluation.embedding_labels import add_labels, add_legend, colours_of
from melgen.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metric = Literal["euclidean", "cosine"]
METRICS: tuple[Metric, ...] = get_args(Metric)


class Neighbours(NamedTuple):
    """The nearest values of each value, nearest first: `indices` and `distances`, both ``[V, k]``."""

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest_neighbours(weights: ArrayLike, k: int, metric: Metric = "euclidean") -> Neighbours:
    """The `k` nearest rows of each row, without itself; of equally near rows the lower index comes first.

    Distances are those of `pairwise_distances`.

    Raises:
        ValueError: if `k` is not between 1 and V - 1, or the metric is unknown.

    >>> nearest_neighbours([[0.0, 1.0], [0.0, 3.0], [2.0, 1.0]], k=1).indices.tolist()
    [[1], [0], [0]]
    """
    matrix = _as_matrix(weights)
    rows = len(matrix)
    require(1 <= k < rows, "k", k, f"a whole number from 1 to {rows - 1}, one less than the {rows} values")
    distances = pairwise_distances(matrix, metric)
    np.fill_diagonal(distances, np.inf)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(indices, np.take_along_axis(distances, indices, axis=1))


def neighbours_by_metric(weights: ArrayLike, most: int) -> dict[Metric, Neighbours]:
    """The nearest rows of each row by each distance.

    Args:
        weights: the matrix.
        most: how many to find; fewer where there are fewer other rows, and no column for a single row.

    >>> found = neighbours_by_metric([[0.0, 1.0], [0.0, 3.0], [2.0, 1.0]], most=5)
    >>> found["euclidean"].indices.shape, neighbours_by_metric([[1.0]], most=5)["cosine"].indices.shape
    ((3, 2), (1, 0))
    """
    matrix = _as_matrix(weights)
    count = min(most, len(matrix) - 1)
    if not count:
        nothing = Neighbours(np.zeros((len(matrix), 0), np.int64), np.zeros((len(matrix), 0)))
        return dict.fromkeys(METRICS, nothing)
    return {metric: nearest_neighbours(matrix, count, metric) for metric in METRICS}


def pairwise_distances(weights: ArrayLike, metric: Metric = "euclidean") -> NDArray[np.float64]:
    """Distance of any two rows, ``[V, V]``.

    The cosine distance is ``1 - cos``; a row of zeros has distance 1 from every row, itself included.

    Raises:
        ValueError: if the metric is unknown.

    >>> pairwise_distances([[0.0, 1.0], [0.0, 3.0]], "cosine").tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    matrix = _as_matrix(weights)
    check_one_of("metric", metric, METRICS)
    if metric == "cosine":
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        unit = np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)
        return np.clip(1 - unit @ unit.T, 0, 2)
    # Row by row: exact for equal rows, where the faster way with inner products would give rounding noise.
    return np.stack([np.linalg.norm(matrix - row, axis=1) for row in matrix])


def project_2d(weights: ArrayLike) -> NDArray[np.float64]:
    """Project the rows onto the two directions in which they vary most (principal components).

    The signs, which the decomposition leaves undetermined, are chosen so that the largest absolute coordinate is
    positive in each column. Missing directions are filled with zeros.

    Shape:
        ``[V, E]`` to ``[V, 2]``.

    >>> project_2d([[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 9.0, 0.0]])[:, 0].round(6).tolist()
    [-4.0, -1.0, 5.0]
    """
    points, _ = principal_components(weights)
    return points


def principal_components(weights: ArrayLike, components: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The directions in which the rows vary most, as in `project_2d`, and the share of the variance of each.

    Shape:
        ``[V, E]`` to ``[V, components]`` and ``[components]``.

    >>> points, explained = principal_components([[0.0, 0.0], [0.0, 3.0], [0.0, 9.0]], components=3)
    >>> (points.round(6) + 0.0).tolist(), explained.round(6).tolist()
    ([[-4.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [5.0, 0.0, 0.0]], [1.0, 0.0, 0.0])
    """
    matrix = _as_matrix(weights)
    left, singular, _ = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    kept = min(components, len(singular))
    points, explained = np.zeros((len(matrix), components)), np.zeros(components)
    points[:, :kept] = left[:, :kept] * singular[:kept]
    largest = np.take_along_axis(points, np.abs(points).argmax(axis=0)[None], axis=0)
    points *= np.where(largest < 0, -1, 1)
    total = (singular**2).sum()
    if total > 0:
        explained[:kept] = singular[:kept] ** 2 / total
    return points, explained


def embedding_figure(weights: ArrayLike, names: Sequence[str], title: str = "Embedding") -> Figure:
    """A picture of `project_2d`: a dot with its name for each value.

    Pitches are coloured by pitch class, with similar colours for neighbours on the circle of fifths; intervals by
    direction and size. Save it with ``figure.savefig(path)``; matplotlib's global state is not changed.

    Raises:
        ValueError: unless there are as many names as rows.
    """
    from matplotlib.figure import Figure

    points, explained = principal_components(weights)
    _check_names(points, names)
    figure = Figure(figsize=(9, 7), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    colours, legend_title, legend = colours_of(names)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=34, edgecolors="white", linewidths=0.6, zorder=2)
    axes.set_title(title)
    axes.set_xlabel(f"first principal component ({explained[0]:.0%} of the variance)")
    axes.set_ylabel(f"second principal component ({explained[1]:.0%})")
    axes.grid(color="0.92", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.06)
    if legend:
        add_legend(axes, legend_title, legend)
    figure.draw_without_rendering()  # makes the layout final: labels are placed by the positions of the dots
    add_labels(axes, points, names)
    return figure


def write_projector(directory: str | Path, weights: ArrayLike, names: Sequence[str]) -> list[Path]:
    """Write the files of TensorBoard's projector: ``tensors.tsv``, ``metadata.tsv`` and its configuration.

    TensorBoard finds them if `directory` is in its log directory; https://projector.tensorflow.org loads
    the two tables.

    Raises:
        ValueError: unless there are as many names as rows, each without tabs and line breaks.
    """
    matrix = _as_matrix(weights)
    _check_names(matrix, names)
    if broken := [name for name in names if not name or re.search(r"[\t\r\n]", name)]:
        raise ValueError(f"a name in a table must be one line without tabs, got {broken[0]!r}")
    tensors = "".join("\t".join(f"{weight:.9g}" for weight in row) + "\n" for row in matrix.tolist())
    metadata = "".join(f"{name}\n" for name in names)
    config = (
        'embeddings {\n  tensor_name: "embedding"\n  tensor_path: "tensors.tsv"\n  metadata_path: "metadata.tsv"\n}\n'
    )
    directory = Path(directory)
    files = {"tensors.tsv": tensors, "metadata.tsv": metadata, "projector_config.pbtxt": config}
    for name, text in files.items():
        write_text(directory / name, text)
    return [directory / name for name in files]


def _as_matrix(weights: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"embedding weights must be a matrix [V, E], got shape {list(matrix.shape)}")
    if not np.isfinite(matrix).all():
        raise ValueError("embedding weights must be finite, got NaN or infinity")
    return matrix


def _check_names(rows: NDArray[np.float64], names: Sequence[str]) -> None:
    if len(rows) != len(names):
        raise ValueError(f"every row needs a name, got {len(names)} for {len(rows)} rows")
