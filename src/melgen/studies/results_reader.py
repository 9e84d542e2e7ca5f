"""Reading what the stages up to the evaluation have found."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from melgen.evaluation.baseline_table import in_order
from melgen.evaluation.comparing_cells.results import Comparisons
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, set_name
from melgen.evaluation.song_sets import with_nearest
from melgen.files import read_json
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.rate_trials import LearningRates
from melgen.studies.names import (
    BASELINE_LIKELIHOOD_TASK,
    BASELINES,
    COMPARISONS_TASK,
    CORPUS,
    CORPUS_TASK,
    RHYTHM_BASELINES_TASK,
    StudyNames,
)
from melgen.studies.primers import StudyPrimer
from melgen.studies.probes.reader import probe_tasks, read_probes
from melgen.studies.result_files import read_result
from melgen.studies.results import Model, Run, StudyResults
from melgen.studies.runs.study_runs import StudyRuns
from melgen.studies.tasks import Workbench, digest_of

SetsByPrimer = dict[str, Mapping[str, SongSetEvaluation]]


class ResultsReader:
    """Reads the results of a study from its files.

    Args:
        names: of the study's tasks and files.
        bench: with the manifest of what was made.
        runs: the study's runs.
        primers: the study's primers, the main one first.
        first_notes: of how many notes at the beginning of a song with rhythm the pitches are measured.
        rates: the learning rates that were chosen, if they were tuned.
        probes: names of the probes to read.
    """

    def __init__(
        self,
        names: StudyNames,
        bench: Workbench,
        runs: StudyRuns,
        primers: Sequence[StudyPrimer],
        first_notes: int,
        rates: LearningRates | None = None,
        probes: Sequence[str] = (),
    ):
        self.names, self.bench, self.runs, self.primers = names, bench, runs, primers
        self.first_notes, self.rates, self.probes = first_notes, rates, probes

    def read(self, primer_remarks: Sequence[str]) -> StudyResults:
        """All results; paths in them start from the study's directory, so that a study may be moved.

        Raises:
            ValueError: if a stage that makes them has not been done, or a file is damaged.
        """
        corpus = {set_name(name): self._evaluation(CORPUS, name) for name in self._made_in(CORPUS, CORPUS_TASK)}
        openings = corpus.pop(OPENINGS, None)
        songs, by_seed = self._songs(openings)
        made_by_baselines = self._made_in(BASELINES, self.names.baselines_task())
        made_with_rhythm = self._made_in(BASELINES, RHYTHM_BASELINES_TASK) if self.runs.write_rhythm else []
        wrote_songs = [*made_by_baselines, *made_with_rhythm]
        baselines = self._with_likelihood({name: self._evaluation(BASELINES, name) for name in wrote_songs})
        by_primer: SetsByPrimer = {}
        baselines_by_primer: SetsByPrimer = {}
        for primer in self.primers if len(self.primers) > 1 else ():
            by_primer[primer.name], baselines_by_primer[primer.name] = (
                (songs, {name: baselines[name] for name in made_by_baselines})
                if primer.is_main
                else self._after(primer, made_by_baselines)
            )
        reasons = dict.fromkeys(why_without_bits(read_json(run.path / "data.json")) for run in self.runs.finished)
        return StudyResults(
            runs=tuple(map(self._placed, self.runs.finished)),
            models=tuple(Model(tuple(map(self._placed, model.runs))) for model in self.runs.models),
            songs=songs,
            songs_by_seed=by_seed,
            corpus=corpus,
            openings=openings,
            baselines=baselines,
            song_folders=self._folders(corpus, openings, wrote_songs, by_primer),
            without_bits="; ".join(reason for reason in reasons if reason),
            by_primer=by_primer,
            baselines_by_primer=baselines_by_primer,
            primer_remarks=tuple(primer_remarks),
            rates=self.rates,
            first_notes=self.first_notes if self.runs.write_rhythm else None,
            comparisons=self._comparisons(),
            probes=read_probes(self.names, self.runs, self.probes),
        )

    def digest(self, primer_remarks: Sequence[str]) -> str:
        """A hash of all that `read` reads: the input of the tasks that show results.

        Raises:
            ValueError: if a stage that makes them has not been done.
        """
        names, runs = self.names, self.runs
        tasks = [names.evaluate_task(model, None, primer) for model in runs.models for primer in self.primers]
        tasks += [names.likelihood_task(model, run) for model, run in runs.of_models()]
        tasks += [names.evaluate_task(model, run) for model, run in runs.of_models() if len(model.runs) > 1]
        tasks += [CORPUS_TASK, *(names.baselines_task(primer) for primer in self.primers)]
        tasks += [RHYTHM_BASELINES_TASK] if runs.write_rhythm else []
        # An earlier melgen did not have this one.
        tasks += [BASELINE_LIKELIHOOD_TASK] if self.bench.outputs(BASELINE_LIKELIHOOD_TASK) else []
        tasks += [COMPARISONS_TASK] if runs.compared else []
        tasks += probe_tasks(names, runs, self.probes)
        made = [self.bench.outputs_digest(task) for task in tasks]
        made += [] if self.rates is None else [digest_of(self.rates.to_dict())]
        return digest_of(
            [
                made,
                list(primer_remarks),
                list(self.probes),
                [_shown_of(runs.name_of(run), run) for run in runs.finished],
            ]
        )

    def _songs(
        self, openings: SongSetEvaluation | None
    ) -> tuple[dict[str, SongSetEvaluation], dict[str, dict[int, SongSetEvaluation]]]:
        """Each model's songs after the main primer, of all its seeds together and of each by itself."""
        songs, by_seed = {}, {}
        for model in self.runs.models:
            likelihoods = [self._likelihood(model, run) for run in model.runs]
            own = _with_scores(self._evaluation(model.name), _mean_of(likelihoods))
            if openings is not None:  # the evaluations of an earlier melgen lack the nearest song
                own = with_nearest(own, openings.summaries)
            songs[model.name] = own
            if len(model.runs) > 1:
                by_seed[model.name] = {
                    run.seed: _with_scores(self._evaluation(model.name, f"seed{run.seed}"), likelihood)
                    for run, likelihood in zip(model.runs, likelihoods, strict=True)
                }
            else:
                by_seed[model.name] = {model.runs[0].seed: own}
        return songs, by_seed

    def _with_likelihood(self, wrote_songs: Mapping[str, SongSetEvaluation]) -> dict[str, SongSetEvaluation]:
        """The baselines: those that write songs with their likelihood, then those that only score tunes."""
        found = dict(wrote_songs)
        for path in map(PurePosixPath, self.bench.outputs(BASELINE_LIKELIHOOD_TASK)):
            nothing = SongSetEvaluation(path.stem, (), (), {}, {}, (), -1, -1)
            scores = read_result(self.names.baseline_likelihood_file(path.stem), _scores)
            found[path.stem] = _with_scores(found.get(path.stem, nothing), scores)
        return {name: found[name] for name in in_order(found)}

    def _after(
        self, primer: StudyPrimer, baselines: Sequence[str]
    ) -> tuple[dict[str, SongSetEvaluation], dict[str, SongSetEvaluation]]:
        """The songs of models and baselines after a primer other than the main one, by name of model and baseline."""
        models = {model.name: self._evaluation(self.names.song_set(model, primer)) for model in self.runs.models}
        return models, {name: self._evaluation(BASELINES, f"{name}{primer.suffix()}") for name in baselines}

    def _folders(
        self,
        corpus: Mapping[str, SongSetEvaluation],
        openings: SongSetEvaluation | None,
        baselines: Sequence[str],
        by_primer: SetsByPrimer,
    ) -> dict[str, str]:
        """The place of the songs of each evaluation, by its name."""
        folders = {name: f"songs/{name}" for name in [*(model.name for model in self.runs.models), *baselines]}
        folders |= {one.name: f"evaluation/corpus/{key}.json" for key, one in corpus.items()}
        if openings is not None:
            made = self._made_in(CORPUS, CORPUS_TASK)  # an earlier melgen gave the file another name
            file = next((name for name in made if set_name(name) == OPENINGS), OPENINGS)
            folders[openings.name] = f"evaluation/corpus/{file}.json"
        return folders | {one.name: f"songs/{one.name}" for sets in by_primer.values() for one in sets.values()}

    def _placed(self, run: Run) -> Run:
        return dataclasses.replace(run, path=Path(self.runs.name_of(run)))

    def _made_in(self, folder: str, task: str) -> list[str]:
        """Names of the evaluations that a task has left in a folder, in the order to read them in."""
        made = map(PurePosixPath, self.bench.outputs(task))
        return in_order(path.stem for path in made if path.parent == PurePosixPath("evaluation", folder))

    def _evaluation(self, *parts: str) -> SongSetEvaluation:
        return read_result(self.names.evaluation_file(*parts), SongSetEvaluation.from_dict)

    def _comparisons(self) -> Comparisons | None:
        return read_result(self.names.comparisons_file, Comparisons.from_dict) if self.runs.compared else None

    def _likelihood(self, model: Model, run: Run) -> dict[str, float]:
        return read_result(self.names.likelihood_file(model, run), _scores)


def _scores(content: Mapping[str, float | None]) -> dict[str, float]:
    return {key: math.nan if value is None else value for key, value in content.items()}


def _shown_of(name: str, run: Run) -> tuple[Any, ...]:
    return name, run.result, run.history, run.parameters, run.variant, run.variant_text


def _with_scores(evaluation: SongSetEvaluation, scores: Mapping[str, float]) -> SongSetEvaluation:
    return dataclasses.replace(evaluation, set_scores={**evaluation.set_scores, **scores})


def _mean_of(scores: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(one[key] for one in scores) / len(scores) for key in scores[0]}
