"""Make, measure and store the songs of baselines, drawn as those of networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.data import Split
from melgen.evaluation.baseline_sets import baseline_evaluations, rhythm_baseline_evaluations
from melgen.evaluation.results import SongSetEvaluation
from melgen.generation.selection import selection_named
from melgen.generation.songs import write_songs
from melgen.music.melody import Melody
from melgen.studies.names import BASELINES
from melgen.studies.primers import StudyPrimer
from melgen.studies.result_files import write_evaluation
from melgen.studies.study import Study

BASELINE_METADATA = {"checkpoint": None, "updates": 0}


def drawing_of(study: Study) -> dict[str, Any]:
    """How songs are drawn, by baselines as by networks."""
    drawing = {key: study.settings.sampling[key] for key in ("selection", "temperature", "top_k", "top_p")}
    return drawing | {"selection": selection_named(drawing["selection"])}


def evaluate_baselines(study: Study, primer: StudyPrimer, options: Mapping[str, int]) -> Iterable[Path]:
    """Measure songs of baselines that write pitches, after a primer; none of an encoded stream."""
    made: list[Path] = []
    if study.corpus.reference is None:
        return made
    start = study.corpus.start_of_songs(primer)
    written = baseline_evaluations(
        study.corpus.reference,
        start,
        songs=options["songs"],
        notes=options["notes"],
        seed=options["seed"],
        options=study.settings.options,
        common_tunes=_common_tunes(study, *Split) if study.runs.write_rhythm else None,
        sampling=drawing_of(study),
        comparable_tunes={
            split: study.corpus.sample_of(split, study.corpus.data_of_runs.comparable) for split in Split
        },
    )
    for kind, (songs, evaluation) in written.items():
        named = dataclasses.replace(evaluation, name=f"{kind}{primer.suffix()}")
        melodies = [Melody.from_pitches(pitches) for pitches in songs.values()]
        made += _write_baseline(study, named, melodies, start, options["seed"])
    return made


def evaluate_rhythm_baselines(study: Study) -> Iterable[Path]:
    """Measure songs of baselines that write rhythm; these begin without a primer."""
    assert study.corpus.reference is not None  # an encoded stream has no rhythm
    settings, seed = study.settings, study.settings.sampling["seed"]
    written = rhythm_baseline_evaluations(
        study.corpus.reference,
        settings.sampling["songs"],
        seed,
        settings.options,
        first_notes=settings.compared_notes,
        common_tunes=_common_tunes(study, Split.VALIDATION, Split.TEST),
        sampling=drawing_of(study),
    )
    made: list[Path] = []
    for songs, evaluation in written.values():
        made += _write_baseline(study, evaluation, list(songs.values()), [], seed)
    return made


def _common_tunes(study: Study, *splits: Split) -> dict[Split, list[Melody]]:
    return {split: study.corpus.sample_of(split, study.corpus.common_tunes) for split in splits}


def _write_baseline(
    study: Study, evaluation: SongSetEvaluation, songs: Sequence[Melody], primer: Sequence[Any], seed: int
) -> Iterable[Path]:
    folder = study.names.set_folder(evaluation.name)
    made_by = {"model": evaluation.name, "primer": primer, "seed": seed}
    write_songs(folder, songs, BASELINE_METADATA | drawing_of(study) | made_by)
    return [*folder.iterdir(), write_evaluation(study.names, evaluation, BASELINES, evaluation.name)]
