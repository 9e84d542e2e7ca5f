"""A search for the best configuration with Optuna: its space from a command line, its trials, and what it finds."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, QuotedString, RangeSweep
from hydra.core.utils import JobReturn
from hydra.utils import instantiate
from omegaconf import OmegaConf

from melgen.checking import check_one_of, check_whole
from melgen.errors import message_of
from melgen.files import write_text
from melgen.locks import locked
from melgen.runs.identity import is_budget, is_identity
from melgen.runs.keys import keys_that

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

log = logging.getLogger(__name__)

RESULTS = "optimization_results.yaml"
"""In the directory of a sweep: the best trial."""

JOURNAL = "optuna.log"
"""In the directory of a sweep: Optuna's study, if no other storage is configured."""

LOCK = "search.lock"
"""In the directory of a sweep: held by the process that runs trials. (Optuna has a lock of its own for its file.)"""

DIRECTIONS = ("minimize", "maximize")

_FIXED = "melgen_fixed"
_PLACE = "melgen_sweep_dir"

_KEEPS_ITS_PLACE = ("QMCSampler",)
"""Samplers that find their place in their sequence in the study, by their seed."""

Launch = Callable[..., Sequence[JobReturn]]
"""`hydra.plugins.launcher.Launcher.launch`: the overrides of several jobs, and the number of the first."""


def require_optuna() -> None:
    """Check that Optuna is installed.

    Raises:
        ImportError: it is missing or too old; the message has the command that installs it.
    """
    try:
        from optuna.storages.journal import JournalFileBackend  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"hydra/sweeper=optuna needs Optuna 4 or later ({error}): pip install 'melgen[optuna]'"
        ) from error


def search_space(
    arguments: Sequence[str], config_loader: ConfigLoader | None = None
) -> tuple[dict[str, BaseDistribution], dict[str, str]]:
    """Split overrides into what Optuna chooses and what all trials share.

    A choice is one of its options, as text in Hydra's grammar. A range holds what it does in Hydra, its end excluded.

    Args:
        arguments: overrides in Hydra's grammar; of several with one key the last counts.
        config_loader: for ``glob(*)``.

    Returns:
        The distribution of each swept key, and the other overrides by key.

    >>> search_space(["layers=choice(1,2)", "seed=0"])
    ({'layers': CategoricalDistribution(choices=('1', '2'))}, {'seed': 'seed=0'})
    """
    require_optuna()
    space: dict[str, BaseDistribution] = {}
    fixed: dict[str, str] = {}
    for override in OverridesParser.create(config_loader=config_loader).parse_overrides(list(arguments)):
        key = override.get_key_element()
        space.pop(key, None)
        fixed.pop(key, None)
        if override.is_sweep_override():
            try:
                space[key] = _distribution(override)
            except ValueError as error:
                raise ValueError(f"{override.input_line}: {error}") from error
        else:
            fixed[key] = override.input_line or ""
    return space, fixed


def _distribution(override: Override) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        assert low is not None
        assert high is not None
        if isinstance(low, int) and isinstance(high, int):  # int(interval(1, 5))
            return IntDistribution(low, high, log="log" in sweep.tags)
        return FloatDistribution(low, high, log="log" in sweep.tags)
    options = list(override.sweep_string_iterator())
    if isinstance(sweep, RangeSweep) and sweep.step > 0 and not sweep.shuffle and options:
        assert sweep.start is not None
        steps = len(options) - 1
        if all(isinstance(number, int) for number in (sweep.start, sweep.step)):
            return IntDistribution(int(sweep.start), int(sweep.start + steps * sweep.step), step=int(sweep.step))
        return FloatDistribution(sweep.start, sweep.start + steps * sweep.step, step=sweep.step)
    return CategoricalDistribution(options)


