"""The content of a page while it is gathered."""

from __future__ import annotations

from typing import Any

from melgen.pages.schema import Kind, PageData


class Content:
    """The content of one page.

    Args:
        kind: of what.
        title: of the page.
        above: the directory above that of a run.
        what: the subject of the page in words, such as ``2 runs``; by default the kind.

    Attributes:
        data: what the page needs when it opens.
        packs: plain data by name, each unfolded by itself when it is needed.
        notes: of the user, as HTML, shown above the sections.
        unplayable: why networks are not in the page, each reason also as a notice.
    """

    def __init__(self, kind: Kind, title: str, above: str = "", what: str = ""):
        self.notes = ""
        self.data: PageData = {
            "kind": kind,
            "what": what or f"a {kind}",
            "title": title,
            "above": above,
            "facts": [],
            "notices": [],
            "runs": [],
            "song_metrics": [],
            "song_sets": [],
            "opening_set": None,
            "sections": {},
        }
        self.packs: dict[str, Any] = {}
        self.unplayable: list[str] = []

    def add_notice(self, text: str, *, strong: bool = False) -> None:
        """Show a line at the top of the page; strong ones come first."""
        notices = self.data["notices"]
        notices.insert(0 if strong else len(notices), {"text": text, "strong": strong})

    def add_unplayable(self, reason: str) -> None:
        """Show at the top of the page why it has no network of a run."""
        self.unplayable.append(reason)
        self.add_notice(reason)

    def add_facts(self, facts: dict[str, str]) -> None:
        """Show facts in the head of the page; those without a value are left out."""
        self.data["facts"] += [{"name": name, "value": value} for name, value in facts.items() if value]

    def add_pack(self, name: str, data: Any) -> None:
        """Add plain data that is compressed, and unfolded when it is needed."""
        self.packs[name] = data
