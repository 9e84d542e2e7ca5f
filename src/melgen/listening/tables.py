"""Tables of the results of a listening test."""

from __future__ import annotations

import numpy as np

from melgen.decimals import in_percent
from melgen.listening.analysis import Analysis
from melgen.listening.bradley_terry import outcomes
from melgen.listening.estimation import Estimate
from melgen.listening.key import Key
from melgen.plurals import counted
from melgen.tables import Column, Table
from melgen.tables.table import Row, Value, row

TABLES = ("preferences", "pairs", "training")
"""The names that tables of results may have."""
ROLES = {"network": "network", "reference": "hidden reference", "anchor": "anchor"}
_COLUMNS = (
    Column("condition", "condition", "text"),
    Column("role", "role", "text"),
    Column("judgements", "judgements", "integer"),
    Column("ability", "ability"),
    Column("ability_low", "low"),
    Column("ability_high", "high"),
    Column("score", "preferred to the reference"),
    Column("score_low", "low"),
    Column("score_high", "high"),
    Column("no_difference", "no difference"),
)


def tables_of(analysis: Analysis) -> dict[str, Table]:
    """All tables by the names of their files."""
    found = {"preferences": preferences_table(analysis), "pairs": pairs_table(analysis)}
    return found | ({"training": training_table(analysis)} if analysis.by_training else {})


def preferences_table(analysis: Analysis) -> Table:
    """Abilities and preference scores of all conditions, the best first."""
    key = analysis.key
    caption = (
        f"{key.question} {counted(len(analysis.kept.judgements), 'judgement')} of "
        f"{counted(len(analysis.kept.listeners), 'listener')}. Abilities of the Bradley-Terry model with ties, as log "
        "odds against the hidden reference, and the probability to be preferred to it, ties counted half, with "
        f"{in_percent(key.confidence)} intervals over listeners and songs. Last, the probability that no difference is "
        "heard."
    )
    return Table("Preferences of listeners", caption, _COLUMNS, tuple(_rows(key, analysis.all_listeners)))


def training_table(analysis: Analysis) -> Table:
    """The same of listeners with each musical training by themselves."""
    columns = (Column("training", "musical training", "text"), Column("listeners", "listeners", "integer"), *_COLUMNS)
    rows: list[Row] = []
    for training, found in analysis.by_training.items():
        above: list[Value] = [training, analysis.trainings[training]]
        rows += _rows(analysis.key, found, above, rule=bool(rows))
    caption = "Preferences of listeners by their musical training; otherwise as the table of all listeners."
    return Table("Preferences by musical training", caption, columns, tuple(rows))


def pairs_table(analysis: Analysis) -> Table:
    """The judgements of each pair, and the difference that the model finds between its abilities."""
    key = analysis.key
    columns = (
        Column("condition", "condition", "text"),
        Column("other", "compared with", "text"),
        Column("judgements", "judgements", "integer"),
        Column("preferred", "preferred", "integer"),
        Column("ties", "no difference", "integer"),
        Column("other_preferred", "other preferred", "integer"),
        Column("score", "score"),
        Column("fitted_score", "fitted score"),
        Column("difference", "difference of abilities"),
        Column("difference_low", "low"),
        Column("difference_high", "high"),
    )
    rows = []
    for pair in analysis.all_listeners.pairs:
        one, other = key.conditions[pair.first].name, key.conditions[pair.second].name
        counts = [pair.judgements, pair.preferred, pair.ties, pair.other_preferred]
        numbers = [pair.score, pair.fitted_score, pair.difference, pair.low, pair.high]
        rows.append(row(f"{one}/{other}", [one, other, *counts, *numbers]))
    caption = (
        "How often each condition was preferred to another. The score counts a tie as half; the fitted score is that "
        "of the model, which should be near to it if one ability for each condition is enough. The difference of the "
        f"abilities is from all judgements, with its {in_percent(key.confidence)} interval over listeners and songs."
    )
    return Table("Pairs of conditions", caption, columns, tuple(rows))


def _rows(key: Key, found: Estimate, above: list[Value] | None = None, rule: bool = False) -> list[Row]:
    """The rows of an estimate, the best condition first, each after the same first cells."""
    fitted, first = found.fitted, above or []
    at_odds = outcomes(fitted.abilities, fitted.log_ties)
    rows: list[Row] = []
    for i in np.argsort(-fitted.abilities, kind="stable").tolist():
        numbers = [fitted.abilities[i], found.abilities.low[i], found.abilities.high[i]]
        numbers += [at_odds.score[i], found.scores.low[i], found.scores.high[i], at_odds.tie[i]]
        if i == key.reference:  # 0 by definition
            numbers[1:] = [np.nan] * 6
        one = key.conditions[i]
        values = [*first, one.name, ROLES[one.role], found.judgements_of(i), *map(float, numbers)]
        rows.append(row("/".join(map(str, [*first, one.name])), values, rule=rule and not rows))
    return rows
