"""The subject of one row of a table: a measured set of songs, with the paths from which its numbers come."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.tables.columns import TONALITY

Role = Literal["model", "baseline", "openings", "corpus", "folder"]

_SEED = re.compile(r"seed(\d+)/")


class RunOfSet(Protocol):
    """The parts of a run that a table needs."""

    @property
    def path(self) -> Path:
        """The run's directory."""

    @property
    def seed(self) -> int:
        """The seed of its training."""


@dataclass(frozen=True)
class MeasuredSet:
    """The measurements of one set of songs, its role in the study, and its folder.

    Attributes:
        runs: directories of the runs that wrote the songs; empty unless it is a model's set.
        folder: the folder of the songs; empty if it is unknown.
        own_title: its name for readers, where that is another.
    """

    role: Role
    name: str
    evaluation: SongSetEvaluation
    runs: tuple[RunOfSet, ...] = ()
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
        if self.role not in ("model", "baseline"):
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
        """The distance of a song to the openings; nan without openings."""
        distances = self.evaluation.distances_to_openings
        return distances[index] if distances else math.nan

    def defined(self, metric: str) -> list[float]:
        """A metric of every song for which it is defined."""
        return [value for value in self.evaluation.scores.get(metric, ()) if not math.isnan(value)]

    def set_score(self, name: str) -> float:
        """A number about the set as a whole; nan if it was not measured."""
        return self.evaluation.set_scores.get(name, math.nan)
