"""A study: its settings, runs, corpus, tasks and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from omegaconf import DictConfig

from melgen.configuration.user_modules import import_user_modules
from melgen.runs.learning_rates import read_rates
from melgen.runs.rate_trials import LearningRates
from melgen.software import software
from melgen.studies.comparing.bits_of_tunes import TuneScores
from melgen.studies.names import StudyNames
from melgen.studies.plan.planned_runs import PlannedRun, planned_runs
from melgen.studies.plan.rate_trials import are_as_asked, as_override, check_seeds, check_tuning
from melgen.studies.plan.training_plan import TrainingPlan
from melgen.studies.primer_remarks import remarks_on_primers
from melgen.studies.results import Run, StudyResults
from melgen.studies.results_reader import ResultsReader
from melgen.studies.runs.reader import runs_in
from melgen.studies.runs.study_runs import StudyRuns
from melgen.studies.settings import StudySettings
from melgen.studies.study_corpus import StudyCorpus
from melgen.studies.tasks import Workbench


class Study:
    """The parts of a study. A part may use only the parts listed above it.

    Args:
        config: as composed from ``conf/study.yaml``.
        hydra: Hydra's own part of it.

    Attributes:
        settings: the configuration, checked, and the study's directories.
        names: of tasks and files.
        bench: does the tasks and keeps the manifest.
        rates: the learning rates that were chosen; None if they are not tuned, or not for all of the runs, or with
            other options.
        runs: planned, finished, missing and selected.
        corpus: of the runs.
        tune_scores: scores each of its test tunes with networks.
        training: what is left to train.

    Raises:
        ValueError: if the directory of runs contains none, or the planned runs would be in several directories.
    """

    def __init__(self, config: DictConfig, hydra: DictConfig):
        self.settings = StudySettings(config, hydra)
        if config.runs:
            runs_in(self.settings.home)  # refused before anything is written
        self.names = StudyNames(self.settings.directory)
        self.bench = Workbench(self.settings.directory, software())
        import_user_modules(config.imports)
        check_tuning(self.settings)
        self.bench.settings = self.settings.recorded
        self.plan()

    def plan(self) -> None:
        """Plan the runs, with the learning rates that were chosen for all of them, if they were."""
        planned = [] if self.settings.config.runs else _planned_in(self.settings)
        for run in planned:
            run.import_user_modules()
        self.rates: LearningRates | None = None
        if self.settings.tunes_rates:
            check_seeds(self.settings, planned)
            self.rates = _rates_for(planned, self.settings)
            planned = planned if self.rates is None else _planned_in(self.settings, as_override(self.settings))
        self.runs = StudyRuns(self.settings, planned)
        self.corpus = StudyCorpus(self.settings, self.runs)
        self.tune_scores = TuneScores(self.corpus, self.settings.config.generate.device)
        self.training = TrainingPlan(self.settings, planned, self.corpus)
        self._reader = ResultsReader(
            self.names,
            self.bench,
            self.runs,
            self.settings.primers,
            self.settings.compared_notes,
            self.rates,
            self.settings.probes,
        )
        for cached in ("primer_remarks", "results"):  # of the runs planned before
            self.__dict__.pop(cached, None)

    @property
    def directory(self) -> Path:
        """The study's own directory."""
        return self.settings.directory

    @cached_property
    def primer_remarks(self) -> list[str]:
        """Remarks on primers whose pitches are rare in what the selected networks were trained on."""
        return remarks_on_primers(self.settings.primers, self.runs.models)

    @cached_property
    def results(self) -> StudyResults:
        """The results of the stages up to the evaluation, read from their files.

        Raises:
            ValueError: if one of them has not been done.
        """
        return self._reader.read(self.primer_remarks)

    @property
    def results_digest(self) -> str:
        """A hash of all that `results` are made of."""
        return self._reader.digest(self.primer_remarks)

    @property
    def inputs_of_results(self) -> dict[str, Any]:
        """The data on which every table and figure depends."""
        return {
            "results": self.results_digest,
            "select": {key: self.settings.config.select[key] for key in ("by", "criterion")},
            "options": self.settings.options.to_dict(),
        }

    def weights_digest(self, run: Run) -> str:
        """A hash of the weights that a run is represented by."""
        assert run.checkpoint is not None
        return self.bench.digest_of_file(run.checkpoint)

    @property
    def description(self) -> dict[str, Any]:
        """The study as a whole, for its manifest: what was asked for, corpus, seeds, runs."""
        return {
            **self.settings.recorded,
            "corpus": self.corpus.inputs,
            "trained_on": self.corpus.trained_on,
            "seeds": {
                "runs": sorted({run.seed for run in self.runs.finished}),
                "generate": self.settings.config.generate.seed,
                "evaluation": self.settings.options.seed,
            },
            "runs": [self.runs.name_of(run) for run in self.runs.finished],
            "primer_notes": self.primer_remarks,
            "unfinished": {path.name: reason for path, reason in self.runs.unfinished},
        }

    def describe(self, **facts: Any) -> None:
        """Put the description, and further facts, into the manifest."""
        self.bench.describe(**self.description, **facts)
        self.bench.save()


def _planned_in(
    settings: StudySettings, changes: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[PlannedRun]:
    planned, home = planned_runs(settings.hydra, changes), settings.home
    if elsewhere := [run.path for run in planned if run.path.parent != home]:
        raise ValueError(f"{elsewhere[0]}: not in {home}; the runs of a study are in one directory")
    return planned


def _rates_for(planned: Sequence[PlannedRun], settings: StudySettings) -> LearningRates | None:
    """The rates on file, if they were chosen with the study's options and there is one for each of the runs."""
    if not settings.rates_file.is_file():
        return None
    rates = read_rates(settings.rates_file)
    return rates if are_as_asked(rates, settings) and all(rates.setting_of(run.config) for run in planned) else None
