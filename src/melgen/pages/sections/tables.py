"""The tables of a study: their files as they are, to be sorted, filtered and copied on the page."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from melgen.corpora.sources import natural_key
from melgen.evaluation.probes import PROBES
from melgen.evaluation.results import CHOICES
from melgen.pages.content import Content
from melgen.pages.plain import text_of
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial
from melgen.pages.study_tables import heading_of

FORMER_BEST = "best"
"""The table of the smallest sums, as an earlier melgen called it."""
ORDER = (
    "runs",
    "tonality",
    "primers",
    "likelihood",
    "learning_rates",
    "paired_differences",
    *PROBES,
    "originality",
    "nearest_tunes",
    *CHOICES,
    FORMER_BEST,
)
"""The order in which one reads; others follow by name."""


class Table(TypedDict):
    """A table."""

    name: str
    """Of its files, without the ending: a path below the folder of tables."""
    title: str
    caption: str
    """May be empty."""


class TableTexts(TypedDict):
    """The files of a table, as they are."""

    csv: NotRequired[str]
    tex: NotRequired[str]


class Data(TypedDict):
    """Data of the section."""

    tables: list[Table]
    """In the order to choose from."""


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The titles of a study's tables; their files are in the pack ``tables``."""
    folder = study.directory / "tables"
    if not folder.is_dir():
        return None
    tables: list[Table] = []
    texts: dict[str, TableTexts] = {}
    files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".tex")]
    names = sorted({path.relative_to(folder).with_suffix("").as_posix() for path in files}, key=_order)
    for name in names:
        title, caption = heading_of(text_of(folder / f"{name}.md"))
        tables.append({"name": name, "title": title or name.replace("_", " "), "caption": caption})
        texts[name] = {}
        if csv := text_of(folder / f"{name}.csv"):
            texts[name]["csv"] = csv
        if tex := text_of(folder / f"{name}.tex"):
            texts[name]["tex"] = tex
    if not tables:
        return None
    content.add_pack("tables", texts)
    return {"tables": tables}


def _order(name: str) -> tuple[int, int, list[str | float]]:
    depth = 2 if name.startswith("paper/") else name.count("/")
    return depth, ORDER.index(name) if name in ORDER else len(ORDER), natural_key(name)


SECTION = Section(90, Data, of_study=of_study, packs={"tables": dict[str, TableTexts]})
