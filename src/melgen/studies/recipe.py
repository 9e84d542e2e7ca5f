"""The stages of a study in their order: doing one, asking whether one is done, saying what there is to see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from melgen.evaluation.results import CHOICES
from melgen.studies import showing, stages
from melgen.studies.selection import mean_criterion
from melgen.studies.study import Study
from melgen.studies.tasks import Task

log = logging.getLogger(__name__)

_TASKS: dict[str, tuple[Callable[[Study], Iterator[Task]], tuple[str, ...]]] = {
    "select": (stages.select, ("select",)),
    "generate": (stages.generate, ("generate/",)),
    "evaluate": (stages.evaluate, ("evaluate/", "likelihood/", "embedding/")),
    "tables": (showing.tables, ("tables",)),
    "figures": (showing.figures, ("figures/",)),
    "report": (showing.report, ("report",)),
}
"""The tasks of each stage but the sweep, and how their names start."""

_NEEDED = ("select", "generate", "evaluate")
"""The stages that all later ones build on; the sweep shows in its runs."""

_TO_SEE = (
    "report.html",
    "tables/tonality.md",
    "tables/likelihood.md",
    "figures/tonality.png",
    "figures/learning_curves.png",
)


def do_stages(study: Study, wanted: Sequence[str]) -> None:
    """Do stages, each as far as it is not done already.

    Args:
        wanted: their names, in the order of the stages.

    Raises:
        ValueError: if a stage that comes before one of them has not been done with these settings.
    """
    order = ["sweep", *_TASKS]
    for stage in order[: order.index(wanted[-1]) + 1]:
        if stage in wanted:
            log.info("Stage %d of %d: %s", wanted.index(stage) + 1, len(wanted), stage)
            _do(study, stage)
        elif stage in _NEEDED and (missing := _missing(study, stage)):
            raise ValueError(
                f"stages={','.join(wanted)}: the stage {stage} has not been done with these settings ({missing} in "
                f"{study.directory}); without stages=... all that is missing is done"
            )


def stages_done(study: Study) -> list[str]:
    """The stages that are done with the present settings."""
    done = [] if study.unfinished else ["sweep"]
    for stage in _TASKS:
        try:
            missing = _missing(study, stage) is not None
        except (ValueError, OSError):  # not even its inputs are there
            missing = True
        if not missing:
            done.append(stage)
        elif stage in _NEEDED:
            break
    return done


def say_what_there_is(study: Study) -> None:
    """Where the study lies, what is worth a look, and what there is still to do."""
    done = stages_done(study)
    listen = study.directory / "representative"
    chosen = [listen / f"{study.models[0].name}-{choice}.mid" for choice in CHOICES]
    lines = ["", f"The study is in {study.directory}"]
    for title, paths in {
        "See:     ": [study.directory / name for name in _TO_SEE],
        "Listen:  ": [path for path in chosen if path.exists()][:1],
        "Trace:   ": [study.directory / "manifest.json"],
    }.items():
        if there := [str(path) for path in paths if path.exists()]:
            lines.append(title + ("\n" + " " * len(title)).join(there))
    lines += [f"Note:    {note}" for note in study.notes_of_primers()]
    if open_ := [stage for stage in _TASKS if stage not in done]:
        lines.append(f"Not done with these settings: {', '.join(open_)}")
    log.info("%s", "\n".join(lines))


def _do(study: Study, stage: str) -> None:
    if stage == "sweep":
        return stages.sweep(study)
    list_tasks, prefixes = _TASKS[stage]
    tasks = list(list_tasks(study))
    done = study.bench.do(tasks, prefixes)
    if done < len(tasks):
        log.info("  %d of %d done already", len(tasks) - done, len(tasks))
    if stage == "select":
        criterion = study.config.select.criterion
        for model in study.models:
            log.info("  %s: %s %.4f", model.name, criterion, mean_criterion(model.runs, criterion))


def _missing(study: Study, stage: str) -> str | None:
    """The first task of a stage that is not done with the present settings."""
    list_tasks, _ = _TASKS[stage]
    return next((task.name for task in list_tasks(study) if not study.bench.is_done(task)), None)
