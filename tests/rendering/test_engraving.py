"""Scores as SVG: every note is present and in its place, and nothing affects the rest of a page."""

import re
import sys
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.rendering import engraving
from melgen.rendering.engraving import engrave, engrave_pages, fitting_bars_per_line, music_font
from melgen.rendering.measures import cut_into_bars, playable
from tests.rendering.melodies import EDGES, NONE, ONE, SCALE, airs, measured_melodies, melodies, of_lengths

SVG = "{http://www.w3.org/2000/svg}"
HEADS = {"E0A2", "E0A3", "E0A4"}
FINE = of_lengths([3, -3, 6, -6, 9, -3, 18, -6, 3, 39, 8, 8, 8, 1, 23, -96])


def groups(svg, name):
    return [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if group.get("class") == name]


def heads(svg):
    """Index of its note and place of every note head, in reading order of the file."""
    found = []
    for note in groups(svg, "note"):
        (head,) = [group for group in note if group.get("class") == "notehead"]
        (use,) = head
        assert use.get("href")[-4:] in HEADS
        x, y = map(int, re.match(r"translate\((-?\d+), (-?\d+)\)", use.get("transform")).groups())
        found.append((int(note.get("data-note")), x, y))
    return found


def check_heads(svg, melody, metre=None):
    symbols = [symbol.note for bar in cut_into_bars(playable(melody), metre) for symbol in bar.symbols]
    assert [index for index, _, _ in heads(svg)] == [note for note in symbols if note is not None]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(melodies())
def test_every_note_has_its_heads_in_order(melody):
    check_heads(engrave(melody), melody)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(measured_melodies())
def test_every_note_of_a_triplet_too(melody):
    svg = engrave(melody)
    check_heads(svg, melody)
    brackets = len(groups(svg, "tupletNum"))
    symbols = [symbol for bar in cut_into_bars(melody) for symbol in bar.symbols]
    assert brackets == sum(symbol.triplet == "begin" for symbol in symbols)


def test_a_triplet_has_its_number_and_no_rest():
    svg = engrave(of_lengths([8, 8, 8, 24, 16, 8, 24], metres=(MetreChange(0, Metre(4, 4)),)))
    assert len(groups(svg, "tupletNum")) == 2
    assert len(groups(svg, "tupletBracket")) == 1, "the beam shows which notes; a quarter and an eighth have none"
    assert not groups(svg, "rest")
    lefts = [x for _, x, _ in heads(svg)]
    assert lefts == sorted(set(lefts)), "no collision"


def test_metre_pickup_and_bars_of_the_melody():
    jig = of_lengths([12] + [36, 36] * 8, metres=(MetreChange(0, Metre(6, 8)),), pickup=12)
    svg = engrave(jig)
    assert len(groups(svg, "measure")) == 9
    assert len(groups(svg, "system")) == 2, "the pickup is on a line with four bars"
    assert svg.count("E086") - engrave(jig, metre=Metre(4, 4)).count("E086") == 2, "a 6: glyph and use"
    change = of_lengths([24] * 7, metres=(MetreChange(0, Metre(4, 4)), MetreChange(96, Metre(3, 4))))
    assert len(groups(engrave(change), "meterSig")) == 2


@pytest.mark.slow
def test_real_tunes():
    for tune in airs()[:5]:
        check_heads(engrave(tune, metre=Metre(6, 8)), tune, Metre(6, 8))


def test_a_scale_rises():
    places = heads(engrave(SCALE, width_px=900))
    assert [index for index, _, _ in places] == list(range(8))
    heights = [y for _, _, y in places]
    assert heights == [heights[0] - 90 * step for step in range(8)]
    lefts = [x for _, x, _ in places]
    assert lefts == sorted(lefts)


def test_lines_of_four_bars_and_as_many_as_fit():
    long = Melody.from_pitches([60, 64] * 32)
    assert [len(groups(engrave(long, width_px=width), "system")) for width in (900, 390, 150)] == [4, 8, 16]
    assert len(groups(engrave(long, bars_per_line=8), "system")) == 2
    sixteenths = Melody.from_pitches([60, 64] * 64, 6)
    assert [fitting_bars_per_line(sixteenths, width) for width in (1400, 900, 460)] == [4, 2, 1]
    assert fitting_bars_per_line(sixteenths, 460, Metre(2, 4)) == 2, "the width of a page"
    assert len(groups(engrave(long), "measure")) == 16


