"""The sets of songs on the page of a study: those of its models, after each primer, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.files import read_json
from melgen.generation.song_files import read_song_folder
from melgen.music.melody import Melody
from melgen.pages.content import Content
from melgen.pages.model_names import named_models
from melgen.pages.runs import choices_of
from melgen.pages.schema import Role, SongSet
from melgen.pages.song_packs import add_songs, plain_set, summaries_of
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes

PRIMER = "-primer-"
"""In the name of a set of songs that continue another primer than the study's main one."""


def add_model_sets(
    directory: Path,
    models: Mapping[str, Mapping[str, Any]],
    evaluations: Mapping[str, SongSetEvaluation],
    primers: Sequence[str],
    tunes: TrainingTunes | None,
    tools: Tools,
    content: Content,
) -> dict[str, int]:
    """Add the songs of each model after the main primer.

    Returns:
        The index of the set of each model whose songs are there.
    """
    numbers, named = {}, named_models(models)
    for name, evaluation in evaluations.items():
        songs = _read_songs(directory, name, evaluation, content)
        if songs is None:
            continue
        choices = choices_of(Path(models[name].get("runs", [name])[0]))
        entry: SongSet = {
            "name": name,
            "title": named[name].title,
            "label": named[name].label,
            "role": "model",
            "summaries": summaries_of(evaluation.summaries),
            "dataset": choices["dataset"],
            "variant": str(models[name].get("variant", "")),
        }
        if primers:
            entry["title"] += f", primer {primers[0]}"
            entry["is_after_other_primer"] = False
        numbers[name] = add_songs(entry, songs, evaluation, tunes, tools, content)
    return numbers


def add_reference_set(evaluation: SongSetEvaluation, content: Content, *, is_corpus: bool = False) -> None:
    """Add a set that songs are compared with."""
    role: Role = "reference" if evaluation.name == OPENINGS else "corpus" if is_corpus else "baseline"
    content.data["song_sets"].append(plain_set(evaluation.name, role, summaries_of(evaluation.summaries)))


def add_primer_sets(
    directory: Path,
    models: Mapping[str, Mapping[str, Any]],
    evaluations: Mapping[str, SongSetEvaluation],
    primers: Sequence[str],
    tunes: TrainingTunes | None,
    tools: Tools,
    content: Content,
) -> dict[str, dict[str, SongSetEvaluation]]:
    """Add the songs after other primers than the main one.

    Returns:
        What was measured of each model after each primer; empty unless there are several.
    """
    named = named_models(models)
    shown = {one["name"]: one for one in content.data["song_sets"] if one["role"] == "model"}
    found: dict[str, dict[str, SongSetEvaluation]] = {name: {} for name in evaluations} if primers else {}
    for name, after in found.items():
        for primer in primers:
            is_main = primer == primers[0]
            set_name = name if is_main else f"{name}{PRIMER}{primer}"
            try:
                after[primer] = SongSetEvaluation.from_dict(read_json(directory / "evaluation" / f"{set_name}.json"))
            except (KeyError, TypeError, AttributeError):
                continue
            if is_main or name not in shown:
                continue
            songs = _read_songs(directory, set_name, after[primer], content)
            if songs is None:
                continue
            entry: SongSet = {
                **shown[name],
                "name": set_name,
                "title": f"{named[name].title}, primer {primer}",
                "summaries": summaries_of(after[primer].summaries),
                "is_after_other_primer": True,
            }
            add_songs(entry, songs, after[primer], tunes, tools, content)
    return found


def primers_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The primers of a study by name, the main one first; empty unless there are several."""
    given = manifest.get("configuration", {}).get("generate", {}).get("primers")
    if not isinstance(given, Mapping) or len(given) < 2:
        return {}
    return {str(name): primer for name, primer in given.items()}


def _read_songs(
    directory: Path, name: str, evaluation: SongSetEvaluation, content: Content
) -> Mapping[str, Melody] | None:
    """The songs of a set; ``None`` and a notice unless all that were measured are there."""
    try:
        songs = read_song_folder(directory / "songs" / name, workers=1).songs
    except (ValueError, OSError) as error:
        content.add_notice(f"The songs of {name} cannot be read: {error}")
        return None
    lacking = [song for song in evaluation.songs if song not in songs]
    if lacking:
        what = "song that was measured is" if len(lacking) == 1 else "songs that were measured are"
        content.add_notice(f"{name}: {len(lacking)} {what} no longer there, and none is shown.")
        return None
    return songs
