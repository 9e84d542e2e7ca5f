"""Parts of HTML that the shown objects share. Every text from outside passes through `escaped`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from melgen.tables.escaping import single_line

_LONGEST = 300
_QUIET = "margin:0.2em 0;font-size:0.9em;opacity:0.8"


def escaped(text: object, longest: int = _LONGEST) -> str:
    """A text on one line for HTML, shortened.

    >>> escaped("<b>Bonny & Kate</b>"), escaped("ab" * 10, 4)
    ('&lt;b&gt;Bonny &amp; Kate&lt;/b&gt;', 'aba…')
    """
    line = single_line(str(text))
    return escape(line if len(line) <= longest else f"{line[: longest - 1]}…")


def remark(*texts: object) -> str:
    """A line of small print; empty texts are left out, and without any there is no line."""
    line = " ".join(escaped(text) for text in texts if text)
    return f'<p style="{_QUIET}">{line}</p>' if line else ""


def block(kind: str, *parts: str) -> str:
    """Parts of HTML, one below the other, as one block of a class of its own."""
    return f'<div class="melgen-{kind}" style="max-width:100%;overflow-x:auto">{"".join(parts)}</div>'


def table(header: Iterable[tuple[str, bool]], rows: Iterable[Iterable[str]], caption: str = "") -> str:
    """A table of texts.

    Args:
        header: each column's header, and whether its cells are numbers, which are aligned at the right.
        rows: the texts of each row.
        caption: above it.
    """
    columns = list(header)
    sides = ["right" if is_number else "left" for _, is_number in columns]
    head = "".join(
        f'<th scope="col" style="text-align:{side}">{escaped(name)}</th>'
        for (name, _), side in zip(columns, sides, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, sides)}</tr>" for row in rows)
    above = f'<caption style="text-align:left">{escaped(caption)}</caption>' if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pairs(rows: Iterable[tuple[str, object]]) -> str:
    """A table of names and values."""
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escaped(name)}</th>'
        f'<td style="text-align:left">{escaped(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _cells(row: Iterable[str], sides: list[str]) -> str:
    return "".join(f'<td style="text-align:{side}">{escaped(text)}</td>' for text, side in zip(row, sides, strict=True))
