"""Results of a small study, for tests of tables: nine models whose songs have simple scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.studies.results import Model, Run, StudyResults

TONALITY = ("conjunct_melodic_motion", "limited_macroharmony", "centricity")


def summary(values: Sequence[float]) -> Summary:
    """Mean, variance and deviation by the standard library's definitions, with an interval of ±1."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) if len(values) > 1 else math.nan
    return Summary(mean, variance, math.sqrt(variance), mean - 1, mean + 1, len(values))


def evaluation(
    name: str,
    scores: Mapping[str, Sequence[float]],
    songs: Sequence[str] = (),
    nearest_tunes: Sequence[str | None] = (),
    left_out: Mapping[str, str] | None = None,
    **set_scores: float,
) -> SongSetEvaluation:
    """The evaluation of songs with these scores; `set_scores` with ``__`` for a slash."""
    table = np.stack([scores[metric] for metric in TONALITY], axis=1)
    distances = np.linalg.norm(table - table.mean(axis=0), axis=1)
    return SongSetEvaluation(
        name=name,
        songs=tuple(songs) or tuple(f"song_{i + 1:03d}" for i in range(len(table))),
        lengths=(34,) * len(table),
        scores={metric: tuple(map(float, values)) for metric, values in scores.items()},
        summaries={metric: summary(values) for metric, values in scores.items()},
        distances_to_mean=tuple(distances.tolist()),
        best=int(table.sum(axis=1).argmin()),
        representative=int(distances.argmin()),
        set_scores={key.replace("__", "/"): value for key, value in set_scores.items()},
        nearest_tunes=tuple(nearest_tunes),
        left_out=left_out or {},
    )


def tonality_scores(*songs: tuple[float, float, float]) -> dict[str, tuple[float, ...]]:
    """Scores of songs with these three metrics."""
    return dict(zip(TONALITY, zip(*songs, strict=True), strict=True))


def run(dataset: str, cell: str, layers: int, seed: int = 0, variant: str = "", **result: float) -> Run:
    """A finished run; `result` with ``__`` for a slash."""
    name = f"{dataset}-{cell}-{layers}-seed{seed}" + (f"-{variant}" if variant else "")
    found = {key.replace("__", "/"): value for key, value in result.items()}
    return Run(Path("multirun/quick") / name, dataset, cell, layers, seed, variant, 1000 * layers, found)


def study(songs: Mapping[tuple[str, str], SongSetEvaluation], layers: int = 2, **parts: object) -> StudyResults:
    """A study with one model for each dataset and cell, one seed each."""
    models = tuple(Model((run(dataset, cell, layers),)) for dataset, cell in songs)
    return StudyResults(
        runs=tuple(run for model in models for run in model.runs),
        models=models,
        songs={model.name: found for model, found in zip(models, songs.values(), strict=True)},
        songs_by_seed={model.name: {0: found} for model, found in zip(models, songs.values(), strict=True)},
        song_folders={found.name: f"songs/{found.name}" for found in songs.values()},
        **parts,  # type: ignore[arg-type]
    )


def nine_models() -> StudyResults:
    """The original's nine models, three songs each."""
    songs = {}
    for d, dataset in enumerate(("control", "interval", "db12")):
        for c, cell in enumerate(("lstm", "nas", "ugrnn")):
            middle = np.array([1.125 + d, 2.375 + c, 0.25])
            step = np.array([0.5, 0.25, 0.125])
            table = [middle - step, middle, middle + step]
            songs[dataset, cell] = evaluation(f"{dataset}-{cell}-2", tonality_scores(*map(tuple, table)))
    return study(songs)
