"""What a study has found, as plain data: gathered by its stages, shown by its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from melgen.evaluation.results import SongSetEvaluation


@dataclass(frozen=True)
class Run:
    """One training of the sweep.

    Attributes:
        path: its directory.
        dataset, cell, layers, seed: what was chosen for it.
        variant: other choices that its directory's name states (``hidden_size-64``); mostly empty.
        parameters: number of trained weights.
        result: the content of its ``result.json``: ``val/loss`` (nats per token), ``val/bits_per_note``,
            ``val/perplexity``, the same for ``test/``, ``updates``, ``best_updates``, ``seconds``.
        checkpoint: the file with the weights that stand for the run: its best, or one of its numbered ones.
        history: rows of its ``metrics.csv``, each with ``step`` (updates) and the metrics logged there:
            ``train/loss``, ``val/loss``, ``val/bits_per_note`` and others.
    """

    path: Path
    dataset: str
    cell: str
    layers: int
    seed: int
    variant: str = ""
    parameters: int | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None
    history: tuple[Mapping[str, float], ...] = ()

    @property
    def pair(self) -> tuple[str, str, str]:
        """Dataset, cell and variant: the layer count is chosen among the runs of one pair."""
        return self.dataset, self.cell, self.variant


@dataclass(frozen=True)
class Model:
    """A dataset-cell pair at the layer count chosen for it, with one run for each seed."""

    runs: tuple[Run, ...]

    @property
    def dataset(self) -> str:
        """Name of the representation."""
        return self.runs[0].dataset

    @property
    def cell(self) -> str:
        """Name of the cell."""
        return self.runs[0].cell

    @property
    def layers(self) -> int:
        """The layer count chosen."""
        return self.runs[0].layers

    @property
    def variant(self) -> str:
        """Other choices; mostly empty."""
        return self.runs[0].variant

    @property
    def name(self) -> str:
        """``<dataset>-<cell>-<layers>``, and the variant, if any."""
        parts = [self.dataset, self.cell, str(self.layers), self.variant]
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class StudyResults:
    """Everything that tables and figures show.

    Attributes:
        runs: all finished runs of the sweep.
        models: the selected ones, ordered by dataset, then cell, as the sweep lists them.
        songs: evaluation of each model's songs, by model name; songs of all its seeds together.
        songs_by_seed: the same for each seed by itself.
        corpus: evaluation of the tunes of each split (``train``, ``validation``, ``test``), by the original's
            rule: tunes of at least 12 notes.
        openings: the first notes of the test tunes, as many as the songs have, measured just like a model's songs:
            what songs are compared with, since most metrics depend on length.
        writers: the trivial writers' songs: ``uniform``, ``unigram``, ``bigram``.
        without_bits: why there are no bits per note; empty where there are.
        song_folders: where the songs of each evaluation lie, by its name, relative to the study.
    """

    runs: tuple[Run, ...]
    models: tuple[Model, ...]
    songs: Mapping[str, SongSetEvaluation]
    songs_by_seed: Mapping[str, Mapping[int, SongSetEvaluation]]
    corpus: Mapping[str, SongSetEvaluation] = field(default_factory=dict)
    openings: SongSetEvaluation | None = None
    writers: Mapping[str, SongSetEvaluation] = field(default_factory=dict)
    song_folders: Mapping[str, str] = field(default_factory=dict)
    without_bits: str = ""
