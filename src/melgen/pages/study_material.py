"""The files of a study, read once for all sections of its page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgen.checking import is_number
from melgen.evaluation.baseline_table import in_order
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, set_name
from melgen.evaluation.song_sets import with_nearest
from melgen.files import read_json
from melgen.nested import value_at
from melgen.pages.content import Content
from melgen.pages.runs import read_runs
from melgen.pages.schema import CurvePack, Run
from melgen.pages.study_song_packs import PRIMER, add_model_sets, add_primer_sets, add_reference_set, primers_of
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import song_metrics
from melgen.plurals import counted
from melgen.runs.config import plain_config
from melgen.runs.directory import FINISHED
from melgen.runs.naming import parse_run_name
from melgen.runs.search import find_runs

_BASELINES, _CORPUS = "writers", "corpus"
"""Folders of what models are compared with."""


@dataclass(frozen=True)
class StudyMaterial:
    """The material for the sections of a page of several networks or sets of songs, of a study or not.

    Attributes:
        directory: of the study itself; that of its runs is the one above.
        tools: what makes scores.
        is_study: whether they belong to a study, with files of its own; not so any runs next to each other, and folders
            of songs.
        manifest: ``manifest.json``; empty without a study, and if it has only begun.
        places: directories of its runs.
        runs: the entries of these runs in the page.
        curves: their learning curves.
        models: the selected networks by name, as in ``selection.json``.
        evaluations: of the models' songs by the name of the model; of those that were measured.
        primer_evaluations: by the name of a model and of a primer, the main one first.
        openings: of test tunes; ``None`` if the study has not measured them.
        heard: the models whose songs can be heard.
        opening_model: the one whose song the page opens with; ``None`` if no song can be heard.
        tunes: of the corpus; ``None`` where it is not at hand.
    """

    directory: Path
    tools: Tools
    is_study: bool
    manifest: dict[str, Any]
    places: list[Path]
    runs: list[Run]
    curves: CurvePack
    models: dict[str, dict[str, Any]]
    evaluations: dict[str, SongSetEvaluation]
    primer_evaluations: dict[str, dict[str, SongSetEvaluation]]
    openings: SongSetEvaluation | None
    heard: list[str]
    opening_model: str | None
    tunes: TrainingTunes | None

    @property
    def confidence(self) -> float:
        """That of the intervals of means of songs."""
        noted = value_at(self.manifest, "configuration.evaluation.confidence")
        return float(noted) if is_number(noted) else EvaluationOptions().confidence


def read_study(directory: Path, content: Content, tools: Tools) -> StudyMaterial:
    """Read a study and its runs, and put what several sections show into the content of its page."""
    manifest, selection = read_json(directory / "manifest.json"), read_json(directory / "selection.json")
    selected = selection.get("models")
    models = selected if isinstance(selected, dict) else {}
    places = run_places(directory, manifest)
    runs, curves = read_runs(places)
    _note_selection(runs, models, manifest)
    content.data["runs"] = runs
    if curves:
        content.add_pack("curves", curves)
    _say_what_is_missing(places, runs, manifest, models, content)

    references = _references(directory)
    openings = references.get(OPENINGS)
    evaluations = _evaluations(directory, models, content)
    if openings is not None:  # an earlier melgen has not looked for the nearest song
        evaluations = {name: with_nearest(one, openings.summaries) for name, one in evaluations.items()}
    content.data["song_metrics"] = song_metrics(
        dict.fromkeys(metric for one in evaluations.values() for metric in one.scores)
    )
    config = trained_on(manifest, places)
    splits = recorded_splits(places)
    tunes = tools.read_tunes(config, splits, content) if evaluations and config else None
    primers = primers_of(manifest)
    numbers = add_model_sets(directory, models, evaluations, [*primers], tunes, tools, content)
    for one in references.values():
        add_reference_set(one, content, is_corpus=one.name.startswith(_CORPUS))
    for remark in manifest.get("primer_notes", ()):
        content.add_notice(str(remark))
    primer_evaluations = add_primer_sets(directory, models, evaluations, [*primers], tunes, tools, content)

    opening_model = opening_model_of({name: evaluations[name] for name in numbers})
    content.data["opening_set"] = None if opening_model is None else numbers[opening_model]
    content.add_facts(_facts(runs, places, content))
    return StudyMaterial(
        directory,
        tools,
        True,
        manifest,
        places,
        runs,
        curves,
        models,
        evaluations,
        primer_evaluations,
        openings,
        [*numbers],
        opening_model,
        tunes,
    )


def run_places(directory: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """The directories of the runs: those of the manifest, finished or not; without one, all next to the study."""
    if "runs" in manifest:
        unfinished = [f"../{name}" for name in manifest.get("unfinished", {})]
        return [directory / name for name in [*manifest["runs"], *unfinished]]
    found = find_runs(directory.resolve().parent) if directory.resolve().parent.is_dir() else []
    return [run.path for run in found if parse_run_name(run.path.name)]


def recorded_splits(places: Iterable[Path]) -> Path | None:
    """The file in which the first run that has one recorded the split of each tune."""
    return next((place / "splits.tsv" for place in places if (place / "splits.tsv").is_file()), None)


def _note_selection(runs: Iterable[Run], models: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Add to runs what the study has recorded: whether they were selected, and why they are unfinished."""
    selected = {Path(run).name for model in models.values() for run in model.get("runs", ())}
    reasons = manifest.get("unfinished", {})
    for run in runs:
        run["is_selected"] = run["name"] in selected
        run["error"] = run["error"] or str(reasons.get(run["name"], ""))