def sampler_of(configured: Mapping[str, Any], trials: int) -> BaseSampler:
    """The sampler of a configuration, for a study that has some trials already.

    A sampler with a seed starts at the beginning of its random numbers: with the same seed, the same command would try
    the first choices again. So every start of a study has a seed of its own.

    Args:
        configured: the ``_target_`` of a sampler and its arguments.
        trials: how many trials the study has.
    """
    seed = configured.get("seed")
    if trials and seed is not None and not str(configured["_target_"]).endswith(_KEEPS_ITS_PLACE):
        digest = hashlib.sha256(f"{seed} {trials}".encode()).digest()
        configured = {**configured, "seed": int.from_bytes(digest[:4], "big")}
    sampler: BaseSampler = instantiate(configured)
    return sampler


class Search:
    """A search of which every trial is one training.

    The study is kept in the sweep's directory or the given storage, so that the same command goes on: it makes the
    trials that are left, those first that were interrupted or failed. A training that diverges counts as the worst
    there is, from which Optuna learns where not to look. One that fails otherwise has no result.

    Args:
        space, fixed: as from `search_space`.
        folder: the directory of the sweep.
        sampler: how Optuna chooses: makes the sampler for a study with a number of trials.
        n_trials: the trials with a result in all, those of earlier commands too.
        n_jobs: how many trials are launched at once.
        direction: ``minimize`` or ``maximize``.
        storage: URL of a database; by default a file in ``folder``.
        study_name: by default the name of ``folder``.

    Raises:
        ValueError: for a number, direction or space without sense.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        fixed: Mapping[str, str],
        *,
        folder: str | Path,
        sampler: Callable[[int], BaseSampler],
        n_trials: int = 20,
        n_jobs: int = 1,
        direction: str = "minimize",
        storage: str | None = None,
        study_name: str | None = None,
    ):
        for key, number in (("n_trials", n_trials), ("n_jobs", n_jobs)):
            check_whole(f"hydra.sweeper.{key}", number)
        check_one_of("hydra.sweeper.direction", direction, DIRECTIONS)
        if not space:
            raise ValueError("hydra/sweeper=optuna: nothing to choose; e.g. 'layers=choice(1,2,3)' is needed")
        self.space, self.fixed, self.folder, self.sampler = dict(space), dict(fixed), Path(folder), sampler
        self.n_trials, self.n_jobs, self.direction = n_trials, n_jobs, direction
        self.storage, self.study_name = storage, study_name or self.folder.resolve().name

    def run(self, launch: Launch) -> None:
        """Run the trials that are left, and write the best of all to ``optimization_results.yaml``.

        Raises:
            LockedError: another process runs trials of this directory.
            ValueError: the study was begun with another direction, choices or shared overrides.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK), _quiet_optuna():
            study = self._open()
            self._retry(study)
            left, number = self.n_trials - len(_with_result(study)), 0
            if left <= 0:
                log.info("All %d trials have a result", self.n_trials)
            while left > 0:
                trials = [self._ask(study) for _ in range(min(left, self.n_jobs))]
                number += self._evaluate(study, trials, launch, number)
                left -= len(trials)
            self._record(study)

    def _open(self) -> Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        journal = str(self.folder / JOURNAL)
        # The other lock of Optuna is a symbolic link, which Windows keeps for administrators.
        storage = self.storage or JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal)))
        try:
            study = optuna.create_study(
                storage=storage,
                sampler=self.sampler(0),
                study_name=self.study_name,
                direction=optuna.study.StudyDirection[self.direction.upper()],
                load_if_exists=True,
            )
        except Exception as error:  # of SQLAlchemy, the database or the file
            raise ValueError(f"{self._where}: cannot be opened: {message_of(error)}") from error
        study.sampler = self.sampler(len(study.get_trials(deepcopy=False)))
        if study.direction.name.lower() != self.direction:
            raise self._begun_otherwise(f"hydra.sweeper.direction={study.direction.name.lower()}")
        fixed = {key: override for key, override in sorted(self.fixed.items()) if _decides(key.lstrip("+~"))}
        before = study.user_attrs.get(_FIXED)
        if before is None:
            study.set_user_attr(_FIXED, fixed)
        elif before != fixed:
            raise self._begun_otherwise(" ".join(sorted(before.values())) or "no other override")
        return study

    @property
    def _where(self) -> str:
        return f"the study {self.study_name} in {self.storage or self.folder / JOURNAL}"

    def _begun_otherwise(self, how: str) -> ValueError:
        return ValueError(f"{self._where} was begun with {how}; name=... begins another")

    def _retry(self, study: Study) -> None:
        """Queue the parameters of this directory's trials that were interrupted or failed."""
        from optuna.trial import TrialState

        kept = (TrialState.COMPLETE, TrialState.WAITING)
        done = [trial.system_attrs.get("fixed_params", trial.params) for trial in study.get_trials(states=kept)]
        for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.FAIL)):
            if trial.user_attrs.get(_PLACE) != self._place:
                continue  # of another machine that shares the storage
            if trial.state == TrialState.RUNNING:  # nobody runs it: we have the lock
                study.tell(trial.number, state=TrialState.FAIL)
            if trial.params.keys() == self.space.keys() and trial.params not in done:
                done.append(trial.params)
                study.enqueue_trial(trial.params)

    @property
    def _place(self) -> str:
        return str(self.folder.resolve())

    def _ask(self, study: Study) -> Trial:
        try:
            trial = study.ask(self.space)
        except ValueError as error:
            raise self._begun_otherwise(f"other choices ({error})") from error
        trial.set_user_attr(_PLACE, self._place)
        return trial

    def _evaluate(self, study: Study, trials: Sequence[Trial], launch: Launch, number: int) -> int:
        """Run trials and note their results; the number of jobs."""
        from optuna.trial import TrialState

        jobs: dict[tuple[str, ...], list[Trial]] = {}  # trials of the same parameters are one training
        for trial in trials:
            chosen = (f"{key}={trial.params[key]}" for key in self.space)
            jobs.setdefault((*self.fixed.values(), *chosen), []).append(trial)
        returns = launch(list(jobs), initial_job_idx=number)
        for of_job, returned in zip(jobs.values(), returns, strict=True):
            value = self._value(returned)
            for trial in of_job:
                log.info(
                    "Trial %d: %s: %s", trial.number + 1, _shown(trial.params), "failed" if value is None else value
                )
                study.tell(trial, value, state=TrialState.FAIL if value is None else TrialState.COMPLETE)
        return len(jobs)

    def _value(self, returned: JobReturn) -> float | None:
        """The value of a trial: infinitely bad if it diverged, ``None`` if it failed."""
        try:
            value = float(returned.return_value)
        except Exception as error:  # an error of the job, or a result that is not a number
            log.warning("a trial failed: %s", message_of(error))
            return None
        if math.isnan(value):
            return None
        return value if math.isfinite(value) else math.inf * (1 if self.direction == "minimize" else -1)

    def _record(self, study: Study) -> None:
        results: dict[str, Any] = {"name": "optuna", "best_params": None, "best_value": None}
        trials = _with_result(study)
        if trials and math.isfinite(value := study.best_value):
            params = study.best_params
            log.info("Best of %d trials: %s: %s", len(trials), _shown(params), value)
            results |= {"best_params": {key: _plain(choice) for key, choice in params.items()}, "best_value": value}
        else:
            log.warning("no trial has come to a result: there is no best choice")
        write_text(self.folder / RESULTS, OmegaConf.to_yaml(OmegaConf.create(results)))


def _decides(key: str) -> bool:
    """Whether an override that all trials share changes their losses, through other tunes or another length too."""
    return (
        is_identity(key) or is_budget(key) or key in keys_that("is_identified_by_content") | keys_that("sets_identity")
    )


def _with_result(study: Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE,))


def _shown(params: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in params.items())


def _plain(value: Any) -> Any:
    """A choice as the value that Hydra makes of its text."""
    if not isinstance(value, str):
        return value
    parsed = OverridesParser.create().parse_override(f"x={value}").value()
    return parsed.text if isinstance(parsed, QuotedString) else parsed


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Without Optuna's own lines on the terminal, which repeat ours."""
    from optuna import logging as optuna_logging

    before = optuna_logging.get_verbosity()
    optuna_logging.set_verbosity(optuna_logging.WARNING)
    try:
        yield
    finally:
        optuna_logging.set_verbosity(before)
