"""Which of the selected networks are compared: each with that of the reference cell in the same setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from melgen.checking import require
from melgen.evaluation.comparing_cells.results import LEAST_SEEDS
from melgen.runs.budget import budget_of
from melgen.runs.choices import START, settings_of
from melgen.runs.identity import is_choice
from melgen.runs.keys import keys_that, top_of
from melgen.runs.variants import USUAL
from melgen.studies.results import Model

USUAL_REFERENCE = "lstm"

_MAY_DIFFER = keys_that("may_differ_between_cells")
"""Keys, also below ``model``, that may be chosen for each cell without making another setting."""


@dataclass(frozen=True)
class CellPair:
    """Two models to compare.

    Attributes:
        setting: what both have in common, for readers.
        model: of another cell than the reference.
        reference: of the reference cell.
    """

    setting: str
    model: Model
    reference: Model

    @property
    def common_seeds(self) -> set[int]:
        """The seeds that both have."""
        return {run.seed for run in self.model.runs} & {run.seed for run in self.reference.runs}


@dataclass(frozen=True)
class CellPairs:
    """All pairs of a study.

    Attributes:
        reference: the reference cell.
        pairs: to compare.
        left_out: models without a partner, and why.
    """

    reference: str
    pairs: tuple[CellPair, ...]
    left_out: tuple[str, ...]

    @property
    def can_be_compared(self) -> bool:
        """Whether any pair has enough common seeds for an interval."""
        return any(len(pair.common_seeds) >= LEAST_SEEDS for pair in self.pairs)

    @property
    def models(self) -> list[Model]:
        """All models of the pairs, each once."""
        return list({model.name: model for pair in self.pairs for model in (pair.reference, pair.model)}.values())


def reference_cell(cells: Iterable[str], wanted: str | None) -> str:
    """The cell that others are compared with: the wanted one, else lstm, else the first.

    Raises:
        ValueError: if no network has the wanted one.

    >>> reference_cell(["gru", "rnn"], None), reference_cell(["gru", "lstm"], None), reference_cell(["gru"], "gru")
    ('gru', 'lstm', 'gru')
    """
    found = list(dict.fromkeys(cells))
    if wanted is not None:
        require(wanted in found, "compare.reference", wanted, f"a cell of the study: {', '.join(found)}")
        return wanted
    return USUAL_REFERENCE if USUAL_REFERENCE in found else found[0]


def pairs_of_cells(models: Sequence[Model], reference: str) -> CellPairs:
    """Pair each model of another cell with the reference cell's model in the same setting.

    A setting is all that was chosen but cell, layers, seed and what may be tuned for a cell: its size, optimizer and
    schedule of the rate. Each network may start from weights of its own, but not one from weights and the other from
    scratch; and both must be planned with the same budget. If several models of a cell are in one setting, because that
    was swept over, the partner is the reference cell's model of the same variant.

    Args:
        models: the selected ones, one for each dataset, cell and variant.
        reference: the cell.
    """
    settings = [_setting_of(model) for model in models]
    references = [(model, its) for model, its in zip(models, settings, strict=True) if model.cell == reference]
    pairs, left_out = [], []
    for model, setting in zip(models, settings, strict=True):
        if model.cell == reference:
            continue
        beside = [other for other, its in zip(models, settings, strict=True) if its == setting]
        candidates = [other for other in beside if other.cell == reference]
        if len(candidates) > 1 or len([other for other in beside if other.cell == model.cell]) > 1:
            candidates = [other for other in candidates if other.variant == model.variant]
        if candidates:
            pairs.append(CellPair(_in_words(model, candidates[0], models), model, candidates[0]))
        elif {its[-1] for _, its in references if its[:-1] == setting[:-1]} - {setting[-1]}:
            left_out.append(f"{model.title}: planned with another budget than {reference} in the same setting")
        else:
            left_out.append(f"{model.title}: no {reference} in the same setting")
    return CellPairs(reference, tuple(pairs), tuple(left_out))


def models_by_setting(models: Sequence[Model]) -> dict[str, list[Model]]:
    """The models of each setting in which there are several cells, by what they have in common in words.

    Args:
        models: the selected ones.
    """
    groups: dict[Any, list[Model]] = {}
    for model in models:
        groups.setdefault(_setting_of(model), []).append(model)
    found: dict[str, list[Model]] = {}
    for group in groups.values():
        if len({model.cell for model in group}) > 1:
            words = [_in_words(group[0], other, models) for other in group[1:]]
            shared = [part for part in words[0].split(", ") if all(part in each.split(", ") for each in words)]
            setting = ", ".join(shared)
            found[f"{setting}, {group[0].title} and others" if setting in found else setting] = group
    return found


def _setting_of(model: Model) -> tuple[str, str, Any, frozenset[str]]:
    """Representation, rhythm, what else was chosen, and the budgets of the runs, which are one unless seeds differ."""
    run = model.runs[0]
    settings = settings_of(run.path)
    chosen = model.variant if settings is None else _without_tuned(settings)
    return model.dataset, run.rhythm, chosen, frozenset(repr(budget_of(each.path)) for each in model.runs)


def _without_tuned(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    kept = [(START, repr(settings.get(START) is not None))]
    for key, value in settings.items():
        if is_choice(key) and top_of(key.removeprefix("model.")) not in _MAY_DIFFER:
            kept.append((key, repr(value)))
    return tuple(sorted(kept))


def _is_started(model: Model) -> bool:
    """Whether the network began with trained weights."""
    return (settings_of(model.runs[0].path) or {}).get(START) is not None


def _in_words(model: Model, reference: Model, models: Sequence[Model]) -> str:
    """The setting of two models: the representation, the rhythm if any network has one, and what else they share."""
    own, others = (each.variant_text.split(", ") for each in (model, reference))
    parts = [part for part in own if part in others and part not in ("", USUAL)]
    if _is_started(model) and not all(map(_is_started, models)):  # the sources of the weights may differ
        parts.append(START)
    if any(each.writes_rhythm for each in models) and not any(part.startswith("rhythm ") for part in parts):
        parts.insert(0, f"rhythm {model.runs[0].rhythm}")
    return ", ".join([model.dataset, *parts])
