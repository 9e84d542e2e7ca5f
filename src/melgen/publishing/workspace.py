"""A W&B workspace of dataset x cell x layers, and of rhythm where networks write it.

It is built with W&B's own library (``pip install wandb-workspaces``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM
from melgen.evaluation.run_metrics import run_metric
from melgen.evaluation.song_metrics import TONALITY
from melgen.files import read_json
from melgen.publishing.result_tables import Target, runs_of
from melgen.runs.config import plain_config, writes_rhythm
from melgen.runs.directory import RunDirectory
from melgen.runs.missing_bits import why_without_bits
from melgen.training.loggers.wandb import BEST_LOSS, UPDATES

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

KINDS_OF_BITS = {False: (BITS,), True: (BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM)}
"""Those of a network, by whether it writes rhythm."""


def save(target: Target, sweep: Path) -> str:
    """Save the dashboard of a sweep's runs as a view of the project, and return its address.

    Raises:
        ImportError: if ``wandb-workspaces`` is not installed.
        ValueError: if W&B refuses it or cannot be reached.
    """
    import wandb

    try:
        entity = target.entity or wandb.Api().default_entity
    except Exception as error:
        raise _not_saved(error) from error
    workspace = build(Target(target.project, entity, target.offline), sweep)
    try:
        workspace.save()
    except Exception as error:
        raise _not_saved(error) from error
    return str(workspace.url)


def _not_saved(error: Exception) -> ValueError:
    return ValueError(f"workspace=true: W&B did not save the dashboard ({type(error).__name__}: {error})")


def build(target: Target, sweep: Path) -> Workspace:
    """The dashboard: what each choice does to the loss, learning curves, tonality, songs, embeddings.

    Args:
        target: where it belongs.
        sweep: the directory of the runs, which decide what there is to show.

    Raises:
        ImportError: if ``wandb-workspaces`` is not installed.
        ValueError: if there is no run.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise ImportError("workspace=true: pip install wandb-workspaces, which builds the dashboard") from error

    runs, name = runs_of(sweep), sweep.resolve().name
    kinds = kinds_of_bits(runs)
    names = ["dataset", "cell", *(["rhythm"] if any(map(_writes_rhythm, runs)) else []), "layers"]
    choices = {choice: wr.Config(f"choices.{choice}") for choice in names}
    best = wr.SummaryMetric(BEST_LOSS)
    columns: list[Any] = [*choices.values(), best]

    def curves(*metrics: str) -> list[Any]:
        return [wr.LinePlot(title=metric, x=UPDATES, y=[metric], max_runs_to_show=50) for metric in metrics]

    comparison: list[Any] = [
        wr.ParallelCoordinatesPlot(
            title="Every run: choices and best validation loss",
            columns=[wr.ParallelCoordinatesPlotColumn(metric=metric) for metric in columns],
        ),
        *(
            wr.BarPlot(title=f"Best validation loss by {choice}", metrics=[BEST_LOSS], groupby=key, title_x="nats")
            for choice, key in choices.items()
        ),
        wr.ScatterPlot(title="Layers and best validation loss", x=choices["layers"], y=best),
        *(
            wr.BarPlot(title=run_metric(f"test/{kind}").label, metrics=[f"test/{kind}"], max_bars_to_show=50)
            for kind in kinds
        ),
    ]
    title = " x ".join(names)
    learning_curves = curves("val/loss", *(f"val/{kind}" for kind in kinds), "train/loss")
    sections = [
        ws.Section(name=f"{title[0].upper()}{title[1:]}", panels=comparison, is_open=True),
        ws.Section(name="Learning curves", panels=learning_curves, is_open=True),
        ws.Section(name="Tonality of the songs", panels=curves(*(f"tonality/{metric}" for metric in TONALITY))),
        ws.Section(name="Songs", panels=[wr.WeavePanelSummaryTable(table_name="songs")]),
        ws.Section(name="Embeddings", panels=[wr.MediaBrowser(media_keys=["embedding"], num_columns=3)]),
    ]
    return ws.Workspace(
        entity=target.entity or "",
        project=target.project,
        name=f"{name}: {title}",
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=UPDATES, max_runs=50),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("Group") == name),
            groupby=[ws.Config(f"choices.{choice}") for choice in names],
        ),
    )


def kinds_of_bits(runs: Sequence[RunDirectory]) -> list[str]:
    """The bits per note that any of the runs has: a panel of others would be empty."""
    have = {_writes_rhythm(run) for run in runs if why_without_bits(read_json(run.path / "data.json")) is None}
    return [kind for writes in sorted(have) for kind in KINDS_OF_BITS[writes]]


def _writes_rhythm(run: RunDirectory) -> bool:
    return writes_rhythm(plain_config(run.path))
