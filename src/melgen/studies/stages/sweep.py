"""The stage sweep: train what is not trained yet."""

from __future__ import annotations

import logging

from melgen.studies.plan.planned_runs import training_arguments
from melgen.studies.plan.rate_trials import as_override
from melgen.studies.plan.training import train_all
from melgen.studies.primer_remarks import warn_of_rare_primers
from melgen.studies.study import Study

log = logging.getLogger(__name__)


def run(study: Study) -> None:
    """Train the planned runs as far as they are not trained.

    Raises:
        ValueError: if a run's directory belongs to another run, or a run is missing or has failed, unless
            ``select.on_missing=skip``.
    """
    training, home = study.training, study.settings.home
    changes = {} if study.rates is None else as_override(study.settings)
    if not training.planned:
        log.info("  the runs in %s", home)
    else:
        untrained, count = training.untrained, len(training.planned)
        log.info("  %d of %d runs finished in %s", count - len(untrained), count, home)
        warn_of_rare_primers(study.settings.primers, training.planned, study.corpus.data)
        if untrained:
            arguments = training_arguments(study.settings.hydra, changes)
            train_all(training.planned, arguments, study.directory, training.expected)
    study.runs.check_complete()
