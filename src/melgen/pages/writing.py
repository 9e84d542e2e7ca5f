"""Writing the report page of a run or a study."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from melgen.files import read_json, write_text
from melgen.hub import fetched, is_hub_reference
from melgen.model_files.archive import is_model_file
from melgen.pages.schema import Kind
from melgen.plurals import counted

if TYPE_CHECKING:
    from melgen.pages.content import Content
    from melgen.pages.tools import Tools

REPORT = "report.html"
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
    notes: str | Path | None = None,
) -> Path:
    """Make one HTML file of what a run or a study has left in its directory, or of a model file.

    The page names what is missing and shows the rest. Equal files give equal bytes.

    Args:
        directory: of a run, or of a study or the runs around it; or a model file, also ``hf:owner/name``.
        kind: which of the two; by default the one whose files are in it.
        out: the file; by default ``report.html`` in that directory, or ``NAME.html`` in the current one.
        scores: engraved scores of each set of songs at most; the other songs have a piano roll.
        cache_dir: of the corpus, by default the user's.
        workers: processes that engrave, by default one for each available processor.
        progress: whether to show progress bars on a terminal.
        notes: a Markdown file to show on top.

    Returns:
        The file.

    Raises:
        ValueError: if there is no such directory, or it is not that of a run or study, or a section of one's own lacks
            a file.
        OSError: if the file cannot be written.
    """
    place = fetched(directory, "run") if is_hub_reference(directory) else Path(directory).expanduser()
    make: Callable[[Path, Tools], Content]
    if kind != "study" and is_model_file(place):
        default, make = Path(f"{place.stem}.html"), _gather_shared
    else:
        found, place = _kind_and_place(place, kind)
        default, make = place / REPORT, partial(gather, found)
    return _write(partial(make, place), default, out, scores, cache_dir, workers, progress, notes)


def write_report_of_several(
    places: Sequence[str | Path],
    *,
    key: Literal["runs", "songs"],
    out: str | Path | None = None,
    scores: int = 100,
    cache_dir: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    notes: str | Path | None = None,
) -> Path:
    """Make one HTML file of runs next to each other, or of folders of songs.

    Args:
        places: directories of runs; or folders or files of songs.
        key: which of the two; the name of the places in errors.
        out: the file; by default ``runs.html`` or ``songs.html`` in the current directory.
        scores, cache_dir, workers, progress, notes: as for `write_report`.

    Returns:
        The file.

    Raises:
        ValueError: if one of the places is not what it must be.
        OSError: if the file cannot be written.
    """
    found = [Path(place).expanduser() for place in places]
    if not found:
        raise ValueError(f"{key}=[]: at least one directory is needed")
    for place in found:
        if key == "runs" and not (place.is_dir() and _has(place, _OF_A_RUN)):
            raise ValueError(f"runs: {place} is not the directory of a run")
        if not place.exists():
            raise ValueError(f"{key}: {place}: no such file or folder")
    make = partial(_gather_several, found, key)
    return _write(make, Path(f"{key}.html"), out, scores, cache_dir, workers, progress, notes)


def _write(
    make: Callable[[Tools], Content],
    default: Path,
    out: str | Path | None,
    scores: int,
    cache_dir: str | None,
    workers: int | None,
    progress: bool,
    notes: str | Path | None,
) -> Path:
    path = default if out is None else Path(out).expanduser()
    if path.is_dir():
        raise ValueError(f"out={out}: is a directory; the name of a file is needed")
    from melgen.pages.notes import read_notes

    html = "" if notes is None else read_notes(notes)
    # Imported once everything is accepted: they need torch.
    from melgen.pages.engraver import Engraver
    from melgen.pages.page import build_page
    from melgen.pages.tools import Tools

    tools = Tools(Engraver(workers=workers, progress=progress), scores, cache_dir, progress)
    content = make(tools)
    content.notes = html
    write_text(path, build_page(content, music_font=tools.engraver.font))
    return path


def _gather_several(places: Sequence[Path], key: Literal["runs", "songs"], tools: Tools) -> Content:
    """The content of the page of several runs, or of folders of songs."""
    from melgen.pages.content import Content
    from melgen.pages.side_by_side import read_several_runs, read_songs_alone, title_of

    runs, folders = counted(len(places), "run"), f"{counted(len(places), 'folder')} of songs"
    title, what = (title_of(places, runs), runs) if key == "runs" else (title_of(places, folders), "songs")
    content = Content("study", title, what=what)
    _add_sections("study", (read_several_runs if key == "runs" else read_songs_alone)(places, content, tools), content)
    return content


def _gather_shared(file: Path, tools: Tools) -> Content:
    """The content of the page of a model file."""
    from melgen.pages.shared_models import add_statements, unpack

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, file.stem)
        stated = unpack(file, folder)
        content = gather("run", folder, tools, network=file)
    content.data["above"] = ""  # of the temporary directory
    add_statements(stated, content)
    return content


def gather(kind: Kind, directory: Path, tools: Tools, network: Path | None = None) -> Content:
    """All that is on the page of a run or a study.

    Args:
        kind, directory: of what.
        tools: what the page is made with.
        network: what the network of a run is read from, if not from its directory.
    """
    from melgen.pages.content import Content
    from melgen.pages.run_material import read_run
    from melgen.pages.study_material import read_study

    place = directory.resolve()
    if kind == "run":
        content = Content(kind, place.name, place.parent.name)
    else:
        content = Content(kind, place.parent.name if directory.name == "study" else place.name)
    if tools.engraver.missing:
        content.add_notice(tools.engraver.missing)
    material = read_run(directory, content, tools, network) if kind == "run" else read_study(directory, content, tools)
    _add_sections(kind, material, content)
    return content


def _add_sections(kind: Kind, material: Any, content: Content) -> None:
    from melgen.pages.sections import find_sections

    for found in find_sections():
        make: Callable[[Any, Content], Any] | None = getattr(found.section, f"of_{kind}")
        if make is not None and (data := make(material, content)) is not None:
            content.data["sections"][found.name] = data


def _kind_and_place(directory: Path, kind: Kind | None) -> tuple[Kind, Path]:
    """The kind of a directory, and the study's own directory if that of its runs was given.

    Raises:
        ValueError: if it is not one of a run or a study.
    """
    if not directory.is_dir():
        what = "this is a file" if directory.exists() else "no such directory"
        raise ValueError(f"{kind or 'directory'}={directory}: {what}; the directory of a run or study is needed")
    kind = kind or _kind_of(directory)
    if kind == "study":
        return kind, _study_in(directory)
    if not _has(directory, _OF_A_RUN):
        raise ValueError(f"run={directory}: not the directory of a run; it contains none of {', '.join(_OF_A_RUN)}")
    return kind, directory


def _kind_of(place: Path) -> Kind:
    if _is_study(place) or _is_study(place / "study"):
        return "study"
    if _has(place, _OF_A_RUN):
        return "run"
    raise ValueError(f"{place}: not the directory of a run or a study")


def _study_in(place: Path) -> Path:
    """The study's own directory, also if that of its runs was given.

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
