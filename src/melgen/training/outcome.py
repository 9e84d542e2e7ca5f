"""What came out of a run, on disk and in words."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import melgen
from melgen.files import write_json
from melgen.runs.directory import FINISHED, SWEEP_VARIABLE, RunDirectory

log = logging.getLogger(__name__)

Result = dict[str, Any]


def report(run: RunDirectory, result: Result, seconds: float) -> float:
    """Write the result and say what came out."""
    result["seconds"] = round(seconds, 1)
    write_json(run.path / "result.json", {"melgen": melgen.__version__, **result})
    _say(run, result)
    return float(result.get("val/loss", math.nan))


def report_again(run: RunDirectory) -> float:
    """Say what came out of a run that is finished already."""
    assert run.result is not None
    (run.path / "error.txt").unlink(missing_ok=True)
    run.set_status(FINISHED)
    log.info("Already finished; force=true starts anew, a larger trainer.max_steps goes on.")
    _say(run, run.result)
    return float(run.result.get("val/loss") or math.nan)


def _say(run: RunDirectory, result: Mapping[str, Any]) -> None:
    """The result in words; in a sweep the table at its end tells the rest."""

    def number(key: str) -> str:
        return _shown(result.get(key))

    lines = [
        f"Best weights at update {result['best_updates']:,}: "
        f"val {number('val/loss')} nats ({number('val/bits_per_note')} bits/note), "
        f"test {number('test/loss')} nats ({number('test/bits_per_note')} bits/note); "
        f"{result['seconds']:,.0f} s"
    ]
    if SWEEP_VARIABLE not in os.environ:
        lines += [*_tonality_lines(run), *_result_lines(run)]
    log.info("%s", "\n".join(lines))


def _tonality_lines(run: RunDirectory) -> Iterator[str]:
    try:
        measured = json.loads((run.path / "tonality.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    sets = {"its songs": measured["songs"], "the corpus": measured["corpus"]}
    yield ""
    yield f"{'Tonality (mean ± deviation)':30}" + "".join(f"{name:>20}" for name in sets)
    for metric in measured["songs"]["mean"]:
        cells = (
            f"{_shown(s['mean'][metric])} ± {_shown(s['standard_deviation'][metric])}" if s else "-"
            for s in sets.values()
        )
        yield f"  {metric.replace('_', ' '):28}" + "".join(f"{cell:>20}" for cell in cells)


def _shown(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _result_lines(run: RunDirectory) -> Iterator[str]:
    """What there is to hear, see and do next, as lines that can be pasted."""
    path = run.path
    if path.is_relative_to(os.getcwd()):
        path = path.relative_to(os.getcwd())
    songs = sorted((path / "songs").glob("*.mid"))
    seen = [path / "embedding" / "embedding.png", path / "metrics.csv"]
    yield ""
    if songs:
        yield f"Listen:  {songs[0]} ... {songs[-1].name}"
    for label, file in zip(("See:", ""), (file for file in seen if file.exists()), strict=False):
        yield f"{label:9}{file}"
    if (path / "tensorboard").is_dir():
        yield f"         tensorboard --logdir {path}"
    if any((path / "wandb").glob("offline-run-*")):
        yield f"         wandb sync {path}/wandb  # once online"
    yield f"Next:    python -m melgen.report run={path}"
    if songs:
        yield f"         python -m melgen.render songs={path}/songs"
    yield f"         python -m melgen.generate checkpoint={path} songs=20 temperature=0.8 out={path}-songs"
