"""Tables of the results of a listening test."""

from __future__ import annotations

from melgen.listening.analysis import Analysis
from melgen.listening.bradley_terry import outcomes
from melgen.plurals import counted
from melgen.tables import Column, Table
from melgen.tables.table import row

ROLES = {"network": "network", "reference": "hidden reference", "anchor": "anchor"}


def preferences_table(analysis: Analysis) -> Table:
    """Abilities and preference scores of all conditions, the best first."""
    key, fitted = analysis.key, analysis.fitted
    at_odds = outcomes(fitted.abilities, fitted.log_ties)
    columns = (
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
    rows = []
    for i in sorted(range(len(key.conditions)), key=lambda i: -fitted.abilities[i]):
        heard = int(((analysis.judgements.first == i) | (analysis.judgements.second == i)).sum())
        numbers = [fitted.abilities[i], analysis.abilities.low[i], analysis.abilities.high[i]]
        numbers += [at_odds.score[i], analysis.scores.low[i], analysis.scores.high[i], at_odds.tie[i]]
        if i == key.reference:
            numbers[1:] = [float("nan")] * 6
        one = key.conditions[i]
        rows.append(row(one.name, [one.name, ROLES[one.role], heard, *map(float, numbers)]))
    caption = (
        f"{key.question} {counted(len(analysis.judgements), 'judgement')} of "
        f"{counted(len(analysis.kept.listeners), 'listener')}. Abilities of the Bradley-Terry model with ties, as log "
        "odds against the hidden reference, and the probability to be preferred to it, ties counted half, with "
        f"{key.confidence:.0%} intervals over listeners and songs. Last, the probability that no difference is heard."
    )
    return Table("Preferences of listeners", caption, columns, tuple(rows))


def pairs_table(analysis: Analysis) -> Table:
    """The judgements of each pair, with the preference score that the model gives it."""
    key, fitted = analysis.key, analysis.fitted
    columns = (
        Column("condition", "condition", "text"),
        Column("other", "compared with", "text"),
        Column("judgements", "judgements", "integer"),
        Column("preferred", "preferred", "integer"),
        Column("ties", "no difference", "integer"),
        Column("other_preferred", "other preferred", "integer"),
        Column("score", "score"),
        Column("fitted_score", "fitted score"),
    )
    rows = []
    for pair in analysis.pairs:
        one, other = key.conditions[pair.first].name, key.conditions[pair.second].name
        difference = fitted.abilities[pair.first] - fitted.abilities[pair.second]
        expected = float(outcomes(difference, fitted.log_ties).score)
        counts = [pair.judgements, pair.preferred, pair.ties, pair.other_preferred]
        rows.append(row(f"{one}/{other}", [one, other, *counts, pair.score, expected]))
    caption = (
        "How often each condition was preferred to another. The score counts a tie as half; the fitted score is that "
        "of the model, which should be near to it if one ability for each condition is enough."
    )
    return Table("Judgements of each pair", caption, columns, tuple(rows))
