"""Tables of examples in two tiers: the first rows in the quick tests, all others in the long ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def quick_rows(count: int, names: str | tuple[str, ...], rows: Iterable[Any], **options: Any) -> pytest.MarkDecorator:
    """``pytest.mark.parametrize`` whose rows after the first ``count`` are marked as slow.

    For a table whose rows each take nearly a second, such as refusals that need Hydra's composition.
    """
    several = not isinstance(names, str) or "," in names
    table = list(rows)
    rest = [_slow(row, several) for row in table[count:]]
    return pytest.mark.parametrize(names, table[:count] + rest, **options)


def _slow(row: Any, several: bool) -> Any:
    if isinstance(row, type(pytest.param())):
        return pytest.param(*row.values, id=row.id, marks=(*row.marks, pytest.mark.slow))
    return pytest.param(*(row if several else (row,)), marks=pytest.mark.slow)


LONGEST_FILES = (
    "tests/studies/test_stages.py",
    "tests/commands/test_studying.py",
    "tests/commands/test_slurm.py",
    "tests/pages/test_play.py",
    "tests/pages/test_browser.py",
    "tests/studies/test_rhythm.py",
    "tests/commands/test_sweeps.py",
    "tests/studies/comparing/test_comparing.py",
    "tests/training/test_resume.py",
    "tests/studies/plan/test_rate_trials.py",
    "tests/torture/test_kills.py",
    "tests/docs/test_readme.py",
    "tests/studies/plan/test_planned_runs.py",
    "tests/training/test_wandb_logger.py",
    "tests/torture/test_fuzzing.py",
    "tests/docs/test_extending.py",
    "tests/commands/test_wandb.py",
    "tests/commands/test_interruptions.py",
    "tests/model_files/test_hub.py",
    "tests/commands/test_full_disk.py",
    "tests/torture/test_long_run.py",
    "tests/docs/test_commands.py",
    "tests/docs/test_walkthrough.py",
)
"""The files of tests that take longest. They start first: the last file runs alone while other workers have ended."""


def longest_first(item: pytest.Item) -> int:
    """The place of a test by its file; tests of one place remain in their order."""
    file = item.nodeid.partition("::")[0]
    return LONGEST_FILES.index(file) if file in LONGEST_FILES else len(LONGEST_FILES)
