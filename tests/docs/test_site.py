"""The site that `make docs` builds: its pages, and how it shows the examples of docstrings."""

import importlib.util
import re
import tomllib

import pytest

from tests.docs.documents import ROOT

CONFIGURATION = (ROOT / "zensical.toml").read_text()


def pages_of(nav):
    for entry in nav:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else pages_of(target)


def test_its_menu_has_every_page_once():
    menu = list(pages_of(tomllib.loads(CONFIGURATION)["project"]["nav"]))
    assert sorted(menu) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_it_loads_nothing_from_the_network():
    assert re.findall(r'"(https?:[^"]*)"', CONFIGURATION) == []
    polyfills = tomllib.loads(CONFIGURATION)["project"]["extra"]["polyfills"]
    assert all((ROOT / "docs" / polyfill["path"]).exists() for polyfill in polyfills)


def test_examples_of_docstrings_become_code():
    pytest.importorskip("griffe", reason="`make docs` installs the tools of the site")
    spec = importlib.util.spec_from_file_location("doctest_blocks", ROOT / "docs/doctest_blocks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "Adds.\n\n  >>> a = 1\n  >>> a + 1\n  2\n\nMore.\n\n>>> print()\n"
    assert module.fenced(text) == (
        "Adds.\n\n  ```pycon\n  >>> a = 1\n  >>> a + 1\n  2\n  ```\n\nMore.\n\n```pycon\n>>> print()\n```\n"
    )
