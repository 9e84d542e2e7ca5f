"""The files of results that the stage evaluate makes: evaluations of songs are written, all results read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from melgen.evaluation.results import SongSetEvaluation
from melgen.files import write_json
from melgen.studies.names import StudyNames

_Found = TypeVar("_Found")


def read_result(path: Path, read: Callable[[Any], _Found]) -> _Found:
    """Read a result.

    Args:
        path: a JSON file.
        read: makes the result of its content.

    Raises:
        ValueError: naming the file, if it is missing or damaged.
    """
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ValueError(f"{path}: missing; the stage evaluate makes it") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: damaged ({error!s:.200}); the stage evaluate makes it again once it is removed"
        ) from error


def write_evaluation(names: StudyNames, evaluation: SongSetEvaluation, *parts: str) -> Path:
    """Write the evaluation of a set of songs to the file that its parts name, and return the path."""
    path = names.evaluation_file(*parts)
    write_json(path, evaluation.to_dict())
    return path
