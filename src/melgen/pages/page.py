"""Write content as one HTML file that contains everything, with large data compressed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from melgen.engine import SCRIPTS, script
from melgen.pages.content import Content
from melgen.pages.fingerprint import fingerprint
from melgen.pages.generator import GENERATOR
from melgen.pages.sections import find_sections

STYLES = ("base", "sections", "scores", "charts", "play")
LIBRARY = (
    "dom", "page_data", "theme", "numbers", "names", "sound", "player", "melody", "plotly", "strip_chart",
    "row_chart", "line_chart", "sortable_table", "csv_table", "scales", "piano", "tune_editor", "tune_link",
    "song_files", "files_menu", "staff", "sampling_options", "voice", "tune_panel", "sections",
)  # fmt: skip
"""JavaScript that sections share, in the order of its needs; `melgen.pages.sections` finds the sections."""
PLOTLY = "plotly"


def build_page(content: Content, *, music_font: str = "") -> str:
    """The page as text; equal content gives equal text.

    The page needs nothing else, and its own content policy lets a browser fetch nothing: only the scripts whose hashes
    it names may run, so that a title of a tune cannot.

    Args:
        content: of the page.
        music_font: the glyphs of its scores, as a hidden SVG.

    Raises:
        ValueError: if a section lacks a file, or its data are not JSON.
    """
    from jinja2 import Environment, FunctionLoader

    environment = Environment(loader=FunctionLoader(asset), autoescape=True, keep_trailing_newline=True)
    early, program = asset("early.js"), build_program()
    packs = {name: packed(data) for name, data in content.packs.items()}
    hashes = [hash_of(early), hash_of(program)]
    if any(found.name in content.data["sections"] and found.section.uses_plotly for found in find_sections()):
        packs[PLOTLY], hash_of_plotly = _plotly()
        hashes.append(hash_of_plotly)
    return environment.get_template("page.html").render(
        page=content.data,
        notes=content.notes,
        page_json=as_json_in_html(content.data),
        styles="\n".join(asset(f"{name}.css") for name in STYLES),
        music_font=music_font,
        early=early,
        generator=GENERATOR,
        fingerprint=fingerprint(),
        program=program,
        packs=packs,
        hashes=" ".join(f"'{each}'" for each in hashes),
    )


def build_program() -> str:
    """The page's own JavaScript: the library, the sections, each in a scope of its own, and what draws them."""
    parts = [(name, script(name)) for name in SCRIPTS] + [(name, asset(f"{name}.js")) for name in LIBRARY]
    library = "\n".join(f"// {name}\n{text}" for name, text in parts)
    sections = "\n".join(f"{{ // sections/{found.name}\n{found.script}}}" for found in find_sections())
    return f'"use strict";\n(() => {{\n{library}\n{sections}\n// main\n{asset("main.js")}}})();\n'


def packed(data: Any) -> str:
    """Plain data as compressed JSON, in letters that HTML can hold."""
    return _compressed(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def unpacked(text: str) -> Any:
    """The inverse of `packed`; the page has its own."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def as_json_in_html(data: Any) -> str:
    """JSON that a ``<script>`` can hold, whatever is in it.

    >>> as_json_in_html({"title": "</script><b>"})
    '{"title":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # JSON's escape of what UTF-8 cannot hold
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def plotly_script() -> str:
    """Plotly's own script, as it is in its package, with the ends of its lines unchanged."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


@cache
def _plotly() -> tuple[str, str]:
    """The script compressed, and its hash; once a process, since a sweep makes many pages in one."""
    text = plotly_script()
    return _compressed(text), hash_of(text)


def _compressed(text: str) -> str:
    # Without the time, so that equal content gives equal bytes.
    return base64.b64encode(gzip.compress(text.encode("utf-8", "backslashreplace"), 9, mtime=0)).decode()


def hash_of(script: str) -> str:
    """A script's hash, by which a content policy allows it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def asset(name: str) -> str:
    """The text of a file in ``assets/``."""
    return files("melgen.pages").joinpath("assets", name).read_text(encoding="utf-8")
