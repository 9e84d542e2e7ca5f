"""Modules of the user's own, which define cells, representations and other parts that a configuration names."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence


def import_user_modules(modules: Sequence[str]) -> None:
    """Import modules of the user; checkpoints may then name the classes in them.

    Raises:
        ValueError: for a module that cannot be found.
    """
    sys.path.insert(0, os.getcwd())
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(f"imports={list(modules)}: cannot import {module} ({error})") from error
