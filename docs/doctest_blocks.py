"""Show the examples of docstrings (``>>> ...``) as code on the API pages. Markdown takes them for quotations.

`zensical.toml` names this extension of Griffe, the program that reads the docstrings.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?!\n).*\S.*)*", re.MULTILINE)


def fenced(text: str) -> str:
    r"""Each example, from ``>>>`` to the next empty line, in a fence.

    >>> fenced("Adds.\n\n>>> 1 + 1\n2\n\nMore.")
    'Adds.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore.'
    """
    return EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)


class DoctestBlocks(griffe.Extension):
    """Puts the examples of every docstring in fences."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a module, class or function that was read."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
