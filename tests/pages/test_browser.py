"""The page in a real browser, from the file system, with the network off."""

from __future__ import annotations

import json
import re
import statistics
from importlib.resources import files

import numpy as np
import pytest

from melgen.evaluation.embeddings import nearest_neighbours
from melgen.music.metre import STEPS_PER_QUARTER
from tests.pages.browser import CONTRAST, LOUDNESS, Browser, missing
from tests.pages.examples import MISCHIEF, read_data, write_section

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    # Chromium's driver leaves its connection to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

READS_BACK = re.compile("Canvas2D: Multiple readback operations|GPU stall due to ReadPixels")
"""Warnings about speed: of the point under the mouse that Plotly looks for in 3-D, and of drawing 3-D by software."""


@pytest.fixture(scope="module")
def browser():
    found = Browser()
    yield found
    found.quit()


@pytest.fixture
def data_of_cells(pages):
    return read_data(pages["study"].read_text(encoding="utf-8"))["sections"]["cells"]


@pytest.fixture
def opened(browser, pages):
    """Open one of the two pages. A message of the console fails the test at the end."""

    def open_page(kind, **look):
        browser.open(pages[kind], **look)
        return browser

    yield open_page
    assert [message for message in browser.logs() if not READS_BACK.search(message)] == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("kind", ["run", "study"])
def test_everything_is_drawn_and_nothing_is_requested(opened, pages, kind):
    browser = opened(kind)
    browser.see_all()
    assert browser.requests() == [pages[kind].resolve().as_uri()]
    assert browser.run("return document.querySelectorAll('.notice.strong').length") == (kind == "study")
    assert browser.run("return document.querySelectorAll('#songs .score [data-note]').length") > 34


def test_a_title_cannot_act(opened):
    browser = opened("study")
    browser.see_all()
    browser.click("#songs tbody button", 0)
    named = browser.wait("return document.querySelector('#songs cite')?.textContent")
    assert MISCHIEF[:30] in named
    browser.run("document.querySelector('#tables select').value = 'tonality'")
    browser.run("document.querySelector('#tables select').dispatchEvent(new Event('change'))")
    assert browser.wait("return document.querySelector('#tables td:last-child')?.textContent") == MISCHIEF
    assert browser.run("return document.title") == "tiny · melgen"
    assert browser.run("return document.querySelectorAll('img').length") == 0


def test_play_sounds_and_moves_the_cursor(opened):
    browser = opened("study")
    browser.click("#listen .primary")
    browser.wait("return melgen.player.synth?.context.state === 'running'")
    browser.wait(f"return (() => {{{LOUDNESS}}})() > 0.01")
    first = browser.wait("return melgen.player.note >= 1 && melgen.player.note")
    lit = "return [...document.querySelectorAll('#listen .sounding')].map((each) => each.tagName)"
    assert set(browser.wait(lit)) == {"g", "rect"}
    head = "return document.querySelector('#listen .playhead').getBoundingClientRect().left"
    left = browser.run(head)
    browser.wait("return melgen.player.note > arguments[0]", first)
    assert browser.run(head) > left
    assert browser.run("return document.querySelector('#player').hidden") is False

    browser.click("#listen .primary")  # now it pauses
    assert browser.run("return melgen.player.playing") is False
    browser.wait(f"return (() => {{{LOUDNESS}}})() < 0.001")
    position = browser.run("return melgen.player.position")
    assert position > 0
    browser.click("#player .play")
    browser.wait("return melgen.player.playing && melgen.player.position > arguments[0]", position)


def test_frequencies_and_times_are_those_of_the_notes(opened):
    browser = opened("run")
    browser.click("#listen .primary")
    browser.wait("return melgen.player.note >= 0")
    browser.run("melgen.player.pause()")
    browser.run("""
        window.heard = [];
        const synth = melgen.player.synth;
        const own = synth.note.bind(synth);
        synth.note = (pitch, start, duration) => {
          own(pitch, start, duration);
          heard.push([pitch, start, [...synth.sounding].at(-1).frequency.value]);
        };
        melgen.player.setTempo(180);
        melgen.player.seek(0);
        melgen.player.play();""")
    browser.wait("return heard.length >= 5")
    heard = browser.run("return heard.slice(0, 5)")
    pitches, starts, frequencies = zip(*heard, strict=True)
    assert list(pitches) == browser.run("return melgen.player.track.pitches.slice(0, 5)")
    np.testing.assert_allclose(np.diff(starts), 60 / 180, atol=1e-6)
    np.testing.assert_allclose(frequencies, [440 * 2 ** ((pitch - 69) / 12) for pitch in pitches], rtol=1e-5)


