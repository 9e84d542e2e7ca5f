"""The files of a run, read once for all sections of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgen.checking import is_whole
from melgen.durations import in_words
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import evaluate_openings, evaluate_songs, median_length
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES
from melgen.files import read_json
from melgen.generation.primers import note_of_songs
from melgen.generation.song_files import read_song_folder
from melgen.generation.songs import read_songs
from melgen.music.melody import Melody
from melgen.numbered_names import numbered_in
from melgen.pages.content import Content
from melgen.pages.plain import short
from melgen.pages.runs import read_runs
from melgen.pages.schema import CurvePack, Run, SummaryNumbers
from melgen.pages.song_packs import (
    add_songs,
    first_notes_in_words,
    openings_in_words,
    plain_set,
    summaries_of,
)
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import song_metrics
from melgen.plurals import counted
from melgen.runs.choices import label_of
from melgen.runs.commands import generate_command
from melgen.runs.config import block_option, plain_config
from melgen.runs.directory import FINISHED, PROVENANCE_FILE


@dataclass(frozen=True)
class RunMaterial:
    """The material for the sections of a run's page.

    Attributes:
        directory: of the run.
        tools: what makes scores.
        config: its configuration, as plain data; empty if it cannot be read.
        run: the entry of the run in the page.
        curves: its learning curves.
        songs: its songs by their names.
        evaluation: of its songs; ``None`` if there are none, or they cannot be measured.
        openings: of test tunes, as long as the songs; ``None`` where the corpus is not at hand or too short.
        openings_text: what the openings are, in words; empty without any.
        tunes: of its corpus; ``None`` where the corpus is not at hand.
        network: the run or model file that its network is read from.
    """

    directory: Path
    tools: Tools
    config: dict[str, Any]
    run: Run
    curves: CurvePack
    songs: dict[str, Melody]
    evaluation: SongSetEvaluation | None
    openings: SongSetEvaluation | None
    openings_text: str
    tunes: TrainingTunes | None
    network: Path


def read_run(directory: Path, content: Content, tools: Tools, network: Path | None = None) -> RunMaterial:
    """Read a run, and put what several sections show into the content of its page.

    Args:
        directory: of the run.
        content: of the page.
        tools: what makes scores.
        network: what its network is read from, if not from the run itself.
    """
    config = plain_config(directory)
    (run,), curves = read_runs([directory])
    content.data["runs"] = [run]
    content.add_facts(_facts(directory, config, run))
    if curves:
        content.add_pack("curves", curves)
    if run["state"] != FINISHED:
        error = f": {run['error']}" if run["error"] else ""
        content.add_notice(f"This run is {run['state']}{error}. The page shows what there is so far.", strong=True)
    if not curves:
        content.add_notice("No learning curve: no metric has been logged.")

    splits = directory / "splits.tsv"
    tunes = tools.read_tunes(config, splits, content) if config and splits.is_file() else None
    songs = songs_of(directory, content)
    options = EvaluationOptions(span_notes=span_of(directory, config))
    evaluation = measured(directory.name, songs, tunes, options, content) if songs else None
    openings = openings_like(evaluation, tunes, options)
    openings_text = ""
    if note := note_of_songs(directory):
        content.add_notice(note)
    if songs:
        content.data["song_metrics"] = song_metrics(evaluation.scores if evaluation else ())
        summaries = summaries_of(evaluation.summaries) if evaluation else {}
        content.data["opening_set"] = add_songs(
            {
                "name": directory.name,
                "role": "model",
                "summaries": summaries,
                "title": directory.name,
                "label": ["songs"],
                "dataset": run["dataset"],
            },
            songs,
            evaluation,
            tunes,
            tools,
            content,
        )
        openings_text = _add_openings(directory, openings, content)
    return RunMaterial(
        directory,
        tools,
        config,
        run,
        curves,
        songs,
        evaluation,
        openings,
        openings_text,
        tunes,
        network or directory,
    )


def span_of(directory: Path, config: Mapping[str, Any]) -> int:
    """The span, in notes, of the windows that the run measured its songs with, or would have."""
    callbacks = config.get("callbacks")
    nodes = callbacks.values() if isinstance(callbacks, Mapping) else ()
    configured = [
        node.get("span_notes")
        for node in nodes
        if isinstance(node, Mapping) and str(node.get("_target_", "")).endswith(".SongTonality")
    ]
    spans = [read_json(directory / "tonality.json").get("span_notes"), *configured, DEFAULT_SPAN_NOTES]
    return next(span for span in spans if is_whole(span) and span > 0)


def read_stages(directory: Path, content: Content) -> list[tuple[int, list[Melody]]]:
    """The songs that a network wrote during its training: after which update, and which."""
    stages = []
    for updates, folder in numbered_in(directory / "samples"):
        try:
            stages.append((updates, [*read_songs(folder).melodies]))
        except (ValueError, OSError) as error:
            content.add_notice(f"The songs of update {updates:,} cannot be read: {error}")
    return stages


def _facts(directory: Path, config: dict[str, Any], run: Run) -> dict[str, str]:
    data, values = read_json(directory / "data.json"), run["values"]
    parameters = _parameters(directory)
    best = f", best at {values['best_updates']:,.0f}" if "best_updates" in values else ""
    return {
        "Label": label_of(config),
        "Representation": run["dataset"],
        "Network": f"{counted(run['layers'], 'layer')} of {run['cell']}" + _around(config),
        "Hidden size": str(config.get("hidden_size", "")),
        "Parameters": f"{parameters:,}" if parameters else "",
        "Corpus": str(data.get("import", {}).get("corpus", "")),
        "Training tunes": f"{data['train_tunes']:,}" if "train_tunes" in data else "",
        "Updates": f"{values['updates']:,.0f}{best}" if "updates" in values else "",
        "Training time": "" if (seconds := values.get("seconds")) is None else in_words(seconds),
        "Seed": str(run["seed"]),
    }


def _around(config: dict[str, Any]) -> str:
    """The name of the block around the cells, for readers."""
    block = block_option(config)
    return "" if block == "none" else f" in {block} blocks"


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


def songs_of(directory: Path, content: Content) -> dict[str, Melody]:
    """The songs of a run by their names; empty, with a notice on the page, without any."""
    folder = directory / "songs"
    if not folder.is_dir():
        content.add_notice(
            "No songs yet: a run writes them at its end. Its network as it is now can write some:  "
            + generate_command(directory)
        )
        return {}
    try:
        found = read_song_folder(folder, workers=1)
    except (ValueError, OSError) as error:
        content.add_notice(f"The songs cannot be read: {error}")
        return {}
    for name, reason in list(found.unread.items())[:3]:
        content.add_notice(f"{name} cannot be read: {reason}")
    return found.songs


def measured(
    name: str, songs: dict[str, Melody], tunes: TrainingTunes | None, options: EvaluationOptions, content: Content
) -> SongSetEvaluation | None:
    """The measurements of songs; ``None``, with a notice on the page, for songs that cannot be measured."""
    reference = None if tunes is None else tunes.reference
    pitches = {song: melody.pitches for song, melody in songs.items()}
    try:
        return evaluate_songs(name, pitches, reference, options)
    except ValueError as error:  # songs of one note each
        content.add_notice(f"The songs cannot be measured: {error}")
        return None


def openings_like(
    songs: SongSetEvaluation | None, tunes: TrainingTunes | None, options: EvaluationOptions
) -> SongSetEvaluation | None:
    """The openings as long as the songs; ``None`` where no test tune is so long, or the corpus is not at hand."""
    if songs is None or tunes is None:
        return None
    try:
        return evaluate_openings(tunes.reference, median_length(songs), options)
    except ValueError:
        return None


def _add_openings(directory: Path, openings: SongSetEvaluation | None, content: Content) -> str:
    """Add what the songs are compared with; without the corpus, what the run itself noted at its end.

    Returns:
        What that is, in words.
    """
    if openings is not None:
        content.data["song_sets"].append(plain_set(OPENINGS, "reference", summaries_of(openings.summaries)))
        return openings_in_words(openings)
    tonality = read_json(directory / "tonality.json")
    noted = tonality.get(OPENINGS)
    if isinstance(noted, dict) and isinstance(noted.get("mean"), dict):
        content.data["song_sets"].append(plain_set(OPENINGS, "reference", _noted(noted)))
    else:  # an earlier melgen compared with all tunes of two notes and more
        noted = tonality.get("corpus")
        if not isinstance(noted, dict) or not isinstance(noted.get("mean"), dict):
            return ""
        content.data["song_sets"].append(plain_set("all tunes", "corpus", _noted(noted)))
    if isinstance(noted.get("notes"), int) and isinstance(noted.get("count"), int):
        return first_notes_in_words(noted["notes"], noted["count"])
    return ""


def _noted(noted: Mapping[str, Any]) -> dict[str, SummaryNumbers]:
    deviations = noted.get("standard_deviation") or {}
    return {
        metric: {"mean": shown, "deviation": short(deviations.get(metric)), "low": None, "high": None}
        for metric, mean in noted["mean"].items()
        if (shown := short(mean)) is not None
    }
