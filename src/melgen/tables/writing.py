"""Writing the tables of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from melgen.files import write_text
from melgen.tables.table import Table


def write_tables(
    folder: Path,
    tables: Mapping[str, Table],
    forms: Mapping[str, Callable[[Table], str]],
    earlier: Iterable[str] = (),
) -> list[Path]:
    """Write tables, and remove those of earlier results that are absent now.

    Args:
        folder: of the results.
        tables: by the names of their files, without suffix.
        forms: the text of a table by the suffix of its file, without the dot.
        earlier: names of the tables that earlier results in the folder may have had.

    Returns:
        The written files.

    Raises:
        OSError: if a file cannot be written or removed.
    """
    for name in earlier:
        for ending in forms if name not in tables else ():
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
    written = []
    for name, table in tables.items():
        for ending, form in forms.items():
            written.append(folder / f"{name}.{ending}")
            write_text(written[-1], form(table))
    return written
