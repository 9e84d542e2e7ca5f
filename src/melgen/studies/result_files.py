"""Reading the files of results that the stage evaluate makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

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