def _say_what_is_missing(
    places: Sequence[Path],
    runs: Sequence[Run],
    manifest: Mapping[str, Any],
    models: Mapping[str, Any],
    content: Content,
) -> None:
    if not manifest:
        content.add_notice(
            "This study has only begun: it has no manifest yet. The page shows the runs so far.", strong=True
        )
    elif not models:
        content.add_notice("No network has been selected yet, so that there are no songs.", strong=True)
    failed = [run for run in runs if run["state"] != FINISHED]
    away = [place.name for place in places if not place.is_dir()]
    are = "run is" if len(runs) == 1 else "runs are"
    if away:
        content.add_notice(
            f"{len(away)} of {len(places)} {are} not where the study left them; the curves of these are missing."
        )
    if failed and len(failed) > len(away):
        named = "; ".join(f"{run['name']} is {run['state']} {run['error']}".strip() for run in failed[:3])
        content.add_notice(f"{len(failed)} of {len(runs)} {are} not finished: {named}", strong=True)


def _evaluations(directory: Path, models: Iterable[str], content: Content) -> dict[str, SongSetEvaluation]:
    found = {}
    for name in models:
        try:
            found[name] = SongSetEvaluation.from_dict(read_json(directory / "evaluation" / f"{name}.json"))
        except (KeyError, TypeError, AttributeError):
            content.add_notice(f"The songs of {name} have not been measured yet, and are not shown.")
    return found


def _references(directory: Path) -> dict[str, SongSetEvaluation]:
    """The sets with which the models are compared, by name, in reading order: baselines, openings, whole tunes."""
    found = {}
    for role in (_BASELINES, _CORPUS):
        for path in (directory / "evaluation" / role).glob("*.json"):
            if PRIMER in path.stem:  # not the main one; see `add_primer_sets`
                continue
            with suppress(KeyError, TypeError, AttributeError):
                found[set_name(path.stem)] = SongSetEvaluation.from_dict(read_json(path))
    return {name: found[name] for name in in_order(sorted(found))}


def trained_on(manifest: Mapping[str, Any], places: Iterable[Path]) -> Mapping[str, Any]:
    """The corpus and cleaning of the runs: as the study has noted them, or as one of the runs itself states.

    A study's own configuration counts only if it trained its runs: for runs that existed before, it is the default.
    """
    noted = manifest.get("trained_on")
    if isinstance(noted, dict) and "corpus" in noted:
        return noted
    first = next((config for place in places if "corpus" in (config := plain_config(place))), None)
    asked = manifest.get("configuration", {})
    return first or (asked if "corpus" in asked and not asked.get("runs") else {})


def opening_model_of(evaluations: Mapping[str, SongSetEvaluation]) -> str | None:
    """The model with the song that is nearest to the openings; else the first."""
    distances = {
        name: one.distances_to_openings[index]
        for name, one in evaluations.items()
        if (index := one.nearest) is not None
    }
    return min(distances, key=lambda name: distances[name], default=next(iter(evaluations), None))


def _facts(runs: Sequence[Run], places: Iterable[Path], content: Content) -> dict[str, str]:
    data = next((read_json(place / "data.json") for place in places if (place / "data.json").is_file()), {})
    corpus, tunes = data.get("import", {}).get("corpus"), data.get("import", {}).get("tunes_kept")
    updates = sorted({run["values"]["updates"] or 0 for run in runs if "updates" in run["values"]})
    seeds = sorted({run["seed"] for run in runs})
    songs = sum(len(pack["songs"]) for name, pack in content.packs.items() if name.startswith("songs-"))
    return {
        "Networks": f"{len(runs):,}",
        "Representations": ", ".join(dict.fromkeys(run["dataset"] for run in runs)),
        "Cells": ", ".join(dict.fromkeys(run["cell"] for run in runs)),
        "Layers": ", ".join(dict.fromkeys(str(run["layers"]) for run in runs)),
        "Seeds": ", ".join(map(str, seeds)) if len(seeds) > 1 else "",
        "Corpus": f"{corpus}, {counted(tunes, 'tune')}" if corpus and tunes else str(corpus or ""),
        "Updates each": " to ".join(f"{one:,}" for one in dict.fromkeys(updates[:1] + updates[-1:])),
        "Songs to hear": f"{songs:,}" if songs else "",
    }
