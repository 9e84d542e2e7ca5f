"""Errors about an option of a cell, which a layer knows as its argument and a user as a key of the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from omegaconf import DictConfig

_KEY = re.compile(r"([a-z_]\w*)=")


@contextmanager
def named_by_key(config: DictConfig) -> Iterator[None]:
    """Name the option of a cell, in the error of a layer that is built inside the block, by its key.

    >>> with named_by_key(DictConfig({"cell": {"heads": 3}, "layers": 2})):
    ...     raise ValueError("heads=3: must be a divisor of hidden_size, which is 128")
    Traceback (most recent call last):
        ...
    ValueError: cell.heads=3: must be a divisor of hidden_size, which is 128
    """
    try:
        yield
    except ValueError as error:
        option, cell = _KEY.match(str(error)), config.get("cell")
        if type(error) is ValueError and option and isinstance(cell, DictConfig) and option[1] in cell:
            raise ValueError(f"cell.{error}") from error
        raise
