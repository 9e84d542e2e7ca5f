"""The page as a file: a single complete file, the same every time, with any titles."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from melgen.pages.content import Content
from melgen.pages.page import LIBRARY, STYLES, build_page, packed, unpacked
from melgen.pages.writing import write_report
from tests.commands.calling import call
from tests.pages.examples import MISCHIEF
from tests.tiers import quick_rows


class Reader(HTMLParser):
    """Every element with its attributes, as a browser finds them, and the text of scripts."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["run", "study"])
def test_equal_files_give_equal_bytes(kind, pages, run, study, tmp_path):
    again = write_report({"run": run, "study": study}[kind], out=tmp_path / "again.html", progress=False)
    assert again.read_bytes() == pages[kind].read_bytes()


@pytest.mark.parametrize("kind", ["run", "study"])
def test_nothing_comes_from_elsewhere(kind, pages):
    page = pages[kind].read_text(encoding="utf-8")
    for tag, attributes in Reader(page).elements:
        assert tag not in ("img", "iframe", "object", "embed", "audio"), (tag, attributes)
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    head = page.partition("</head>")[0]
    assert "default-src 'none'" in head
    assert not re.search(r"url\((?!['\"]?data:)|@import", "".join(re.findall(r"<style>(.*?)</style>", head, re.S)))


def test_only_scripts_of_known_content_may_run(pages):
    page = pages["study"].read_text(encoding="utf-8")
    policy = next(each["content"] for tag, each in Reader(page).elements if "http-equiv" in each)
    allowed = set(re.findall(r"'(sha256-[^']+)'", policy))
    for attributes, text in re.findall(r"<script([^>]*)>(.*?)</script>", page, re.S):
        if "type=" not in attributes:
            digest = "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert digest in allowed
    assert len(allowed) == 3  # the third is Plotly's
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


def test_titles_stay_text():
    content = Content("run", MISCHIEF, MISCHIEF)
    content.add_facts({MISCHIEF: MISCHIEF})
    content.add_notice(MISCHIEF)
    page = build_page(content)
    assert "<img" not in page
    assert 'onerror="' not in page
    assert page.count("<script") == page.count("</script>") == 3
    assert "\u2028" not in page.partition('id="page-data">')[2].partition("</script>")[0]


def test_packs_unfold_to_the_original_data():
    data = {"a": [1, 2.5, None], "title": MISCHIEF}
    assert unpacked(packed(data)) == data
    assert packed(data) == packed(data)


def test_every_asset_is_used_and_every_used_one_is_there():
    from importlib.resources import files

    assets = {path.name for path in files("melgen.pages").joinpath("assets").iterdir()}
    scripts = {f"{name}.js" for name in (*LIBRARY, "early", "main")}
    assert assets == {"page.html"} | {f"{name}.css" for name in STYLES} | scripts


def test_a_page_without_charts_does_not_carry_plotly():
    page = build_page(Content("run", "empty"))
    assert "pack-plotly" not in page
    assert len(page) < 300_000


@pytest.mark.slow
def test_the_command_prints_the_path_of_the_page(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("report", f"run={run}", "out=page.html", "scores=1", "progress=false")
    assert answer.code == 0, answer.text
    assert "page.html" in answer.out
    assert (tmp_path / "page.html").is_file()


@quick_rows(
    1,
    ("overrides", "message"),
    [
        ([], "exactly one of them is needed"),
        (["run=a", "study=b"], "exactly one of them is needed"),
        (["run=nowhere"], "run=nowhere: no such directory"),
        (["run=.", "scores=-1"], "scores=-1"),
    ],
)
def test_the_command_refuses(overrides, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("report", *overrides)
    assert answer.code == 1
    assert message in answer.err
    assert list(tmp_path.iterdir()) == []
