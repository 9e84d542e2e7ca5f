"""What came out of a run, on disk and in words."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import melgen
from melgen.evaluation.results import OPENINGS
from melgen.files import flush_below, read_json, write_json
from melgen.pasting import command, path_text, shell_line
from melgen.plurals import counted
from melgen.runs.commands import generate_command, report_command
from melgen.runs.directory import FINISHED, SWEEP_VARIABLE, RunDirectory
from melgen.runs.missing_bits import why_without_bits

log = logging.getLogger(__name__)

Result = dict[str, Any]


def record(run: RunDirectory, result: Result, seconds: float) -> None:
    """Write what came out, once all that it rests on is on the disk."""
    flush_below(run.path)
    result["seconds"] = round(seconds, 1)
    write_json(run.path / "result.json", {"melgen": melgen.__version__, **result})


def finished_already(run: RunDirectory) -> None:
    """Say that there is nothing to train."""
    (run.path / "error.txt").unlink(missing_ok=True)
    run.set_status(FINISHED)
    log.info("Already finished; force=true starts anew, a larger trainer.max_steps goes on.")


def show(run: RunDirectory, *, page: bool) -> float:
    """Say what came out, and make the page to look at and to play.

    In a sweep there is no page, and the table at its end tells more.

    Args:
        run: a finished one.
        page: whether to make it.

    Returns:
        The lowest validation loss, in nats per token.
    """
    assert run.result is not None
    in_sweep = SWEEP_VARIABLE in os.environ
    if page and not in_sweep:
        _make_page(run)
    _say(run, run.result, brief=in_sweep)
    return float(run.result.get("val/loss") or math.nan)


def _make_page(run: RunDirectory) -> None:
    """Make the page, unless it is newer than the result; without one the run is complete all the same."""
    from melgen.pages.writing import REPORT, write_report

    page, result = run.path / REPORT, run.path / "result.json"
    if page.exists() and page.stat().st_mtime_ns >= result.stat().st_mtime_ns:
        return
    try:
        write_report(run.path, kind="run")
    except Exception as error:  # whatever a picture throws, the training has succeeded
        log.warning("no report page: %s: %s", type(error).__name__, error)
        log.debug("traceback of that failure", exc_info=True)


def _say(run: RunDirectory, result: Mapping[str, Any], *, brief: bool) -> None:

    def number(key: str) -> str:
        return _shown(result.get(key))

    lines = [
        f"Best weights at update {result['best_updates']:,}: "
        f"val {number('val/loss')} nats ({number('val/bits_per_note')} bits/note), "
        f"test {number('test/loss')} nats ({number('test/bits_per_note')} bits/note); "
        f"{result['seconds']:,.0f} s"
    ]
    if not brief:
        if reason := why_without_bits(read_json(run.path / "data.json")):
            lines.append(f"bits/note is -: {reason}")
        lines += [*_tonality_lines(run), *_primer_lines(run), *_result_lines(run)]
    log.info("%s", "\n".join(lines))


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
        yield f"  ({OPENINGS}: no test tune is as long as the songs, or the corpus holds no pitches)"


def _primer_lines(run: RunDirectory) -> Iterator[str]:
    """That the songs started on pitches which training hardly had, if so."""
    from melgen.generation.primers import note_of_songs

    if note := note_of_songs(run.path):
        yield ""
        yield f"Note:    {note}"


def _shown(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _result_lines(run: RunDirectory) -> Iterator[str]:
    """What there is to hear, see and do next, as lines that can be pasted."""
    path = run.path
    here = os.getcwd()
    if path.is_relative_to(here) and path != Path(
        here
    ):  # there only under hydra.job.chdir: the user's shell is elsewhere
        path = path.relative_to(here)
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
    beside = path.with_name(f"{path.name}-songs")
    following.append(generate_command(path, songs=20, temperature=0.8, out=beside))
    for number, line in enumerate(following):
        yield f"{'' if number else 'Next:':9}{line}"
