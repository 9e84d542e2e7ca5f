"""Read what the probes of a study have found from its files and from the histories of its runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from melgen.bit_names import BITS, BITS_WITH_RHYTHM
from melgen.evaluation.probes import BUDGET, COPYING, MEMORIZATION, SIMILARITY, STATES
from melgen.evaluation.probes.budget import CellCurves, order_at_budgets
from melgen.evaluation.probes.copied_bits import CopiedBits
from melgen.evaluation.probes.linear import ProbeResult
from melgen.evaluation.probes.memorization import Memorized
from melgen.studies.comparing.cell_pairs import models_by_setting
from melgen.studies.names import (
    MEMORIZING_BASELINES,
    PROBED_BASELINES,
    StudyNames,
)
from melgen.studies.probes.results import (
    BudgetFound,
    CopyingFound,
    MemorizationFound,
    ProbeResults,
    StatesFound,
    TunesFound,
)
from melgen.studies.result_files import read_result
from melgen.studies.results import Model
from melgen.studies.runs.study_runs import StudyRuns

_Found = TypeVar("_Found")


def probe_tasks(names: StudyNames, runs: StudyRuns, probes: Sequence[str]) -> list[str]:
    """The names of all tasks that probe the networks of a study."""
    tasks = [names.probe_task(SIMILARITY)] if SIMILARITY in probes else []
    tasks += [names.probe_task(COPYING)] if COPYING in probes and runs.write_pitches else []
    measured = [probe for probe in (COPYING, STATES, SIMILARITY) if probe in probes]
    if MEMORIZATION in probes and runs.settings.is_by_layers:
        tasks.append(names.probe_task(MEMORIZATION))
        measured.append(MEMORIZATION)
    return tasks + [names.probe_task(probe, model, run) for probe in measured for model, run in runs.of_models()]


def read_probes(names: StudyNames, runs: StudyRuns, probes: Sequence[str]) -> ProbeResults:
    """Everything that the wanted probes have found.

    Raises:
        ValueError: if a file is damaged.
    """
    baselines = {}
    if COPYING in probes and runs.write_pitches:
        files = {name: names.probe_of_baseline_file(COPYING, name) for name in PROBED_BASELINES}
        baselines = {name: read_result(path, _copying) for name, path in files.items() if path.is_file()}
    memorizing = {}
    if MEMORIZATION in probes:
        files = {name: names.probe_of_baseline_file(MEMORIZATION, name) for name in MEMORIZING_BASELINES}
        memorizing = {name: read_result(path, _memorized) for name, path in files.items() if path.is_file()}
    shares: Mapping[int, float] = {}
    if SIMILARITY in probes and names.nearest_tunes_file.is_file():
        shares = read_result(names.nearest_tunes_file, _shares)

    def of_runs(probe: str, read: Callable[[Mapping[str, Any]], _Found]) -> dict[str, dict[int, _Found]]:
        found: dict[str, dict[int, _Found]] = {}
        for model, run in runs.of_models() if probe in probes else ():
            path = names.probe_file(probe, model, run)
            if path.is_file():  # there is none of a corpus without tunes
                found.setdefault(model.name, {})[run.seed] = read_result(path, read)
        return found

    return ProbeResults(
        copying=of_runs(COPYING, _copying),
        baselines=baselines,
        states=of_runs(STATES, _states),
        similarity=of_runs(SIMILARITY, lambda content: _tunes(content, shares)),
        budget=_budgets(runs) if BUDGET in probes else (),
        memorization=of_runs(MEMORIZATION, _memorized),
        memorizing_baselines=memorizing,
    )


def _budgets(runs: StudyRuns) -> tuple[BudgetFound, ...]:
    """The cells of each setting that has several."""
    if not runs.settings.is_by_layers:  # other models are stages of one training
        return ()
    found = []
    for setting, models in models_by_setting(runs.models).items():
        cells = [model.cell for model in models]
        curves = [
            CellCurves(model.cell if cells.count(model.cell) == 1 else model.title, _curves_of(model))
            for model in models
        ]
        order = order_at_budgets(curves, confidence=runs.settings.options.confidence)
        if order is not None:
            found.append(BudgetFound(setting, tuple(each for each in curves if each.curves), order))
    return tuple(found)


def _curves_of(model: Model) -> dict[int, tuple[list[float], list[float]]]:
    found = {}
    for run in model.runs:
        key = f"val/{BITS_WITH_RHYTHM if run.writes_rhythm else BITS}"
        points = [(row["step"], row[key]) for row in run.history if math.isfinite(row.get(key, math.nan))]
        if points:
            found[run.seed] = [step for step, _ in points], [bits for _, bits in points]
    return found


def _copying(content: Mapping[str, Any]) -> CopyingFound:
    parts = {part: CopiedBits.from_dict(content[part]) for part in ("all", "pitch") if part in content}
    if "pitch" in parts:
        parts["rhythm"] = parts["all"].minus(parts["pitch"])
    return CopyingFound(int(content["tunes"]), parts)


def _states(content: Mapping[str, Any]) -> StatesFound:
    targets = {
        target: {
            reader: ProbeResult(
                _number(found["accuracy"]), _number(found["shuffled"]), int(found["classes"]), int(found["notes"])
            )
            for reader, found in readers.items()
        }
        for target, readers in content["targets"].items()
    }
    return StatesFound(content["metre"] or "", int(content["tunes"]), int(content["without_key"]), targets)


def _shares(content: Mapping[str, Any]) -> dict[int, float]:
    return dict(zip(content["tunes"], map(_number, content["share"]), strict=True))


def _tunes(content: Mapping[str, Any], shares: Mapping[int, float]) -> TunesFound:
    notes = np.array(content["notes"], np.float64)
    columns = np.array([shares[tune] for tune in content["tunes"]]), np.array(content["bits"], np.float64), notes
    return TunesFound(*(column[notes > 0] for column in columns))


def _memorized(content: Mapping[str, Any]) -> MemorizationFound:
    return MemorizationFound(
        {int(updates): Memorized.from_dict(found) for updates, found in content["underway"] if found is not None},
        None if content["selected"] is None else Memorized.from_dict(content["selected"]),
        *(int(content[key]) for key in ("updates", "part_notes", "training_notes", "ngram")),
    )


def _number(value: float | None) -> float:
    """JSON has no nan."""
    return math.nan if value is None else float(value)
