"""The runs of a study: which are planned, finished, missing and selected."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property

from melgen.runs.choices import label_of
from melgen.runs.naming import parse_run_name
from melgen.studies.comparing.cell_pairs import CellPairs, pairs_of_cells, reference_cell
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.training import refuse_larger_budgets, why_not_as_planned
from melgen.studies.results import Model, Run
from melgen.studies.runs.reader import Unfinished, read_runs, runs_in
from melgen.studies.runs.selection import best_layers, pairs_without_candidate, stages_of_training
from melgen.studies.settings import StudySettings

log = logging.getLogger(__name__)


class StudyRuns:
    """The runs of a study, read from disk when they are first asked for.

    Args:
        settings: of the study.
        planned: the trainings that are asked for; empty where a directory of runs is given.
    """

    def __init__(self, settings: StudySettings, planned: Sequence[PlannedRun]):
        self.settings, self.planned = settings, planned
        self._has_warned = False

    @cached_property
    def _read(self) -> tuple[list[Run], list[Unfinished]]:
        if not self.planned:
            return read_runs(runs_in(self.settings.home))
        others = [
            Unfinished(run.path, reason) for run in self.planned if (reason := why_not_as_planned(run)) is not None
        ]
        excluded = {path for path, _ in others}
        refuse_larger_budgets([run for run in self.planned if run.path not in excluded])
        labels = {run.path: label_of(run.config) for run in self.planned}  # may have been changed since the training
        finished, unfinished = read_runs([run.path for run in self.planned if run.path not in excluded], labels)
        return finished, [*unfinished, *others]

    @property
    def finished(self) -> list[Run]:
        """All finished runs.

        Raises:
            ValueError: if there is none.
        """
        if not self._read[0]:
            what = "; ".join(f"{path.name} {reason}" for path, reason in self.unfinished[:3])
            raise ValueError(f"{self.settings.home}: no run is finished ({what}); the stage sweep trains them")
        return self._read[0]

    @property
    def unfinished(self) -> list[Unfinished]:
        """The runs that are not finished, and why."""
        return self._read[1]

    def check_complete(self) -> None:
        """Report once which runs are missing, and which pairs have none.

        Raises:
            ValueError: if there are any, unless ``select.on_missing=skip``.
        """
        finished, unfinished = self._read
        if not unfinished or self._has_warned:
            return
        lines = [f"{path.name}: {reason}" for path, reason in unfinished]
        if pairs := pairs_without_candidate(finished, unfinished):
            lines.append(f"no finished run at all: {', '.join(pairs)}")
        whole = len(unfinished) + len(finished)
        are = "run is" if whole == 1 else "runs are"
        text = "\n  ".join([f"{len(unfinished)} of {whole} {are} not finished:", *lines])
        if not self.settings.skips_missing:
            again = "the stage sweep of the same command tries them again; " if self.planned else ""
            raise ValueError(f"{text}\n{again}select.on_missing=skip goes on with the rest")
        log.warning("%s\ngoing on without them", text)
        self._has_warned = True

    @cached_property
    def models(self) -> list[Model]:
        """The selected networks."""
        select = self.settings.config.select
        if self.settings.is_by_layers:
            return best_layers(self.finished, select.criterion)
        return stages_of_training(self.finished, select.criterion, select.checkpoints, select.later)

    def check_reference(self) -> None:
        """Refuse a reference cell that no run has, before anything is trained.

        Raises:
            ValueError: naming the cells of the study.
        """
        paths = [run.path for run in self.planned] or runs_in(self.settings.home)
        names = [parse_run_name(path.name) for path in paths]
        if None not in names:  # a run whose directory a user has named is read only when it is needed
            reference_cell([name.cell for name in names if name], self.settings.reference)

    @cached_property
    def compared(self) -> CellPairs | None:
        """The selected networks to compare with those of the reference cell; None if no two can be compared.

        Raises:
            ValueError: if none has the cell that was asked for.
        """
        if not self.settings.is_by_layers:
            return None
        found = pairs_of_cells(
            self.models, reference_cell([run.cell for run in self.finished], self.settings.reference)
        )
        return found if found.can_be_compared else None

    @property
    def write_rhythm(self) -> bool:
        """Whether any selected network writes rhythm."""
        return any(model.writes_rhythm for model in self.models)

    @property
    def write_pitches(self) -> bool:
        """Whether any selected network writes pitches alone."""
        return not all(model.writes_rhythm for model in self.models)

    def of_models(self) -> Iterator[tuple[Model, Run]]:
        """Every run of every selected network."""
        for model in self.models:
            for run in model.runs:
                yield model, run

    def name_of(self, run: Run) -> str:
        """The path of a run from the study's directory, as manifest and tables state it."""
        return f"../{run.path.relative_to(self.settings.home).as_posix()}"
