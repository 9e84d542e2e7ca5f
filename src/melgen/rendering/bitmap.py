"""Engraved scores as PNG images and as PDF, without a browser and without the machine's own fonts.

resvg paints the PNG, fpdf2 writes the PDF, as outlines. Texts are set in DejaVu Serif, which comes with matplotlib, so
a score looks the same on every machine. The one exception is a title in a script that DejaVu lacks: in PNG images, it
is set in one of the machine's fonts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from melgen.files import replacing
from melgen.rendering.engraving import SVG

PNG_INSTALL = "pip install resvg-py"
PDF_INSTALL = "pip install fpdf2"

MAX_PIXELS = 250_000_000
"""The most pixels of a PNG image, which take a gigabyte while it is painted."""

_FONTS = {"": "DejaVuSerif.ttf", "I": "DejaVuSerif-Italic.ttf"}
_LAST_OF_DEJAVU = "\u2e7f"  # Latin, Greek, Cyrillic and all others before the scripts of East Asia
_POINTS_PER_PIXEL = 72 / 96


def write_png(svg: str, path: str | Path, width_px: int | None = None) -> Path:
    """Paint an engraved score, black on white.

    Args:
        svg: from `melgen.rendering.engraving.engrave`.
        path: the file to write.
        width_px: of the image, by default the score's own; the height is in proportion.

    Raises:
        ImportError: if resvg-py is not installed; the message states what to install.
        ValueError: if the image would be larger than `MAX_PIXELS`.
    """
    content = png_bytes(svg, width_px)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def png_bytes(svg: str, width_px: int | None = None) -> bytes:
    """The content of the file that `write_png` writes."""
    try:
        import resvg_py
    except ImportError as error:
        raise ImportError(
            f"PNG images need resvg-py, which cannot be imported ({error}); install it with: {PNG_INSTALL}"
        ) from error
    width, height = size_of(svg)
    width_px = width_px or round(width)
    height_px = round(height * width_px / width)
    if width_px < 1 or width_px * height_px > MAX_PIXELS:
        raise ValueError(f"an image of {width_px} x {height_px} pixels; must be at most {MAX_PIXELS:,} in total")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=width_px,
            height=height_px,
            background="white",
            skip_system_fonts=not any(letter > _LAST_OF_DEJAVU for letter in _texts(svg)),
            font_files=[str(_font(style)) for style in _FONTS],
            font_family="DejaVu Serif",
            serif_family="DejaVu Serif",
        )
    )


def write_pdf(svg: str | Sequence[str], path: str | Path) -> Path:
    """Write engraved scores as the pages of a PDF, each as large as its image (96 pixels are an inch).

    Equal images give equal bytes.

    Raises:
        ImportError: if fpdf2 is not installed; the message states what to install.
    """
    content = pdf_bytes(svg)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def pdf_bytes(svg: str | Sequence[str]) -> bytes:
    """The content of the file that `write_pdf` writes."""
    try:
        from fpdf import FPDF
        from fpdf.svg import SVGObject
    except ImportError as error:
        raise ImportError(
            f"PDF files need fpdf2, which cannot be imported ({error}); install it with: {PDF_INSTALL}"
        ) from error
    for noisy in ("fpdf", "fontTools"):  # fpdf2 logs each table of a font that it leaves out
        logging.getLogger(noisy).setLevel(logging.ERROR)
    document = FPDF(unit="pt")
    document.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))
    document.set_creator("melgen")
    document.set_auto_page_break(False)
    document.set_margin(0)
    for style in _FONTS:
        document.add_font("score", style, _font(style))
    for number, page in enumerate([svg] if isinstance(svg, str) else svg):
        root = ElementTree.fromstring(page)
        if number == 0:
            document.set_title(root.get("aria-label", ""))
        width, height = (side * _POINTS_PER_PIXEL for side in size_of(page))
        root.set("width", f"{width}pt")
        root.set("height", f"{height}pt")
        document.add_page(format=(width, height))
        texts = _take_texts(root)
        SVGObject(ElementTree.tostring(root, encoding="unicode")).draw_to_page(document)
        scale = width / float(root.get("viewBox", "").split()[2])
        for text, down in texts:
            _write(document, text, down, scale)
    return bytes(document.output())


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG image in pixels.

    >>> size_of('<svg class="melgen-score" width="900" height="300" viewBox="0 0 1 1">')
    (900.0, 300.0)
    """
    opening = svg[: svg.index(">")]
    found = {key: re.search(rf'\s{key}="([\d.]+)(?:px)?"', opening) for key in ("width", "height")}
    width, height = (match and float(match[1]) for match in found.values())
    if not width or not height:
        raise ValueError(f"an SVG image must have width and height in pixels, got {opening:.80}>")
    return width, height


def _texts(svg: str) -> str:
    return "".join(re.findall(r"<text[^>]*>([^<]*)", svg))


def _take_texts(root: ElementTree.Element) -> list[tuple[ElementTree.Element, float]]:
    """Remove the texts, which fpdf2 would set in a Latin font; return them with their downward shift."""
    texts = []

    def visit(element: ElementTree.Element, x: float, y: float) -> None:
        match = re.fullmatch(r"translate\(([-\d.]+),\s*([-\d.]+)\)", element.get("transform", ""))
        if match is not None:
            x, y = x + float(match[1]), y + float(match[2])
        for child in list(element):
            if child.tag == f"{SVG}text":
                child.set("x", str(float(child.get("x", "0")) + x))
                texts.append((child, y))
                element.remove(child)
            else:
                visit(child, x, y)

    visit(root, 0.0, 0.0)
    return texts


def _write(document: Any, text: ElementTree.Element, down: float, scale: float) -> None:
    content = text.text or ""
    document.set_font(
        "score", "I" if text.get("font-style") == "italic" else "", float(text.get("font-size", "1")) * scale
    )
    x = float(text.get("x", "0")) * scale
    if text.get("text-anchor") == "middle":
        x -= document.get_string_width(content) / 2
    document.text(x, (float(text.get("y", "0")) + down) * scale, content)


@lru_cache(maxsize=2)
def _font(style: str) -> Path:
    """A font file inside the installed matplotlib, found without importing it."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ImportError("texts in scores need the fonts of matplotlib; install it with: pip install matplotlib")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / _FONTS[style]
