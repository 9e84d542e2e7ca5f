"""Pictures: the requested size, ink at the notes, and a glyph for every letter."""

import io
import re
import sys
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from melgen.music import Melody
from melgen.rendering.batch import _resized
from melgen.rendering.bitmap import pdf_bytes, png_bytes, size_of, write_pdf, write_png
from melgen.rendering.engraving import engrave, engrave_pages
from tests.rendering.melodies import EDGES, NONE, ONE, SCALE

SVG = "{http://www.w3.org/2000/svg}"
HEAD_CENTRE = (110, 0)  # of a note head, from its left edge, in the units of the drawing


def pixels(png):
    image = Image.open(io.BytesIO(png))
    assert image.mode in ("RGBA", "RGB")
    return np.asarray(image.convert("L"))


def head_places(svg):
    """The places of the note heads, as shares of the picture's width and height."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    found = []

    def visit(element, x, y, in_head):
        match = re.match(r"translate\((-?[\d.]+), (-?[\d.]+)\)", element.get("transform", ""))
        if match:
            x, y = x + float(match[1]), y + float(match[2])
        in_head = in_head or element.get("class") == "notehead"
        if in_head and element.tag == f"{SVG}use":
            found.append(((x + HEAD_CENTRE[0]) / width, (y + HEAD_CENTRE[1]) / height))
        for child in element:
            visit(child, x, y, in_head)

    visit(root, 0.0, 0.0, False)
    return found


@pytest.mark.parametrize("width", [300, 900, 2400])
def test_size_and_ink(width):
    svg = engrave(SCALE, title="Scale")
    gray = pixels(png_bytes(svg, width))
    assert gray.shape[1] == width
    assert gray.shape[0] == pytest.approx(size_of(svg)[1] * width / 900, abs=1)
    places = head_places(svg)
    assert len(places) == 8
    for x, y in places:
        assert gray[int(y * gray.shape[0]), int(x * width)] < 100, "ink in the middle of each head"
    assert gray[0, 0] == gray[-1, -1] == 255, "white paper"
    assert 0.005 < (gray < 128).mean() < 0.1


def test_without_its_heads_the_picture_is_another():
    """The ink at a head belongs to the head and not to a line at the same place."""
    svg = engrave(SCALE)
    headless = re.sub(r'<g class="notehead">.*?</g>', "", svg)
    gray = pixels(png_bytes(headless, 900))
    on_lines = [gray[int(y * gray.shape[0]), int(x * 900)] < 100 for x, y in head_places(svg)]
    assert sum(on_lines) < 8


@pytest.mark.parametrize("height", ["10078.29", "312.80", "300"])
def test_another_width_keeps_the_shape(height):
    svg = f'<svg class="x" width="900.00" height="{height}" viewBox="0 0 1 1"><rect width="900.00"/></svg>'
    resized = _resized(svg, 1200)
    assert size_of(resized) == (1200, round(float(height) * 4 / 3))
    assert resized.endswith('><rect width="900.00"/></svg>')


def test_titles_and_numbers_are_letters():
    """Text is painted with the font of the package. Letters that it lacked would all look like the same box."""

    def title_of(text):
        return pixels(png_bytes(engrave(ONE, title=text), 900))[:40]

    assert (title_of("Air") < 128).any()
    assert (title_of("A") != title_of("B")).any()
    assert (title_of("Ж") != title_of("ø")).any()
    assert not (pixels(png_bytes(engrave(ONE), 900))[:10] < 128).any(), "no title, no ink"


@pytest.mark.slow
@pytest.mark.parametrize("melody", [NONE, ONE, EDGES])
def test_every_melody_has_a_picture(melody, tmp_path):
    svg = engrave(melody, title="x")
    assert write_png(svg, tmp_path / "a.png") == tmp_path / "a.png"
    assert pixels((tmp_path / "a.png").read_bytes()).shape[1] == 900
    write_pdf(engrave_pages(melody), tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.slow
def test_equal_pictures_have_equal_bytes():
    svg, pages = engrave(EDGES), engrave_pages(EDGES)
    assert png_bytes(svg, 700) == png_bytes(svg, 700)
    assert pdf_bytes(pages) == pdf_bytes(pages)


def test_too_large_a_picture():
    with pytest.raises(ValueError, match="pixels"):
        png_bytes(engrave(SCALE), 100_000)
    with pytest.raises(ValueError, match="width and height"):
        size_of("<svg>")


def page_sizes(pdf):
    boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", pdf)
    return [tuple(map(float, box.split()[2:])) for box in boxes[1:]]  # the first is a default for all pages


def painted_paths(pdf):
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)
    count = 0
    for stream in streams:
        try:
            content = zlib.decompress(stream)
        except zlib.error:
            continue
        count += len(re.findall(rb"(?:^|\s)(?:f|B|f\*|B\*)(?=\s)", content))
    return count


@pytest.mark.slow
def test_pdf_pages():
    melody = Melody.from_pitches([60 + index % 13 for index in range(400)], title="Long & <wide>")
    pages = engrave_pages(melody)
    sizes = page_sizes(pdf_bytes(pages))
    assert len(sizes) == len(pages) > 1
    for width, height in sizes:
        assert (width, height) == pytest.approx((595.28, 841.89), abs=0.02), "A4"
    ((width, height),) = page_sizes(pdf_bytes(engrave(SCALE, width_px=960)))
    assert width == pytest.approx(720), "96 pixels are 72 points"
    assert height < width / 4


@pytest.mark.slow
def test_pdf_paints_every_note():
    few, many = (painted_paths(pdf_bytes(engrave_pages(Melody.from_pitches([64] * count)))) for count in (4, 12))
    assert many - few >= 8


@pytest.mark.parametrize(
    ("module", "write", "package"), [("resvg_py", png_bytes, "resvg-py"), ("fpdf", pdf_bytes, "fpdf2")]
)
def test_the_error_names_the_package_to_install(module, write, package, monkeypatch):
    svg = engrave(ONE)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        write(svg)