def test_a_song_plays_to_its_end_and_starts_again(opened):
    browser = opened("study")
    browser.click("#listen .primary")
    browser.wait("return melgen.player.playing")
    browser.run("melgen.player.seek(melgen.player.length - 3)")
    browser.wait("return !melgen.player.playing && melgen.player.position === 0")
    assert browser.run("return document.querySelectorAll('.sounding').length") == 0


def test_the_keyboard_does_it_too(opened):
    browser = opened("study")
    for _ in range(30):
        browser.press("Tab", 9)
        if browser.run("return document.activeElement.matches('#listen .primary')"):
            break
    browser.press("Enter", 13)
    browser.wait("return melgen.player.playing")
    browser.run("document.activeElement.blur()")
    browser.press("Space", 32)
    browser.wait("return !melgen.player.playing")


def test_shared_passages_are_heard_one_after_the_other(opened):
    browser = opened("study")
    browser.go_to("songs")
    browser.click("#songs tbody button", 0)
    browser.wait("return document.querySelector('.song-detail').dataset.song === '0'")
    shared = browser.run(
        "return [...document.querySelectorAll('.side-by-side > div')].map((part) =>"
        " [part.querySelectorAll('.roll .shared').length, part.querySelectorAll('.score .shared').length])"
    )
    assert [counts[0] for counts in shared] == [12, 12]
    assert all(counts[1] >= 12 for counts in shared)
    browser.run("melgen.player.setTempo(180)")
    browser.click(".both")
    browser.wait("return melgen.player.track?.title.includes('song_001') && melgen.player.note >= 4")
    browser.wait("return melgen.player.track.title.includes('img src') && melgen.player.note >= 0")
    browser.wait("return !melgen.player.playing")
    assert browser.run("return melgen.player.position") == 12 * STEPS_PER_QUARTER


@pytest.mark.parametrize("width", [390, 1280])
def test_choosing_a_song_plays_it_with_its_player_in_view(opened, width):
    browser = opened("study", width=width)
    browser.go_to("songs")
    in_view = """
        const box = document.querySelector(".song-detail .card-head").getBoundingClientRect();
        const foot = document.querySelector("#player").getBoundingClientRect();
        return !document.querySelector("#player").hidden && box.top >= 0 && box.bottom <= foot.top + 1
          && foot.bottom <= innerHeight + 1;"""
    for selector, nth in (("#songs tbody button", 9), ("[aria-label='Songs worth hearing'] .chip", 2)):
        browser.click(selector, nth)
        chosen = browser.wait("return melgen.player.playing && document.querySelector('.song-detail').dataset.song")
        assert browser.run("return melgen.player.track.title").endswith(f"song_{int(chosen) + 1:03d}")
        browser.wait(in_view)
    browser.click(".song-detail [aria-label='Next song']")
    browser.wait("return document.querySelector('.song-detail').dataset.song !== arguments[0]", chosen)
    browser.wait("return melgen.player.playing")


def test_a_song_is_saved_as_a_file(opened, run):
    import symusic

    page = opened("run")
    page.go_to("songs")
    page.wait("return document.querySelector('.song-detail[data-song]')")
    name = page.run("return document.querySelector('.song-detail h3').firstChild.textContent")
    saved = page.saved_by(".song-detail [data-file='mid']")
    (track,) = symusic.Score.from_midi(saved).tracks
    (own,) = symusic.Score(run / "songs" / f"{name}.mid").tracks
    assert [note.pitch for note in track.notes] == [note.pitch for note in own.notes]


def test_no_column_is_hidden_without_a_sign(opened):
    browser = opened("study", width=390)
    for section in ("songs", "tables"):
        browser.go_to(section)
        frame = f"#{section} .table-frame"
        browser.wait("return document.querySelector(arguments[0])", frame)
        sides = """
            const frame = document.querySelector(arguments[0]), outer = frame.closest(".scrolling");
            const hint = getComputedStyle(outer.querySelector(".scroll-hint"));
            const shadow = (side) => getComputedStyle(frame.parentElement, side).opacity;
            const shown = hint.display !== "none" && hint.visibility === "visible";
            return [frame.scrollWidth > frame.clientWidth + 2, shadow("::before"), shadow("::after"), shown];"""
        if section == "songs":
            browser.wait("return document.querySelector(arguments[0]).closest('.scrolling.more-right')", frame)
            browser.pause()
            assert browser.run(sides, frame) == [True, "0", "1", True]
            browser.run(
                "const frame = document.querySelector(arguments[0]); frame.scrollLeft = frame.scrollWidth", frame
            )
            browser.wait("return document.querySelector(arguments[0]).closest('.scrolling.more-left')", frame)
            browser.pause()
            assert browser.run(sides, frame) == [True, "1", "0", False]


