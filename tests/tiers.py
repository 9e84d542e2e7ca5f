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
