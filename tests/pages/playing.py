"""A page of untrained networks to play with, and what a person does with it in Chromium."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from melgen.music import (
    DB12,
    Control,
    Factored,
    Grid,
    Interleaved,
    Interval,
    Joint,
    NoRhythm,
    PaperPairs,
)
from melgen.networks.cells import (
    GRU,
    HGRN2,
    LRU,
    LSTM,
    NAS,
    RGLRU,
    RNN,
    SLSTM,
    UGRNN,
    Attention,
    IndRNN,
    MinGRU,
    Mogrifier,
)
from melgen.pages.content import Content
from melgen.pages.networks import AddedNetwork, add_network
from melgen.pages.page import build_page
from melgen.rendering.engraving import music_font
from tests.builders import untrained
from tests.engine.cases import airs
from tests.pages.browser import Browser, missing

NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Chromium's driver leaves its connection to the collector
]

NETWORKS = {
    "lstm": (Control(), NoRhythm(), {"cell": LSTM, "layers": 2}),
    "gru": (Interval(), NoRhythm(), {"cell": GRU}),
    "gru before": (DB12(), NoRhythm(), {"cell": partial(GRU, reset_after=False)}),
    "rnn": (Control(), NoRhythm(), {"cell": RNN}),
    "nas": (Control(), NoRhythm(), {"cell": NAS}),
    "ugrnn": (Control(), NoRhythm(), {"cell": UGRNN}),
    "slstm": (Interval(), NoRhythm(), {"cell": SLSTM}),
    "mogrifier": (Control(), NoRhythm(), {"cell": Mogrifier}),
    "attention": (Control(), NoRhythm(), {"cell": Attention}),
    "mingru": (Control(), NoRhythm(), {"cell": MinGRU}),
    "minlstm": (Control(), NoRhythm(), {"cell": partial(MinGRU, variant="lstm")}),
    "rglru": (Interval(), NoRhythm(), {"cell": RGLRU}),
    "lru": (Control(), NoRhythm(), {"cell": LRU}),
    "indrnn": (Control(), NoRhythm(), {"cell": IndRNN}),
    "hgrn2": (Control(), NoRhythm(), {"cell": HGRN2}),
    "joint": (Control(), Joint(), {"cell": GRU}),
    "factored": (Control(), Factored(), {"cell": LSTM}),
    "factored interval": (Interval(), Factored(), {"cell": GRU}),
    "grid": (Interval(), Grid(), {"cell": GRU}),
    "interleaved": (DB12(), Interleaved(), {"cell": UGRNN}),
    "pairs": (Interval(), PaperPairs(), {"cell": RNN}),
}
PRIMER = [67, 71, 74, 72]


@pytest.fixture(scope="package")
def networks():
    tunes = airs()[:60]
    return {name: untrained(*two, tunes, **options) for name, (*two, options) in NETWORKS.items()}


@pytest.fixture(scope="package")
def page(networks, tmp_path_factory):
    """A page with all of them, and with nothing else."""
    content = Content("run", "Networks to play with")
    added = [add_network(name, Path("run"), trained, None, 10**8, content) for name, trained in networks.items()]
    assert all(isinstance(one, AddedNetwork) for one in added), content.data["notices"]
    content.data["sections"]["play"] = {"networks": [one.network for one in added], "notices": []}
    path = tmp_path_factory.mktemp("play") / "page.html"
    path.write_text(build_page(content, music_font=music_font()), encoding="utf-8")
    return path


@pytest.fixture(scope="package")
def chromium():
    found = Browser()
    yield found
    found.quit()


class Player:
    """What a person does with the page."""

    def __init__(self, browser: Browser):
        self.browser = browser

    def use(self, name: str) -> None:
        self.option("Network", name)
        self.browser.wait("return melgen.play.panels[0].name === arguments[0]", name)

    def option(self, label: str, value: str) -> None:
        self.browser.run(
            """const field = [...document.querySelectorAll('#play .picker')].find((each) =>
                 each.firstChild.textContent.startsWith(arguments[0])).querySelector('select, input');
               field.value = arguments[1];
               field.dispatchEvent(new Event(field.type === 'range' ? 'input' : 'change'));""",
            label,
            value,
        )
        self.browser.pause()

    def length(self, text: str) -> None:
        self.browser.run(
            "const chips = [...document.querySelectorAll('.lengths-place .chip')];"
            "chips.find((chip) => chip.textContent === arguments[0]).click()",
            text,
        )

    def greedy(self) -> None:
        self.browser.run("melgen.play.choices.temperature = 0")

    def key(self, pitch: int) -> None:
        self.browser.click(f"#play .piano-key[data-pitch='{pitch}']")

    def button(self, text: str) -> None:
        number = self.browser.run(
            "return [...document.querySelectorAll('#play .play-actions button')].findIndex((each) => "
            "each.textContent === arguments[0])",
            text,
        )
        assert number >= 0, text
        self.browser.click("#play .play-actions button", number)
        self.browser.pause()

    def notes(self, panel: int = 0) -> list[list]:
        return self.browser.run(
            "return melgen.play.panels[arguments[0]].notes.map((note) => "
            "[note.pitch, note.onset, note.duration, note.by])",
            panel,
        )

    def message(self) -> str:
        return self.browser.run("return document.querySelector('.play-message').textContent")

    def file(self, ending: str) -> bytes:
        """What a button of the menu saves."""
        return self.browser.saved_by(f"#play [data-file='{ending}']")


@pytest.fixture
def player(chromium, page, request):
    """A page that has been opened; a message of the console fails the test at the end."""
    chromium.open(page, **getattr(request, "param", {}))
    chromium.go_to("play")
    chromium.wait("return window.melgen && window.melgen.play")
    yield Player(chromium)
    assert chromium.logs() == []
    assert [url for url in chromium.requests() if not url.startswith(("file:", "data:", "blob:"))] == []
