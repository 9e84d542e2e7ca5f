"""Writing the report page of a run or a study, of several runs, or of folders of songs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from melgen.corpora.sources import check_exists
from melgen.files import write_text
from melgen.generation.song_files import place_of_songs
from melgen.pages.generator import check_place_of_page
from melgen.pages.schema import Kind
from melgen.pages.sources import Source, find_run, find_source
from melgen.plurals import counted

if TYPE_CHECKING:
    from melgen.pages.content import Content
    from melgen.pages.tools import Tools

REPORT = "report.html"


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
        directory: of a run, or of a study or the runs around it; or a model file, also by name:
            ``melgen:rhythmic``, ``hf:owner/name``.
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
            a file, or the page would replace a file that is not a page.
        OSError: if the file cannot be written.
    """
    source = find_source(directory, kind or "directory", kind)
    default = Path(f"{source.place.stem}.html") if source.is_shared else source.place / REPORT
    return _write(partial(gather, source), default, out, scores, cache_dir, workers, progress, notes)


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
        places: directories of runs, or model files; or folders or files of songs. Names of model files, such as
            ``melgen:rhythmic``, are accepted for both.
        key: which of the two; the name of the places in errors.
        out: the file; by default ``runs.html`` or ``songs.html`` in the current directory.
        scores, cache_dir, workers, progress, notes: as for `write_report`.

    Returns:
        The file.

    Raises:
        ValueError: if one of the places is not what it must be, or the page would replace a file that is not a page.
        OSError: if the file cannot be written.
    """
    if not places:
        raise ValueError(f"{key}=[]: at least one directory is needed")
    if key == "runs":
        make = partial(gather_runs, [find_run(place) for place in places])
    else:
        found = [place_of_songs(place, key) for place in places]
        for place in found:
            check_exists(place, key)
        make = partial(_gather_songs, found)
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
    check_place_of_page(path)
    from melgen.pages.notes import read_notes

    html = "" if notes is None else read_notes(notes)
    page, _ = make_page(make, html, scores=scores, cache_dir=cache_dir, workers=workers, progress=progress)
    write_text(path, page)
    return path


def make_page(
    make: Callable[[Tools], Content],
    notes: str = "",
    *,
    scores: int,
    cache_dir: str | None,
    workers: int | None,
    progress: bool,
    network_bytes: int | None = None,
) -> tuple[str, Content]:
    """A page as text, and its content.

    Args:
        make: makes the content.
        notes: of the user, as HTML, to show on top.
        scores, cache_dir, workers, progress: as for `write_report`.
        network_bytes: of the networks of the page at most; by default so many that the page can be mailed.
    """
    # Imported once everything is accepted: they need torch.
    from melgen.pages.engraver import Engraver
    from melgen.pages.page import build_page
    from melgen.pages.tools import NETWORK_BYTES, Tools

    limit = NETWORK_BYTES if network_bytes is None else network_bytes
    tools = Tools(Engraver(workers=workers, progress=progress), scores, cache_dir, progress, limit)
    content = make(tools)
    if tools.engraver.missing:
        content.add_notice(tools.engraver.missing)
    content.notes = notes
    return build_page(content, music_font=tools.engraver.font), content


def gather(source: Source, tools: Tools) -> Content:
    """All that is on the page of a run, a study or a model file.

    Raises:
        CheckpointError: for a model file that is damaged.
        ValueError: if a section of one's own lacks a file.
    """
    if source.is_shared:
        return _gather_shared(source.place, tools)
    content = _gather_directory(source, tools)
    if source.network is not None:
        content.add_notice(f"The network to play with is that of {source.network.name}.")
    return content


def gather_runs(places: Sequence[Path], tools: Tools) -> Content:
    """The content of the page of several runs next to each other.

    Args:
        places: directories of runs, and model files.
        tools: what makes scores.

    Raises:
        CheckpointError: for a model file that is damaged.
    """
    from melgen.pages.content import Content
    from melgen.pages.shared_models import add_statements, unpack
    from melgen.pages.side_by_side import read_several_runs, title_of

    what = counted(len(places), "network" if all(place.is_file() for place in places) else "run")
    content = Content("study", title_of(places, what), what=what)
    with tempfile.TemporaryDirectory() as scratch:
        files = [place for place in places if place.is_file()]
        shared = {file: Path(scratch, str(number), file.stem) for number, file in enumerate(files)}
        stated = [unpack(file, folder, "runs") for file, folder in shared.items()]
        material = read_several_runs([shared.get(place, place) for place in places], content, tools, places)
        _add_sections("study", material, content)
    if stated:
        add_statements(stated, content)
    return content


def _gather_songs(places: Sequence[Path], tools: Tools) -> Content:
    """The content of the page of folders of songs."""
    from melgen.pages.content import Content
    from melgen.pages.side_by_side import read_songs_alone, title_of

    content = Content("study", title_of(places, f"{counted(len(places), 'folder')} of songs"), what="songs")
    _add_sections("study", read_songs_alone(places, content, tools), content)
    return content


def _gather_shared(file: Path, tools: Tools) -> Content:
    """The content of the page of a model file."""
    from melgen.pages.shared_models import add_statements, unpack

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, file.stem)
        stated = unpack(file, folder, "run")
        content = _gather_directory(Source("run", folder, network=file), tools)
    content.data["above"] = ""  # of the temporary directory
    add_statements([stated], content)
    return content


def _gather_directory(source: Source, tools: Tools) -> Content:
    """The content of the page of a directory."""
    from melgen.pages.content import Content
    from melgen.pages.run_material import read_run
    from melgen.pages.study_material import read_study

    kind, directory = source.kind, source.place
    place = directory.resolve()
    if kind == "run":
        content = Content(kind, place.name, place.parent.name)
    else:
        content = Content(kind, place.parent.name if directory.name == "study" else place.name)
    if kind == "run":
        material: Any = read_run(directory, content, tools, source.network)
    else:
        material = read_study(directory, content, tools)
    _add_sections(kind, material, content)
    return content


def _add_sections(kind: Kind, material: Any, content: Content) -> None:
    from melgen.pages.sections import find_sections

    for found in find_sections():
        make: Callable[[Any, Content], Any] | None = getattr(found.section, f"of_{kind}")
        if make is not None and (data := make(material, content)) is not None:
            content.data["sections"][found.name] = data
