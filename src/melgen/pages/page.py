"""From content to one HTML file: everything inlined, large things compressed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from melgen.pages.content import Content

STYLES = ("base", "sections", "scores", "charts")
SCRIPTS = (
    "dom", "packs", "theme", "numbers", "sound", "player", "melody", "hero", "heatmap", "plotly", "curves", "strips",
    "primers", "songs", "stages", "embedding", "tables", "main",
)  # fmt: skip
PLOTLY = "plotly"


def build_page(content: Content) -> str:
    """The page as text; equal content gives equal text.

    Nothing on it comes from elsewhere, and its own content policy lets a browser fetch nothing: only the scripts
    whose hashes stand there may run, so that no title of a tune can.
    """
    from jinja2 import Environment, FunctionLoader

    environment = Environment(loader=FunctionLoader(_asset), autoescape=True, keep_trailing_newline=True)
    program = "\n".join(f"// {name}\n{_asset(f'{name}.js')}" for name in SCRIPTS)
    program = f'"use strict";\n(() => {{\n{program}}})();\n'
    early = _asset("early.js")
    packs = {name: packed(data) for name, data in content.packs.items()}
    hashes = [_hash(early), _hash(program)]
    if content.core["curveMetrics"] or content.core["embeddings"]:
        packs[PLOTLY], hash_of_plotly = _plotly()
        hashes.append(hash_of_plotly)
    return environment.get_template("page.html").render(
        core=content.core,
        core_json=as_json_in_html(content.core),
        styles="\n".join(_asset(f"{name}.css") for name in STYLES),
        music_font=content.engraver.font,
        early=early,
        program=program,
        packs=packs,
        hashes=" ".join(f"'{each}'" for each in hashes),
    )


def packed(data: Any) -> str:
    """Plain data as compressed JSON in letters that may stand in HTML."""
    return _compressed(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def unpacked(text: str) -> Any:
    """The inverse of `packed`; the page has its own."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def as_json_in_html(data: Any) -> str:
    """JSON that can stand in a ``<script>`` whatever it holds.

    >>> as_json_in_html({"title": "</script><b>"})
    '{"title":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # JSON's escape of what UTF-8 cannot hold
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def plotly_script() -> str:
    """Plotly's own script, as its package carries it; run as it is, so without the ends of its lines changed."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


@cache
def _plotly() -> tuple[str, str]:
    """The script compressed, and its hash; once a process, since a sweep makes many pages in one."""
    script = plotly_script()
    return _compressed(script), _hash(script)


def _compressed(text: str) -> str:
    # Without the time, so that equal content gives equal bytes.
    return base64.b64encode(gzip.compress(text.encode("utf-8", "backslashreplace"), 9, mtime=0)).decode()


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return files("melgen.pages").joinpath("assets", name).read_text(encoding="utf-8")
