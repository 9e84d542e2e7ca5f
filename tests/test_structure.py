"""The order of the packages: each imports only from packages before it, and imports have no cycle."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "melgen"

ORDER = (
    # these packages do not depend on music
    {
        "melgen",
        "bit_names",
        "errors",
        "plurals",
        "nested",
        "numbered_names",
        "durations",
        "far_values",
        "decimals",
        "files",
        "processes",
        "resources",
        "terminal",
        "locks",
        "software",
        "internals",
        "old_targets",
        "hub",
        "bundled",
        "references",
    },
    {"commands", "pasting", "checkpoint_files", "checking", "data_frames"},
    {"music"},
    {"corpora"},
    {"data"},
    {"networks"},
    {"model_files"},
    {"checkpoint"},
    {"runs"},
    {"configuration"},
    {"rendering"},
    {"scoring"},
    {"generation"},
    {"evaluation"},
    {"training"},
    {"exporting"},
    {"tables"},
    {"sweeps"},
    {"publishing"},
    {"engine"},
    {"pages"},
    {"network"},
    {"display"},
    {"studies"},
    {"listening"},
    {"command_line"},
    {
        "train",
        "study",
        "generate",
        "evaluate",
        "render",
        "export",
        "publish",
        "report",
        "play",
        "listen",
        "prepare",
        "status",
    },
    {"__main__"},
)
"""From left to right, as in docs/design.md, which leaves out the small modules at the left."""

NETWORKS: tuple[set[str], ...] = (
    {"initialization", "registry", "size_checks", "stepping", "embedding_tables", "widths"},
    {"products"},
    {"scans"},
    {"layers"},
    {"cells"},
    {"blocks", "cell_names"},
    {"layer_building", "stack"},
    {"model"},
    {"model_stepping", "sizes", "weight_shapes", "backend_candidates"},
    {"choosing_backends"},
)
"""The packages and modules of `melgen.networks`, from left to right, as in docs/design.md."""


@cache
def graph_of_imports() -> dict[str, set[str]]:
    """The graph of the imports of melgen."""
    return imports(modules())


def modules() -> dict[str, ast.Module]:
    """The syntax trees of all modules by their dotted names."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        name = ".".join(("melgen", *path.relative_to(SOURCES).with_suffix("").parts)).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """The modules that each module imports, at its top or in a function, for types or to run."""
    graph: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                submodules = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [each if each in trees else node.module for each in submodules]
            else:
                continue
            graph[name] |= {each for each in wanted if each in trees and each != name}
    return graph


def package_of(module: str) -> str:
    """``melgen.runs.keys`` -> ``runs``; the package itself is ``melgen``."""
    return module.split(".")[1] if "." in module else module


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one cycle of imports, with the first again at the end; empty if there is no cycle."""
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        path.append(module)
        for other in sorted(graph[module]):
            if circle := visit(other):
                return circle
        done.add(path.pop())
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module))), [])


def test_a_package_imports_only_from_packages_to_its_left():
    rank = {package: place for place, packages in enumerate(ORDER) for package in packages}
    graph = graph_of_imports()
    assert {package_of(module) for module in graph} == rank.keys()
    upwards = [
        f"{module} -> {other}"
        for module, others in graph.items()
        for other in others
        if rank[package_of(other)] > rank[package_of(module)]
    ]
    assert upwards == []


def test_the_parts_of_networks_have_an_order_too():
    rank = {part: place for place, parts in enumerate(NETWORKS) for part in parts}
    graph = graph_of_imports()
    parts = {module: module.split(".")[2] for module in graph if module.startswith("melgen.networks.")}
    assert set(parts.values()) == rank.keys()
    upwards = [
        f"{module} -> {other}"
        for module, part in parts.items()
        for other in reached(graph, module) & parts.keys()
        if rank[parts[other]] > rank[part]
    ]
    assert upwards == []


def test_the_order_of_the_parts_of_networks_is_the_documented_one():
    text = (SOURCES.parents[1] / "docs" / "design.md").read_text(encoding="utf-8")
    _, _, after = text.partition("Within `networks/` the order is")
    documented = after.split("```")[1].removeprefix("text").split("<")
    assert [{name.strip() for name in names.split(",")} for names in documented] == list(NETWORKS)


@pytest.mark.parametrize(("package", "behind"), [("networks", "Each base class"), ("studies", "Words:")])
def test_a_map_has_all_files(package, behind):
    folder = SOURCES / package
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    mapped = files_of_map(text.partition("in an order in which they can be read::")[2].partition(behind)[0])
    whole = {name for name in mapped if name.endswith("/")}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if path.name != "__init__.py"}
    assert mapped - whole <= files
    assert {name for name in files - mapped if f"{name.partition('/')[0]}/" not in whole} == set()


def files_of_map(text: str) -> set[str]:
    """The files and folders of a map, which does not repeat the folder of files in the same line.

    >>> sorted(files_of_map("a.py, b.py  two files\\n\\nc/d.py, e.py  two of a folder\\nf/  a folder"))
    ['a.py', 'b.py', 'c/d.py', 'c/e.py', 'f/']
    """
    found = set()
    for line in filter(None, map(str.strip, text.splitlines())):
        folder = ""
        for name in re.match(r"[\w/.]+(?:, [\w/.]+)*", line)[0].split(", "):
            folder = name.rpartition("/")[0] or folder
            found.add(name if "/" in name or not folder else f"{folder}/{name}")
    return found


def reached(graph: dict[str, set[str]], module: str) -> set[str]:
    """What a module imports, directly or through others.

    >>> sorted(reached({"a": {"b"}, "b": {"c"}, "c": set()}, "a"))
    ['b', 'c']
    """
    found, waiting = set(), [module]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_networks_do_not_know_music():
    musical = {"music", "corpora", "data"}
    graph = graph_of_imports()
    assert not [
        f"{module} -> {other}"
        for module, others in graph.items()
        if package_of(module) == "networks"
        for other in others
        if package_of(other) in musical
    ]


def test_imports_have_no_cycle():
    assert cycle_in(graph_of_imports()) == []


def test_a_cycle_is_found():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
