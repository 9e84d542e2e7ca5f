"""A W&B workspace of dataset x cell x layers, built with W&B's own library (``pip install wandb-workspaces``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_WITH_RHYTHM
from melgen.evaluation.metrics import TONALITY, run_metric
from melgen.publishing.result_tables import Target
from melgen.training.loggers.wandb import BEST_LOSS, UPDATES

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace


LEARNING_CURVES = ("val/loss", f"val/{BITS}", f"val/{BITS_OF_PITCH}", f"val/{BITS_WITH_RHYTHM}", "train/loss")


def save(target: Target, sweep: str) -> str:
    """Save the dashboard of a sweep's runs as a view of the project, and return its address.

    Raises:
        ImportError: if ``wandb-workspaces`` is not installed.
        ValueError: if W&B refuses it or cannot be reached.
    """
    import wandb

    entity = target.entity or wandb.Api().default_entity
    workspace = build(Target(target.project, entity, target.offline), sweep)
    try:
        workspace.save()
    except Exception as error:
        raise ValueError(f"workspace=true: W&B did not save the dashboard ({type(error).__name__}: {error})") from error
    return str(workspace.url)


def build(target: Target, sweep: str) -> Workspace:
    """The dashboard: what each choice does to the loss, learning curves, tonality, songs, embeddings.

    Raises:
        ImportError: if ``wandb-workspaces`` is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise ImportError("workspace=true: pip install wandb-workspaces, which builds the dashboard") from error

    dataset, cell, layers = (wr.Config(f"choices.{key}") for key in ("dataset", "cell", "layers"))
    best = wr.SummaryMetric(BEST_LOSS)

    def curves(*metrics: str) -> list[Any]:
        return [wr.LinePlot(title=metric, x=UPDATES, y=[metric], max_runs_to_show=50) for metric in metrics]

    comparison: list[Any] = [
        wr.ParallelCoordinatesPlot(
            title="Every run: choices and best validation loss",
            columns=[wr.ParallelCoordinatesPlotColumn(metric=metric) for metric in (dataset, cell, layers, best)],
        ),
        *(
            wr.BarPlot(title=f"Best validation loss by {name}", metrics=[BEST_LOSS], groupby=key, title_x="nats")
            for name, key in (("dataset", dataset), ("cell", cell), ("layers", layers))
        ),
        wr.ScatterPlot(title="Layers and best validation loss", x=layers, y=best),
        *(
            wr.BarPlot(title=run_metric(f"test/{kind}").label, metrics=[f"test/{kind}"], max_bars_to_show=50)
            for kind in (BITS, BITS_OF_PITCH, BITS_WITH_RHYTHM)
        ),
    ]
    sections = [
        ws.Section(name="Dataset x cell x layers", panels=comparison, is_open=True),
        ws.Section(name="Learning curves", panels=curves(*LEARNING_CURVES), is_open=True),
        ws.Section(name="Tonality of the songs", panels=curves(*(f"tonality/{metric}" for metric in TONALITY))),
        ws.Section(name="Songs", panels=[wr.WeavePanelSummaryTable(table_name="songs")]),
        ws.Section(name="Embeddings", panels=[wr.MediaBrowser(media_keys=["embedding"], num_columns=3)]),
    ]
    return ws.Workspace(
        entity=target.entity or "",
        project=target.project,
        name=f"{sweep}: dataset x cell x layers",
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=UPDATES, max_runs=50),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("Group") == sweep),
            groupby=[ws.Config("choices.dataset"), ws.Config("choices.cell"), ws.Config("choices.layers")],
        ),
    )
