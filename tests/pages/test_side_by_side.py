"""Pages of runs that belong to no study, of folders of songs, and the user's notes on a page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from melgen.bundled import BUNDLED
from melgen.generation.songs import write_songs
from melgen.music import Melody
from melgen.music.midi import write_midi
from melgen.pages.notes import read_notes, to_html
from melgen.pages.side_by_side import distinct_names
from melgen.pages.writing import write_report_of_several
from tests.commands.calling import call
from tests.pages.browser import Browser, missing
from tests.pages.examples import METADATA, MISCHIEF, make_run, read_data, read_pack, walk
from tests.pages.test_page_data import problems_of

pytestmark = pytest.mark.slow


def songs(folder, count, seed):
    write_songs(folder, [Melody.from_pitches(walk(40, seed + i)) for i in range(count)], METADATA)
    return folder


@pytest.mark.slow
def test_runs_are_next_to_each_other(tmp_path, config):
    one, other = (
        make_run(tmp_path / folder / "control-lstm-1-seed0", config, stages=0, network=True) for folder in "ab"
    )
    path = write_report_of_several([one, other], key="runs", out=tmp_path / "both.html", scores=1, progress=False)
    page = path.read_text(encoding="utf-8")
    data = read_data(page)
    assert problems_of(page) == []
    names = ["a/control-lstm-1-seed0", "b/control-lstm-1-seed0"]
    assert data["what"] == "2 runs"
    assert [run["name"] for run in data["runs"]] == names
    assert not any(run["is_selected"] for run in data["runs"]), "nobody selected"
    assert [each["name"] for each in data["song_sets"]][:2] == names
    assert set(read_pack(page, "curves")) == set(names)
    assert {"listen", "runs", "curves", "tonality", "songs"} <= data["sections"].keys()
    findings = {found["label"]: found for found in data["sections"]["listen"]["findings"]}
    assert findings["Predicts unseen tunes best"]["value"] == "undecided", "one seed each"
    assert [network["name"] for network in data["sections"]["play"]["networks"]] == names


def rows_and_sets(places, tmp_path):
    """The labels of the rows of likelihood, and the sets of songs, on a page of runs."""
    path = write_report_of_several(places, key="runs", out=tmp_path / "page.html", scores=0, progress=False)
    page = path.read_text(encoding="utf-8")
    data = read_data(page)
    assert problems_of(page) == []
    chart, *_ = data["sections"]["likelihood"]["row_charts"]
    return [row["label"] for row in chart["rows"]], [one for one in data["song_sets"] if one["role"] == "model"]


def test_no_two_networks_have_the_same_name(tmp_path, config):
    sizes = {"control-lstm-2-seed0-hidden_size-8": 8, "control-lstm-2-seed1-hidden_size-8": 8}
    sizes |= {"control-lstm-2-seed0-hidden_size-16": 16, "user's own name": 32}
    runs = [make_run(tmp_path / name, config | {"hidden_size": size}, stages=0) for name, size in sizes.items()]
    labels, sets = rows_and_sets(runs, tmp_path)
    first, second, _, own = [*sizes]
    assert labels == [[first], [second], ["control lstm 2", "hidden_size 16"], [own]]
    assert [one["label"] for one in sets] == labels
    assert [one["title"] for one in sets] == [first, second, "control-lstm-2 (hidden_size 16)", own]


def test_model_files_keep_their_own_names(tmp_path):
    labels, sets = rows_and_sets([f"melgen:{name}" for name in BUNDLED], tmp_path)
    assert sorted(labels) == [["intervals"], ["pitches"], ["rhythmic"]]
    assert [one["title"] for one in sets] == [*BUNDLED]


def test_folders_of_songs_of_any_program(tmp_path):
    ours = songs(tmp_path / "my-primer-ours", 3, 1)
    (tmp_path / "theirs").mkdir()
    for number in range(2):
        write_midi(Melody.from_pitches(walk(30, 9 + number)), tmp_path / "theirs" / f"{number}.mid")
    (tmp_path / "theirs" / "broken.mid").write_bytes(b"no MIDI")
    path = write_report_of_several(
        [ours, tmp_path / "theirs"], key="songs", out=tmp_path / "songs.html", progress=False
    )
    page = path.read_text(encoding="utf-8")
    data = read_data(page)
    assert problems_of(page) == []
    assert data["title"] == "2 folders of songs: my-primer-ours, theirs"
    assert [(each["title"], each["role"]) for each in data["song_sets"]] == [
        ("my-primer-ours", "model"),
        ("theirs", "model"),
    ]
    assert [len(read_pack(page, f"songs-{number}")["songs"]) for number in (0, 1)] == [3, 2]
    assert "runs" not in data["sections"]
    assert any(notice["text"].startswith("broken.mid cannot be read") for notice in data["notices"])


def test_a_page_without_scores_says_why(tmp_path, monkeypatch):
    import melgen.pages.engraver as engraver

    def missing(melody):
        raise ImportError("Verovio is not installed")

    monkeypatch.setattr(engraver, "_engrave", missing)
    path = write_report_of_several([songs(tmp_path / "ours", 2, 1)], key="songs", out=tmp_path / "a.html")
    data = read_data(path.read_text(encoding="utf-8"))
    reasons = [notice["text"] for notice in data["notices"] if "Verovio is not installed" in notice["text"]]
    assert len(reasons) == 1


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    songs(tmp_path / "ours", 2, 1)
    (tmp_path / "notes.md").write_text(f"# Mine\n\nA *note* {MISCHIEF}\n")
    answer = call("report", "songs=ours", "notes=notes.md", "scores=0", "progress=false")
    assert answer.code == 0, answer.text
    page = (tmp_path / "songs.html").read_text(encoding="utf-8")
    assert "<h1>Mine</h1>" in page
    assert "<em>note</em>" in page
    assert "<img" not in page.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("name", "overrides"),
    [("notes.md", ("notes=notes.md", "out=notes.md")), ("songs.html", ()), ("net.melgen", ("out=net.melgen",))],
)
def test_a_file_that_is_no_page_of_ours_is_kept(name, overrides, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    songs(tmp_path / "ours", 1, 1)
    kept = b"<!doctype html>\n<title>A list of mine, made with melgen.report</title>\n\xff"
    Path(name).write_bytes(kept)
    answer = call("report", "songs=ours", *overrides, "scores=0", "progress=false")
    assert answer.code == 1
    assert f"out={name}: must be free, or an earlier page of melgen; another file is there" in answer.text
    assert Path(name).read_bytes() == kept


def test_an_earlier_page_and_an_empty_file_are_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = songs(tmp_path / "ours", 1, 1)
    Path("songs.html").touch()
    sizes = {
        write_report_of_several([place], key="songs", scores=scores, progress=False).stat().st_size for scores in (0, 1)
    }
    assert len(sizes) == 2


def test_names_of_model_files_are_accepted_for_songs(tmp_path):
    path = write_report_of_several(["melgen:pitches"], key="songs", out=tmp_path / "a.html", scores=0, progress=False)
    data = read_data(path.read_text(encoding="utf-8"))
    assert [each["name"] for each in data["song_sets"]][:1] == ["pitches"]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ((), "exactly one of them is needed"),
        (("run=a", "songs=b"), "got run= and songs="),
        (("songs=absent",), "songs=absent: no such file or folder"),
        (("songs=melgen:absent",), "songs=melgen:absent: no such network"),
        (("study=melgen:absent",), "study=melgen:absent: no such network"),
        (("runs=[damaged.melgen]",), "runs=damaged.melgen: a model file that is damaged"),
        (("songs=ours", "out=ours"), "out=ours: must be the name of a file; this is a directory"),
        (("runs=[absent]",), "runs: absent is not the directory of a run"),
        (("runs=[]",), "runs=[]: at least one directory is needed"),
        (("songs=ours", "workers=0"), "workers=0: must be a whole number of at least 1"),
        (("songs=ours", "workers=two"), "workers=two: must be a whole number of at least 1"),
        (("songs=ours", "notes=absent.md"), "notes=absent.md: cannot be read (No such file or directory)"),
        (("songs=ours", "notes=ours"), "notes=ours: cannot be read (Is a directory)"),
    ],
)
def test_refused_with_key_value_and_rule(overrides, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    songs(tmp_path / "ours", 1, 1)
    (tmp_path / "damaged.melgen").write_bytes(b"PK")
    answer = call("report", *overrides, "progress=false")
    assert answer.code == 1
    assert reason in answer.text
    assert "Traceback" not in answer.text
    assert not [*tmp_path.glob("*.html")]


@given(st.text(alphabet="<>/ab=\"'()[]!*_`#&;: \n", max_size=80))
@example("<b>bold</b> <script>alert(1)</script>")
@example("![a](b) <img src=x onerror=alert(1)>")
def test_notes_have_no_tags_but_those_of_markdown(text):
    from html.parser import HTMLParser

    tags = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.add(tag)
            assert {name for name, _ in attributes} <= {"href", "title", "class", "start"}
            assert not any((value or "").lower().startswith(("javascript:", "data:")) for _, value in attributes)

    Reader().feed(to_html(text))
    allowed = "p em strong a code pre ul ol li blockquote hr br h1 h2 h3 h4 h5 h6 table thead tbody tr th td"
    assert tags <= set(allowed.split())


def test_a_pipe_and_a_large_file_are_refused_before_they_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it
    (tmp_path / "large.md").write_bytes(b"a" * 1_000_001)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"consent=.*pipe: must be a regular file"):
        read_notes(tmp_path / "pipe", "consent")
    with pytest.raises(ValueError, match="at most 1,000,000 bytes"):
        read_notes(tmp_path / "large.md")


def test_large_notes_and_other_encodings_are_refused(tmp_path):
    (tmp_path / "large.md").write_bytes(b"a" * 1_000_001)
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    with pytest.raises(ValueError, match="at most 1,000,000 bytes, got 1,000,001"):
        read_notes(tmp_path / "large.md")
    with pytest.raises(ValueError, match="it is not UTF-8 text"):
        read_notes(tmp_path / "latin.md")


def test_names_that_differ(tmp_path):
    places = [tmp_path / "x" / "songs", tmp_path / "y" / "songs", tmp_path / "z"]
    assert distinct_names(places) == ["x/songs", "y/songs", "z"]
    assert distinct_names([tmp_path, tmp_path]) == ["/".join(tmp_path.parts)] * 2


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Chromium's driver leaves its connection to the collector
def test_songs_without_a_corpus_are_drawn_in_a_browser(tmp_path):
    write_songs(tmp_path / "ours", [Melody.from_pitches(walk(380, seed)) for seed in (3, 4)], METADATA)
    path = write_report_of_several([tmp_path / "ours"], key="songs", out=tmp_path / "songs.html", progress=False)
    browser = Browser()
    try:
        browser.open(path)
        browser.see_all()
        assert browser.logs() == []
        assert browser.run("return document.querySelectorAll('.song-list tbody tr').length") == 2
        heights = browser.run("return [...document.querySelectorAll('.score')].map((score) => score.offsetHeight)")
        assert max(heights) <= 0.72 * 900 + 1
    finally:
        browser.quit()
