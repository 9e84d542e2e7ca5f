"""The page of one run: its curve, its songs, how they came about, its embedding."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from melgen.durations import in_words
from melgen.evaluation.results import CHOICES, OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import (
    EvaluationOptions,
    distance_to_openings,
    evaluate_openings,
    evaluate_songs,
    median_length,
)
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES
from melgen.files import read_json
from melgen.generation.primers import note_of_songs
from melgen.generation.song_files import read_song_folder
from melgen.generation.songs import read_songs
from melgen.music.melody import Melody
from melgen.pages.content import Content
from melgen.pages.embedding import embedding_content
from melgen.pages.plain import notes_of, short
from melgen.pages.provenance import COMMAND, software_row
from melgen.pages.runs import choices_of, curves_of, metrics_present, run_content
from melgen.pages.songs import songs_content, summaries_of
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import curve_metrics, run_metrics, song_metrics
from melgen.pasting import program, shell_line
from melgen.plurals import counted
from melgen.runs.commands import generate_command
from melgen.runs.config import plain_config
from melgen.runs.directory import FINISHED, PROVENANCE_FILE
from melgen.runs.missing_bits import why_without_bits

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
        "provenance": _provenance(directory, read_json(directory / "result.json")),
        "config": _text(directory / "config.yaml"),
    }
    content.pack("curves", {run["name"]: curves})
    _say_how_it_stands(directory, run, content)
    if not curves:
        content.notice("No learning curve: no metric has been logged yet.")

    tunes = _training_tunes(directory, config, content)
    songs = _songs_of(directory, content)
    options = EvaluationOptions(span_notes=span_of(directory, config))
    evaluation = _evaluate(directory.name, songs, tunes, options, content) if songs else None
    openings = _openings(evaluation, tunes, options)
    if note := note_of_songs(directory):
        content.notice(note)
    if songs:
        _add_songs(directory, songs, evaluation, tunes, content)
        _add_openings(directory, openings, content)
    _add_result(directory, run, evaluation, openings, content)
    _add_stages(directory, songs, run, content)
    content.embedding(run["name"], lambda: embedding_content(directory / "embedding"))


def _facts(
    directory: Path, config: dict[str, Any], choices: dict[str, Any], run: dict[str, Any]
) -> list[tuple[str, str]]:
    data, values = read_json(directory / "data.json"), run["values"]
    parameters = _parameters(directory)
    best = f", best at {values['best_updates']:,.0f}" if "best_updates" in values else ""
    facts = [
        ("Label", run["label"]),
        ("Representation", choices["dataset"]),
        ("Network", f"{counted(choices['layers'], 'layer')} of {choices['cell']}"),
        ("Hidden size", str(config.get("hidden_size", ""))),
        ("Parameters", f"{parameters:,}" if parameters else ""),
        ("Corpus", str(data.get("import", {}).get("corpus", ""))),
        ("Training tunes", f"{data['train_tunes']:,}" if "train_tunes" in data else ""),
        ("Updates", f"{values['updates']:,.0f}{best}" if "updates" in values else ""),
        ("Training time", in_words(values["seconds"]) if "seconds" in values else ""),
        ("Seed", str(choices["seed"])),
    ]
    return [(name, value) for name, value in facts if value]


def span_of(directory: Path, config: Mapping[str, Any]) -> int:
    """The span of the windows that the run measured its songs with, or would have."""
    callbacks = config.get("callbacks")
    nodes = callbacks.values() if isinstance(callbacks, Mapping) else ()
    configured = [
        node.get("span_notes")
        for node in nodes
        if isinstance(node, Mapping) and str(node.get("_target_", "")).endswith(".SongTonality")
    ]
    spans = [read_json(directory / "tonality.json").get("span_notes"), *configured, DEFAULT_SPAN_NOTES]
    return next(span for span in spans if isinstance(span, int) and not isinstance(span, bool) and span > 0)


def _parameters(directory: Path) -> int | None:
    """Number of trained weights; of a run that has not noted it, counted in its checkpoint."""
    noted = read_json(directory / PROVENANCE_FILE).get("parameters")
    if isinstance(noted, int):
        return noted
    if not any((directory / "checkpoints").glob("*.ckpt")):
        return None
    from melgen.checkpoint import find_checkpoint, read_checkpoint

    try:
        weights = read_checkpoint(find_checkpoint(directory))["state_dict"]
        return sum(weight.numel() for name, weight in weights.items() if name.startswith("model."))
    except (ValueError, KeyError, AttributeError):
        return None


def _add_result(
    directory: Path,
    run: Mapping[str, Any],
    evaluation: SongSetEvaluation | None,
    openings: SongSetEvaluation | None,
    content: Content,
) -> None:
    """The run in a few lines."""
    values = run["values"]
    for split, key in (("test", "test"), ("validation", "val")):
        bits, loss = values.get(f"{key}/bits_per_note"), values.get(f"{key}/loss")
        if bits is None and loss is None:
            continue
        unit = "bits per note" if bits is not None else "nats per token"
        if bits is not None and loss is not None:
            unit += f" ({loss:.3f} nats per token)"
        shown = loss if bits is None else bits
        content.finding(f"Prediction of {split} tunes", f"{shown:.3f}", unit)
    if run["state"] == FINISHED and (reason := why_without_bits(read_json(directory / "data.json"))):
        content.notice(f"No bits per note: {reason}.")
    if evaluation is not None and openings is not None:
        distance = distance_to_openings(evaluation.summaries, openings.summaries)
        if math.isfinite(distance):
            unit = "standard deviations from the openings of test tunes, summed over the three metrics"
            content.finding("Tonality of its songs", f"{distance:.2f}", unit)


def _provenance(directory: Path, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    recorded = read_json(directory / PROVENANCE_FILE)
    rows = []
    if isinstance(command := recorded.get("command"), list):
        rows.append((COMMAND, shell_line(*program("train"), *map(str, command))))
    if recorded.get("software"):
        rows.append(software_row(recorded["software"]))
    else:
        earlier = read_json(directory / "identity.json").get("software") or {}
        own = {"melgen": result["melgen"]} if "melgen" in result else {}
        if own or earlier:
            rows.append(software_row(own | earlier))
    return rows


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
        content.notice(
            "No songs yet: a run writes them at its end. Its network as it is now can write some:  "
            + generate_command(directory)
        )
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
    name: str, songs: dict[str, Melody], tunes: TrainingTunes | None, options: EvaluationOptions, content: Content
) -> SongSetEvaluation | None:
    reference = None if tunes is None else tunes.reference
    pitches = {song: melody.pitches for song, melody in songs.items()}
    try:
        return evaluate_songs(name, pitches, reference, options)
    except ValueError as error:  # songs of one note each
        content.notice(f"The songs cannot be measured: {error}")
        return None


def _openings(
    songs: SongSetEvaluation | None, tunes: TrainingTunes | None, options: EvaluationOptions
) -> SongSetEvaluation | None:
    """The openings as long as the songs; ``None`` where no test tune is so long, or the corpus is not at hand."""
    if songs is None or tunes is None:
        return None
    try:
        return evaluate_openings(tunes.reference, median_length(songs), options)
    except ValueError:
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
        {"label": "songs", "dataset": choices_of(directory)["dataset"]},
    )
    chosen = next(iter(shown["chosen"]), None)
    of_all = f"Of {counted(len(songs), 'song')} the one {CHOICES[chosen]}" if chosen else ""
    content.hero(0, of_all if len(songs) > 1 and of_all else "A song of this run")


def _add_openings(directory: Path, openings: SongSetEvaluation | None, content: Content) -> None:
    """What the songs are compared with; without the corpus, what the run itself has noted at its end."""
    if openings is not None:
        content.reference_set(OPENINGS, openings, "reference")
        return
    tonality = read_json(directory / "tonality.json")
    # An earlier melgen compared with all tunes of two notes and more.
    for key, name, role in ((OPENINGS, OPENINGS, "reference"), ("corpus", "all tunes", "corpus")):
        noted = tonality.get(key)
        if not isinstance(noted, dict) or not isinstance(noted.get("mean"), dict):
            continue
        deviations = noted.get("standard_deviation") or {}
        content.core["sets"].append(
            {
                "name": name,
                "role": role,
                "summaries": {
                    metric: [short(mean), short(deviations.get(metric)), None, None, None]
                    for metric, mean in noted["mean"].items()
                },
            }
        )
        if isinstance(noted.get("notes"), int) and isinstance(noted.get("count"), int):
            tunes = counted(noted["count"], "test tune")
            content.core["openings"] = f"the first {noted['notes']} notes of {tunes}"
        return


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
