"""Melodies as engraved scores in SVG, by Verovio (https://www.verovio.org) and its music font Leipzig.

Verovio's drawing is simplified: no ids except those of the glyphs, no empty groups, no style sheet. So several scores
can be on one page without conflicts, have the colour of the text around them (``currentColor``), and can be shown by
any program that supports basic SVG. Glyphs are outlines; only the title and bar numbers depend on installed fonts.

Every note head, with its stem, is a group ``<g class="note" data-note="12">`` with the index of its note in the
melody; an index occurs twice if the note is tied over a bar line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from melgen.checking import check_one_of, check_whole
from melgen.music.melody import Melody
from melgen.rendering.bar_lines import lines_of
from melgen.rendering.measures import Metre, Symbol, cut_into_bars, playable
from melgen.rendering.musicxml import printable, to_musicxml

INSTALL = "pip install verovio"

# Verovio's unit for pages is a tenth of a millimetre; the unit of its drawings is ten times finer. At this scale a
# staff is 31 pixels high.
_UNITS_PER_PIXEL = 7 / 3
_FINER = 10
_MAX_PAGE_UNITS = 60_000
_MARGIN_UNITS = 40
_TITLE_UNITS = 90  # of height
_PAGE_MARGIN_UNITS = 150
_LETTER_WIDTH = 0.55  # of a letter, as a share of its height

PAPER_MM = {"a4": (210, 297), "letter": (216, 279)}
"""Paper sizes, width and height."""

_PIXELS_PER_MM = 96 / 25.4

# Of a note or a rest, by its length: sixteenths under a beam may be closer than quarters.
_QUARTER_PIXELS, _EIGHTH_PIXELS, _SIXTEENTH_PIXELS = 26, 22, 19
_PIXELS_OF_SIGNATURES = 80
_BARS_PER_LINE = (4, 3, 2, 1)
# One bar of many notes would leave a single bar on each line; so a few lines may be somewhat crowded.
_MOST_FILLED, _SHARE_THAT_FITS = 1.25, 0.9

SVG = "{http://www.w3.org/2000/svg}"
"""The beginning of the tag of each element of a drawing."""
_GLYPH = re.compile(r"#([0-9A-F]{4})-\w+")
_KEPT_CLASSES = {
    *("system", "measure", "staff", "layer", "note", "notehead", "stem", "flag", "dots", "accid", "rest", "mRest"),
    *("beam", "tie", "clef", "keySig", "meterSig", "barLine", "ledgerLines", "mNum"),
    *("tupletNum", "tupletBracket"),
}
# SMuFL's clefs, accidentals, digits, note heads, flags, the 3 of triplets and rests: all that our scores can contain.
_GLYPHS = (
    *("E050", "E051", "E052", "E053", "E054", "E062", "E063", "E064", "E065", "E066"),
    *(f"E08{digit}" for digit in range(10)),
    *("E0A2", "E0A3", "E0A4", "E260", "E261", "E262", "E263", "E264"),
    *("E240", "E241", "E242", "E243", "E244", "E245", "E246", "E247", "E1E7", "E883"),
    *("E4E3", "E4E4", "E4E5", "E4E6", "E4E7", "E4E8", "E4E9"),
)


def engrave(
    melody: Melody,
    *,
    title: str = "",
    width_px: int = 900,
    bars_per_line: int | None = None,
    metre: Metre | None = None,
    font: bool = True,
) -> str:
    """A melody as an SVG image of a given width and the necessary height.

    Equal melodies give equal text. A melody without notes gives one empty bar.

    Args:
        melody: the melody.
        title: above the score; by default the melody's own. It also names the image for screen readers.
        width_px: of the image, in pixels; notes keep their size, so a narrow score has more lines.
        bars_per_line: by default four, or as many as fit.
        metre: of the bars, instead of the melody's own; without either, 4/4.
        font: whether the image contains the glyphs that it uses. Otherwise the page must contain `music_font` once.

    Raises:
        ImportError: if Verovio is not installed; the message states what to install.
        ValueError: if the melody has a pitch that is not a MIDI pitch, or the width is below 150.
    """
    check_whole("width_px", width_px, 150, 40_000)
    name = printable(title or melody.title)
    width = round(width_px * _UNITS_PER_PIXEL)
    drawings = _draw(melody, metre, bars_per_line, width_px, width, _MAX_PAGE_UNITS, _MARGIN_UNITS)
    top = _TITLE_UNITS * _FINER if name else 0
    contents, height = [], top
    for drawing, drawn_height in drawings:  # more than one if a score is longer than Verovio's longest page
        contents.append((drawing, height))
        height += drawn_height
    return _svg(contents, width * _FINER, height, width_px, name, font, heading=name, heading_top=0)


def engrave_pages(
    melody: Melody,
    *,
    title: str = "",
    paper: str = "a4",
    bars_per_line: int | None = None,
    metre: Metre | None = None,
) -> list[str]:
    """A melody on pages of paper: an SVG image for each page.

    Args:
        paper: a4 or letter.

    Raises:
        ImportError: if Verovio is not installed.
        ValueError: if the melody has a pitch that is not a MIDI pitch, or the paper size is unknown.
    """
    check_one_of("paper", paper, PAPER_MM)
    name = printable(title or melody.title)
    width, height = (10 * side for side in PAPER_MM[paper])
    width_px = PAPER_MM[paper][0] * _PIXELS_PER_MM
    drawings = _draw(melody, metre, bars_per_line, width_px, width, height, _PAGE_MARGIN_UNITS)
    pages = []
    for number, (drawing, _) in enumerate(drawings, 1):
        heading = name if number == 1 else f"{name} ({number})".strip()
        pages.append(
            _svg(
                [(drawing, 0)],
                width * _FINER,
                height * _FINER,
                width_px,
                name,
                True,
                heading=heading,
                heading_top=(_PAGE_MARGIN_UNITS - _TITLE_UNITS) * _FINER,
            )
        )
    return pages


def music_font() -> str:
    """The glyphs of all scores engraved with ``font=False``: a hidden SVG image to include once in an HTML page."""
    glyphs = "".join(_glyph(code, f"melgen-{code}") for code in _GLYPHS)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0" aria-hidden="true" '
        f'style="position:absolute"><defs>{glyphs}</defs></svg>'
    )


def fitting_bars_per_line(melody: Melody, width_px: float, metre: Metre | None = None) -> int:
    """The number of bars that fit on a line without crowding the notes: at most four.

    >>> quarters = Melody.from_pitches([60] * 32)
    >>> fitting_bars_per_line(quarters, 900), fitting_bars_per_line(quarters, 390)
    (4, 2)
    """
    bars = cut_into_bars(playable(melody), metre)
    room = width_px - _PIXELS_OF_SIGNATURES
    widths = [sum(_width(symbol) for symbol in bar.symbols) for bar in bars]
    for count in _BARS_PER_LINE:
        lines = lines_of([bar.lines for bar in bars], count)
        filled = sorted(sum(widths[line.start : line.stop]) / room for line in lines)
        if filled[-1] <= _MOST_FILLED and filled[int(_SHARE_THAT_FITS * (len(filled) - 1))] <= 1:
            return count
    return 1


def _width(symbol: Symbol) -> int:
    if symbol.sixty_fourths < 8:
        return _SIXTEENTH_PIXELS
    return _EIGHTH_PIXELS if symbol.sixty_fourths < 16 else _QUARTER_PIXELS


def _draw(
    melody: Melody,
    metre: Metre | None,
    bars_per_line: int | None,
    width_px: float,
    width: int,
    height: int,
    margin: int,
) -> list[tuple[ElementTree.Element, int]]:
    """Verovio's drawing of each page, with the height of the page in the fine unit."""
    if bars_per_line is None:
        bars_per_line = fitting_bars_per_line(melody, width_px, metre)
    xml = to_musicxml(melody, metre=metre, tempo_qpm=None, bars_per_line=bars_per_line)
    toolkit = _toolkit()
    toolkit.setOptions(
        {
            "breaks": "line",
            "pageWidth": width,
            "pageHeight": height,
            "adjustPageHeight": True,
            "pageMarginLeft": margin,
            "pageMarginRight": margin,
            "pageMarginTop": margin,
            "pageMarginBottom": margin,
            "header": "none",
            "footer": "none",
            "scale": 100,
            "svgViewBox": True,
            "svgFormatRaw": True,
            "svgRemoveXlink": True,
            "smuflTextFont": "none",
            "minLastJustification": 0.6,
            "spacingSystem": 6,
            "xmlIdSeed": 1,
        }
    )
    if not toolkit.loadData(xml):
        raise RuntimeError("Verovio cannot read the score that we wrote")
    drawings = []
    for page in range(1, toolkit.getPageCount() + 1):
        drawing = ElementTree.fromstring(toolkit.renderToSVG(page)).find(f"{SVG}svg")
        assert drawing is not None
        drawings.append((drawing, round(float(drawing.get("viewBox", "").split()[3]))))
    return drawings


