"""Pages of what belongs to no study: any runs next to each other, and folders of songs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.generation.song_files import read_song_folder
from melgen.model_files.archive import SUFFIX
from melgen.music.melody import Melody
from melgen.pages.content import Content
from melgen.pages.model_names import named_models
from melgen.pages.run_material import measured, openings_like, songs_of, span_of
from melgen.pages.runs import read_runs
from melgen.pages.schema import CurvePack, Run, SongSet
from melgen.pages.song_packs import add_songs, plain_set, summaries_of
from melgen.pages.study_material import StudyMaterial, opening_model_of
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import song_metrics
from melgen.runs.config import plain_config


def read_several_runs(
    places: Sequence[Path], content: Content, tools: Tools, networks: Sequence[Path] | None = None
) -> StudyMaterial:
    """Read runs that a page shows next to each other, as a study without its own files.

    Args:
        places: the directories of the runs.
        content: of the page.
        tools: what makes scores.
        networks: the run or model file that each network is read from, and named after; by default the runs.
    """
    networks = places if networks is None else networks
    names = distinct_names(networks)
    runs, curves = read_runs(places, names)
    content.data["runs"] = runs
    if curves:
        content.add_pack("curves", curves)
    content.add_facts({"Runs": str(len(runs))})
    models: dict[str, dict[str, Any]] = {}
    for name, run, network in zip(names, runs, networks, strict=True):
        models[name] = {
            "runs": [str(network.resolve())],
            "dataset": run["dataset"],
            "cell": run["cell"],
            "layers": run["layers"],
            # A model file has a name of its own; a run is known by what it differs in.
            "variant": "" if network.suffix == SUFFIX else run["variant"],
            "has_own_name": network.suffix == SUFFIX,
        }
    named = named_models(models)
    sets: dict[str, _Songs] = {}
    for place, name in zip(places, names, strict=True):
        config, splits = plain_config(place), place / "splits.tsv"
        tunes = tools.read_tunes(config, splits, content) if config and splits.is_file() else None
        entry: SongSet = {
            "name": name,
            "title": named[name].title,
            "label": named[name].label,
            "role": "model",
            "summaries": {},
            "dataset": models[name]["dataset"],
            "variant": models[name]["variant"],
        }
        options = EvaluationOptions(span_notes=span_of(place, config))
        if songs := songs_of(place, content):
            sets[name] = _Songs(entry, songs, tunes, options)
    return _material(places[0].resolve().parent, [*places], runs, curves, models, sets, content, tools)


def read_songs_alone(folders: Sequence[Path], content: Content, tools: Tools) -> StudyMaterial:
    """Read folders of songs, of melgen or of any other program.

    Raises:
        ValueError: if there is nothing to read in one of them.
    """
    sets = {}
    for folder, name in zip(folders, distinct_names(folders), strict=True):
        found = read_song_folder(folder, workers=tools.engraver.workers)
        for song, reason in list(found.unread.items())[:3]:
            content.add_notice(f"{song} cannot be read: {reason}")
        entry = plain_set(name, "model", {})
        sets[name] = _Songs(entry, found.songs, None, EvaluationOptions())
    content.add_facts({"Songs": f"{sum(len(each.melodies) for each in sets.values()):,}"})
    return _material(folders[0].resolve().parent, [], [], {}, {}, sets, content, tools)


def distinct_names(places: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that differ from each other; those of model files without their suffix.

    >>> distinct_names([Path("/home/a/x/songs"), Path("/home/b/x/songs"), Path("/home/c"), Path("/home/d.melgen")])
    ['a/x/songs', 'b/x/songs', 'c', 'd']
    """
    absolute = [Path(os.path.abspath(place)) for place in places]  # a link keeps its name
    parts = [(place.with_suffix("") if place.suffix == SUFFIX else place).parts for place in absolute]
    names = []
    for own in parts:
        length = 1
        while length < len(own) and sum(each[-length:] == own[-length:] for each in parts) > 1:
            length += 1
        names.append("/".join(own[-length:]))
    return names


@dataclass(frozen=True)
class _Songs:
    """A set of songs before it is measured, with what it is compared with."""

    entry: SongSet
    melodies: dict[str, Melody]
    tunes: TrainingTunes | None
    options: EvaluationOptions


def _material(
    directory: Path,
    places: list[Path],
    runs: list[Run],
    curves: CurvePack,
    models: dict[str, dict[str, Any]],
    sets: Mapping[str, _Songs],
    content: Content,
    tools: Tools,
) -> StudyMaterial:
    evaluations: dict[str, SongSetEvaluation] = {}
    for name, each in sets.items():
        found = measured(name, each.melodies, each.tunes, each.options, content)
        if found is not None:
            evaluations[name] = found
    content.data["song_metrics"] = song_metrics(
        dict.fromkeys(metric for one in evaluations.values() for metric in one.scores)
    )
    numbers = {}
    openings = None
    for name, each in sets.items():
        evaluation = evaluations.get(name)
        openings = openings or openings_like(evaluation, each.tunes, each.options)
        each.entry["summaries"] = summaries_of(evaluation.summaries) if evaluation else {}
        numbers[name] = add_songs(each.entry, each.melodies, evaluation, each.tunes, tools, content)
    if openings is not None:
        content.data["song_sets"].append(plain_set(OPENINGS, "reference", summaries_of(openings.summaries)))
    opening_model = opening_model_of({name: one for name, one in evaluations.items() if name in numbers})
    content.data["opening_set"] = None if opening_model is None else numbers[opening_model]
    tunes = next((each.tunes for each in sets.values() if each.tunes is not None), None)
    return StudyMaterial(
        directory,
        tools,
        False,
        {},
        places,
        runs,
        curves,
        models,
        evaluations,
        {},
        openings,
        [*numbers],
        opening_model,
        tunes,
    )


def title_of(places: Sequence[Path], counted_places: str) -> str:
    """The title of a page: the name of the only place, or how many there are, with the first names."""
    names = distinct_names(places)
    if len(places) == 1:
        return names[0]
    return f"{counted_places}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
