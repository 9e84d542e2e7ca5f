"""Colours, legend and labels for the picture of an embedding."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = tuple[float, float, float]

_PITCH_NAME = re.compile(r"([A-G]#?)-?\d+")
_INTERVAL_NAME = re.compile(r"0|[+-]\d+")
_FIFTHS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#", "F")
_PLAIN: Colour = (0.17, 0.42, 0.69)
_UNISON: Colour = (0.35, 0.35, 0.35)
_OCTAVE_SEMITONES = 12

# All in points, at the usual font size.
_FONT_SIZE = 8
_LETTER = np.array([5.2, 8.5])  # width and height of a letter at this size, with a little space
_LABEL_OFFSETS = [
    (7, 0),
    (-7, 0),
    (0, 8),
    (0, -8),
    (6, 6),
    (-6, 6),
    (6, -6),
    (-6, -6),
    (13, 9),
    (-13, 9),
    (13, -9),
]
_DOT_RADIUS = 3


def colours_of(names: Sequence[str]) -> tuple[list[Colour], str, dict[str, Colour]]:
    """Colour of each name; title and entries of the legend."""
    pitch_classes = [match[1] for name in names if (match := _PITCH_NAME.fullmatch(name))]
    if len(pitch_classes) == len(names):
        legend = {name: _pitch_class_colour(name) for name in _FIFTHS if name in pitch_classes}
        return [legend[name] for name in pitch_classes], "pitch class", legend
    if all(_INTERVAL_NAME.fullmatch(name) for name in names):
        legend = {name: _interval_colour(int(name)) for name in ("+12", "+5", "+1", "0", "-1", "-5", "-12")}
        return [_interval_colour(int(name)) for name in names], "semitones", legend
    return [_PLAIN] * len(names), "", {}


def add_legend(axes: Axes, title: str, entries: dict[str, Colour]) -> None:
    """Add a legend next to the picture, where it does not hide a dot."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="", marker="o", color=colour, label=name) for name, colour in entries.items()]
    axes.legend(handles=handles, title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def add_labels(axes: Axes, points: NDArray[np.float64], names: Sequence[str], font_size: float = _FONT_SIZE) -> None:
    """Put each name next to its dot, on the side where it covers least of the dots and of earlier names.

    Names stay within the panel if possible. The layout of the figure must be final, since names are placed by the
    present positions of the dots.
    """
    shrunk = font_size / _FONT_SIZE
    scale = axes.figure.dpi / 72
    dots = axes.transData.transform(points) / scale
    panel = np.asarray(axes.bbox.extents) / scale
    placed = np.zeros((0, 4))
    for dot, name in zip(dots, names, strict=True):
        half = shrunk * _LETTER * [len(name), 1] / 2
        boxes = []
        costs = []
        for dx, dy in _LABEL_OFFSETS:
            shift = np.array([shrunk * dx + np.sign(dx) * (half[0] - 2 * shrunk), shrunk * dy])
            centre = dot + shift
            box = np.concatenate([centre - half, centre + half])
            hidden_dots = (np.abs(dots - centre) < half + shrunk * _DOT_RADIUS).all(axis=1).sum()
            boxes.append(box)
            outside = 4 * half.prod() - _overlap(box, panel[None])
            # A hidden dot is as bad as 20 square points of hidden letters; the distance decides between equals.
            costs.append(_overlap(box, placed) + outside + 20 * hidden_dots + 0.05 * (abs(dx) + abs(dy)))
        box = boxes[int(np.argmin(costs))]
        placed = np.vstack([placed, box])
        x, y = axes.transData.inverted().transform((box[:2] + box[2:]) / 2 * scale)
        axes.text(x, y, name, fontsize=font_size, ha="center", va="center", color="0.15")


def _pitch_class_colour(pitch_class: str) -> Colour:
    # Bright hues are darkened: yellow and lime would be invisible on white.
    hue = _FIFTHS.index(pitch_class) / len(_FIFTHS)
    red, green, blue = colorsys.hls_to_rgb(hue, 0.45, 0.75)
    scale = min(1.0, 0.5 / (0.3 * red + 0.59 * green + 0.11 * blue))
    return red * scale, green * scale, blue * scale


def _interval_colour(semitones: int) -> Colour:
    from matplotlib import colormaps

    if semitones == 0:
        return _UNISON  # the middle of the map is too pale for a dot
    strength = min(abs(semitones) / _OCTAVE_SEMITONES, 1) ** 0.5
    red, green, blue, _ = colormaps["coolwarm"](0.5 + np.sign(semitones) * strength / 2)
    return red, green, blue


def _overlap(box: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Area that a box (left, bottom, right, top) shares with other boxes ``[N, 4]``."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(np.prod(np.maximum(sides, 0), axis=1).sum())
