"""Maps of embeddings, side by side with the nearest neighbours of some values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from melgen.evaluation.embedding_geometry import GeometryFit
from melgen.evaluation.embedding_labels import add_labels, colours_of
from melgen.evaluation.embeddings import METRICS, neighbours_by_metric, principal_components
from melgen.studies.figures.style import (
    GREY,
    INK,
    PAGE_WIDTH_IN,
    SMALL_FONT_SIZE,
    empty_figure,
    new_figure,
    settle,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTES = (60, 64, 67, 62, 66)
"""C4, E4, G4, D4 and F#4: the primer's triad, and two more."""
INTERVALS = (0, 2, -2, 7, -12)
_NEIGHBOURS = 4
_LABEL_SIZE = 6
_LINES = 17  # of text, in the height of a map
_TABS = (0.2, 0.38, 0.56, 0.74)
_FIT_TABS = (0.42, 0.72)
_WORDS = {"euclidean": "Euclidean", "cosine": "cosine"}
Line = tuple[bool, list[tuple[float, str]]]  # whether it is a heading, and pieces of text at places across


class EmbeddingMap(NamedTuple):
    """The embedding of one network, as it is drawn.

    Attributes:
        title: name of the model.
        weights: embedding ``[V, E]``.
        names: of the values, ``[V]``: ``C4`` or ``+2``.
        values: pitches or intervals in semitones, ``[V]``.
        fits: how its distances follow musical ones; may be empty.
    """

    title: str
    weights: ArrayLike
    names: Sequence[str]
    values: Sequence[int]
    fits: Sequence[GeometryFit] = ()


@styled
def embedding_maps(maps: Sequence[EmbeddingMap], highlights: Sequence[int] | None = None) -> Figure:
    """A row a network: the two principal components of its embedding, and nearest neighbours of a few values.

    Neighbours are listed by Euclidean and by cosine distance, the nearest first. Below them is how closely all
    distances follow the circle of fifths and the distance in semitones, if the map brings its `fits`.

    Args:
        maps: up to three fill a page.
        highlights: the values whose neighbours are listed; those of `NOTES` or `INTERVALS` by default. One that
            a network does not know is left out.
    """
    size = PAGE_WIDTH_IN, 2.9 * max(1, len(maps))
    if not maps:
        return empty_figure(*size, "no embedding")
    figure = new_figure(*size)
    panels = figure.subplots(len(maps), 2, squeeze=False, width_ratios=[1.5, 1])
    for (left, right), one in zip(panels, maps, strict=True):
        _draw_map(left, one)
        _list_neighbours(right, one, highlights)
    settle(figure)  # labels are placed by the final positions of the dots
    for axes, one in zip(panels[:, 0], maps, strict=True):
        add_labels(axes, principal_components(one.weights)[0], one.names, font_size=_LABEL_SIZE)
    return figure


def _draw_map(axes: Axes, one: EmbeddingMap) -> None:
    points, explained = principal_components(one.weights)
    colours, _, _ = colours_of(one.names)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=14, edgecolors="white", linewidths=0.4, zorder=2)
    axes.set_title(wrapped(one.title, 48), loc="left", weight="bold")
    axes.set_xlabel(f"first principal component ({explained[0]:.0%})", fontsize=SMALL_FONT_SIZE)
    axes.set_ylabel(f"second ({explained[1]:.0%})", fontsize=SMALL_FONT_SIZE)
    axes.tick_params(labelsize=_LABEL_SIZE)
    axes.grid()
    axes.margins(0.08)


def _list_neighbours(axes: Axes, one: EmbeddingMap, highlights: Sequence[int] | None) -> None:
    """List in words each value with its nearest by either distance, then how well the distances fit."""
    axes.set_axis_off()
    lines = _neighbour_lines(one, highlights) + _fit_lines(one.fits)
    for i, (is_heading, cells) in enumerate(lines):
        for j, (x, text) in enumerate(cells):
            axes.text(x, 1 - i / _LINES, text, transform=axes.transAxes, va="top", fontsize=SMALL_FONT_SIZE,
                      color=GREY if is_heading else INK, weight="normal" if j or is_heading else "bold")  # fmt: skip


def _neighbour_lines(one: EmbeddingMap, highlights: Sequence[int] | None) -> list[Line]:
    names, values = list(one.names), [int(value) for value in one.values]
    if highlights is None:
        highlights = NOTES if names and names[0][0].isalpha() else INTERVALS
    rows = [values.index(value) for value in highlights if value in values]
    lines: list[Line] = []
    if not rows or len(names) == 1:
        return lines
    for metric, found in neighbours_by_metric(one.weights, _NEIGHBOURS).items():
        lines.append((True, [(0, f"nearest by {_WORDS[metric]} distance")]))
        for row in rows:
            others = [(_TABS[i], names[other]) for i, other in enumerate(found.indices[row])]
            lines.append((False, [(0, names[row]), *others]))
        lines.append((False, []))
    return lines


def _fit_lines(fits: Sequence[GeometryFit]) -> list[Line]:
    """Partial correlations are in brackets behind the plain ones."""
    if not fits:
        return []
    lines: list[Line] = [(True, [(0, "rank correl. (partial)"), (_FIT_TABS[0], "fifths"), (_FIT_TABS[1], "semitones")])]
    for metric in METRICS:
        of_metric = [fit for fit in fits if fit.metric == metric]
        cells = [
            (tab, f"{_number(fit.correlation)} ({_number(fit.partial)})")
            for tab, fit in zip(_FIT_TABS, of_metric, strict=False)
        ]
        lines.append((False, [(0, _WORDS[metric]), *cells]))
    return lines


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")
