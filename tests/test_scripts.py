"""The programs outside the package: benchmarks, torture and those that make the documentation and the models."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".ci", "benchmarks", "docs", "models", "torture")
    for path in (ROOT / folder).glob("*.py")
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_imports_from_melgen_what_is_there(script):
    """No other test runs the benchmarks, and a name that has moved would stop `make bench`."""
    tree = ast.parse((ROOT / script).read_text(encoding="utf-8"))
    missing = [name for name in names_from_melgen(tree) if not exists(*name)]

    assert not missing


def names_from_melgen(tree: ast.AST) -> list[tuple[str, str]]:
    """Module and name of each import from melgen, at the top or in a function."""
    return [
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "melgen"
        for alias in node.names
    ]


def exists(module: str, name: str) -> bool:
    """Whether ``from module import name`` succeeds."""
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


def test_a_name_that_has_moved_is_found():
    tree = ast.parse("from melgen.processes import available_cpus\ndef f():\n    from melgen.locks import locked")

    assert [name for name in names_from_melgen(tree) if not exists(*name)] == [("melgen.processes", "available_cpus")]
