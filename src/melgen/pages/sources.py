"""What a page is made of: the directory of a run or a study, or a model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from melgen.files import read_json
from melgen.model_files.archive import is_model_file
from melgen.pages.schema import Kind
from melgen.pasting import command
from melgen.references import is_reference, referenced_file

_OF_A_RUN = ("status.json", "config.yaml", "metrics.csv", "songs", "samples")
_OF_A_STUDY = ("manifest.json", "selection.json", "sweep.log")
_MODEL_FILE = "a model file or a name such as melgen:rhythmic"
_NEEDED: Mapping[Kind | None, str] = {
    None: f"the directory of a run or study, {_MODEL_FILE}",
    "run": f"the directory of a run, {_MODEL_FILE}",
    "study": "the directory of a study, or of its runs,",
}
"""What a path must be, for each kind of page."""


@dataclass(frozen=True)
class Source:
    """What a page is made of.

    Attributes:
        kind: of the page; that of a model file is like the page of a run.
        place: the directory of the run, the study's own directory, or the model file.
        network: what the network of a run is read from; None for the place itself.
    """

    kind: Kind
    place: Path
    network: Path | None = None

    @property
    def is_shared(self) -> bool:
        """Whether it is a model file."""
        return self.place.is_file()


def find_source(given: str | Path, key: str = "directory", kind: Kind | None = None) -> Source:
    """The source that a path means.

    Args:
        given: the directory of a run, of a study or the runs around it; or a model file, also by name:
            ``melgen:rhythmic``, ``hf:owner/name``.
        key: the name of the path in errors.
        kind: whose directory it must be; by default that whose files are in it.

    Raises:
        ValueError: if it is none of these, or not of this kind.
    """
    place = referenced_file(given, key) if is_reference(given) else Path(given).expanduser()
    if kind != "study" and is_model_file(place):
        return Source("run", place)
    if not place.is_dir():
        what = "this is a file" if place.exists() else "no such directory"
        raise ValueError(f"{key}={place}: {what}; {_NEEDED[kind]} is needed")
    kind = kind or _kind_of(place, key)
    if kind == "study":
        return Source(kind, _study_in(place, key))
    if _is_study(place):
        raise ValueError(f"{key}={place}: this is the directory of a study, so that study={place} is meant")
    if not is_run(place):
        raise ValueError(f"{key}={place}: not the directory of a run; it contains none of {', '.join(_OF_A_RUN)}")
    return Source(kind, place)


def find_run(given: str | Path, key: str = "runs") -> Path:
    """The directory of a run, or a model file.

    Args:
        given: such a path, or a name: ``melgen:rhythmic``, ``hf:owner/name``.
        key: the name of the path in errors.

    Raises:
        ValueError: if it is neither.
    """
    place = referenced_file(given, key) if is_reference(given) else Path(given).expanduser()
    if not (is_model_file(place) or (place.is_dir() and is_run(place))):
        raise ValueError(f"{key}: {place} is not the directory of a run, and not a model file")
    return place


def is_run(directory: Path) -> bool:
    """Whether a directory has files of a run."""
    return _has(directory, _OF_A_RUN) and not _is_study(directory)


def _kind_of(place: Path, key: str) -> Kind:
    if _is_study(place) or _is_study(place / "study"):
        return "study"
    if is_run(place):
        return "run"
    raise ValueError(f"{key}={place}: not the directory of a run or a study")


def _study_in(place: Path, key: str) -> Path:
    """The study's own directory, also if that of its runs was given.

    Raises:
        ValueError: if there is neither.
    """
    if _has(place, _OF_A_STUDY):
        return place
    if _has(place / "study", _OF_A_STUDY) or (place / "study").is_dir():
        return place / "study"
    if any(place.glob("*/status.json")):
        raise ValueError(f"{key}={place}: runs without a study; {command('study', {'runs': place})} makes one of them")
    raise ValueError(f"{key}={place}: not the directory of a study, and there is no study/ in it")


def _is_study(place: Path) -> bool:
    return read_json(place / "manifest.json").get("format") == "melgen study"


def _has(place: Path, names: tuple[str, ...]) -> bool:
    return any((place / name).exists() for name in names)
