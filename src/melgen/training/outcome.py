"""The result of a run: its file, and what the training logs of it."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import melgen
from melgen.evaluation.results import OPENINGS
from melgen.evaluation.run_metrics import bits_metric
from melgen.files import flush_below, read_json, seen_from_here, write_json
from melgen.pasting import command, path_text, shell_line
from melgen.plurals import counted
from melgen.runs.budget import reached_limit
from melgen.runs.commands import generate_command, report_command
from melgen.runs.directory import FINISHED, RunDirectory
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.naming import typed_overrides
from melgen.runs.retyping import keep_label, unused_overrides

log = logging.getLogger(__name__)

Result = dict[str, Any]
_OF_LOGGERS = ("wandb", "tensorboard")
"""Folders in which loggers still write; the result does not need them."""


def record(run: RunDirectory, result: Result, seconds: float) -> None:
    """Write ``result.json`` after all other files have reached the disk."""
    flush_below(run.path, but=_OF_LOGGERS)
    result["seconds"] = round(seconds, 1)
    write_json(run.path / "result.json", {"melgen": melgen.__version__, **result})


def stopped_by(config: DictConfig, result: Result, trainer: pl.Trainer) -> str:
    """What ended a training: the key of a limit, or ``callback``."""
    if (limit := reached_limit(config, result)) is not None:
        return limit
    timers = [callback for callback in trainer.callbacks if isinstance(callback, pl.callbacks.Timer)]  # type: ignore[attr-defined]  # set by a connector
    is_out_of_time = any((left := timer.time_remaining()) is not None and left <= 0 for timer in timers)
    return "trainer.max_time" if is_out_of_time else "callback"


def finished_already(run: RunDirectory, config: DictConfig) -> None:
    """Set the status of a run that needs no training, and log it, with the settings that are not used."""
    (run.path / "error.txt").unlink(missing_ok=True)
    run.set_status(FINISHED)
    keep_label(run, config)
    hydra: Any = HydraConfig.get() if HydraConfig.initialized() else None
    unused = unused_overrides(run, config, [] if hydra is None else typed_overrides(hydra))
    log.info(
        "Already finished%s; a larger trainer.max_steps goes on, force=true trains it again.",
        f", and not changed by {', '.join(unused)}" if unused else "",
    )


def show(run: RunDirectory, *, brief: bool) -> float:
    """Log the result, and unless ``brief`` the tonality of the songs, the files and the commands that follow.

    Args:
        run: a finished one.
        brief: one line only; a sweep prints a table at its end.

    Returns:
        The lowest validation loss, in nats per token.
    """
    result = run.result
    assert result is not None

    def number(key: str) -> str:
        return _shown(result.get(key))

    def scores(split: str) -> str:
        bits = bits_metric(result, split)
        return f"{split} {number(f'{split}/loss')} nats ({number(bits.key)} {bits.header})"

    lines = [
        f"Best weights at update {result['best_updates']:,}: "
        f"{', '.join(map(scores, ('val', 'test')))}; "
        f"{result['seconds']:,.0f} s"
    ]
    if not brief:
        if reason := why_without_bits(read_json(run.path / "data.json")):
            lines.append(f"{bits_metric(result, 'val').header} is -: {reason}")
        lines += [*_tonality_lines(run), *_primer_lines(run), *_result_lines(run)]
    log.info("%s", "\n".join(lines))
    loss = result.get("val/loss")
    return math.nan if loss is None else float(loss)


def _tonality_lines(run: RunDirectory) -> Iterator[str]:
    try:
        measured = json.loads((run.path / "tonality.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    sets = {"its songs": measured["songs"]}
    if "corpus" in measured:  # an earlier melgen took the whole of it
        sets["all tunes"] = measured["corpus"]
    else:
        sets[OPENINGS] = measured[OPENINGS]
    yield ""
    yield f"{'Tonality (mean ± deviation)':30}" + "".join(f"{name:>20}" for name in sets)
    for metric in measured["songs"]["mean"]:
        cells = (
            f"{_shown(s['mean'][metric])} ± {_shown(s['standard_deviation'][metric])}" if s else "-"
            for s in sets.values()
        )
        yield f"  {metric.replace('_', ' '):28}" + "".join(f"{cell:>20}" for cell in cells)
    if openings := sets.get(OPENINGS):
        tunes = counted(openings["count"], "test tune")
        yield f"  ({OPENINGS}: the first {openings['notes']} notes of {tunes})"
    elif OPENINGS in sets:
        yield f"  ({OPENINGS}: no test tune is as long as the songs, or the corpus does not contain pitches)"


def _primer_lines(run: RunDirectory) -> Iterator[str]:
    """A note if the songs start on pitches that are rare in the training tunes."""
    from melgen.generation.primers import note_of_songs

    if note := note_of_songs(run.path):
        yield ""
        yield f"Note:    {note}"


def _shown(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _result_lines(run: RunDirectory) -> Iterator[str]:
    """Files to hear and see, and commands to run next, as lines to paste into a shell."""
    # The current directory itself only under hydra.job.chdir, where the user's shell is elsewhere.
    path = seen_from_here(run.path)
    songs = sorted((path / "songs").glob("*.mid"))
    page = path / "report.html"
    seen = [page] if page.exists() else []
    seen += [path / "embedding" / "embedding.png", path / "metrics.csv"]
    yield ""
    if songs:
        yield f"Listen:  {shell_line(path_text(songs[0]))} ... {songs[-1].name}"
    for number, file in enumerate(file for file in seen if file.exists()):
        note = "  # open it in a browser" if file == page else ""
        yield f"{'' if number else 'See:':9}{shell_line(path_text(file))}{note}"
    if (path / "tensorboard").is_dir():
        yield f"         {shell_line('tensorboard', '--logdir', path_text(path))}"
    if any((path / "wandb").glob("offline-run-*")):
        yield f"         {shell_line('wandb', 'sync', path_text(path / 'wandb'))}  # once online"
    following = [] if page.exists() else [report_command(path)]
    following += [command("render", {"songs": path / "songs"})] if songs else []
    songs_folder = path.with_name(f"{path.name}-songs")
    following.append(generate_command(path, songs=20, temperature=0.8, out=songs_folder))
    for number, line in enumerate(following):
        yield f"{'' if number else 'Next:':9}{line}"
