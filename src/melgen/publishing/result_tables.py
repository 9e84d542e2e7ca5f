"""Tables of many runs on W&B: a sweep's and a study's, each as a run of its own with an artifact."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from melgen.plurals import counted
from melgen.runs.directory import RunDirectory
from melgen.runs.naming import parse_run_name
from melgen.runs.search import find_runs
from melgen.sweeps.table import COLUMNS, table_row, to_csv
from melgen.training.loggers.wandb_service import start_run

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?|nan|-?inf", re.IGNORECASE)
CHOICES = ("dataset", "cell", "layers", "seed", "variant")


class Target(NamedTuple):
    """The place of tables on W&B; offline they are stored with the runs until ``wandb sync``."""

    project: str
    entity: str | None = None
    offline: bool = True


def publish_sweep(folder: Path, target: Target) -> bool:
    """Publish the table of all runs in a directory: as the table ``sweep``, and as an artifact.

    Returns:
        Whether it was recorded offline, as `target` asks or because W&B could not be reached.

    Raises:
        ValueError: if there is no run.
    """
    import wandb

    rows = [table_row(run) for run in runs_of(folder)]
    table = wandb.Table(columns=[*CHOICES, *COLUMNS])
    for row in rows:
        table.add_data(*(parse_run_name(row["run"]) or [None] * len(CHOICES)), *(row[key] for key in COLUMNS))
    with _run(folder, folder.resolve().name, "sweep", target) as run:
        run.log({"sweep": table})
        artifact = wandb.Artifact(f"{folder.resolve().name}-sweep", type="sweep", metadata={"runs": len(rows)})
        with artifact.new_file("sweep.csv", encoding="utf-8") as file:
            file.write(to_csv(rows))
        run.log_artifact(artifact)
        is_offline = bool(run.offline)
    log.info("Sweep: a table of %s", counted(len(rows), "run"))
    return is_offline


def runs_of(folder: Path) -> list[RunDirectory]:
    """The runs of a sweep.

    Raises:
        ValueError: if there is no run.
    """
    found = [run for run in find_runs(folder) if run.path.parent == folder]
    if not found:
        raise ValueError(f"runs={folder}: no run in it; the directory of a sweep is needed, such as multirun/quick")
    return found


def publish_study(study: Path, target: Target) -> bool:
    """Publish a study: its tables and figures for display, and all of them as an artifact.

    Returns:
        Whether it was recorded offline, as `target` asks or because W&B could not be reached.
    """
    import wandb

    tables = sorted((study / "tables").rglob("*.csv"))
    figures = sorted((study / "figures").glob("*.png"))
    group = study.resolve().parent.name
    with _run(study.parent, group, "study", target) as run:
        for file in tables:
            columns, rows = read_table(file)
            name = file.relative_to(study / "tables").with_suffix("").as_posix()
            run.log({f"tables/{name}": wandb.Table(columns=columns, data=rows)})
        for file in figures:
            run.log({f"figures/{file.stem}": wandb.Image(str(file))})
        artifact = wandb.Artifact(f"{group}-{study.name}", type="study")
        for file in sorted(file for part in ("tables", "figures") for file in (study / part).rglob("*")):
            if file.is_file():
                artifact.add_file(str(file), name=file.relative_to(study).as_posix())
        if (study / "manifest.json").exists():
            artifact.add_file(str(study / "manifest.json"))
        run.log_artifact(artifact)
        is_offline = bool(run.offline)
    log.info("Study: %s, %s", counted(len(tables), "table"), counted(len(figures), "figure"))
    return is_offline


def read_table(file: Path) -> tuple[list[Any], list[list[Any]]]:
    """Columns and rows of a CSV file; a column of numbers and empty cells becomes numbers and ``None``.

    Names of digits remain names: ``001`` and ``1_2``, which Python would read as numbers.
    """
    header, *rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8")))
    columns = [_numbers(column) for column in zip(*rows, strict=True)]
    return list(header), [list(row) for row in zip(*columns, strict=True)]


def _numbers(cells: Sequence[str]) -> Sequence[Any]:
    if not all(_NUMBER.fullmatch(cell) for cell in cells if cell):
        return cells
    return [float(cell) if cell else None for cell in cells]


@contextmanager
def _run(folder: Path, group: str, kind: str, target: Target) -> Iterator[Run]:
    """A run that is finished with its exit code, whatever happens in it."""
    run = start_run(
        folder,
        offline=target.offline,
        project=target.project,
        entity=target.entity,
        group=group,
        name=f"{group} {kind}",
        job_type=kind,
        tags=[kind],
    )
    failed = True
    try:
        yield run
        failed = False
    finally:
        run.finish(exit_code=int(failed))
