"""The stage generate: every selected network writes songs after the same primers, of the same length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from melgen.checkpoint import load_model
from melgen.generation.from_checkpoint import write_songs_by
from melgen.generation.selection import FORMER_SELECTIONS, selection_named
from melgen.runs.directory import RunDirectory
from melgen.studies.primers import StudyPrimer
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task

_RECORDED_AS = {now: former for former, now in FORMER_SELECTIONS.items()}
"""Inputs keep the former names, so that the songs of an older study count as made."""


def tasks(study: Study) -> Iterator[Task]:
    """A task for each primer and each run of each selected network."""
    for primer in study.settings.primers:
        for model, run in study.runs.of_models():
            options = study.settings.sampling_of(run)
            inputs = {
                "weights": study.weights_digest(run),
                **primer.inputs(lambda: study.corpus.inputs),
                "options": options | {"selection": _RECORDED_AS[selection_named(options["selection"])]},
            }
            make = partial(_write_songs, study, model, run, primer, options)
            yield Task(study.names.generate_task(model, run, primer), inputs, make)


def _write_songs(
    study: Study, model: Model, run: Run, primer: StudyPrimer, options: Mapping[str, Any]
) -> Iterable[Path]:
    assert run.checkpoint is not None
    folder = study.names.songs_folder(model, run, primer)
    start = study.corpus.start_of_songs(primer)
    reader = RunDirectory(run.path).recorded_reader
    write_songs_by(load_model(run.checkpoint), folder, start, options, study.settings.config.generate.device, reader)
    return folder.iterdir()
