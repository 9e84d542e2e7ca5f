"""The trainings that a study has left, and the time that they will take."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property

from hydra.utils import instantiate
from omegaconf import DictConfig

from melgen.data import Split
from melgen.data.rhythm_tunes import tokens_per_note
from melgen.music import Control
from melgen.music.encoding import Encoding
from melgen.plurals import counted
from melgen.runs.config import writes_rhythm
from melgen.runs.directory import RunDirectory
from melgen.studies.plan.estimate import Estimate, estimate, jobs_at_once
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.rate_trials import BUDGET_KEY
from melgen.studies.plan.training import is_trained, refuse_larger_budgets, refuse_others
from melgen.studies.runs.reader import runs_in
from melgen.studies.settings import StudySettings
from melgen.studies.study_corpus import StudyCorpus

log = logging.getLogger(__name__)

SAMPLED_TUNES = 100
"""Training tunes whose tokens are counted for the estimate."""


class TrainingPlan:
    """The trainings that a study needs.

    Args:
        settings: of the study.
        planned: all trainings that are asked for; empty where a directory of runs is given.
        corpus: the corpus that they read.
        are_trials: whether they are trials of learning rates. Their budget has a key of its own, and divergence is a
            result, with which they are not trained again.
    """

    def __init__(
        self,
        settings: StudySettings,
        planned: Sequence[PlannedRun],
        corpus: StudyCorpus,
        *,
        are_trials: bool = False,
    ):
        self.settings, self.planned, self.corpus, self.are_trials = settings, planned, corpus, are_trials

    @cached_property
    def untrained(self) -> list[PlannedRun]:
        """The planned runs that are not trained yet, with the corpus as it is now.

        Raises:
            ValueError: if a run's directory belongs to another run, or a run has made more updates than planned.
        """
        fingerprint = self.corpus.data.fingerprint
        refuse_others(self.planned, fingerprint)
        refuse_larger_budgets(self.planned, BUDGET_KEY if self.are_trials else None)
        diverged = {run.path for run in self.diverged}
        return [run for run in self.planned if not (run.path in diverged or is_trained(run, fingerprint))]

    @property
    def diverged(self) -> list[PlannedRun]:
        """The trials that have diverged; none of other trainings, which are tried again."""
        return [run for run in self.planned if self.are_trials and RunDirectory(run.path).has_diverged]

    @cached_property
    def expected(self) -> Estimate | None:
        """The time that the training is expected to take; ``None``, with the reason in the log, if it is not known."""
        data = self.corpus.data
        notes = int(data.melodies.lengths[data.splits == Split.VALIDATION].sum())
        try:
            return estimate(
                self.planned, self.untrained, jobs_at_once(self.settings.hydra), notes, self._tokens_per_note
            )
        except Exception as error:  # whatever the reason, the training will report it in full
            log.info("  how long that takes cannot be estimated (%s)", str(error).partition("\n")[0])
            return None

    def _tokens_per_note(self, config: DictConfig) -> float:
        """Tokens of a note in a rhythm, from some training tunes of the corpus."""
        if not writes_rhythm(config):
            return 1.0
        data, encoding = self.corpus.data, Encoding(Control(), instantiate(config.rhythm))
        return tokens_per_note(data.melodies, data.splits, encoding, SAMPLED_TUNES)

    def announce(self) -> None:
        """Log how many networks the study trains, how many are trained already, and how long the rest takes."""
        home = self.settings.home
        if not self.planned:
            log.info("Study of %d runs in %s; there is nothing to train", len(runs_in(home)), home)
            return
        jobs, untrained = len(self.planned), len(self.untrained)
        networks = counted(jobs, "network")
        log.info("Study of %s in %s: %d trained already, %d to train", networks, home, jobs - untrained, untrained)
        if untrained and self.expected is not None:
            log.info("  %s", self.expected.words)
