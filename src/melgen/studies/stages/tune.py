"""The stage tune: try learning rates with each network in short trainings, before the sweep uses the best."""

from __future__ import annotations

import logging

from melgen.files import write_json
from melgen.plurals import counted
from melgen.runs.rate_trials import LearningRates
from melgen.studies.plan.planned_runs import arguments_of_some, planned_runs, training_arguments
from melgen.studies.plan.rate_trials import chosen, rates_beyond, trial_overrides
from melgen.studies.plan.training import train_all
from melgen.studies.plan.training_plan import TrainingPlan
from melgen.studies.study import Study

log = logging.getLogger(__name__)


def run(study: Study) -> None:
    """Train the trials that are missing, choose the rates, and plan the study's runs with them.

    Raises:
        ValueError: if a trial failed for another reason than divergence, or all of a network diverged.
    """
    rates = _rates_asked_for(study)
    found = _tried(study, rates)
    for _ in range(study.settings.config.tune.extensions):
        if not (more := rates_beyond(found)):
            break
        log.info("  the best rate of %s is at an end of the grid: %s added", _at_edge(found), _in_words(more))
        rates = sorted({*rates, *more})
        found = _tried(study, rates)
    write_json(study.settings.rates_file, found.to_dict())
    for setting in found.settings:
        edge = f", the {setting.edge} rate tried" if setting.edge else ""
        log.info("  %s: %g (%s %.4f%s)", setting.name, setting.best.rate, found.criterion, setting.best.mean, edge)
    study.plan()
    assert study.rates is not None, "the rates just chosen are those asked for"


def announce(study: Study) -> None:
    """Log how many trials there are before the sweep, and how long those that are missing take."""
    plan = _first_plan_with_missing(study)
    trials, missing = counted(len(plan.planned), "trial"), len(plan.untrained)
    log.info("First %s of learning rates: %d finished already", trials, len(plan.planned) - missing)
    if missing and plan.expected is not None:
        log.info("  %s", plan.expected.words)


def _rates_asked_for(study: Study) -> list[float]:
    return sorted(map(float, study.settings.config.tune.rates))


def _plan(study: Study, rates: list[float]) -> TrainingPlan:
    planned = planned_runs(study.settings.hydra, trial_overrides(study.settings, rates))
    return TrainingPlan(study.settings, planned, study.corpus, are_trials=True)


def _first_plan_with_missing(study: Study) -> TrainingPlan:
    """The first plan with trials that are missing, as the grid grows with those that are there; else the last one."""
    rates = _rates_asked_for(study)
    plan = _plan(study, rates)
    for _ in range(study.settings.config.tune.extensions):
        if plan.untrained or not (more := rates_beyond(chosen(study.settings, plan.planned))):
            break
        rates = sorted({*rates, *more})
        plan = _plan(study, rates)
    return plan


def _tried(study: Study, rates: list[float]) -> LearningRates:
    """Train what is missing of the trials with these rates, and choose."""
    plan = _plan(study, rates)
    missing = plan.untrained
    folder = study.settings.rates_file.parent
    log.info("  %d of %d trials finished in %s", len(plan.planned) - len(missing), len(plan.planned), folder)
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        hydra, overrides = study.settings.hydra, trial_overrides(study.settings, rates)
        # A sweep trains failed runs again, also those that diverged: these must not be among its jobs.
        some = arguments_of_some(hydra, overrides, missing) if plan.diverged else None
        for arguments in some or [training_arguments(hydra, overrides)]:
            train_all(plan.planned, arguments, folder, plan.expected, plan.diverged)
    return chosen(study.settings, plan.planned, study.training.planned)


def _at_edge(found: LearningRates) -> str:
    names = [setting.name for setting in found.settings if setting.edge]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _in_words(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)
