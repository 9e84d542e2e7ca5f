"""The citation file, the README and the package agree."""

import re

import yaml

import melgen
from tests.docs.documents import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
README = (ROOT / "README.md").read_text()


def field(name):
    """A field of the first BibTeX entry of the README."""
    entry = README.partition("@software{")[2].partition("\n}")[0]
    (value,) = re.findall(rf"^  {name} += \{{(.*?)\}},?$", entry, re.MULTILINE)
    return value.strip("{}")


def test_the_version_is_that_of_the_package():
    assert CITATION["version"] == field("version") == melgen.__version__


def test_title_and_authors_agree():
    assert CITATION["title"] == field("title")
    assert " and ".join(author["name"] for author in CITATION["authors"]) == field("author")
    assert CITATION["authors"][0]["name"] in (ROOT / "LICENSE").read_text()


def test_it_has_the_fields_that_the_format_requires():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    for reference in CITATION["references"]:
        assert {"authors", "title", "type"} <= set(reference)
