"""The tables of a study for a page: their texts as they are, to be sorted, filtered and copied there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from melgen.corpora.sources import natural_key
from melgen.evaluation.results import CHOICES

_FIRST = ("runs", "tonality", "primers", "likelihood", "originality", "nearest_tunes", *CHOICES, "best")
"""The order in which one reads; others follow by name. An earlier melgen called the smallest sum ``best``."""


def tables_content(folder: Path) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """The tables below a folder: what they are called, and their CSV and LaTeX by name.

    Returns:
        ``[{"name", "title", "caption"}]`` and ``{name: {"csv", "tex"}}``.
    """
    listed, texts = [], {}
    files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".tex")]
    names = sorted({path.relative_to(folder).with_suffix("").as_posix() for path in files}, key=_order)
    for name in names:
        found = {ending: _text(folder / f"{name}.{ending}") for ending in ("csv", "tex", "md")}
        title, caption = _heading(found.pop("md"))
        listed.append({"name": name, "title": title or name.replace("_", " "), "caption": caption})
        texts[name] = {ending: text for ending, text in found.items() if text}
    return listed, texts


def _order(name: str) -> tuple[int, int, list[tuple[int, int, str]]]:
    depth = 2 if name.startswith("paper/") else name.count("/")
    return depth, _FIRST.index(name) if name in _FIRST else len(_FIRST), natural_key(name)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _heading(markdown: str) -> tuple[str, str]:
    """Title and caption, which stand above a table in Markdown.

    >>> _heading("# Losses\\n\\nIn nats.\\n\\n| model |\\n")
    ('Losses', 'In nats.')
    """
    paragraphs = markdown.split("\n\n")
    title = paragraphs[0].removeprefix("# ").strip() if markdown.startswith("# ") else ""
    caption = paragraphs[1].strip() if len(paragraphs) > 2 and not paragraphs[1].startswith("|") else ""
    return title, caption