def test_a_run_states_its_command_to_copy(browser, run, tmp_path):
    import shutil

    from melgen.files import write_json
    from melgen.pages.writing import write_report

    copy = shutil.copytree(run, tmp_path / run.name)
    write_json(copy / "provenance.json", {"command": ["primer=[60,62]"], "parameters": 7, "software": {"melgen": "1"}})
    browser.open(write_report(copy, progress=False))
    browser.run("""
        const writeText = async (text) => { window.copied = text; };
        Object.defineProperty(navigator, "clipboard", { value: { writeText } });""")
    browser.click("[data-copy=command]")
    assert browser.wait("return window.copied") == "python -m melgen.train 'primer=[60,62]'"


def test_intervals_are_drawn(opened):
    browser = opened("run")
    browser.go_to("tonality")
    browser.wait("return document.querySelectorAll('.strip .song').length > 20")
    rows = browser.run(
        "return [...document.querySelectorAll('.strips figure:first-child .strip')].map((row) =>"
        " [row.querySelector('.strip-name').textContent, row.querySelector('.interval')?.getBBox().width ?? 0])"
    )
    assert [name for name, _ in rows] == ["songs", "openings"]
    assert all(width > 0 for _, width in rows)
    assert "openings (the first 34 notes of 2 test tunes)" in browser.run(
        "return document.querySelector('#tonality').textContent"
    )


def test_cells_are_drawn_against_the_reference(opened, data_of_cells):
    browser = opened("study")
    browser.go_to("cells")
    drawn = browser.run(
        """return [...document.querySelectorAll('#cells svg .strip')].map((row) => [row.dataset.verdict,
             Number(row.querySelector('.interval').getAttribute('x1')),
             Number(row.querySelector('.interval').getAttribute('x2')),
             Number(row.querySelector('.verdict').getAttribute('transform').match(/[\\d.]+/)[0]),
             row.querySelectorAll('.seed').length])"""
    )
    rows = [each for setting in data_of_cells["settings"] for each in setting["differences"]]
    assert [verdict for verdict, *_ in drawn] == [each["verdict"] for each in rows]
    assert [seeds for *_, seeds in drawn] == [len(each["seeds"]) for each in rows]
    places = [place for _, low, high, mean, _ in drawn for place in (low, mean, high)]
    values = [value for each in rows for value in (each["interval"][0], each["mean"], each["interval"][1])]
    slope, start = np.polyfit(values, places, 1)
    assert slope > 0
    assert places == pytest.approx(slope * np.array(values) + start, abs=0.05), "one axis for all settings"
    texts = browser.run(
        "return [...document.querySelectorAll('#cells li span:not(.finer)')].map((one) => one.textContent)"
    )
    assert texts == [f"{each['finding']} {each['finer']}" for each in rows]


def attributes_of(browser, selector, *names):
    """The values of attributes of all elements that match, as numbers where they are."""
    found = (
        "return [...document.querySelectorAll(arguments[0])].map((one) => arguments[1].map((n) => one.getAttribute(n)))"
    )
    return browser.run(found, selector, names)


