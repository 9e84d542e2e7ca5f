"""The names of a study's tasks and sets of songs, and where their files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from melgen.evaluation.comparing_cells.results import COMPARISONS_FILE
from melgen.evaluation.probes import SIMILARITY
from melgen.studies.primers import StudyPrimer
from melgen.studies.results import Model, Run

CORPUS_TASK = "evaluate/corpus"
# "writers" is the former word for baselines, kept so that what an older study has measured counts as done.
_BASELINES_TASK = "evaluate/writers"
RHYTHM_BASELINES_TASK = "evaluate/rhythm_writers"
BASELINE_LIKELIHOOD_TASK = "likelihood/baselines"
"""Scores the corpus with the baselines that count tokens."""
COMPARISONS_TASK = "compare/cells"
CORPUS, BASELINES = "corpus", "writers"
"""Folders below ``evaluation/``: whole tunes and openings; songs of the baselines, under their former word."""
PROBED_BASELINES = ("kn-bigram", "ppm-stm")
"""Baselines whose copying is measured: one that remembers a single note, and one that knows nothing but the tune."""
MEMORIZING_BASELINES = ("bigram", "ppm")
"""Baselines whose songs are searched for memorized passages: one that counts pairs of notes, and one
that counts contexts of any length."""
_PROBES_FOLDER = "probes"


@dataclass(frozen=True)
class StudyNames:
    """Names of tasks and paths of files, as functions of model, run and primer.

    A primer of ``None`` is the main one.

    Attributes:
        directory: of the study.
    """

    directory: Path

    def song_set(self, model: Model, primer: StudyPrimer | None = None) -> str:
        """The name of the songs that a model has written after a primer."""
        return model.name + (primer.suffix() if primer else "")

    # --- tasks

    def generate_task(self, model: Model, run: Run, primer: StudyPrimer | None = None) -> str:
        """The task that writes a run's songs."""
        return f"generate/{self.song_set(model, primer)}/seed{run.seed}"

    def evaluate_task(self, model: Model, run: Run | None = None, primer: StudyPrimer | None = None) -> str:
        """The task that measures the songs of a model, or of one of its runs."""
        return f"evaluate/{self.song_set(model, primer)}" + (f"/seed{run.seed}" if run else "")

    def baselines_task(self, primer: StudyPrimer | None = None) -> str:
        """The task that lets the baselines write songs, and measures them."""
        return _BASELINES_TASK + (primer.suffix() if primer else "")

    def likelihood_task(self, model: Model, run: Run) -> str:
        """The task that scores the corpus with a run's network."""
        return f"likelihood/{model.name}/seed{run.seed}"

    def embedding_task(self, model: Model, run: Run) -> str:
        """The task that measures the embedding of a run's network."""
        return f"embedding/{model.name}/seed{run.seed}"

    def tune_bits_task(self, model: Model, run: Run) -> str:
        """The task that scores each test tune with a run's network."""
        return f"tune_bits/{model.name}/seed{run.seed}"

    def probe_task(self, probe: str, model: Model | None = None, run: Run | None = None) -> str:
        """The task that probes a run's network; without one, that of what all networks have in common."""
        return f"probe/{probe}/{model.name}/seed{run.seed}" if model and run else f"probe/{probe}"

    # --- files

    @property
    def selection_file(self) -> Path:
        """The file that names the selected networks."""
        return self.directory / "selection.json"

    def songs_folder(self, model: Model, run: Run | None = None, primer: StudyPrimer | None = None) -> Path:
        """The folder of the songs of a model, or of one of its runs."""
        folder = self.set_folder(self.song_set(model, primer))
        return folder / f"seed{run.seed}" if run else folder

    def set_folder(self, name: str) -> Path:
        """The folder of a set of songs, by its name."""
        return self.directory / "songs" / name

    def evaluation_file(self, *parts: str) -> Path:
        """The evaluation of a set, by its name, or by folder and name below ``evaluation/``."""
        return self.directory.joinpath("evaluation", *parts[:-1], f"{parts[-1]}.json")

    def likelihood_file(self, model: Model, run: Run) -> Path:
        """The scores of the corpus by a run's network."""
        return self.directory / "likelihood" / model.name / f"seed{run.seed}.json"

    def baseline_likelihood_file(self, name: str) -> Path:
        """The scores of the corpus by a baseline that counts tokens."""
        return self.directory / BASELINE_LIKELIHOOD_TASK / f"{name}.json"

    def tune_bits_file(self, model: Model, run: Run) -> Path:
        """The scores of each test tune by a run's network."""
        return self.directory / "tune_bits" / model.name / f"seed{run.seed}.json"

    def probe_file(self, probe: str, model: Model, run: Run) -> Path:
        """What a probe has found in a run's network."""
        return self.directory / _PROBES_FOLDER / probe / model.name / f"seed{run.seed}.json"

    def probe_of_baseline_file(self, probe: str, name: str) -> Path:
        """What a probe has found in a baseline."""
        return self.directory / _PROBES_FOLDER / probe / "baselines" / f"{name}.json"

    @property
    def nearest_tunes_file(self) -> Path:
        """The nearest training tune of each test tune."""
        return self.directory / _PROBES_FOLDER / SIMILARITY / "tunes.json"

    @property
    def comparisons_file(self) -> Path:
        """The comparisons of cells with the reference cell."""
        return self.directory / COMPARISONS_FILE

    def embedding_file(self, model: Model, run: Run) -> Path:
        """The file of the measurements of the embedding of a run's network."""
        return self.directory / "embedding" / model.name / f"seed{run.seed}.json"
