"""Song sets, evaluations, tables, networks and pages in Jupyter."""

from __future__ import annotations

import io
import math
import re
import shutil
import sys
from html import unescape

import pytest

import melgen
from melgen.display import to_html, to_text
from melgen.evaluation.results import Summary
from melgen.generation.songs import SongSet
from melgen.music import Melody
from melgen.pages.report import Report, read_or_make_report
from melgen.tables import Column, Table, build_set_tables
from melgen.tables.table import row
from tests.display.reading import drawings_of, notes_of, read_html, sounds_of
from tests.model_files.making import OF_PITCHES

pytestmark = pytest.mark.slow

BAD = '<script>"&</td>'


def song(number):
    return Melody.from_pitches([60 + (number * place) % 12 for place in range(8)])


def songs(count, **metadata):
    return SongSet([song(number) for number in range(1, count + 1)], {"model": "airs", "seed": 3} | metadata)


def test_a_set_of_songs_is_a_gallery():
    root = read_html(text := to_html(songs(4), show=3))
    assert [notes_of(drawing) for drawing in drawings_of(text)] == [set(range(8))] * 3
    assert [len(samples) / rate for samples, rate in sounds_of(root)] == [pytest.approx(4.4, abs=0.15)] * 3
    assert "4 songs by airs (seed=3)." in root.text
    assert "Song 3" in root.text
    assert "1 more song in the set; a slice, songs[3:6], shows others." in root.text


def test_a_thousand_songs_are_ten():
    root = read_html(text := to_html(songs(1000)))
    assert len(root.all("audio")) == 10
    assert "990 more songs" in root.text
    assert len(text) < 500_000
    assert to_text(songs(1000)) == "1,000 songs by airs (seed=3)"


def test_a_slice_of_a_set_is_a_set():
    part = songs(12)[10:]
    assert isinstance(part, SongSet)
    assert (part.melodies, part.metadata) == ([song(11), song(12)], {"model": "airs", "seed": 3})
    assert "2 songs by airs" in to_html(part, show=0)


def test_texts_of_a_set_are_escaped():
    hostile = SongSet([Melody.from_pitches([60], title=BAD)], {"model": BAD * 200, "temperature": [BAD] * 1000})
    text = to_html(hostile)
    assert BAD in unescape(read_html(text).text)
    assert "<script" not in text
    assert len(text) < 50_000
    assert to_html(SongSet([], {})).count("0 songs.") == 1


def test_numbers_of_songs_that_are_refused():
    with pytest.raises(ValueError, match="show=-1"):
        to_html(songs(1), show=-1)
    with pytest.raises(TypeError, match="dict cannot be shown; these can: Melody, SongSet"):
        to_html({})


@pytest.fixture(scope="module")
def evaluation():
    return melgen.measure(songs(5))


def test_measures_of_songs_in_any_form(evaluation, tmp_path):
    assert evaluation.name == "airs"
    assert evaluation.songs == tuple(f"song_00{number}" for number in range(1, 6))
    listed = melgen.measure([song(number).pitches for number in range(1, 6)], "mine")
    assert (listed.name, listed.scores) == ("mine", evaluation.scores)
    named = melgen.measure({"a": song(1), "b": Melody.from_pitches([60])})
    assert (named.name, named.songs, named.left_out) == ("songs", ("a",), {"b": "one note, no motion to measure"})
    songs(5, primer="", selection="sample").save(tmp_path / "set")
    read = melgen.measure(tmp_path / "set")
    assert (read.name, read.scores) == (f"{tmp_path.name}/set", evaluation.scores)


@pytest.mark.parametrize("given", [[], "none/of/these", [[60]]])
def test_what_cannot_be_measured(given):
    with pytest.raises(ValueError, match=r"songs"):
        melgen.measure(given)


def test_an_evaluation_is_a_table(evaluation):
    root = read_html(to_html(evaluation))
    summary, of_set = root.all("table")
    rows = [[cell.text for cell in each.all("td")] for each in summary.all("tr")[1:]]
    assert len(rows) == len(evaluation.summaries)
    mean = evaluation.summaries["conjunct_melodic_motion"].mean
    assert rows[0][:2] == ["motion", f"{mean:.3f}"]
    assert len(of_set.all("tr")) == 1 + len(evaluation.set_scores)
    assert "motion" in to_text(evaluation)


