"""The results of a study as plain data: gathered by its stages, shown by its tables and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from melgen.evaluation.comparing_cells.results import Comparisons
from melgen.evaluation.results import SongSetEvaluation
from melgen.music.rhythms import NoRhythm
from melgen.runs.rate_trials import LearningRates
from melgen.runs.variants import slug_of
from melgen.studies.probes.results import ProbeResults

NO_RHYTHM = NoRhythm.name


def criterion_of(path: Path, result: Mapping[str, Any], criterion: str) -> float:
    """The number of a finished run's result by which networks are selected.

    Args:
        path: the directory of the run.
        result: its result, or the metrics of one of its checkpoints.
        criterion: the name of the number.

    Raises:
        ValueError: if the result lacks it, or it is not a number; names what the result has.
    """
    value = result.get(criterion)
    if not isinstance(value, int | float) or math.isnan(value):
        known = ", ".join(sorted(key for key, value in result.items() if isinstance(value, int | float)))
        raise ValueError(f"select.criterion={criterion}: {path} has no such number; it has {known}")
    return float(value)


@dataclass(frozen=True)
class Run:
    """One training of the sweep.

    Attributes:
        path: its directory.
        dataset, cell, layers, seed: what was chosen for it.
        variant: how else it differs from the other runs (``hidden_size-64``), in a form for file names; mostly empty.
        variant_text: the same for readers: the user's label, else what differs (``hidden_size 64``).
        beyond_best: whether its weights are those of an update after the best one of its training.
        rhythm: the name of its rhythm, ``none`` for a network of pitches.
        parameters: number of trained weights.
        result: the content of its ``result.json``: ``val/loss`` (nats per token), ``val/bits_per_note``,
            ``val/perplexity``, the same for ``test/``, ``updates``, ``best_updates``, ``seconds``.
        checkpoint: the file with the weights that represent the run: its best, or one of its numbered ones.
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
    variant_text: str = ""
    beyond_best: bool = False
    rhythm: str = NO_RHYTHM

    @property
    def writes_rhythm(self) -> bool:
        """Whether its songs have a rhythm."""
        return self.rhythm != NO_RHYTHM

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
    def writes_rhythm(self) -> bool:
        """Whether its songs have a rhythm."""
        return self.runs[0].writes_rhythm

    @property
    def variant(self) -> str:
        """Other choices; mostly empty."""
        return self.runs[0].variant

    @property
    def variant_text(self) -> str:
        """Its difference from models of the same pair, for readers; mostly empty."""
        return " / ".join(dict.fromkeys(run.variant_text or run.variant for run in self.runs))

    @property
    def title(self) -> str:
        """Its name for readers: with the user's own name of the variant, if there is one.

        >>> texts = ("lr 0.01", "fast")
        >>> runs = [Run(Path("a"), "control", "lstm", 2, 0, "lr-0.01", variant_text=text) for text in texts]
        >>> Model((runs[0],)).title, Model((runs[1],)).title
        ('control-lstm-2-lr-0.01', 'control-lstm-2 (fast)')
        """
        base = f"{self.dataset}-{self.cell}-{self.layers}"
        own = self.variant_text
        return f"{base} ({own})" if own and slug_of(own) != self.variant else self.name

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
        baselines: the baselines by name, ``bigram``; some have no songs, only the likelihood of tunes.
        without_bits: why there are no bits per note; empty where there are.
        song_folders: where the songs of each evaluation are, by its name, relative to the study.
        by_primer: where songs were written after several primers, by the primer's name and the model's, the main
            primer's first; empty for a single one.
        baselines_by_primer: the same of the baselines' songs; those with rhythm begin without a primer.
        primer_remarks: remarks on primers whose pitches are rare in the training tunes.
        first_notes: where a network writes rhythm, of how many notes at the beginning of each song the pitches are
            measured; else None.
        comparisons: of the cells with the reference cell; None unless several cells have several seeds in common.
        rates: the learning rates that were tried and chosen; None if they were not tuned.
        probes: what the probes have found.
    """

    runs: tuple[Run, ...]
    models: tuple[Model, ...]
    songs: Mapping[str, SongSetEvaluation]
    songs_by_seed: Mapping[str, Mapping[int, SongSetEvaluation]]
    corpus: Mapping[str, SongSetEvaluation] = field(default_factory=dict)
    openings: SongSetEvaluation | None = None
    baselines: Mapping[str, SongSetEvaluation] = field(default_factory=dict)
    song_folders: Mapping[str, str] = field(default_factory=dict)
    without_bits: str = ""
    by_primer: Mapping[str, Mapping[str, SongSetEvaluation]] = field(default_factory=dict)
    baselines_by_primer: Mapping[str, Mapping[str, SongSetEvaluation]] = field(default_factory=dict)
    primer_remarks: tuple[str, ...] = ()
    first_notes: int | None = None
    comparisons: Comparisons | None = None
    rates: LearningRates | None = None
    probes: ProbeResults = field(default_factory=ProbeResults)

    @property
    def has_rhythm(self) -> bool:
        """Whether any of the models writes rhythm."""
        return any(model.writes_rhythm for model in self.models)
