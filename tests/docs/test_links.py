"""Every relative link and picture of the documents has a target, and every document is linked to."""

import re

import pytest

from melgen.pages.sections import find_sections
from tests.docs.documents import DOCUMENTS, NOT_RUN, ROOT, blocks_of


def targets_of(document):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    return [link.partition("#")[::2] for link in links if not link.startswith(("http", "mailto:"))]


def links_of(document):
    return [path for path, _ in targets_of(document) if path]


def headings_of(document):
    """The anchors that a reader of Markdown makes of headings: lower case, hyphens for blanks, no punctuation.

    >>> headings_of(ROOT / "README.md")[:2]
    ['melgen', 'try-it']
    """
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]


def anchors_of(document):
    """Those of a page are its sections, which JavaScript draws."""
    return [found.name for found in find_sections()] if document.suffix == ".html" else headings_of(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    missing = [link for link in links_of(document) if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_anchors_are_headings(document):
    anchored = [
        ((document.parent / path) if path else document, anchor) for path, anchor in targets_of(document) if anchor
    ]
    assert not [anchor for target, anchor in anchored if anchor not in anchors_of(target)]


def test_every_document_is_linked_to():
    linked = {(document.parent / link).resolve() for document in DOCUMENTS for link in links_of(document)}
    pages = {
        path
        for pattern in ("*.md", "*.ipynb", "*.yaml", "figures/*", "sounds/*")
        for path in (ROOT / "docs").glob(pattern)
    }
    assert sorted(path.name for path in pages - linked) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_contain_no_comment_for_the_tests(document):
    text = document.read_text()
    assert not [block for _, block in blocks_of(text) if "run by the tests" in block]
    comments = re.findall(r"^ *<!--.*", text, re.MULTILINE)
    assert comments == [NOT_RUN] * sum(not is_run for is_run, _ in blocks_of(text)), "a comment that marks no block"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_bars_in_code_of_tables_are_entities(document):
    """The site shows the backslash of an escaped bar in backticks, unlike GitHub. <code>&#124;</code> works in both."""
    rows = re.findall(r"^\|.*", document.read_text(), re.MULTILINE)
    assert not [row for row in rows if any("\\|" in code for code in re.findall(r"`[^`]+`", row))]
