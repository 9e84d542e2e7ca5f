"""Data frames of pandas, which is imported only for them and need not be installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INSTALL = "pip install pandas"


def data_frame(columns: Mapping[str, Sequence[Any]], index: Sequence[str] | None = None, index_name: str = "") -> Any:
    """A ``pandas.DataFrame``.

    Args:
        columns: the values of each column, by its name.
        index: a name for each row; by default the rows are numbered.
        index_name: what the names of the rows are.

    Raises:
        ImportError: if pandas is not installed; the message states what to install.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"a data frame needs pandas, which cannot be imported ({error}); install it with: {INSTALL}"
        ) from error
    rows = None if index is None else pandas.Index(index, name=index_name, dtype=object)
    return pandas.DataFrame({name: list(values) for name, values in columns.items()}, index=rows)
