"""Cross-entropy as a cost: correlations use the first phase, and later stages are shown separately."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from melgen.evaluation.options import EvaluationOptions
from melgen.studies.cost_validation import CostValidation
from melgen.studies.results import Model, Run, StudyResults
from melgen.studies.tables import build_tables
from tests.studies.test_figures import evaluation

LOSSES = {5: 3.0, 10: 2.5, 15: 2.2, 20: 2.0, 40: 2.6, 60: 3.0}
BEST = 20


@pytest.fixture
def results():
    """Songs that are nearer to the tunes after every stage, even after the loss has risen again."""
    models, songs = [], {}
    for number, (step, loss) in enumerate(LOSSES.items()):
        run = Run(
            Path("../control-lstm-2-seed0"), "control", "lstm", 2, 0, f"step-{step:08d}",
            result={"val/loss": loss, "updates": step}, variant_text=f"update {step}", beyond_best=step > BEST,
        )  # fmt: skip
        models.append(Model((run,)))
        songs[models[-1].name] = evaluation(models[-1].name, shift=1 - number / 10)
    folders = {name: f"songs/{name}" for name in songs}
    runs = (dataclasses.replace(models[0].runs[0], variant="", variant_text=""),)
    return StudyResults(runs, tuple(models), songs, {}, openings=evaluation("openings"), song_folders=folders)


def test_the_correlations_leave_out_the_stages_after_the_best(results):
    found = CostValidation.of(results, build_tables(results)["tonality"], "val/loss", EvaluationOptions(resamples=50))
    motion = found.correlations["../control-lstm-2-seed0"]["conjunct_melodic_motion"]
    assert (motion.count, motion.coefficient) == (4, pytest.approx(1.0))
    assert found.beyond_best == (False,) * 4 + (True,) * 2


def test_later_stages_are_a_phase_of_their_own_in_the_table(results):
    found = CostValidation.of(results, build_tables(results)["tonality"], "val/loss", EvaluationOptions(resamples=50))
    table = found.table(results)
    phases = [row.cells[1].value for row in table.rows]
    assert phases == ["up to the best"] * 4 + ["after the best"] * 2 + ["up to the best"] * 4
    assert [number for number, row in enumerate(table.rows) if row.rule] == [4, 6]
    assert table.rows[0].cells[0].value == "control-lstm-2 (update 5)"
    assert "have a phase of their own" in table.caption


def test_each_training_is_correlated_by_itself(results):
    """Losses per token of two vocabularies are not ranked together."""
    models, songs, folders = list(results.models), dict(results.songs), dict(results.song_folders)
    for number, model in enumerate(results.models):
        run = model.runs[0]
        loss = run.result["val/loss"] + 5
        other = dataclasses.replace(
            run, path=Path("../interval-lstm-2-seed0"), dataset="interval", result=run.result | {"val/loss": loss}
        )
        models.append(Model((other,)))
        name = models[-1].name
        songs[name], folders[name] = evaluation(name, shift=number / 10), f"songs/{name}"
    both = dataclasses.replace(results, models=tuple(models), songs=songs, song_folders=folders)
    found = CostValidation.of(both, build_tables(both)["tonality"], "val/loss", EvaluationOptions(resamples=50))
    coefficients = [each["conjunct_melodic_motion"].coefficient for each in found.correlations.values()]
    assert coefficients == [pytest.approx(1.0), pytest.approx(-1.0)]
    table = found.table(both)
    assert "stages of each training" in table.caption
    labels = [row.cells[0].value for row in table.rows if row.key.startswith("coefficient")]
    assert labels == [f"rank correlation with the loss ({dataset}-lstm-2-seed0)" for dataset in ("control", "interval")]
    sources = [row.cells[0].sources for row in table.rows if row.key.startswith("coefficient")]
    assert all(("interval" in source) == number for number, part in enumerate(sources) for source in part)
