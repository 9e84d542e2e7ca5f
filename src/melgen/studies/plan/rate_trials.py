"""The trials of learning rates of a study: which trainings there are, and what they found. `LearningRates` chooses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, ListConfig

from melgen.checking import check_whole, is_number, is_seed, is_whole, require
from melgen.files import read_json
from melgen.pasting import hydra_quoted, hydra_value
from melgen.runs.budget import NO_LIMIT
from melgen.runs.choices import choices_of
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import is_choice
from melgen.runs.learning_rates import LEARNING_RATES, RATE, corpus_of, size_of
from melgen.runs.naming import parse_run_name
from melgen.runs.rate_trials import EXPLODED, LearningRates, Purpose, RateTrial, TunedSetting, where_of
from melgen.runs.size_keys import SOLVED, given_size
from melgen.runs.status import status_of
from melgen.runs.variants import variants_in
from melgen.studies.plan.planned_runs import PlannedRun, planned_axes_of_training
from melgen.studies.plan.training import refuse_larger_budgets
from melgen.studies.results import criterion_of
from melgen.studies.settings import StudySettings

BUDGET_KEY = "tune.max_steps"
"""The key of the number of updates of a trial."""

_KNOWN_BY = ("dataset.representation._target_", "rhythm._target_", "cell._target_", "block._target_", "layers")
"""Keys by which every file recognises a network, also where they are the same in all of a study."""
_WITHOUT = ("callbacks.sampling", "callbacks.tonality", "callbacks.projection")
"""Callbacks that a trial does not need."""
_RULE_OF_SEEDS = "a list of whole numbers from 0 to 2**32-1"
_HIGHEST_ADVISED = 0.01
"""The highest rate that is advised where a network has diverged at all rates."""
_DIGITS = 2
"""Significant digits of a rate that is added to the grid."""


def check_tuning(settings: StudySettings) -> None:
    """Check the options of the stage, and that nothing else sets the rate.

    Raises:
        ValueError: naming the key, its value and the rule.
    """
    tune = settings.config.tune
    if tune.rates is None:
        return
    for key, rule in (("rates", "a list of at least two different numbers above 0"), ("seeds", _RULE_OF_SEEDS)):
        require(isinstance(tune[key], ListConfig), f"tune.{key}", tune[key], rule)
    rates, seeds = list(tune.rates), list(tune.seeds)
    good = len(rates) > 1 and all(is_number(rate) and rate > 0 for rate in rates)
    require(good and len({*rates}) == len(rates), "tune.rates", rates, "at least two different numbers above 0")
    require(bool(seeds) and all(map(is_seed, seeds)), "tune.seeds", seeds, _RULE_OF_SEEDS)
    for key, least in (("max_steps", 1), ("extensions", 0)):
        check_whole(f"tune.{key}", tune[key], least)
    require(not settings.config.runs, "tune.rates", rates, "null with runs=..., whose networks are trained")
    axes = planned_axes_of_training(settings.hydra)
    for key in (RATE, LEARNING_RATES):
        if key in axes:
            raise ValueError(f"tune.rates={rates} with {axes[key][0]}: only one of the two can set the learning rate")


def check_seeds(settings: StudySettings, planned: Sequence[PlannedRun]) -> None:
    """Refuse trials with a seed of the sweep: rates must not be chosen on networks that are reported.

    Raises:
        ValueError: naming the seed.
    """
    if common := {*settings.config.tune.seeds} & {run.config.seed for run in planned}:
        raise ValueError(f"tune.seeds={min(common)}: must not be a seed of the sweep, whose networks are reported")


def as_override(settings: StudySettings) -> dict[str, list[str]]:
    """The override by which the trainings of the sweep use the chosen rates."""
    return {LEARNING_RATES: [f"{LEARNING_RATES}={hydra_quoted(str(settings.rates_file.absolute()))}"]}


def trial_overrides(settings: StudySettings, rates: Sequence[float]) -> dict[str, list[str]]:
    """The overrides that turn the trainings of the sweep into trials, one for each rate and seed of the stage."""
    tune, trainer = settings.config.tune, settings.config.trainer
    single = {
        "output_dir": hydra_quoted(str(settings.rates_file.parent.parent)),
        "trainer.max_steps": tune.max_steps,
        "trainer.max_epochs": -1,
        "trainer.val_check_interval": min(trainer.val_check_interval, tune.max_steps),
        **{f"++{key}": "null" for key in _WITHOUT},
    }
    return {
        "seed": [f"seed={seed}" for seed in tune.seeds],
        RATE: [f"{RATE}={rate!r}" for rate in rates],
        **{key: [f"{key}={value}"] for key, value in single.items()},
    }


def chosen(settings: StudySettings, trials: Sequence[PlannedRun], trained: Sequence[PlannedRun] = ()) -> LearningRates:
    """The rates of all networks, from their finished trials.

    Args:
        settings: of the study.
        trials: with all rates and seeds.
        trained: the trainings of the sweep, for which the rates are.

    Raises:
        ValueError: if a trial is missing, lacks the criterion or has made more updates than the others, or if a network
            diverged at all rates.
    """
    refuse_larger_budgets(trials, BUDGET_KEY)
    keys = _keys_of_settings(trials)
    groups: dict[str, list[PlannedRun]] = {}
    for trial in trials:
        groups.setdefault(repr(where_of(trial.config, keys)), []).append(trial)
    firsts = [group[0] for group in groups.values()]
    variants = variants_in([choices_of(first.path, _without_rate(first.config)) for first in firsts])
    found = []
    for first, group, variant in zip(firsts, groups.values(), variants, strict=True):
        named = parse_run_name(first.path.name)
        assert named is not None
        rates = tuple(_trial(rate, each, settings.criterion) for rate, each in _by_rate(group))
        setting = TunedSetting(
            named.dataset,
            named.cell,
            named.layers,
            variant.text,
            where_of(first.config, keys),
            rates,
            size_of(first.config),
        )
        found.append(setting)
    if lost := _lost(found):
        raise ValueError(_without_a_rate(lost))
    tune = settings.config.tune
    budgets = sorted({run.config.trainer.max_steps for run in trained} - {*NO_LIMIT})
    purpose = Purpose(corpus_of(firsts[0].config), tuple(budgets))
    return LearningRates(settings.criterion, tune.max_steps, tuple(tune.seeds), tuple(found), purpose)


def rates_beyond(found: LearningRates) -> list[float]:
    """The next rates at each end of the grid at which the best rate of a network is, by the ratio of the grid there.

    >>> low, high = (RateTrial(rate, {"0": loss}) for rate, loss in ((0.001, 2.0), (0.004, 1.0)))
    >>> setting = TunedSetting("control", "lstm", 1, "", {}, (low, high))
    >>> rates_beyond(LearningRates("val/loss", 100, (0,), (setting,)))
    [0.016]
    """
    beyond = set()
    for setting in found.settings:
        rates = [trial.rate for trial in setting.trials]
        if setting.edge == "lowest":
            beyond.add(rates[0] ** 2 / rates[1])
        elif setting.edge == "highest":
            beyond.add(rates[-1] ** 2 / rates[-2])
    return sorted(float(f"{rate:.{_DIGITS}g}") for rate in beyond)


def are_as_asked(rates: LearningRates, settings: StudySettings) -> bool:
    """Whether rates on file are what the stage would choose with the options of a study, from the same trials."""
    tune = settings.config.tune
    asked_of_trials = (settings.criterion, int(tune.max_steps), sorted(tune.seeds))
    if asked_of_trials != (rates.criterion, rates.updates, sorted(rates.seeds)):
        return False
    needed = {*map(float, tune.rates)}
    for _ in range(tune.extensions):  # the grid grows as it did in the stage, if the same rates were asked for
        tried = _with_rates(rates, needed)
        if _lost(tried.settings):
            return False
        needed |= {*rates_beyond(tried)}
    are_tried = all({trial.rate for trial in setting.trials} == needed for setting in rates.settings)
    return are_tried and not _lost(rates.settings)


def _with_rates(rates: LearningRates, kept: Collection[float]) -> LearningRates:
    """The same file without the trials with other rates, and without networks that have none."""
    settings = [
        dataclasses.replace(setting, trials=trials)
        for setting in rates.settings
        if (trials := tuple(trial for trial in setting.trials if trial.rate in kept))
    ]
    return dataclasses.replace(rates, settings=tuple(settings))


def has_exploded(run: RunDirectory, result: Mapping[str, Any]) -> bool:
    """Whether a training that ended has a loss that is finite, but far above that of a guess; see `EXPLODED`."""
    loss, size = result.get("val/loss"), read_json(run.path / "data.json").get("vocabulary_size")
    return isinstance(loss, int | float) and is_whole(size) and size > 1 and loss > EXPLODED * math.log(size)


def _lost(settings: Iterable[TunedSetting]) -> list[TunedSetting]:
    """The networks that have diverged at all rates."""
    return [setting for setting in settings if math.isinf(setting.best.mean)]


def _without_a_rate(lost: Sequence[TunedSetting]) -> str:
    rates = [trial.rate for trial in lost[0].trials]
    highest = min(rates[0] ** 2 / rates[1] if len(rates) > 1 else rates[0] / 2, _HIGHEST_ADVISED)
    added = [float(f"{rate / rates[-1] * highest:.{_DIGITS}g}") for rate in rates]
    advised = hydra_value(sorted({*added, *rates}))
    names = " and ".join(setting.name for setting in lost)
    return (
        f"tune.rates: {names} diverged at all of {rates}; add lower rates, such as tune.rates={advised} "
        "(the trials that ended are not trained again)"
    )


def _trial(rate: float, runs: Iterable[PlannedRun], criterion: str) -> RateTrial:
    scores: dict[str, float] = {}
    diverged = []
    for planned in runs:
        run, seed = RunDirectory(planned.path), planned.config.seed
        if run.has_diverged:
            diverged.append(seed)
            continue
        result = run.result or {}
        if has_exploded(run, result):
            diverged.append(seed)
            continue
        if not result:
            status = status_of(run)
            why = f": {status.reason}" if status.reason else ""
            raise ValueError(
                f"{run.path}: a trial of the stage tune is {status.state}{why}; the same command tries it again"
            )
        scores[str(seed)] = criterion_of(run.path, result, criterion)
    return RateTrial(rate, scores, tuple(diverged))


def _by_rate(trials: Sequence[PlannedRun]) -> list[tuple[float, list[PlannedRun]]]:
    found: dict[float, list[PlannedRun]] = {}
    for trial in trials:
        found.setdefault(float(trial.config.optimizer.lr), []).append(trial)
    return sorted(found.items())


def _keys_of_settings(trials: Sequence[PlannedRun]) -> list[str]:
    """The keys by which networks are recognised: some always, and all others in which those of the study differ."""
    identities = [_of_setting(trial.identity, trial.config) for trial in trials]
    names = dict.fromkeys(key for identity in identities for key in identity)
    differing = [key for key in names if len({repr(identity.get(key)) for identity in identities}) > 1]
    return [*_KNOWN_BY, *(key for key in differing if key not in _KNOWN_BY)]


def _of_setting(identity: Mapping[str, Any], config: DictConfig) -> dict[str, Any]:
    kept = {}
    for key, value in identity.items():
        name = key.removeprefix("model.")
        repeats = name != key and identity.get(name) == value
        is_solved = given_size(config) and {key, name} & {*SOLVED}
        if is_choice(key) and not (key == RATE or repeats or is_solved):
            kept[key] = value
    return kept


def _without_rate(config: DictConfig) -> DictConfig:
    """The configuration as one whose rate was tuned, so that variants are not told apart by rates."""
    config = config.copy()
    config[LEARNING_RATES] = "tuned"
    return config
