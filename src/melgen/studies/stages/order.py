"""The stages in their order: doing them, checking which are done, and a summary of what was made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from melgen.evaluation.comparing_cells.findings import finding, fine_sentence, remarks
from melgen.evaluation.comparing_cells.results import Comparisons
from melgen.evaluation.results import CHOICES
from melgen.files import read_json
from melgen.plurals import counted
from melgen.studies.stages import STAGES, evaluate, figures, generate, report, select, sweep, tables, tune
from melgen.studies.study import Study
from melgen.studies.tasks import Task

log = logging.getLogger(__name__)


class _Stage(NamedTuple):
    """The function that lists the tasks of a stage, and the prefixes of their names."""

    tasks: Callable[[Study], Iterator[Task]]
    prefixes: tuple[str, ...]


_STAGES = {
    "select": _Stage(select.tasks, ("select",)),
    "generate": _Stage(generate.tasks, ("generate/",)),
    "evaluate": _Stage(evaluate.tasks, ("evaluate/", "likelihood/", "embedding/", "tune_bits/", "probe/", "compare/")),
    "tables": _Stage(tables.tasks, ("tables",)),
    "figures": _Stage(figures.tasks, ("figures/",)),
    "report": _Stage(report.tasks, ("report",)),
}
"""All stages but those that train, which leave runs and no tasks."""

_TRAINING = {"tune": tune.run, "sweep": sweep.run}

_NEEDED = ("select", "generate", "evaluate")
"""The stages that all later ones build on."""

_SHOWING = ("tables", "figures", "report")
"""The stages that only show results: they take little time, and depend on more than their inputs, such as the code that
draws a figure and the fonts of the system."""

_TO_SEE = (
    "report.html",
    "tables/tonality.md",
    "tables/likelihood.md",
    "figures/tonality.png",
    "figures/learning_curves.png",
)


_SHOWN = 6
"""Comparisons of cells that the summary shows."""


def do_stages(study: Study, wanted: Sequence[str], *, named: bool = False) -> None:
    """Do stages, each as far as it is not done already.

    Args:
        wanted: their names, in the order of the stages.
        named: whether the user has named them: those that only show results are then done again.

    Raises:
        ValueError: if a stage that comes before one of them has not been done with these settings.
    """
    _check_before_trainings(study, wanted)
    for stage in STAGES[: STAGES.index(wanted[-1]) + 1]:
        if stage in wanted:
            log.info("Stage %d of %d: %s", wanted.index(stage) + 1, len(wanted), stage)
            _do(study, stage, again=named and stage in _SHOWING)
        elif stage == "tune" and study.settings.tunes_rates and study.rates is None:
            raise ValueError(
                f"stages={','.join(wanted)}: the stage tune has not chosen learning rates for these settings "
                f"({study.settings.rates_file}); without stages=... all that is missing is done"
            )
        elif stage in _NEEDED and (missing := _first_undone(study, stage)):
            raise ValueError(
                f"stages={','.join(wanted)}: the stage {stage} has not been done with these settings ({missing} in "
                f"{study.directory}); without stages=... all that is missing is done"
            )


def _check_before_trainings(study: Study, wanted: Sequence[str]) -> None:
    """Refuse stages that will lack an earlier one when the trainings have ended.

    Raises:
        ValueError: naming the stages that are left out.
    """
    left_out = [stage for stage in _NEEDED if stage not in wanted and STAGES.index(stage) < STAGES.index(wanted[-1])]
    trains = [stage for stage in wanted if stage in _TRAINING]
    if left_out and trains and (study.rates is None if trains == ["tune"] else study.runs.unfinished):
        raise ValueError(
            f"stages={','.join(wanted)}: {wanted[-1]} needs {' and '.join(left_out)} too, after the trainings; "
            "without stages=... all that is missing is done"
        )


def stages_done(study: Study) -> list[str]:
    """The stages that are done with the present settings."""
    done = [] if study.rates is None else ["tune"]
    done += [] if study.runs.unfinished else ["sweep"]
    for stage in _STAGES:
        try:
            is_done = _first_undone(study, stage) is None
        except (ValueError, OSError):  # its inputs are missing, or make no sense
            is_done = False
        if is_done:
            done.append(stage)
        elif stage in _NEEDED:
            break
    return done


def log_summary(study: Study) -> None:
    """Log where the study is, which files to open first, and which stages are left."""
    done = stages_done(study)
    representative = study.directory / "representative"
    chosen = [representative / f"{study.runs.models[0].name}-{choice}.mid" for choice in CHOICES]
    lines = ["", f"The study is in {study.directory}"]
    for title, paths in {
        "See:     ": [study.directory / name for name in _TO_SEE],
        "Listen:  ": [path for path in chosen if path.exists()][:1],
        "Trace:   ": [study.directory / "manifest.json"],
    }.items():
        if found := [str(path) for path in paths if path.exists()]:
            lines.append(title + ("\n" + " " * len(title)).join(found))
    lines += _lines_of_comparisons(study)
    lines += [f"Note:    {remark}" for remark in study.primer_remarks]
    if left := [stage for stage in _STAGES if stage not in done]:
        lines.append(f"Not done with these settings: {', '.join(left)}")
    log.info("%s", "\n".join(lines))


def _lines_of_comparisons(study: Study) -> list[str]:
    """The findings of the comparisons of cells, if there are any, and how many seeds a finer interval would need."""
    if not study.names.comparisons_file.is_file() or not study.runs.compared:
        return []
    found = Comparisons.from_dict(read_json(study.names.comparisons_file))
    lines = [f"{each.setting}: {finding(each, found)} {fine_sentence(each, found)}" for each in found.each[:_SHOWN]]
    if (more := len(found.each) - _SHOWN) > 0:
        lines.append(f"{counted(more, 'more comparison')} in tables/paired_differences.md")
    return [f"{'Found:' if not i else '':9}{line}" for i, line in enumerate([*lines, *remarks(found)])]


def _do(study: Study, stage: str, *, again: bool) -> None:
    if stage in _TRAINING:
        return _TRAINING[stage](study)
    tasks = list(_STAGES[stage].tasks(study))
    done = study.bench.do(tasks, _STAGES[stage].prefixes, again=again)
    if done < len(tasks):
        log.info("  %d of %d done already", len(tasks) - done, len(tasks))
    if stage == "select":
        select.log_models(study)


def _first_undone(study: Study, stage: str) -> str | None:
    """The first task of a stage that is not done with the present settings."""
    return next((task.name for task in _STAGES[stage].tasks(study) if not study.bench.is_done(task)), None)
