"""The style of all figures: sizes for print, one palette, the words for metrics, and saving.

The colours of choices are those of Okabe and Ito, *Color Universal Design* (2008), distinct with every kind
of colour vision; a marker or a label always repeats them. Ordered choices go from pale to dark.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from melgen.evaluation.song_metrics import song_metric
from melgen.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

PAGE_WIDTH_IN, COLUMN_WIDTH_IN = 7.0, 3.4
FONT_SIZE, SMALL_FONT_SIZE = 8, 7
PNG_DPI = 200
LABEL_WIDTH = 26
"""Letters in a line of a label."""

INK, GREY, BAND = "0.15", "0.45", "0.91"
EMPHASIS = "#D55E00"

_BLUE, _ORANGE, _GREEN, _PURPLE, _SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
_DATASET_COLOURS = {"control": _BLUE, "interval": _ORANGE, "db12": _GREEN}
_CELL_MARKERS = {
    **{"lstm": "o", "gru": "s", "rnn": "^", "nas": "D", "ugrnn": "v"},
    **{"mingru": "<", "rglru": ">", "lru": "*", "indrnn": "d", "hgrn2": "H"},
    **{"slstm": "1", "mogrifier": "2", "attention": "8"},
}
_VARIANT_COLOURS = (_BLUE, EMPHASIS, _GREEN, _PURPLE, _ORANGE, _SKY, "#000000")
_VARIANT_DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
_SPARE_COLOURS = (_PURPLE, _SKY, "#000000", "#7F3C8D")
_SPARE_MARKERS = ("P", "X", "p", "h")

_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "figure.titlesize": FONT_SIZE,
    "xtick.labelsize": SMALL_FONT_SIZE,
    "ytick.labelsize": SMALL_FONT_SIZE,
    "legend.fontsize": SMALL_FONT_SIZE,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": "0.93",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "figure.dpi": PNG_DPI,
    "savefig.dpi": "figure",
    "figure.constrained_layout.w_pad": 0.04,
    "figure.constrained_layout.h_pad": 0.04,
    "pdf.fonttype": 42,  # text stays text: searchable, and editable in a drawing program
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let `draw` work with melgen's settings over matplotlib's defaults; those of the user are restored afterwards."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _in_style():
            figure = draw(*args, **kwargs)
            settle(figure)
            return figure

    return drawn


def save(figure: Figure, stem: str | Path) -> list[Path]:
    """Write ``<stem>.pdf`` and ``<stem>.png``; return both paths.

    Each file is there whole or not at all. Equal figures give equal bytes: no date and no version is written.
    """
    stem = Path(stem)
    # The fields that each format would fill by itself.
    unstated: dict[str, dict[str, Any]] = {
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
        "png": {"Software": None},
    }
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in unstated]
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs how it shrinks the fonts of each PDF
    with _in_style():
        for path, (kind, metadata) in zip(paths, unstated.items(), strict=True):
            with replacing(path) as temporary:
                figure.savefig(temporary, format=kind, metadata=metadata)
    return paths


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, which arranges its panels by itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def empty_figure(width: float, height: float, reason: str) -> Figure:
    """A figure of this size in inches that shows nothing but why."""
    figure = new_figure(width, height)
    note_absence(figure.add_subplot(), reason)
    return figure


def settle(figure: Figure) -> None:
    """Arrange the panels, once and for all.

    Otherwise each saving would start from the arrangement of the one before and end slightly off it.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def colours_of_datasets(names: Sequence[str]) -> dict[str, str]:
    """A colour for each representation: always the same for ours, a spare one for any other.

    >>> colours_of_datasets(["db12", "mine"])
    {'db12': '#009E73', 'mine': '#CC79A7'}
    """
    return _assign(names, _DATASET_COLOURS, _SPARE_COLOURS)


def markers_of_cells(names: Sequence[str]) -> dict[str, str]:
    """A marker for each cell: always the same for ours, a spare one for any other."""
    return _assign(names, _CELL_MARKERS, _SPARE_MARKERS)


def colours_of_layers(layers: Sequence[int]) -> dict[int, Any]:
    """A colour for each layer count, from pale for the fewest to dark for the most."""
    from matplotlib import colormaps

    counts = sorted(set(layers))
    steps = [0.5] if len(counts) == 1 else [i / (len(counts) - 1) for i in range(len(counts))]
    # The palest fifth of the map would vanish on white.
    return {count: colormaps["viridis_r"](0.12 + 0.83 * step) for count, step in zip(counts, steps, strict=True)}


def looks_of_variants(names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """A colour and a dash for each variant; of more than there are colours, from pale to dark in their order.

    >>> looks_of_variants(["lr 0.1", "lr 0.2"])
    {'lr 0.1': ('#0072B2', 'solid'), 'lr 0.2': ('#D55E00', (0, (5, 1.5)))}
    """
    unique = list(dict.fromkeys(names))
    if len(unique) > len(_VARIANT_COLOURS):
        shades = colours_of_layers(range(len(unique)))
        colours: Sequence[Any] = [shades[i] for i in range(len(unique))]
    else:
        colours = _VARIANT_COLOURS
    return {name: (colours[i], _VARIANT_DASHES[i % len(_VARIANT_DASHES)]) for i, name in enumerate(unique)}


def wrapped(text: str, width: int = LABEL_WIDTH) -> str:
    """A label in lines of at most `width` letters: broken between words, else behind a hyphen or an underscore.

    >>> wrapped("hidden_size 256, input_keep_prob 0.5", 22)
    'hidden_size 256,\\ninput_keep_prob 0.5'
    >>> wrapped("essen/control-lstm-2-with_everything", 20)
    'essen/control-lstm-\\n2-with_everything'
    """
    lines, pattern = [""], rf"[^-/_.]{{1,{width - 1}}}[-/_.]?|[-/_.]"
    for word in text.split():
        parts = [word] if len(word) <= width else re.findall(pattern, word)
        for i, part in enumerate(parts):
            joint = "" if i or not lines[-1] else " "
            if lines[-1] and len(lines[-1] + joint + part) > width:
                lines.append(part)
            else:
                lines[-1] += joint + part
    return "\n".join(lines)


def label_of(metric: str) -> str:
    """The name of a metric in a figure.

    >>> label_of("centricity"), label_of("overlapped_area/pitch_range")
    ('centricity', 'overlapped area:\\npitch range')
    """
    if "/" in metric:
        return metric.replace("kl_", "KL ").replace("/", ":\n").replace("_", " ")
    shown = song_metric(metric)
    return shown.figure or shown.header


def note_absence(axes: Axes, text: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _assign(names: Sequence[str], known: dict[str, str], spare: Sequence[str]) -> dict[str, str]:
    others = [name for name in dict.fromkeys(names) if name not in known]
    return {
        name: known[name] if name in known else spare[others.index(name) % len(spare)] for name in dict.fromkeys(names)
    }


@contextmanager
def _in_style() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield
