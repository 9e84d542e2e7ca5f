"""The stage select: choose the networks that represent the sweep."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from melgen.files import write_json
from melgen.studies.results import Model
from melgen.studies.runs.reader import check_same_corpus
from melgen.studies.runs.selection import mean_criterion
from melgen.studies.study import Study
from melgen.studies.tasks import Task

log = logging.getLogger(__name__)


def tasks(study: Study) -> Iterator[Task]:
    """One task, which writes ``selection.json``.

    Raises:
        ValueError: if runs are missing, or differ in their corpus.
    """
    runs = study.runs
    runs.check_complete()
    check_same_corpus(runs.finished)
    inputs = {
        "select": {key: value for key, value in study.settings.config.select.items() if key != "on_missing"},
        "runs": {runs.name_of(run): {"result": run.result, "best": study.weights_digest(run)} for run in runs.finished},
        "variants": {runs.name_of(run): [run.variant, run.variant_text] for run in runs.finished if run.variant_text},
    }

    def make() -> Iterable[Path]:
        models = {model.name: _described(study, model) for model in runs.models}
        write_json(study.names.selection_file, {"criterion": study.settings.criterion, "models": models})
        return [study.names.selection_file]

    yield Task("select", inputs, make)


def log_models(study: Study) -> None:
    """Log each selected network with its criterion."""
    criterion = study.settings.criterion
    for model in study.runs.models:
        log.info("  %s: %s %.4f", model.name, criterion, mean_criterion(model.runs, criterion))


def _described(study: Study, model: Model) -> dict[str, Any]:
    criterion = study.settings.criterion
    candidates = [run for run in study.runs.finished if run.pair == model.runs[0].pair]
    described: dict[str, Any] = {
        "layers": model.layers,
        "runs": [study.runs.name_of(run) for run in model.runs],
        "checkpoints": [run.checkpoint.name for run in model.runs if run.checkpoint],
        criterion: mean_criterion(model.runs, criterion),
        "variant": model.variant_text,
    }
    if study.settings.is_by_checkpoints:
        described["beyond_best"] = model.runs[0].beyond_best
    if study.settings.is_by_layers:
        described["candidates"] = {
            str(layers): {
                criterion: mean_criterion([run for run in candidates if run.layers == layers], criterion),
                "seeds": [run.seed for run in candidates if run.layers == layers],
            }
            for layers in sorted({run.layers for run in candidates})
        }
    return described
