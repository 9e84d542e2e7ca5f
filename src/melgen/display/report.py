"""The report page of a run, in a frame of its own."""

from __future__ import annotations

from html import escape

from melgen.display.markup import escaped
from melgen.pages.report import Report

_HEIGHT_PX = 800


def html(report: Report) -> str:
    """The page as it is, with its scripts.

    The frame keeps these from the notebook: its origin is not that of Jupyter, so they cannot use its session.
    """
    return (
        f'<iframe class="melgen-report" title="{escaped(report.title)}" sandbox="allow-scripts allow-downloads" '
        f'style="width:100%;height:{_HEIGHT_PX}px;border:1px solid currentColor" srcdoc="{escape(report.html)}">'
        "</iframe>"
    )


def text(report: Report) -> str:
    """Its title and size."""
    return f"Report page of {report.title}, {len(report.html) / 1e6:.1f} MB"
