"""The page of one run: its curve, its songs, how they came about, its embedding."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from melgen.evaluation.evaluating import EvaluationOptions, evaluate_songs
from melgen.evaluation.results import SongSetEvaluation
from melgen.files import read_json
from melgen.generation.primers import note_of_songs
from melgen.generation.song_files import read_song_folder
from melgen.generation.songs import read_songs
from melgen.music.melody import Melody
from melgen.pages.content import Content
from melgen.pages.embedding import embedding_content
from melgen.pages.plain import notes_of, short
from melgen.pages.runs import choices_of, curves_of, metrics_present, run_content
from melgen.pages.songs import songs_content, summaries_of
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import curve_metrics, run_metrics, song_metrics
from melgen.runs.configuration import plain_config
from melgen.runs.directory import FINISHED

log = logging.getLogger(__name__)

LOG_LINES = 40
STAGE = re.compile(r"step-(\d+)")
SONGS_OF_STAGE = 5


def gather_run(directory: Path, content: Content) -> None:
    """Put all that a run's directory holds into a page's content."""
    run = run_content(directory)
    config = plain_config(directory)
    choices = choices_of(directory)
    curves = curves_of(directory)
    content.core |= {
        "kind": "run",
        "title": directory.resolve().name,
        "above": directory.resolve().parent.name,
        "runs": [run],
        "runMetrics": run_metrics(metrics_present([run])),
        "curveMetrics": curve_metrics(curves),
        "facts": _facts(directory, config, choices, run),
        "config": _text(directory / "config.yaml"),
    }
    content.pack("curves", {run["name"]: curves})
    _say_how_it_stands(directory, run, content)
    if not curves:
        content.notice("No learning curve: no metric has been logged yet.")

    tunes = _training_tunes(directory, config, content)
    songs = _songs_of(directory, content)
    evaluation = _evaluate(directory.name, songs, tunes, content) if songs else None
    if note := note_of_songs(directory):
        content.notice(note)
    if songs:
        _add_songs(directory, songs, evaluation, tunes, content)
    _add_stages(directory, songs, run, content)
    content.embedding(run["name"], lambda: embedding_content(directory / "embedding"))


def _facts(
    directory: Path, config: dict[str, Any], choices: dict[str, Any], run: dict[str, Any]
) -> list[tuple[str, str]]:
    data, values = read_json(directory / "data.json"), run["values"]
    layers = choices["layers"]
    facts = [
        ("Label", run["label"]),
        ("Representation", choices["dataset"]),
        ("Network", f"{layers} {'layer' if layers == 1 else 'layers'} of {choices['cell']}"),
        ("Hidden size", str(config.get("hidden_size", ""))),
        ("Corpus", str(data.get("import", {}).get("corpus", ""))),
        ("Training tunes", f"{data['train_tunes']:,}" if "train_tunes" in data else ""),
        ("Updates", f"{values['updates']:,}" if "updates" in values else ""),
        ("Seed", str(choices["seed"])),
    ]
    return [(name, value) for name, value in facts if value]


def _say_how_it_stands(directory: Path, run: dict[str, Any], content: Content) -> None:
    state = run["state"]
    if state == FINISHED:
        return
    error = f": {run['error']}" if run["error"] else ""
    content.notice(f"This run is {state}{error}. The page shows what there is so far.", strong=True)
    for name in ("error.txt", "train.log"):
        if text := _text(directory / name):
            content.core["log"] = {"name": name, "text": "\n".join(text.splitlines()[-LOG_LINES:])}
            return


def _songs_of(directory: Path, content: Content) -> dict[str, Melody]:
    folder = directory / "songs"
    if not folder.is_dir():
        content.notice("No songs yet: a run writes them at its end, python -m melgen.generate at any time.")
        return {}
    try:
        found = read_song_folder(folder, workers=1)
    except (ValueError, OSError) as error:
        content.notice(f"The songs cannot be read: {error}")
        return {}
    for name, reason in list(found.unread.items())[:3]:
        content.notice(f"{name} cannot be read: {reason}")
    return found.songs


def _training_tunes(directory: Path, config: dict[str, Any], content: Content) -> TrainingTunes | None:
    splits = directory / "splits.tsv"
    if not config or not splits.is_file():
        return None
    return content.training_tunes(config, splits)


def _evaluate(
    name: str, songs: dict[str, Melody], tunes: TrainingTunes | None, content: Content
) -> SongSetEvaluation | None:
    reference = None if tunes is None else tunes.reference
    pitches = {song: melody.pitches for song, melody in songs.items()}
    try:
        return evaluate_songs(name, pitches, reference, EvaluationOptions())
    except ValueError as error:  # songs of one note each
        content.notice(f"The songs cannot be measured: {error}")
        return None


def _add_songs(
    directory: Path,
    songs: dict[str, Melody],
    evaluation: SongSetEvaluation | None,
    tunes: TrainingTunes | None,
    content: Content,
) -> None:
    content.core["songMetrics"] = song_metrics(evaluation.scores if evaluation else ())
    shown, scores = songs_content(songs, evaluation, tunes, content.engraver, content.scores)
    content.song_set(
        directory.name,
        "model",
        shown,
        scores,
        summaries_of(evaluation.summaries) if evaluation else {},
        {"label": "songs"},
    )
    content.hero(0, f"The most representative of {len(songs):,} songs" if evaluation else "A song of this run")
    tonality = read_json(directory / "tonality.json").get("corpus")
    if isinstance(tonality, dict):
        content.core["sets"].append(
            {
                "name": "corpus",
                "role": "corpus",
                "summaries": {
                    key: [short(tonality["mean"][key]), short(tonality["standard_deviation"][key]), None, None, None]
                    for key in tonality.get("mean", {})
                },
            }
        )


def _add_stages(directory: Path, songs: dict[str, Melody], run: dict[str, Any], content: Content) -> None:
    stages: list[tuple[int, list[Melody]]] = []
    for folder in sorted((directory / "samples").glob("step-*")):
        named = STAGE.fullmatch(folder.name)
        if not named:
            continue
        try:
            stages.append((int(named[1]), read_songs(folder).melodies[:SONGS_OF_STAGE]))
        except (ValueError, OSError) as error:
            content.notice(f"The songs of update {int(named[1]):,} cannot be read: {error}")
    if not stages:
        return
    if songs and "best_updates" in run["values"]:
        stages.append((int(run["values"]["best_updates"]), [*songs.values()][:SONGS_OF_STAGE]))
    stages.sort(key=lambda stage: stage[0])
    flat = content.engraver.engrave([melody for _, melodies in stages for melody in melodies])
    content.core["stages"] = len(stages)
    drawn = iter(flat)
    content.pack(
        "stages",
        [
            {"updates": updates, "songs": [{**notes_of(melody), "svg": next(drawn)} for melody in melodies]}
            for updates, melodies in stages
        ],
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