@lru_cache(maxsize=1)
def _toolkit() -> Any:
    verovio = import_verovio()
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def import_verovio() -> Any:
    """Import the engraver.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import verovio
    except ImportError as error:
        raise ImportError(
            f"scores need Verovio, which cannot be imported ({error}); install it with: {INSTALL}"
        ) from error
    return verovio


def _svg(
    drawings: list[tuple[ElementTree.Element, int]],
    width: int,
    height: int,
    width_px: float,
    name: str,
    font: bool,
    *,
    heading: str,
    heading_top: int,
) -> str:
    """Drawings, each with its vertical offset, as one SVG image with a heading."""
    root = ElementTree.Element("svg", {"xmlns": SVG[1:-1], "class": "melgen-score", "role": "img"})
    root.set("width", f"{width_px:.2f}".removesuffix(".00"))
    root.set("height", f"{height * width_px / width:.2f}".removesuffix(".00"))
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("aria-label", name or "Score")
    ink = {"fill": "currentColor", "stroke": "currentColor", "font-family": "serif"}
    page = ElementTree.Element("g", ink)
    if heading:
        size = min(45 * _FINER, round(0.9 * width / (_LETTER_WIDTH * len(heading))))
        text = ElementTree.SubElement(page, "text", {"class": "title", "text-anchor": "middle", "stroke": "none"})
        text.set("x", str(width // 2))
        text.set("y", str(heading_top + 70 * _FINER))
        text.set("font-size", str(size))
        text.text = heading
    codes: set[str] = set()
    for drawing, down in drawings:
        group = ElementTree.SubElement(page, "g", {"transform": f"translate(0, {down})"} if down else {})
        group.extend(thinned for child in drawing for thinned in _thinned(child, codes))
    drawn = ElementTree.tostring(page, encoding="unicode")
    # Different glyphs of two scores on one page must not have the same id.
    prefix = f"g{hashlib.sha256(drawn.encode()).hexdigest()[:8]}" if font else "melgen"
    drawn = drawn.replace('href="#', f'href="#{prefix}-')
    inside = codes if font else codes.difference(_GLYPHS)
    glyphs = "".join(_glyph(code, f"{prefix}-{code}") for code in sorted(inside))
    definitions = f"<defs>{glyphs}</defs>" if glyphs else ""
    empty = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return empty.replace("></svg>", f">{definitions}{drawn}</svg>\n")


def _thinned(element: ElementTree.Element, codes: set[str]) -> Iterator[ElementTree.Element]:
    """An element of Verovio's without unnecessary parts; nothing, or only its children, if it is unnecessary itself."""
    tag = element.tag.removeprefix(SVG)
    classes = element.get("class", "").split()
    if "placeholder" in classes or tag in ("desc", "title", "style"):
        return
    if "mNum" in classes:
        yield from _bar_number(element)
        return
    children = [thinned for child in element for thinned in _thinned(child, codes)]
    if tag == "g":
        if not children:
            return
        kept = next((each for each in classes if each in _KEPT_CLASSES), None)
        attributes = {key: value for key, value in element.attrib.items() if key not in ("id", "class")}
        if kept is None and not attributes:
            yield from children
            return
        if kept is not None:
            attributes["class"] = kept
        if kept == "note":
            attributes["data-note"] = element.get("id", "").removeprefix("n").partition("-")[0]
        copy = ElementTree.Element("g", attributes)
        copy.extend(children)
        yield copy
        return
    copy = ElementTree.Element(tag, {key: value for key, value in element.attrib.items() if key != "id"})
    if tag == "use":
        match = _GLYPH.fullmatch(element.get("href", ""))
        assert match is not None
        codes.add(match[1])
        copy.set("href", f"#{match[1]}")
    elif tag == "path" and "stroke-width" not in copy.attrib:
        copy.set("stroke", "none")
    copy.extend(children)
    yield copy


def _bar_number(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The bar number at the beginning of a line, which Verovio wraps into four elements."""
    outer = element.find(f"{SVG}text")
    sized = [span for span in element.iter(f"{SVG}tspan") if span.get("font-size") and span.text]
    if outer is None or not sized:
        return
    attributes = {"class": "mNum", "font-style": "italic", "stroke": "none"}
    attributes |= {key: outer.get(key, "0") for key in ("x", "y")}
    number = ElementTree.Element("text", attributes | {"font-size": sized[0].get("font-size", "").removesuffix("px")})
    number.text = sized[0].text
    yield number


@lru_cache(maxsize=128)
def _glyph(code: str, name: str) -> str:
    """A glyph of the music font as an SVG group."""
    file = Path(import_verovio().__file__).parent / "data" / "Leipzig" / f"{code}.xml"
    outline = file.read_text(encoding="utf-8").strip()
    return re.sub(r'<g id="\w+">', f'<g id="{name}" stroke="none">', outline, count=1)
