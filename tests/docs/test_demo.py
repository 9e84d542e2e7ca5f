"""``docs/demo.html``, the live demonstration: small, of the networks that come with melgen, and free of requests."""

from __future__ import annotations

import base64
import re

import pytest

from melgen.bundled import BUNDLED, PAGES, bundled_file
from melgen.generation.song_files import read_song_folder
from melgen.model_files.weights import read_model_file
from tests.builders import load_script
from tests.docs.documents import ROOT
from tests.pages.browser import Browser, missing
from tests.pages.examples import read_data, read_pack

SCRIPT = load_script("docs/make_demo.py")
PAGE = SCRIPT.DEMO.read_text(encoding="utf-8")


def test_it_is_small_and_the_one_that_play_serves():
    assert 0 < SCRIPT.DEMO.stat().st_size < SCRIPT.MOST_BYTES, "make demo"
    assert PAGES[1] == SCRIPT.DEMO


def test_its_networks_are_those_that_come_with_melgen():
    assert [network["name"] for network in read_data(PAGE)["sections"]["play"]["networks"]] == [*BUNDLED]


@pytest.mark.parametrize("name", BUNDLED)
def test_its_songs_are_those_of_the_model_files(name):
    shown = read_pack(PAGE, f"songs-{[*BUNDLED].index(name)}")["songs"]
    songs = read_song_folder(bundled_file(f"melgen:{name}")).songs
    assert [song["name"] for song in shown] == [*songs]
    assert [song["pitches"] for song in shown] == [list(song.pitches) for song in songs.values()]


@pytest.mark.parametrize("name", BUNDLED)
def test_its_weights_are_those_of_the_model_files(name):
    stored = base64.b64decode(read_pack(PAGE, f"network-{[*BUNDLED].index(name)}")["network"]["weights"])
    for key, weight in read_model_file(bundled_file(f"melgen:{name}")).weights.items():
        # The page has this one as two: for the state, and for the note that was chosen.
        parts = weight.chunk(2, dim=1) if key == "duration_hidden.weight" else [weight]
        assert all(part.numpy().astype("<f2").tobytes() in stored for part in parts), f"{key}: make demo"


def test_it_credits_the_transcribers_and_names_the_licence():
    text = re.sub(r"\s+", " ", PAGE)
    for credited in ("Jack Campin", "Henrik Norbeck", "Ray Davies", "music21", "CC BY 4.0"):
        assert credited in text


def test_the_picture_of_the_readme_links_to_it():
    assert re.search(
        r"\[!\[[^]]*\]\(docs/figures/page\.webp\)\]\(docs/demo\.html#play\)", (ROOT / "README.md").read_text()
    )


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Chromium's driver leaves its connection to the collector
def test_it_plays_in_chromium_without_an_error_or_a_request():
    browser = Browser()
    try:
        browser.open(SCRIPT.DEMO)
        browser.see_all()
        browser.go_to("play")
        browser.wait("return window.melgen && window.melgen.play")
        for number in range(len(BUNDLED)):
            browser.run(
                "const choice = document.querySelector('#play select'); choice.selectedIndex = arguments[0];"
                "choice.dispatchEvent(new Event('change'))",
                number,
            )
            for pitch in (67, 71, 74, 72):
                browser.click(f"#play .piano-key[data-pitch='{pitch}']")
            browser.click("#play .play-actions button")  # Continue
            browser.wait("return melgen.play.panels[0].notes.length > 8")
            notes = browser.run("return melgen.play.panels[0].notes.map((note) => note.by)")
            assert set(notes[4:]) == {"network"}
            browser.run(
                "[...document.querySelectorAll('#play button')].find((one) => one.textContent === 'Clear').click()"
            )
            browser.wait("return melgen.play.panels[0].notes.length === 0")
        assert browser.logs() == []
        assert [url for url in browser.requests() if not url.startswith(("data:", "blob:"))] == [SCRIPT.DEMO.as_uri()]
    finally:
        browser.quit()