def test_a_double_bar_at_the_end_only():
    lines = [len(list(bar)) for bar in groups(engrave(SCALE), "barLine")]
    assert lines == [1, 2]


@pytest.mark.parametrize("title", ['Tom & "Jerry" <b>', "Ж ø 旋律", "two\nlines", "x" * 300, "</svg><script>"])
def test_titles_are_text(title):
    root = ElementTree.fromstring(engrave(SCALE, title=title))
    (text,) = [each for each in root.iter(f"{SVG}text") if each.get("class") == "title"]
    assert text.text == root.get("aria-label") == " ".join(title.split())
    assert float(text.get("font-size")) * 0.5 * len(text.text) < float(root.get("viewBox").split()[2])


def test_the_melodys_own_title_or_none():
    assert "Edges" in engrave(EDGES)
    assert 'class="title"' not in engrave(ONE)


def test_the_size_is_that_asked_for():
    for width in (300, 900, 1234):
        root = ElementTree.fromstring(engrave(SCALE, width_px=width))
        left, top, wide, high = map(float, root.get("viewBox").split())
        assert (left, top) == (0, 0)
        assert float(root.get("width")) == width
        assert float(root.get("height")) == pytest.approx(high * width / wide, abs=0.01)
    for wrong in (149, 50_000, 300.5, True):
        with pytest.raises(ValueError, match="width_px="):
            engrave(SCALE, width_px=wrong)


def test_equal_melodies_give_equal_text():
    first = engrave(EDGES)
    engrave(SCALE, width_px=500)
    assert engrave(EDGES) == first


def test_scores_on_one_page_do_not_disturb_each_other():
    one, other = engrave(SCALE), engrave(EDGES)
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg in (one, other):
        assert set(re.findall(r'href="#([^"]+)"', svg)) == set(re.findall(r' id="([^"]+)"', svg))
        assert "<style" not in svg
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "nothing is loaded from anywhere"


@pytest.mark.slow
def test_glyphs_once_for_many_scores():
    page = music_font()
    there = set(re.findall(r' id="([^"]+)"', page))
    ElementTree.fromstring(page)
    for melody in (SCALE, EDGES, NONE, FINE, *airs()[:5]):
        score = engrave(melody, font=False)
        assert "<defs" not in score
        assert set(re.findall(r'href="#([^"]+)"', score)) <= there
    assert len(engrave(SCALE, font=False)) < len(engrave(SCALE))


@pytest.mark.parametrize("melody", [NONE, ONE, Melody((0,), (0,), (0,)), Melody((127,), (42,), (0,)), EDGES])
def test_small_and_extreme_melodies(melody):
    svg = engrave(melody)
    root = ElementTree.fromstring(svg)
    check_heads(svg, melody)
    assert 60 < float(root.get("height")) < 900
    high = float(root.get("viewBox").split()[3])
    assert all(0 < y < high for _, _, y in heads(svg)), "no ledger line leaves the picture"


@pytest.mark.slow
def test_a_long_score_is_one_picture():
    melody = Melody.from_pitches([60 + index % 13 for index in range(5_000)])
    svg = engrave(melody)
    check_heads(svg, melody)
    root = ElementTree.fromstring(svg)
    assert len(root.find(f"{SVG}g")) > 1, "longer than a page of Verovio"


@pytest.mark.slow
def test_pages():
    melody = Melody.from_pitches([60 + index % 13 for index in range(400)], title="Long")
    for paper, (width, height) in {"a4": (793.7, 1122.52), "letter": (816.38, 1054.49)}.items():
        pages = engrave_pages(melody, paper=paper)
        assert len(pages) > 1
        assert [index for page in pages for index, _, _ in heads(page)] == list(range(400))
        for page in pages:
            root = ElementTree.fromstring(page)
            assert float(root.get("width")) == pytest.approx(width, abs=0.02)
            assert float(root.get("height")) == pytest.approx(height, abs=0.02)
    assert "Long (2)" in pages[1]
    with pytest.raises(ValueError, match="paper=a5"):
        engrave_pages(melody, paper="a5")


def test_without_verovio(monkeypatch):
    engraving._toolkit.cache_clear()
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match="pip install verovio"):
        engrave(SCALE)