def test_learning_rates_are_lines_with_the_chosen_ones_marked(opened):
    browser = opened("study")
    browser.go_to("learning_rates")
    place = "#learning_rates .card svg"
    assert browser.run(f"return document.querySelectorAll('{place}').length") == 1, "one setting"
    points = [(float(x), float(y)) for x, y in attributes_of(browser, f"{place} .point", "cx", "cy")]
    values = [2.0, 1.5, 1.8, 1.7, 1.25]
    slope, start = np.polyfit(values, [y for _, y in points], 1)
    assert slope < 0, "low losses are at the bottom"
    assert [y for _, y in points] == pytest.approx(slope * np.array(values) + start, abs=0.01)
    first, second, third = (points[place][0] for place in (2, 3, 4))
    assert second - first == pytest.approx(third - second), "rates by their ratios"
    titles = browser.run(
        f"return [...document.querySelectorAll('{place} .chosen title')].map((one) => one.textContent)"
    )
    assert titles == ["lstm, 0.004: 1.500", "gru, 0.016: 1.250"]
    lines = [line[0] for line in attributes_of(browser, f"{place} path.line", "d")]
    assert [(line.count("M"), line.count("L")) for line in lines] == [(1, 1), (1, 2)]
    of_cells = f"return [...document.querySelectorAll('{place} .of-cell')].map((one) => "
    count = "one.querySelectorAll('.failed-mark, .beyond').length"
    assert browser.run(f"{of_cells} {count})") == [1, 1]
    assert browser.run(f"{of_cells} one.querySelector('.failed-mark') !== null)") == [True, False]
    browser.click("#learning_rates summary")
    rows = "return [...document.querySelectorAll('#learning_rates tbody tr')].map((row) => row.cells[1].textContent)"
    browser.wait(f"{rows}.length === 2")
    assert browser.run(rows) == ["lstm", "gru"]


def test_crosses_of_several_cells_at_one_rate_do_not_cover_each_other(opened):
    browser = opened("study")
    # The page keeps its functions and data to itself.
    assets = files("melgen.pages").joinpath("assets")
    names = ("dom", "names", "numbers", "line_chart")
    scripts = [assets.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in names]
    script = "\n".join(["const pageData = { song_metrics: [] };", *scripts])
    chart = {"title": "", "place_names": ["a", "b"], "places": [0, 1], "along": "", "unit": "", "highest": None}
    for count in (1, 2, 11):
        lost = {"values": [1.0, None], "control": [], "chosen": 0, "beyond": 0, "failed": [1]}
        cells = [f"cell {number}" for number in range(count)]
        data = json.dumps(chart | {"lines": [lost | {"cell": cell} for cell in cells]})
        card = f"lineCard({data}, looksOf({json.dumps(cells)}))"
        drawn = browser.run(
            f"{script}\nreturn [...{card}.querySelectorAll('.failed-mark')].map((one) => one.outerHTML)"
        )
        starts = [float(re.search(r'd="M([\d.]+) ', each)[1]) for each in drawn]
        assert len(starts) == count
        assert (np.diff(starts) >= 10).all()
        assert starts[-1] + 8 < 326, "the width of the drawing"


def test_probes_are_drawn(opened, pages):
    browser = opened("study")
    browser.go_to("probes")
    found = {each["name"]: each for each in read_data(pages["study"].read_text())["sections"]["probes"]["probes"]}
    assert [*found] == ["copying", "states", "similarity", "budget", "memorization"]
    for name, each in found.items():
        cards = browser.run(f"return document.querySelectorAll('#probe-{name} .card').length")
        assert cards == len(each["row_charts"]) + len(each["line_charts"]) > 0
    rows = found["copying"]["row_charts"][0]["rows"]
    assert [row["has_room"] for row in rows] == [True, True, False, False]
    shifts = [shift[0] for shift in attributes_of(browser, "#probe-copying .card .mark[data-mark='0']", "transform")]
    zero = float(attributes_of(browser, "#probe-copying .zero", "x1")[0][0])
    places = [float(shift.split("(")[1].split()[0]) - zero for shift in shifts]
    assert places[0] < -20
    assert places[1:] == pytest.approx([0, 0], abs=0.01), "ppm-stm is beyond the axis, which fits the networks"
    beyond = "return [...document.querySelectorAll('#probe-copying .cut-value')].map((one) => one.textContent)"
    assert browser.run(beyond) == ["-40.00"]
    for kind, count in {"line": 4, "line control": 2}.items():
        found_lines = (
            f"return document.querySelectorAll('#probe-memorization .of-cell .{kind.replace(' ', '.')}').length"
        )
        assert browser.run(found_lines) == count
    browser.click("#probe-budget summary")
    browser.wait("return document.querySelectorAll('#probe-budget tbody tr').length === 2")


