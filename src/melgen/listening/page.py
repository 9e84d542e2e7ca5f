"""The page of a listening test: one HTML file that needs nothing else and sends nothing.

It plays with the player and the voice of the report page. Its content, in JSON:

``test``
    identifies the page; it is in every answer file.
``format``, ``version``
    of the answer files.
``question``, ``check_question``, ``return_to``, ``minutes``
    texts, and how long the test takes.
``tempo``, ``steps``
    quarter notes per minute; the length of every excerpt in steps of 1/24 quarter.
``songs``
    pitches, onsets and durations of each, in random order. Neither a name nor an order shows its condition.
``sheets``
    lists of comparisons: the numbers of two songs, and a 1 for an attention check.

A listener who reads the source of the page can find the attention checks and guess which songs belong together. Only
the key names the networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from melgen.pages import page

_LIBRARY = ("dom", "theme", "sound", "player")
"""Files of the report page."""


def build_page(content: Mapping[str, Any], title: str, consent: str) -> str:
    """The page as text; equal arguments give equal text.

    Args:
        content: see the head of this module.
        title: of the page.
        consent: the text to agree to, as HTML.
    """
    from jinja2 import Environment, FunctionLoader

    environment = Environment(loader=FunctionLoader(asset), autoescape=True, keep_trailing_newline=True)
    early, program = page.asset("early.js"), _program()
    return environment.get_template("listen.html").render(
        title=title,
        consent=consent,
        test=page.as_json_in_html(content),
        styles="\n".join([page.asset("base.css"), asset("listen.css")]),
        early=early,
        program=program,
        hashes=" ".join(f"'{page.hash_of(each)}'" for each in (early, program)),
    )


def asset(name: str) -> str:
    """The text of a file in ``assets/``."""
    return files("melgen.listening").joinpath("assets", name).read_text(encoding="utf-8")


def _program() -> str:
    parts = [(name, page.asset(f"{name}.js")) for name in _LIBRARY] + [("listen", asset("listen.js"))]
    library = "\n".join(f"// {name}\n{text}" for name, text in parts)
    return f'"use strict";\n(() => {{\n{library}}})();\n'
