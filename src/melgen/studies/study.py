"""One study on disk: its configuration, its runs, its workbench, and what its stages hand to each other."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from melgen.configuration.user_modules import import_user_modules
from melgen.corpora import CorpusError
from melgen.data import MelodyDataModule, Split
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, set_name
from melgen.evaluation.song_sets import EvaluationOptions, in_order, with_nearest
from melgen.files import read_json
from melgen.generation.primers import fit_of, note_of, openings_of
from melgen.generation.sampling import sample_values
from melgen.music import Control
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import reader_version
from melgen.runs.keys import keys_that
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.variants import label_of
from melgen.software import software
from melgen.studies.estimate import Estimate, estimate, jobs_at_once
from melgen.studies.planning import STUDY_KEYS, PlannedRun, as_typed, planned_runs
from melgen.studies.primers import StudyPrimer, primers_of
from melgen.studies.results import Model, Run, StudyResults
from melgen.studies.runs import Unfinished, check_same_corpus, config_of, read_runs, runs_in
from melgen.studies.selection import best_layers, pairs_without_candidate, stages_of_training
from melgen.studies.tasks import Workbench, digest_of
from melgen.studies.trainings import is_trained, refuse_others, why_not_as_planned

log = logging.getLogger(__name__)

SKIP = "skip"
LAYERS, CHECKPOINTS = "layers", "checkpoints"
_OF_ANY_STUDY = keys_that("is_shared_by_study")
CORPUS_TASK, WRITERS_TASK = "evaluate/corpus", "evaluate/writers"


class Study:
    """A study and the directory it lies in.

    Args:
        config: as composed from ``conf/study.yaml``.
        hydra: Hydra's own part of it.

    Attributes:
        home: where the runs lie.
        directory: ``study/`` beside them.
        bench: does the tasks and keeps the manifest.
        planned: the trainings that are asked for; empty where a directory of runs is given.
    """

    def __init__(self, config: DictConfig, hydra: DictConfig):
        self.config, self.hydra = config, hydra
        self.home = Path(config.runs).expanduser() if config.runs else Path(config.output_dir) / config.name
        self.directory = self.home / _checked_folder(config.folder)
        if config.runs:
            runs_in(self.home)  # refused before anything is written
        self.bench = Workbench(self.directory, software())
        self.planned: list[PlannedRun] = [] if config.runs else planned_runs(hydra)
        if elsewhere := [run.path for run in self.planned if run.path.parent != self.home]:
            raise ValueError(f"{elsewhere[0]}: would not lie in {self.home}; the runs of a study lie in one directory")
        import_user_modules(config.imports)
        for run in self.planned:
            run.import_own_parts()
        self.bench.asked = self._asked
        self._have_complained = False

    def check(self) -> None:
        """Refuse what would only be noticed once everything is trained.

        Raises:
            ValueError: for an option of the sampling or of the evaluation that makes no sense.
        """
        _ = self.options
        _ = self.primers
        try:
            sample_values(_silent_network, [0], **self.sampling)
        except (TypeError, ValueError) as error:
            raise ValueError(f"generate: {error}") from error

    # --- runs

    @cached_property
    def _read(self) -> tuple[list[Run], list[Unfinished]]:
        if not self.planned:
            return read_runs(runs_in(self.home))
        others = [
            Unfinished(run.path, reason) for run in self.planned if (reason := why_not_as_planned(run)) is not None
        ]
        excluded = {path for path, _ in others}
        labels = {run.path: label_of(run.config) for run in self.planned}  # it may have been changed since the training
        finished, unfinished = read_runs([run.path for run in self.planned if run.path not in excluded], labels)
        return finished, [*unfinished, *others]

    @property
    def runs(self) -> list[Run]:
        """All finished runs, read when they are first asked for.

        Raises:
            ValueError: if there is none.
        """
        if not self._read[0]:
            what = "; ".join(f"{path.name} {reason}" for path, reason in self.unfinished[:3])
            raise ValueError(f"{self.home}: no run is finished ({what}); the stage sweep trains them")
        return self._read[0]

    @property
    def unfinished(self) -> list[Unfinished]:
        """The runs that are not, and why."""
        return self._read[1]

    def check_complete(self) -> None:
        """Say once which runs are missing, and which pairs have none.

        Raises:
            ValueError: if there are any, and ``select.on_missing`` does not say to go on without them.
        """
        finished, unfinished = self._read
        if not unfinished or self._have_complained:
            return
        lines = [f"{path.name}: {reason}" for path, reason in unfinished]
        if pairs := pairs_without_candidate(finished, unfinished):
            lines.append(f"no finished run at all: {', '.join(pairs)}")
        whole = len(unfinished) + len(finished)
        are = "run is" if whole == 1 else "runs are"
        text = "\n  ".join([f"{len(unfinished)} of {whole} {are} not finished:", *lines])
        if self.config.select.on_missing != SKIP:
            again = "the stage sweep of the same command tries them again; " if self.planned else ""
            raise ValueError(f"{text}\n{again}select.on_missing=skip goes on with the rest")
        log.warning("%s\ngoing on without them", text)
        self._have_complained = True

    def name_of(self, run: Run) -> str:
        """The path of a run from the study's directory, as the manifest states it."""
        return f"../{run.path.relative_to(self.home).as_posix()}"

    @cached_property
    def models(self) -> list[Model]:
        """The selected networks."""
        select = self.config.select
        if select.by == LAYERS:
            return best_layers(self.runs, select.criterion)
        return stages_of_training(self.runs, select.criterion, select.checkpoints, select.later)

    def each_run(self) -> Iterator[tuple[Model, Run]]:
        """Every run of every selected network."""
        for model in self.models:
            for run in model.runs:
                yield model, run

    @cached_property
    def open_runs(self) -> list[PlannedRun]:
        """The planned runs that are not trained yet, with the corpus as it is now.

        Raises:
            ValueError: if a run's directory belongs to another run, unless ``force=true``.
        """
        if not self.config.force:
            refuse_others(self.planned, self.data.fingerprint)
        return [run for run in self.planned if not is_trained(run, self.data.fingerprint)]

    @cached_property
    def expected(self) -> Estimate:
        """How long their training is expected to take."""
        held_out = self.data.splits == Split.VALIDATION
        notes = int(self.data.melodies.lengths[held_out].sum())
        return estimate(self.planned, self.open_runs, jobs_at_once(self.hydra), notes)

    @property
    def expected_seconds(self) -> tuple[dict[Path, float], float | None]:
        """Seconds that each run to be trained is expected to take, and all of them; nothing where that is not known."""
        try:
            return dict(self.expected.seconds), self.expected.in_all
        except Exception:  # `announce` has said why
            return {}, None

    def announce(self) -> None:
        """Say how many networks the study trains, how many are trained already, and how long the rest takes."""
        if not self.planned:
            log.info("Study of %d runs in %s; there is nothing to train", len(runs_in(self.home)), self.home)
            return
        jobs, open_ = len(self.planned), len(self.open_runs)
        networks = "1 network" if jobs == 1 else f"{jobs} networks"
        log.info("Study of %s in %s: %d trained already, %d to train", networks, self.home, jobs - open_, open_)
        if not open_:
            return
        try:
            log.info("  %s", self.expected.words)
        except Exception as error:  # whatever an estimate fails of, the training says it better
            log.info("  how long that takes cannot be estimated (%s)", str(error).partition("\n")[0])

    # --- the corpus

    @cached_property
    def data(self) -> MelodyDataModule:
        """The corpus as it is planned, or as the runs had it: read and split."""
        config = self.planned[0].config if self.planned else config_of(self.runs[0])
        if not self.planned:
            for key in ("cache_dir", "workers", "progress"):
                config.dataset[key] = self.config[key]
            if self.config.path and "path" in config.dataset.corpus:  # it may have been moved since
                config.dataset.corpus.path = self.config.path
        return _read_corpus(config, () if self.planned else self.splits_to_keep)

    @cached_property
    def splits_to_keep(self) -> tuple[Path, ...]:
        """See `RunDirectory.splits_to_keep`: of the runs, which all have one corpus."""
        kept = (RunDirectory(run.path).splits_to_keep for run in self.runs)
        return tuple(path for path in kept if path is not None)

    @cached_property
    def data_of_runs(self) -> MelodyDataModule:
        """The corpus, once the runs are trained.

        Raises:
            ValueError: if it is not what they were trained on.
        """
        if self.is_of_older_reader and self.data.has_recorded_splits:
            log.warning(
                "an older reader read the tunes of %s; they are read again now, with the splits that the runs recorded",
                self.home,
            )
        elif self.data.fingerprint != self.corpus_inputs["fingerprint"]:
            raise ValueError(
                f"the corpus has changed since {self.runs[0].path} was trained on it; name=... trains on the new one"
            )
        if self.planned and self.splits_to_keep:  # known once the runs are trained
            return _read_corpus(self.planned[0].config, self.splits_to_keep)
        return self.data

    @property
    def is_of_older_reader(self) -> bool:
        """Whether an older reader read the tunes of the runs, which all have one corpus."""
        return RunDirectory(self.runs[0].path).is_of_older_reader

    @cached_property
    def reference(self) -> ReferenceCorpus | None:
        """The corpus as songs are compared with it; ``None`` for one that holds no pitches."""
        try:
            return ReferenceCorpus.of(self.data_of_runs)
        except ValueError as error:
            log.warning("%s; songs are measured without it", error)
            return None

    @cached_property
    def corpus_inputs(self) -> dict[str, Any]:
        """What identifies the split corpus; read from the runs, without the corpus itself."""
        config = config_of(self.runs[0])
        inputs = {
            "fingerprint": check_same_corpus(self.runs),
            "split_seed": config.split_seed,
            "split_fractions": OmegaConf.to_container(config.dataset.split_fractions),
        }
        if self.is_of_older_reader:  # what its reader gave cannot be had again
            inputs["read_again_by_reader"] = reader_version()
        if self.splits_to_keep:
            inputs["splits_of_runs"] = [digest_of(path.read_text(encoding="utf-8")) for path in self.splits_to_keep]
        return inputs

    # --- options

    @cached_property
    def options(self) -> EvaluationOptions:
        """How songs are measured."""
        return instantiate(self.config.evaluation)

    @cached_property
    def primers(self) -> list[StudyPrimer]:
        """What songs start with; those after the first of several are shown side by side with its own."""
        return primers_of(self.config.generate)

    @property
    def main_primer(self) -> StudyPrimer:
        """The one whose songs all tables and figures show."""
        return self.primers[0]

    def openings(self, primer: StudyPrimer) -> list[int] | list[list[int]]:
        """The pitches of a primer: one for all songs, or another for each.

        Raises:
            ValueError: if no held-out tune is long enough.
        """
        if primer.pitches is not None:
            return list(primer.pitches)
        data = self.data_of_runs
        if data.is_encoded:
            raise ValueError(f"{primer.key}=openings: this corpus is a ready stream, which holds no tunes")
        chosen = np.flatnonzero((data.splits == Split.TEST) & data.comparable)
        tunes = [data.melodies.pitches_of(int(tune)) for tune in chosen]
        return openings_of(tunes, primer.notes, self.config.generate.songs, self.config.generate.seed)

    def notes_of_primers(self) -> list[str]:
        """What to tell of primers whose pitches are rare in what the selected networks were trained on."""
        told = []
        for primer in self.primers:
            for representation, path in {model.dataset: model.runs[0].path for model in self.models}.items():
                if primer.pitches and (note := note_of(primer.pitches, path, representation, primer.key)):
                    told.append(f"{note} (dataset={representation})")
        return told

    def warn_of_primers(self) -> None:
        """Tell before the training of primers whose pitches are rare in the training tunes."""
        if self.data.is_encoded:
            return
        for primer in self.primers:
            kinds = {get_object(run.config.dataset.representation._target_)() for run in self.planned}
            for kind in sorted(kinds, key=lambda kind: kind.name) if primer.pitches is not None else ():
                tunes = self.data.tunes_of(Split.TRAIN)
                values = np.concatenate([version for tune in tunes for version in kind.training_versions(tune)])
                counts = dict(zip(*(column.tolist() for column in np.unique(values, return_counts=True)), strict=True))
                if note := fit_of(primer.pitches or (), counts, kind).note(primer.key):
                    log.warning("%s (dataset=%s)", note, kind.name)

    @property
    def sampling(self) -> dict[str, Any]:
        """Options of the sampling, without the primer and the device."""
        plain = OmegaConf.to_container(self.config.generate, resolve=True)
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items() if key not in ("primer", "primers", "device")}

    # --- names of tasks and files

    def set_name(self, model: Model, primer: StudyPrimer | None = None) -> str:
        """Name of the songs that a model has written after a primer, by default the main one."""
        return model.name + (primer or self.main_primer).suffix()

    def generate_task(self, model: Model, run: Run, primer: StudyPrimer | None = None) -> str:
        """The task that writes a run's songs."""
        return f"generate/{self.set_name(model, primer)}/seed{run.seed}"

    def songs_folder(self, model: Model, run: Run | None = None, primer: StudyPrimer | None = None) -> Path:
        """Where the songs of a model lie, or of one of its runs."""
        folder = self.directory / "songs" / self.set_name(model, primer)
        return folder / f"seed{run.seed}" if run else folder

    def evaluate_task(self, model: Model, run: Run | None = None, primer: StudyPrimer | None = None) -> str:
        """The task that measures the songs of a model, or of one of its runs."""
        return f"evaluate/{self.set_name(model, primer)}" + (f"/seed{run.seed}" if run else "")

    def evaluation_file(self, *parts: str) -> Path:
        """Where the evaluation of that name lies."""
        return self.directory.joinpath("evaluation", *parts[:-1], f"{parts[-1]}.json")

    def checkpoint_digest(self, run: Run) -> str:
        """A hash of the weights that stand for a run."""
        assert run.checkpoint is not None
        return self.bench.digest_of_file(run.checkpoint)

    # --- results

    @cached_property
    def results(self) -> StudyResults:
        """What the stages up to the evaluation have found, read from their files.

        Raises:
            ValueError: if one of them has not been done.
        """
        songs, by_seed = {}, {}
        corpus = {set_name(name): self._evaluation("corpus", name) for name in self._present("corpus")}
        openings_file = next((name for name in self._present("corpus") if set_name(name) == OPENINGS), OPENINGS)
        openings = corpus.pop(OPENINGS, None)
        for model in self.models:
            likelihoods = [self._likelihood(model, run) for run in model.runs]
            songs[model.name] = _with_scores(self._evaluation(model.name), _mean_of(likelihoods))
            if openings is not None:  # an earlier melgen has not looked for the nearest song
                songs[model.name] = with_nearest(songs[model.name], openings.summaries)
            if len(model.runs) > 1:
                by_seed[model.name] = {
                    run.seed: _with_scores(self._evaluation(model.name, f"seed{run.seed}"), likelihood)
                    for run, likelihood in zip(model.runs, likelihoods, strict=True)
                }
            else:
                by_seed[model.name] = {model.runs[0].seed: songs[model.name]}
        writers = {name: self._evaluation("writers", name) for name in self._present("writers")}
        folders = {model.name: f"songs/{model.name}" for model in self.models}
        folders |= {name: f"songs/{name}" for name in writers}
        folders |= {one.name: f"evaluation/corpus/{key}.json" for key, one in corpus.items()}
        if openings is not None:
            folders[openings.name] = f"evaluation/corpus/{openings_file}.json"
        # Paths from the study's directory, so that a study may be moved.
        by_primer = {
            primer.name: songs
            if primer.is_main
            else {model.name: self._evaluation(self.set_name(model, primer)) for model in self.models}
            for primer in self.primers
            if len(self.primers) > 1
        }
        folders |= {one.name: f"songs/{one.name}" for primer in by_primer.values() for one in primer.values()}
        writers_by_primer = {
            primer.name: writers
            if primer.is_main
            else {name: self._evaluation("writers", f"{name}{primer.suffix()}") for name in writers}
            for primer in self.primers
            if len(self.primers) > 1
        }
        runs = tuple(self._placed(run) for run in self.runs)
        models = tuple(Model(tuple(map(self._placed, model.runs))) for model in self.models)
        reasons = dict.fromkeys(why_without_bits(read_json(run.path / "data.json")) for run in self.runs)
        return StudyResults(
            *(runs, models, songs, by_seed, corpus, openings, writers, folders),
            without_bits="; ".join(reason for reason in reasons if reason),
            by_primer=by_primer,
            writers_by_primer=writers_by_primer,
            primer_notes=tuple(self.notes_of_primers()),
        )

    @property
    def results_digest(self) -> str:
        """A hash of all that `results` are made of."""
        tasks = [self.evaluate_task(model, None, primer) for model in self.models for primer in self.primers]
        tasks += [f"likelihood/{model.name}/seed{run.seed}" for model, run in self.each_run()]
        tasks += [self.evaluate_task(m, run) for m, run in self.each_run() if len(m.runs) > 1]
        writers = [f"{WRITERS_TASK}{primer.suffix()}" for primer in self.primers]
        made = [self.bench.outputs_digest(task) for task in (*tasks, CORPUS_TASK, *writers)]
        return digest_of([made, self.notes_of_primers(), [_shown_of(self.name_of(run), run) for run in self.runs]])

    @property
    def description(self) -> dict[str, Any]:
        """What holds for the study as a whole: what was asked for, corpus, seeds, runs."""
        return {
            **self._asked,
            "corpus": self.corpus_inputs,
            "trained_on": self._trained_on,
            "seeds": {
                "runs": sorted({run.seed for run in self.runs}),
                "generate": self.config.generate.seed,
                "evaluation": self.options.seed,
            },
            "runs": [self.name_of(run) for run in self.runs],
            "primer_notes": self.notes_of_primers(),
            "unfinished": {path.name: reason for path, reason in self.unfinished},
        }

    @property
    def _trained_on(self) -> dict[str, Any]:
        """The corpus of the runs and its cleaning, as they were configured; read from this place if it has moved."""
        config = config_of(self.runs[0])
        plain = OmegaConf.to_container(OmegaConf.masked_copy(config, ["corpus", "cleaning"]), resolve=True)
        assert isinstance(plain, dict)
        if self.config.path and isinstance(plain.get("corpus"), dict) and "path" in plain["corpus"]:
            plain["corpus"]["path"] = self.config.path
        return {str(key): value for key, value in plain.items()}

    def describe(self, **facts: Any) -> None:
        """Put the description, and further facts, into the manifest."""
        self.bench.describe(**self.description, **facts)
        self.bench.save()

    @cached_property
    def _asked(self) -> dict[str, Any]:
        plain = OmegaConf.to_container(self.config, resolve=True)
        assert isinstance(plain, dict)
        left_out = ("stages", "dry_run", "force", "progress")
        if self.config.runs:  # how they were trained is theirs to tell; this study's own corpus is not asked for
            plain = {key: value for key, value in plain.items() if key in STUDY_KEYS | _OF_ANY_STUDY}
        return {
            "configuration": {key: value for key, value in plain.items() if key not in left_out},
            "command": as_typed(self.hydra),
        }

    def _placed(self, run: Run) -> Run:
        return dataclasses.replace(run, path=Path(self.name_of(run)))

    def _present(self, folder: str) -> list[str]:
        """Names of evaluations in a folder, as the manifest's tasks have left them, in the order to read them in."""
        made = map(PurePosixPath, self.bench.outputs(CORPUS_TASK if folder == "corpus" else WRITERS_TASK))
        return in_order(path.stem for path in made if path.parent == PurePosixPath("evaluation", folder))

    def _evaluation(self, *parts: str) -> SongSetEvaluation:
        return SongSetEvaluation.from_dict(self._read_json("evaluation", *parts))

    def _likelihood(self, model: Model, run: Run) -> dict[str, float]:
        scores = self._read_json("likelihood", model.name, f"seed{run.seed}")
        return {key: _number(value) for key, value in scores.items()}

    def _read_json(self, folder: str, *parts: str) -> dict[str, Any]:
        path = self.directory.joinpath(folder, *parts[:-1], f"{parts[-1]}.json")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(f"{path}: missing; the stage evaluate makes it") from None
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}: damaged ({error!s:.200}); without it the stage evaluate makes it anew"
            ) from error


def _read_corpus(config: DictConfig, recorded_splits: Sequence[Path]) -> MelodyDataModule:
    """The corpus of a training's configuration, in pitches; a ready stream as what it is."""
    data = instantiate(config.dataset, representation=Control())
    data.recorded_splits = recorded_splits
    try:
        data.setup()
    except CorpusError:  # a ready stream, which is its own representation's only
        data = instantiate(config.dataset)
        data.recorded_splits = recorded_splits
        data.setup()
    return data


def _shown_of(name: str, run: Run) -> tuple[Any, ...]:
    return name, run.result, run.history, run.parameters, run.variant, run.variant_text


def _with_scores(evaluation: SongSetEvaluation, scores: Mapping[str, float]) -> SongSetEvaluation:
    return dataclasses.replace(evaluation, set_scores={**evaluation.set_scores, **scores})


def _mean_of(scores: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(one[key] for one in scores) / len(scores) for key in scores[0]}


def _silent_network(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Knows one token; enough to see whether the options of a sampling make sense."""
    return torch.zeros(*tokens.shape, 1), state


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _checked_folder(name: str) -> str:
    if not name or Path(name).name != name:
        raise ValueError(f"folder={name}: must be the name of a folder beside the runs")
    return name