def test_likelihood_is_drawn(opened, pages):
    browser = opened("study")
    browser.go_to("likelihood")
    (chart,) = read_data(pages["study"].read_text())["sections"]["likelihood"]["row_charts"]
    names = "return [...document.querySelectorAll('#likelihood .strip-name')].map((one) => one.textContent)"
    browser.wait(f"{names}.length")
    assert browser.run(names) == [row["label"][0] for row in chart["rows"]]
    assert browser.run("return document.querySelectorAll('#likelihood .of-baseline').length") == 3
    cut = "return [...document.querySelectorAll('#likelihood .cut-value')].map((one) => one.textContent)"
    assert browser.run(cut) == ["30.00"]


def changed(page, path, change):
    """A copy of a page with other data."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition('id="page-data">')
    data = read_data(text)
    change(data)
    shown = json.dumps(data).replace("<", "\\u003c")
    path.write_text(f'{before}id="page-data">{shown}</script>{rest.partition("</script>")[2]}', encoding="utf-8")
    return path


def test_the_text_of_likelihood_speaks_of_what_is_drawn(browser, pages, tmp_path):
    def with_intervals_and_two_splits(data):
        for row in data["sections"]["likelihood"]["row_charts"][0]["rows"]:
            row["marks"][0]["interval"] = [1.0, 4.0]
            row["marks"] = [row["marks"][0], {"kind": 1, "value": 2.5, "interval": None}]

    def with_networks_only(data):
        chart = data["sections"]["likelihood"]["row_charts"][0]
        chart["rows"] = [row for row in chart["rows"] if not row["is_baseline"]]
        for row in chart["rows"]:
            row["marks"] = [{**row["marks"][0], "interval": None}]

    seen = {}
    for change in (with_intervals_and_two_splits, with_networks_only):
        browser.open(changed(pages["study"], tmp_path / "page.html", change))
        browser.go_to("likelihood")
        browser.wait("return document.querySelector('#likelihood .strip-name')")
        text = browser.run("return document.querySelector('#likelihood').textContent")
        keys = browser.run("return document.querySelectorAll('#likelihood .mark-key li').length")
        seen[change] = ["Bars are" in text, "aselines are" in text, "each baseline" in text, keys]

    assert seen == {with_intervals_and_two_splits: [True] * 3 + [2], with_networks_only: [False] * 3 + [1]}


def test_the_number_of_a_cut_baseline_is_clear_of_marks(opened, pages, tmp_path):
    def put_the_control_at_the_edge(data):
        *_, ppm = data["sections"]["probes"]["probes"][0]["row_charts"][0]["rows"]
        assert (ppm["marks"][0]["value"], ppm["has_room"]) == (-40, False)
        ppm["marks"][1]["value"] = -0.57

    browser = opened("study")
    browser.open(changed(pages["study"], tmp_path / "page.html", put_the_control_at_the_edge))
    browser.go_to("probes")
    browser.wait("return document.querySelector('#probe-copying .cut-value')")
    boxes = """const text = document.querySelector('#probe-copying .cut-value').getBoundingClientRect();
        const marks = [...document.querySelectorAll('#probe-copying .marked-row .mark')];
        const boxes = marks.map((one) => one.getBoundingClientRect());
        return boxes.filter((one) => one.left < text.right && text.left < one.right && one.top < text.bottom
            && text.top < one.bottom).length"""
    assert browser.run(boxes) == 0


def test_a_cell_far_from_the_others_is_a_number_at_the_edge(browser, pages, tmp_path):
    def move(data):
        each = data["sections"]["cells"]["settings"][0]["differences"][0]
        each.update(mean=2.345, interval=[2.0, 2.6], over_seeds=[2.1, 2.5], over_tunes=[2.2, 2.4], seeds=[2.3, 2.4])

    browser.open(changed(pages["study"], tmp_path / "far.html", move))
    browser.go_to("cells")
    texts = "return [...document.querySelectorAll('#cells .cut-value')].map((one) => one.textContent)"
    assert browser.run(texts) in (["2.35"], ["2.34"])
    parts = ".interval, .spread, .seed, .verdict"
    first = f"return document.querySelector('#cells svg .strip').querySelectorAll('{parts}').length"
    assert browser.run(first) == 0
    assert "A number with an arrow" in browser.run("return document.querySelector('#cells .lead').textContent")


@pytest.fixture
def several_cells(pages, tmp_path):
    """The page of a study with one representation and two cells, one of them with a long name."""

    def rename(data):
        for each in data["runs"]:
            if each["dataset"] != "control":
                each.update(dataset="control", cell="attention")

    return changed(pages["study"], tmp_path / "cells.html", rename)


@pytest.mark.parametrize("width", [1280, 390])
def test_cells_have_colours_and_their_names_are_whole(browser, several_cells, width):
    browser.open(several_cells, width=width)
    browser.go_to("runs")
    lines = "return [...document.querySelectorAll('.heat th[scope=row]')].map((each) => [each.textContent, (() => {"
    lines += "const range = document.createRange(); range.selectNodeContents(each);"
    assert browser.run(lines + "return range.getClientRects().length; })()])") == [["lstm", 1], ["attention", 1]]
    browser.go_to("curves")
    browser.wait("return document.querySelectorAll('#curves .scatterlayer .trace').length === 6")
    strokes = "return [...document.querySelectorAll('#curves .js-line')].map((line) => [line.style.stroke,"
    drawn = browser.run(strokes + "line.style.strokeDasharray])")
    assert len({colour for colour, _ in drawn}) == 2
    hues = "return [...document.querySelectorAll('#curves [aria-label=Cell] .chip')].map((chip) =>"
    chips = browser.run(hues + "getComputedStyle(chip, '::before').backgroundColor)")
    assert {colour for colour, _ in drawn} == set(chips)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_dashes_have_a_key_where_colours_are_variants(browser, pages, tmp_path):
    def vary(data):
        for number, each in enumerate(data["runs"]):
            each["variant"] = f"lr 0.0{number % 2}"

    browser.open(changed(pages["study"], tmp_path / "varied.html", vary))
    browser.go_to("curves")
    key = "return [...document.querySelectorAll('#curves .line-key li')].map((one) => [one.textContent,"
    named = dict(browser.run(f"{key} one.querySelector('line').getAttribute('stroke-dasharray')])"))
    assert [*named] == ["control lstm", "db12 lstm"]
    assert len(set(named.values())) == 2


@pytest.mark.parametrize("chosen", [{True}, {False}, {True, False}])
def test_a_selection_is_shown_where_some_runs_were_left_out(browser, pages, tmp_path, chosen):
    def select(data):
        for number, run in enumerate(data["runs"]):
            run["is_selected"] = max(chosen) if number else min(chosen)

    browser.open(changed(pages["study"], tmp_path / "selected.html", select))
    browser.go_to("runs")
    browser.go_to("curves")
    shown = browser.run("return ['runs', 'curves'].map((id) => document.getElementById(id).textContent).join(' ')")
    is_selection = len(chosen) == 2
    assert ("depth that was selected" in shown, "were selected are drawn strong" in shown) == (is_selection,) * 2
    assert ("selected networks only" in shown) == is_selection
    assert (browser.run("return document.querySelectorAll('.heat .selected').length") > 0) == is_selection
    assert browser.logs() == []


def test_the_first_curve_is_one_that_most_runs_have(browser, pages, tmp_path):
    keys = [
        each["key"] for each in read_data(pages["study"].read_text(encoding="utf-8"))["sections"]["curves"]["metrics"]
    ]

    def forget(data):
        for each in data["runs"][1:]:
            each["values"].pop(keys[0], None)

    browser.open(changed(pages["study"], tmp_path / "mixed.html", forget))
    browser.go_to("curves")
    assert browser.run("return document.querySelector('#curves select').value") == keys[1]


def test_letters_of_charts_are_not_larger_than_text(opened):
    browser = opened("study")
    browser.see_all()
    heights = "return [...document.querySelectorAll('.strips text')].map((text) => text.getBoundingClientRect().height)"
    assert max(browser.run(heights)) < 26


def test_what_an_axis_cuts_has_arrow_heads(browser, pages, tmp_path):
    def widen(data):
        """The interval of the first network is within the axis, that of the second goes beyond its end."""
        rows = [each for each in data["song_sets"] if each["role"] == "model"]
        for row, (below, above) in zip(rows, [(0, 0), (0, 1000)], strict=False):
            for summary in row["summaries"].values():
                summary.update(low=summary["mean"] - below, high=summary["mean"] + above, deviation=0.01)

    browser.open(changed(pages["study"], tmp_path / "wide.html", widen))
    browser.go_to("tonality")
    rows = "[...document.querySelectorAll('#tonality .strip.model')]"
    heads = f"return {rows}.map((row) => row.querySelectorAll('.cut').length)"
    browser.wait("return document.querySelector('#tonality .strip.model .song')")
    assert browser.run(heads) == [0, 1] * 3


def test_tables_sort_filter_and_are_copied(opened, study):
    browser = opened("study")
    browser.go_to("tables")
    browser.click("#tables thead button", 1)
    column = "return [...document.querySelectorAll('#tables tbody tr')].map((row) => row.cells[0].textContent)"
    assert browser.run(column) == ["a", "b", "c"]  # missing values come last
    assert browser.run("return document.querySelectorAll('#tables th')[1].getAttribute('aria-sort')") == "ascending"
    browser.click("#tables thead button", 1)
    assert browser.run(column) == ["b", "a", "c"]
    browser.run("""
        const writeText = async (text) => { window.copied = text; };
        Object.defineProperty(navigator, "clipboard", { value: { writeText } });
        const filter = document.querySelector("#tables input");
        filter.value = "9.25";
        filter.dispatchEvent(new Event("input"));""")
    assert browser.run(column) == ["a"]
    for number, ending in enumerate(("csv", "tex")):
        browser.click("[data-copy]", number)
        copied = browser.wait("return window.copied")
        assert copied == (study / "tables" / f"runs.{ending}").read_text()
        browser.run("window.copied = null")


def test_neighbours_light_up_by_either_distance(opened, run):
    browser = opened("run")
    browser.go_to("embedding")
    browser.click("#embedding .key", 5)
    weights = np.loadtxt(run / "embedding" / "tensors.tsv")
    lit = "return [...document.querySelectorAll('.key.neighbour')].map((key) => Number(key.dataset.value))"
    listed = "return [...document.querySelectorAll('.near li button')].map((each) => each.textContent)"
    names = (run / "embedding" / "metadata.tsv").read_text().split()
    for metric, button in (("euclidean", 0), ("cosine", 1)):
        browser.click("[aria-label=Distance] button", button)
        expected = nearest_neighbours(weights, 8, metric).indices[5].tolist()
        assert sorted(browser.run(lit)) == sorted(expected)
        assert browser.run(listed) == [names[i] for i in expected]
        browser.wait("return document.querySelector('.map').dataset.lit === arguments[0]", " ".join(map(str, expected)))
    browser.wait(f"return (() => {{{LOUDNESS}}})() > 0.01 || true")
    assert browser.run("return melgen.player.synth.context.state") == "running"


def test_a_click_on_the_map_chooses_a_value(opened):
    browser = opened("run")
    browser.go_to("embedding")
    browser.wait("return document.querySelector('.map .point')")
    browser.click(".map .point", 7)
    browser.wait("return document.querySelector('.key[aria-pressed=true]')?.dataset.value === '7'")
    browser.click("[aria-label=Dimensions] button", 1)
    browser.wait(
        "return document.querySelector('.map').dataset.dimensions === '3' && document.querySelector('.map canvas')"
    )


def test_curves_are_shown_hidden_and_zoomed(opened):
    browser = opened("study")
    browser.go_to("curves")
    lines = "return document.querySelectorAll('#curves .scatterlayer .trace').length === arguments[0]"
    browser.wait(lines, 6)
    browser.click("#curves [aria-label=Representation] .chip", 0)
    browser.wait(lines, 3)
    browser.click("#curves input[type=checkbox]")
    browser.wait(lines, 1)
    extent = "return document.querySelector('#curves .chart')._fullLayout.xaxis.range"
    before = browser.run(extent)
    browser.click("#curves .modebar-btn[data-val=in]")
    after = browser.wait(
        "const [low, high] = document.querySelector('#curves .chart')._fullLayout.xaxis.range;"
        " return high - low < arguments[0] && [low, high]",
        (before[1] - before[0]) * 0.9,
    )
    assert after[0] > before[0]


def test_a_square_of_the_heat_map_leads_to_its_curve(opened):
    browser = opened("study")
    assert browser.run("return document.querySelectorAll('.heat tbody button').length") == 6
    assert browser.run("return document.querySelectorAll('.heat .selected').length") == 2
    browser.click(".heat .failed button")
    assert "it broke <b>off</b>" in browser.run("return document.querySelector('#runs .readout').textContent")
    browser.click(".heat tbody button", 1)
    browser.wait("return document.querySelector('#curves .chart')?.data?.some((line) => line.line.width === 4)")


def test_a_dot_is_a_song(opened):
    browser = opened("study")
    browser.go_to("tonality")
    browser.wait("return document.querySelectorAll('.strip .song').length > 20")
    target = browser.run("""
        const dot = [...document.querySelectorAll(".strip .song")].at(-1);
        dot.scrollIntoView({ block: "center" });
        const { left, top, width, height } = dot.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2).closest(".song");
        return [left + width / 2, top + height / 2, hit?.dataset.set, hit?.dataset.song];""")
    browser.click_at(*target[:2])
    browser.wait(
        "return document.querySelector('.song-detail')?.dataset.song === arguments[0] && melgen.player.playing",
        target[3],
    )


def test_the_songs_of_each_stage_can_be_played(opened):
    browser = opened("run")
    browser.go_to("learning")
    readout = "return document.querySelector('.stage-readout')?.textContent"
    assert browser.wait(readout) == "After 30 updates, validation loss 2.800"
    browser.click("#learning .primary")
    browser.wait("return melgen.player.playing")
    browser.run("""
        const slider = document.querySelector("#learning input");
        slider.value = 2;
        slider.dispatchEvent(new Event("input"));""")
    assert browser.run(readout) == "After 90 updates, validation loss 2.200"
    browser.wait("return melgen.player.playing && melgen.player.track.title.includes('90')")


@pytest.mark.parametrize("kind", ["run", "study"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_looks_right(opened, kind, width, dark, tmp_path):
    browser = opened(kind, width=width, height=844, dark=dark)
    browser.see_all()
    browser.click("#listen .primary")
    browser.wait("return melgen.player.playing")
    browser.run("melgen.player.pause()")
    assert browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.run("return innerWidth") == width  # a phone widens its window to the widest element
    outside = browser.run("""
        return [...document.querySelectorAll("main *")].filter((element) => {
          const box = element.getBoundingClientRect();
          const scrolls = ".score, .roll, .table-frame, .piano, .editor, pre, svg, .unseen";
          return box.width && box.right > innerWidth + 1 && !element.closest(scrolls);
        }).map((element) => element.tagName + "." + element.className);""")
    assert outside == []
    small = browser.run("""
        return [...document.querySelectorAll("button, select, input[type=search]")].filter((element) => {
          const box = element.getBoundingClientRect();
          return box.width && box.height < 24 && !element.matches(".link");
        }).map((element) => element.outerHTML.slice(0, 80));""")
    assert small == []
    assert browser.run(CONTRAST) == []
    assert browser.names_missing() == []
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == dark
    browser.driver.save_screenshot(str(tmp_path / "page.png"))


def test_the_switch_turns_it_dark_and_stays(pages):
    browser = Browser()  # of its own: all pages from the file system share a store
    try:
        browser.open(pages["run"])
        for _ in range(4):
            browser.click("#theme")
            assert browser.run("return document.documentElement.dataset.theme") == "dark"
            if browser.reload():
                break
        assert browser.run("return document.documentElement.dataset.theme") == "dark"
    finally:
        browser.quit()


def test_it_paints_as_soon_as_an_empty_plotly_page(browser, pages, tmp_path):
    import plotly.graph_objects as go

    empty = tmp_path / "empty.html"
    go.Figure().write_html(empty)
    times: dict[str, list[float]] = {"page": [], "empty": []}
    for _ in range(5):
        for name, path in (("page", pages["study"]), ("empty", empty)):
            browser.open(path)
            times[name].append(
                browser.wait("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime || null")
            )
    ratio = statistics.median(times["page"]) / statistics.median(times["empty"])
    assert ratio < 1.5, json.dumps(times)


def test_a_users_own_section_is_drawn_and_one_that_fails_is_named(browser, run, tmp_path, own_folder):
    from melgen.pages.sections import add_folder
    from melgen.pages.writing import write_report

    write_section(own_folder)
    script = own_folder / "greeting.js"
    add_folder(own_folder)
    browser.open(write_report(run, out=tmp_path / "own.html", scores=0, progress=False))
    assert browser.run("return document.querySelector('#greeting .greeting').textContent") == "14 songs"
    assert browser.run("return [...document.querySelectorAll('#sections a')].map((each) => each.textContent)")[:2] == [
        "Listen",
        "Greeting",
    ]
    script.write_text('addSection("greeting", () => { throw new Error("out of words"); });')
    browser.open(write_report(run, out=tmp_path / "broken.html", scores=0, progress=False))
    assert "out of words" in browser.run("return document.querySelector('#content').textContent")
    assert browser.run("return document.querySelectorAll('#sections a').length") > 4
    assert any("out of words" in message for message in browser.logs())
