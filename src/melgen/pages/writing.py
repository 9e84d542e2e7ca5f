"""Writing the report page of a run or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from melgen.files import read_json, write_text
from melgen.pages.content import Content
from melgen.pages.run_page import gather_run
from melgen.pages.scores import Engraver
from melgen.pages.study_page import gather_study

REPORT = "report.html"
Kind = Literal["run", "study"]
_OF_A_RUN = ("status.json", "config.yaml", "metrics.csv", "songs", "samples")
_OF_A_STUDY = ("manifest.json", "selection.json", "sweep.log")


def write_report(
    directory: str | Path,
    *,
    kind: Kind | None = None,
    out: str | Path | None = None,
    scores: int = 100,
    cache_dir: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Make one HTML file of what a run or a study has left in its directory.

    What is missing is said on the page; the rest is there. Equal files give equal bytes.

    Args:
        directory: of a run, or of a study or the runs around it.
        kind: which of the two; by default as the files in it say.
        out: the file; by default ``report.html`` in that directory.
        scores: engraved scores of each set of songs at most; the other songs have a piano roll.
        cache_dir: of the corpus, by default the user's.
        workers: processes that engrave, by default one for each available processor.
        progress: whether to show progress bars on a terminal.

    Returns:
        The file.

    Raises:
        ValueError: if there is no such directory, or it is that of no run or study.
        OSError: if the file cannot be written.
    """
    place = Path(directory).expanduser()
    if not place.is_dir():
        what = "this is a file" if place.exists() else "no such directory"
        raise ValueError(f"{kind or 'directory'}={directory}: {what}; the directory of a run or study is needed")
    kind = kind or _kind_of(place)
    if kind == "study":
        place = _study_in(place)
    elif not _has(place, _OF_A_RUN):
        raise ValueError(f"run={directory}: not the directory of a run; it holds none of {', '.join(_OF_A_RUN)}")
    # Imported once there is something to show: they need torch.
    from melgen.pages.page import build_page

    content = Content(
        Engraver(workers=workers, progress=progress), scores=scores, cache_dir=cache_dir, progress=progress
    )
    (gather_study if kind == "study" else gather_run)(place, content)
    path = place / REPORT if out is None else Path(out).expanduser()
    if path.is_dir():
        raise ValueError(f"out={out}: is a directory; the name of a file is needed")
    write_text(path, build_page(content))
    return path


def _kind_of(place: Path) -> Kind:
    if _is_study(place) or _is_study(place / "study"):
        return "study"
    if _has(place, _OF_A_RUN):
        return "run"
    raise ValueError(f"{place}: the directory of neither a run nor a study")


def _study_in(place: Path) -> Path:
    """The study's own directory, also where that of its runs was given.

    Raises:
        ValueError: if there is neither.
    """
    if _has(place, _OF_A_STUDY):
        return place
    if _has(place / "study", _OF_A_STUDY) or (place / "study").is_dir():
        return place / "study"
    raise ValueError(f"study={place}: not the directory of a study, and there is no study/ in it")


def _is_study(place: Path) -> bool:
    return read_json(place / "manifest.json").get("format") == "melgen study"


def _has(place: Path, names: tuple[str, ...]) -> bool:
    return any((place / name).exists() for name in names)
