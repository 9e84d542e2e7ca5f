"""One row a set of songs, from top to bottom: models, tunes, baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.studies.figures.style import (
    BAND,
    GREY,
    INK,
    SMALL_FONT_SIZE,
    colours_of_datasets,
    label_of,
    looks_of_variants,
    markers_of_cells,
    wrapped,
)
from melgen.studies.results import Model, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_HEIGHT_IN = 0.165
SPLITS = ("test", "validation", "train")
_GAP = 0.6
_LINE = 0.68  # of a row's height, for each further line of its label
_NEAR = 0.6  # a baseline no further off than this share of the others' range is in the picture


@dataclass(frozen=True)
class Row:
    """A set of songs, its name, its look and its height on the vertical axis."""

    label: str
    colour: str
    marker: str
    y: float
    songs: SongSetEvaluation | None
    model: Model | None = None
    is_baseline: bool = False
    height: float = 1.0  # against a row whose label has one line

    def values(self, metric: str) -> NDArray[np.float64]:
        """The values of all songs for which the metric is defined."""
        values = np.asarray(self.songs.scores.get(metric, ()) if self.songs else (), dtype=np.float64)
        return values[np.isfinite(values)]


def rows_of(
    results: StudyResults,
    baselines: bool = True,
    corpus: bool = True,
    room: float = 1.0,
    only_with_rhythm: bool = False,
) -> list[Row]:
    """The rows, the first one on top; datasets, tunes and baselines are set apart by a gap.

    Colours are representations or, where there are several, variants.

    Args:
        baselines, corpus: whether there are rows for the baselines and for tunes of the corpus.
        room: height of a row at least.
        only_with_rhythm: whether models that write pitches only are left out.
    """
    datasets = colours_of_datasets([model.dataset for model in results.models])
    variants = looks_of_variants([model.variant_text for model in results.models])
    cells = markers_of_cells([model.cell for model in results.models])
    entries: list[tuple[str, dict[str, Any]]] = [
        (
            model.dataset,
            {
                "label": row_label(model),
                "colour": variants[model.variant_text][0] if len(variants) > 1 else datasets[model.dataset],
                "marker": cells[model.cell],
                "songs": results.songs.get(model.name),
                "model": model,
            },
        )
        for model in results.models
        if model.writes_rhythm or not only_with_rhythm
    ]
    for songs in (results.openings, held_out(results)):
        if songs and corpus:
            entries.append(("/corpus", {"label": songs.name, "colour": INK, "marker": "*", "songs": songs}))
    for name, songs in results.baselines.items() if baselines else ():
        if songs.songs:
            look = {"colour": GREY, "marker": "x", "is_baseline": True}
            entries.append(("/baselines", {"label": name, "songs": songs, **look}))
    rows: list[Row] = []
    y, half_above = 0.0, 0.5
    for i, (group, entry) in enumerate(entries):
        height = max(room, 1 + _LINE * entry["label"].count("\n"))
        half = height / 2
        y -= half_above + half + _GAP * (i > 0 and group != entries[i - 1][0])
        rows.append(Row(y=y, height=height, **entry))
        half_above = half
    return rows


def reference_of(results: StudyResults) -> SongSetEvaluation | None:
    """The set with which songs are compared: the openings, or else whole tunes."""
    return results.openings or held_out(results)


def row_label(model: Model) -> str:
    """The name of a model on two lines or more, if it is one of several variants."""
    name = f"{model.dataset} {model.cell} {model.layers}"
    return f"{name}\n{wrapped(model.variant_text)}" if model.variant_text else name


def held_out(results: StudyResults) -> SongSetEvaluation | None:
    """The tunes of the test split; without them those of validation, then of training."""
    return next((results.corpus[split] for split in SPLITS if split in results.corpus), None)


def panel_height(rows: list[Row]) -> float:
    """Height in inches that the rows need, with axis and title."""
    top, bottom = _ends(rows)
    return 0.95 + ROW_HEIGHT_IN * (top - bottom)


def label_rows(axes: Axes, rows: list[Row]) -> None:
    """Name the rows on the vertical axis; the panels to its right share it."""
    axes.set_yticks([row.y for row in rows], [row.label for row in rows])
    top, bottom = _ends(rows)
    axes.set_ylim(bottom - 0.2, top + 0.2)


def _ends(rows: list[Row]) -> tuple[float, float]:
    """Upper end of the first row and lower end of the last."""
    if not rows:
        return 0.5, -0.5
    return rows[0].y + rows[0].height / 2, rows[-1].y - rows[-1].height / 2


def prepare_panel(axes: Axes, metric: str) -> None:
    """A panel whose rows another one names."""
    axes.set_xlabel(label_of(metric))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=5)


def limits_without_far_baselines(reaches: list[tuple[Row, float, float]]) -> tuple[float, float]:
    """Ends of an axis with room for all rows, each from `low` to `high`, without baselines that are far off.

    A baseline can be so far away that everything else would shrink to a point.
    """
    kept = [reach for reach in reaches if not reach[0].is_baseline] or reaches
    if not kept:
        return 0.0, 1.0
    low, high = min(low for _, low, _ in kept), max(high for _, _, high in kept)
    room = _NEAR * (high - low)
    near = [one for one in reaches if low - room <= one[1] and one[2] <= high + room]
    low, high = min([low, *(one[1] for one in near)]), max([high, *(one[2] for one in near)])
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def draw_band(axes: Axes, band: Summary | None) -> None:
    """Draw a band behind the rows of a panel: mean ± standard deviation of the set with which songs are compared."""
    if band is None:
        return
    deviation = np.nan_to_num(band.standard_deviation)
    axes.axvspan(band.mean - deviation, band.mean + deviation, color=BAND, linewidth=0, zorder=0)
    axes.axvline(band.mean, color=GREY, linewidth=0.8, zorder=1)


def mark_outside(axes: Axes, row: Row, value: float) -> None:
    """An arrow at the edge of the panel, with the value beyond it."""
    right = value > axes.get_xlim()[1]
    edge = axes.get_yaxis_transform()
    axes.plot(0.98 if right else 0.02, row.y, ">" if right else "<", color=row.colour, markersize=4, transform=edge)
    axes.text(0.93 if right else 0.07, row.y, f"{value:.3g}", transform=edge, color=row.colour, va="center_baseline",
              ha="right" if right else "left", fontsize=SMALL_FONT_SIZE)  # fmt: skip
