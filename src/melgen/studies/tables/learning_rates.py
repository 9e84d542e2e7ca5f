"""The table of the learning rates that the stage tune has tried. It is None where no rates were tuned."""

from __future__ import annotations

import math
from collections.abc import Iterable

from melgen.runs.rate_trials import EXPLODED, LearningRates, RateTrial, TunedSetting
from melgen.studies.results import StudyResults
from melgen.tables.table import Column, Table, Value, row

NAME = "learning_rates"


def learning_rates_table(results: StudyResults) -> Table | None:
    """The criterion of every network with every rate, and the rate that was chosen."""
    found = results.rates
    if found is None:
        return None
    rates = sorted({trial.rate for setting in found.settings for trial in setting.trials})
    has_variants = any(setting.variant for setting in found.settings)
    columns = (
        Column("dataset", "dataset", "text"),
        Column("cell", "cell", "text"),
        *([Column("variant", "variant", "text")] if has_variants else []),
        Column("layers", "layers", "integer"),
        Column("chosen", "chosen rate", "text"),
        Column("edge", "at an end of the grid", "text"),
        *(Column(f"rate_{rate:g}", f"{rate:g}", decimals=4) for rate in rates),
        Column("diverged", "diverged", "integer"),
    )

    def values(setting: TunedSetting) -> Iterable[Value]:
        yield from (setting.dataset, setting.cell)
        if has_variants:
            yield setting.variant
        yield from (setting.layers, f"{setting.best.rate:g}", setting.edge or None)
        by_rate = {trial.rate: trial for trial in setting.trials}
        yield from (_mean(by_rate.get(rate)) for rate in rates)
        yield sum(len(trial.diverged) for trial in setting.trials)

    rows = [row(setting.name, [*values(setting)], ()) for setting in found.settings]
    return Table("Learning rates", caption(found), columns, tuple(rows))


def caption(found: LearningRates) -> str:
    """How the rates were compared, for table, figure and page."""
    seeds = ("seed " if len(found.seeds) == 1 else "seeds ") + ", ".join(map(str, found.seeds))
    return (
        f"{found.criterion} of each network after at most {found.updates:,} updates with each learning rate ({seeds}, "
        "which no reported network has; the mean of several). The lowest is chosen. A rate at an end of the grid "
        "may not be the best one. Diverged: trials whose loss or gradient became infinite or NaN, or whose validation "
        f"loss is above {EXPLODED} times that of a guess, the logarithm of the vocabulary's size."
    )


def _mean(trial: RateTrial | None) -> float | None:
    return None if trial is None or math.isinf(trial.mean) else trial.mean
