"""The sets of songs that tables compare, each with the paths that its numbers come from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.studies.results import Model, Run, StudyResults
from melgen.studies.tables.metric_columns import TONALITY

Role = Literal["model", "writer", "openings", "corpus", "folder"]

_SEED = re.compile(r"seed(\d+)/")


@dataclass(frozen=True)
class SongSet:
    """What was measured on one set, what the set is in the study, and where it lies.

    Attributes:
        runs: directories of the runs that wrote the songs; empty unless it is a model's set.
        folder: where the songs lie; empty where that is not known.
        own_title: its name for readers, where that is another.
    """

    role: Role
    name: str
    evaluation: SongSetEvaluation
    runs: tuple[Run, ...] = ()
    folder: str = ""
    own_title: str = ""

    @property
    def title(self) -> str:
        """Its name for readers: with the user's own name of a variant, if there is one."""
        return self.own_title or self.name

    @property
    def run_sources(self) -> tuple[str, ...]:
        """Paths of the runs."""
        return tuple(run.path.as_posix() for run in self.runs)

    @property
    def sources(self) -> tuple[str, ...]:
        """Paths of the runs and of the folder of songs."""
        return (*self.run_sources, self.folder) if self.folder else self.run_sources

    def song_sources(self, index: int) -> tuple[str, ...]:
        """Path of the run that wrote a song, and of the song; where files have other names, those of the whole set."""
        if self.role not in ("model", "writer"):
            return self.sources
        name = self.evaluation.songs[index]
        seed = _SEED.match(name)
        runs = tuple(run.path.as_posix() for run in self.runs if seed is None or run.seed == int(seed[1]))
        return (*runs, f"{self.folder}/{name}.mid") if self.folder else runs

    def summary(self, metric: str) -> Summary | None:
        """A metric over all songs, if it was measured."""
        return self.evaluation.summaries.get(metric)

    def mean(self, metric: str) -> float:
        """Mean of a metric over all songs; nan if it was not measured."""
        summary = self.summary(metric)
        return math.nan if summary is None else summary.mean

    def score(self, metric: str, index: int) -> float:
        """A metric of one song; nan if it was not measured."""
        return self.evaluation.scores[metric][index] if metric in self.evaluation.scores else math.nan

    def tonality_sum(self, index: int) -> float:
        """Sum of the three tonality metrics of one song."""
        # Not the built-in sum, which rounds differently from Python 3.12 on.
        motion, macroharmony, centricity = (self.score(metric, index) for metric in TONALITY)
        return motion + macroharmony + centricity

    def distance_to_openings(self, index: int) -> float:
        """How far a song is from the openings; nan without openings."""
        distances = self.evaluation.distances_to_openings
        return distances[index] if distances else math.nan

    def defined(self, metric: str) -> list[float]:
        """A metric of every song for which it is defined."""
        return [value for value in self.evaluation.scores.get(metric, ()) if not math.isnan(value)]

    def set_score(self, name: str) -> float:
        """A number about the set as a whole; nan if it was not measured."""
        return self.evaluation.set_scores.get(name, math.nan)


def model_set(results: StudyResults, model: Model) -> SongSet:
    """A model's songs, those of all its seeds; without any if they were not evaluated."""
    nothing = SongSetEvaluation(model.name, (), (), {}, {}, (), -1, -1)
    evaluation = results.songs.get(model.name, nothing)
    folder = results.song_folders.get(evaluation.name, "")
    return SongSet("model", model.name, evaluation, model.runs, folder, model.title)


def model_sets(results: StudyResults) -> list[SongSet]:
    """Every model's songs."""
    return [model_set(results, model) for model in results.models]


def yardsticks(results: StudyResults) -> list[SongSet]:
    """What models are compared with, as long as their songs: trivial writers and the openings."""
    sets = [_plain_set(results, "writer", name, evaluation) for name, evaluation in results.writers.items()]
    if results.openings is not None:
        sets.append(_plain_set(results, "openings", results.openings.name, results.openings))
    return sets


def corpus_sets(results: StudyResults) -> list[SongSet]:
    """The whole tunes of each split."""
    return [_plain_set(results, "corpus", f"corpus-{split}", tunes) for split, tunes in results.corpus.items()]


def _plain_set(results: StudyResults, role: Role, name: str, evaluation: SongSetEvaluation) -> SongSet:
    return SongSet(role, name, evaluation, folder=results.song_folders.get(evaluation.name, ""))
