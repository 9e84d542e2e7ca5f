"""The report page in memory, for notebooks: as its run has it, or made now."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from melgen.files import write_text
from melgen.pages.writing import REPORT, write_report


@dataclass(frozen=True)
class Report:
    """A report page.

    Attributes:
        html: the page, which contains everything that it needs.
        title: the run or model file that it shows.
    """

    html: str = field(repr=False)
    title: str

    def save(self, path: str | Path) -> Path:
        """Write it as one HTML file."""
        file = Path(path).expanduser()
        write_text(file, self.html)
        return file


def read_or_make_report(place: str | Path) -> Report:
    """The page of a run or a study as its directory has it; without one, or for a model file, it is made.

    The directory is not changed.

    Raises:
        ValueError: as `write_report`.
    """
    place = Path(place).expanduser()
    title = "/".join(place.resolve().parts[-2:]) if place.is_dir() else place.stem
    made = place / REPORT
    if made.is_file():
        return Report(made.read_text(encoding="utf-8"), title)
    with tempfile.TemporaryDirectory() as scratch:
        file = write_report(place, out=Path(scratch, REPORT), progress=False)
        return Report(file.read_text(encoding="utf-8"), title)
