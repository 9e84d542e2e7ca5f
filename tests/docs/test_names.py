"""The modules, functions and files named in the documents exist."""

import importlib
import re

import pytest

from tests.docs.documents import DOCUMENTS, ROOT

FILE = re.compile(r"(?:src/melgen|melgen|tests|torture|benchmarks|conf|docs)/[\w./*-]*\.(?:py|yaml|toml|md)")
PYTHON = re.compile(r"(?<![\w/.\[])(?:melgen|tests|torture)(?:\.\w+)+(?=\b)(?!/)")
OF_EXAMPLES = {
    "conf/cell/mgu.yaml",
    "conf/corpus/lines.yaml",
    "conf/dataset/chroma.yaml",
    "conf/rhythm/time_first.yaml",
    "melgen.networks.MyCell",
}
"""Names that docs/extending.md and CONTRIBUTING.md make up."""


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one.

    >>> exists("melgen.music.Melody"), exists("melgen.music.Harmony")
    (True, False)
    """
    *path, last = name.split(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return bool(path) and exists(".".join(path)) and hasattr(importlib.import_module(".".join(path)), last)
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_exist(document):
    text = document.read_text()
    files = set(FILE.findall(text)) - OF_EXAMPLES
    missing = {name for name in files if not any((ROOT / start / name).exists() for start in ("", "src"))}
    names = set(PYTHON.findall(text)) - OF_EXAMPLES
    missing |= {name for name in names if not exists(name)}
    assert sorted(missing) == []
