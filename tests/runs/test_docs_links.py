"""Every relative link and picture of the documents leads somewhere, and every document is linked to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def links_of(document):
    return [
        link.partition("#")[0]
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text())
        if not link.startswith(("http", "mailto:", "#"))
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    missing = [link for link in links_of(document) if not (document.parent / link).exists()]
    assert not missing


def test_every_document_is_linked_to():
    linked = {(document.parent / link).resolve() for document in DOCUMENTS for link in links_of(document)}
    pages = {path for pattern in ("*.md", "*.ipynb", "*.yaml", "figures/*") for path in (ROOT / "docs").glob(pattern)}
    assert sorted(path.name for path in pages - linked) == []
