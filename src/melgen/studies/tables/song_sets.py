"""The sets of songs that the tables of a study compare."""

from __future__ import annotations

from melgen.evaluation.results import SongSetEvaluation
from melgen.studies.results import Model, StudyResults
from melgen.tables.measured_set import MeasuredSet, Role

BASELINE_ROLE: Role = "baseline"
"""The role of the baselines' songs, as the tables name it."""


def model_set(results: StudyResults, model: Model) -> MeasuredSet:
    """A model's songs, those of all its seeds; without any if they were not evaluated."""
    nothing = SongSetEvaluation(model.name, (), (), {}, {}, (), -1, -1)
    evaluation = results.songs.get(model.name, nothing)
    folder = results.song_folders.get(evaluation.name, "")
    return MeasuredSet("model", model.name, evaluation, model.runs, folder, model.title)


def model_sets(results: StudyResults) -> list[MeasuredSet]:
    """Every model's songs."""
    return [model_set(results, model) for model in results.models]


def baseline_sets(results: StudyResults) -> list[MeasuredSet]:
    """Every baseline, those without songs too."""
    return [_plain_set(results, BASELINE_ROLE, name, evaluation) for name, evaluation in results.baselines.items()]


def references(results: StudyResults) -> list[MeasuredSet]:
    """The sets with which models are compared, as long as their songs: baselines that write songs, and the openings."""
    sets = [songs for songs in baseline_sets(results) if songs.evaluation.songs]
    if results.openings is not None:
        sets.append(_plain_set(results, "openings", results.openings.name, results.openings))
    return sets


def corpus_sets(results: StudyResults) -> list[MeasuredSet]:
    """The whole tunes of each split."""
    return [_plain_set(results, "corpus", f"corpus-{split}", tunes) for split, tunes in results.corpus.items()]


def _plain_set(results: StudyResults, role: Role, name: str, evaluation: SongSetEvaluation) -> MeasuredSet:
    return MeasuredSet(role, name, evaluation, folder=results.song_folders.get(evaluation.name, ""))