def test_the_frame_of_an_evaluation_is_its_table_of_songs(evaluation):
    pytest.importorskip("pandas", reason="to_pandas needs it")
    frame = evaluation.to_pandas()
    table = build_set_tables(evaluation)["songs"].to_pandas().set_index("song").sort_index()
    assert list(frame.columns) == ["notes", *evaluation.scores]
    assert frame.index.name == "song"
    for name in frame.columns:
        assert frame[name].tolist() == pytest.approx(table[name].tolist(), nan_ok=True), name
    for metric, summary in evaluation.summaries.items():
        assert frame[metric].mean() == pytest.approx(summary.mean), metric


def a_table(rows=2):
    columns = (
        Column("name", BAD, "text"),
        Column("value", "value"),
        Column("whole", "whole", "integer"),
        Column("all", "all", "summary"),
        Column("is", "is", "flag"),
    )
    values = [[BAD, 1 / 3, 2.0, Summary(1.5, 0.25, 0.5, 1.0, 2.0, 3), True], ["-", math.nan, 3, None, False]]
    return Table(BAD, "Caption.", columns, tuple(row(f"{n}", values[n % 2]) for n in range(rows)))


def test_a_table_is_at_readable_precision():
    root = read_html(to_html(a_table()))
    cells = [cell.text for cell in root.all("td")]
    assert cells[:5] == [BAD, "0.33", "2", "1.50 ± 0.50 [1.00, 2.00]", "yes"]
    assert root.all("th")[0].text == root.all("caption")[0].text == BAD


def test_a_long_table_is_cut():
    root = read_html(to_html(a_table(5000)))
    assert len(root.all("tr")) == 61
    assert "4,940 more rows; to_pandas() has all." in root.text


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_a_frame_equals_the_csv_of_its_table(rows):
    pandas = pytest.importorskip("pandas", reason="to_pandas needs it")
    table = a_table(rows)
    frame, read = table.to_pandas(), pandas.read_csv(io.StringIO(table.to_csv()))
    assert list(frame.columns) == list(read.columns)
    for name in read.columns:
        for one, other in zip(frame[name], read[name], strict=True):
            assert pandas.isna(one) == pandas.isna(other), name
            assert pandas.isna(one) or one == other, name


def test_without_pandas_the_error_has_the_remedy(evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"a data frame needs pandas.*pip install pandas"):
        evaluation.to_pandas()


def test_a_network_is_a_card():
    network = melgen.load(OF_PITCHES)
    root = read_html(to_html(network))
    (table,) = root.all("table")
    card = {each.all("th")[0].text: each.all("td")[0].text for each in table.all("tr")}
    assert card["representation"] == "control"
    assert card["layers"] == "1 x gru of 4 units"
    assert card["parameters"] == str(24 * 4 + 3 * (4 * 4 + 4 * 4 + 4) + 24 * (4 + 1)), "embedding, gates, output"
    assert card["val/bits_per_note"] == "4.576"
    assert not [key for key in card if key.startswith("train/")]
    assert to_text(network) == repr(network)


def test_a_network_of_a_restricted_corpus_has_its_licence_and_notice(tmp_path):
    from melgen.exporting.writing import export_run

    network = melgen.load(export_run(OF_PITCHES, tmp_path / "airs.melgen"))
    object.__setattr__(network.trained.shared, "licence", BAD)
    assert BAD in read_html(to_html(network)).text


def test_a_page_is_in_a_frame_of_its_own(tmp_path):
    page = "<!doctype html><script>let a = '\"&amp;';</script>"
    root = read_html(to_html(Report(page, BAD)))
    (frame,) = root.all("iframe")
    assert frame.attributes["srcdoc"] == page
    assert frame.attributes["title"] == BAD
    assert "allow-same-origin" not in frame.attributes["sandbox"], "its scripts cannot reach the notebook"
    assert Report(page, "a").save(tmp_path / "a.html").read_text() == page
    assert page not in repr(Report(page, "a"))


@pytest.mark.slow
def test_the_page_of_a_run_is_made_or_read(tmp_path):
    run = shutil.copytree(OF_PITCHES, tmp_path / "name" / "run")
    (run / "report.html").unlink(missing_ok=True)
    before = sorted(run.rglob("*"))
    made = melgen.load(run).page()
    assert sorted(run.rglob("*")) == before
    assert made.title == "name/run"
    assert re.match("(?i)<!doctype html>", made.html)
    (run / "report.html").write_text("<p>kept</p>")
    assert read_or_make_report(run) == Report("<p>kept</p>", "name/run")
