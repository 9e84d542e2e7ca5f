"""Short names for the starts of runs: ``from scratch``, or from which run and update."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from melgen.checkpoint_files import SUFFIX
from melgen.numbered_names import updates_in
from melgen.runs.choices import START, Choices
from melgen.runs.naming import parse_run_name


def start_names(runs: Sequence[Choices]) -> list[str]:
    """What each run started from, in words.

    They name only parts in which the sources differ from each other, and from the runs' own choices.

    >>> made = [Choices("control", "lstm", {"init_from": path}, seed=seed) for seed in (0, 1)
    ...         for path in (None, f"multirun/essen/control-lstm-0-seed{seed}/checkpoints/best.ckpt")]
    >>> start_names(made)
    ['from scratch', 'from essen', 'from scratch', 'from essen']
    """
    paths = [(run.settings or {}).get(START) for run in runs]
    sources = [None if path is None else _source(str(path)) for path in paths]
    own = [(None, f"{run.dataset}-{run.cell}-{run.layers}", f"seed{run.seed}", run.stated, "") for run in runs]
    there = [(source, mine) for source, mine in zip(sources, own, strict=True) if source is not None]
    distinguishing = [
        i
        for i in range(len(own[0]) if own else 0)
        if len({source[i] for source, _ in there}) > 1 and any(source[i] != mine[i] for source, mine in there)
    ]
    named = [None if source is None else [source[i] for i in distinguishing if source[i]] for source in sources]
    return [
        "from scratch" if source is None else "from " + "/".join(parts or [source[0] or source[1]])
        for source, parts in zip(sources, named, strict=True)
    ]


def _source(path: str) -> tuple[str, str, str, str, str]:
    """The parts of a run or checkpoint's path: parent directory, network, seed, rest of the run's name, and update.

    >>> _source("multirun/essen/control-lstm-2-seed0/checkpoints/step-00000500.ckpt")
    ('essen', 'control-lstm-2', 'seed0', '', 'update 500')
    """
    parts = [part for part in Path(path).parts if part not in ("checkpoints", "/", "~", "..", ".")]
    file = parts.pop() if parts and parts[-1].endswith(SUFFIX) else ""
    updates = updates_in(file, SUFFIX)
    run, folder = (parts[-1] if parts else file), (parts[-2] if len(parts) > 1 else "")
    update = "" if updates is None else f"update {updates}"
    parsed = parse_run_name(run)
    if parsed is None:
        return folder, run, "", "", update
    return folder, f"{parsed.dataset}-{parsed.cell}-{parsed.layers}", f"seed{parsed.seed}", parsed.variant, update
