"""A whole test in a real browser, with the keyboard alone, from the file system, with the network off."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from melgen.listening.answers import read_answers
from melgen.listening.exclusions import apply_rules
from melgen.listening.writing import read_consent, write_test
from tests.listening.making import SMALL, small_test
from tests.pages.browser import CONTRAST, LOUDNESS, Browser, missing, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    # Chromium's driver leaves its connection to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

QUICK = dataclasses.replace(SMALL, tempo=400, notes=6, comparisons=4, checks=1)
"""Excerpts of less than a second."""
KEYS = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowDown": 40}


@pytest.fixture
def browser():
    """One for each test: all pages from the file system share a store, which may be cleared too late for the next."""
    found = Browser()
    yield found
    found.quit()


@pytest.fixture
def made_test(made, tmp_path):
    """The key and the page of a short test."""
    test = small_test(made / "pitches", QUICK)
    return test.key, write_test(tmp_path / "test", test, read_consent(None))


@pytest.fixture
def listener(browser, made_test, tmp_path):
    """A page that has just been opened; a message of the console or a request fails the test at the end."""
    browser.open(made_test[1])
    where = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
    browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    yield Keyboard(browser)
    assert browser.logs() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:"))] == []


class Keyboard:
    """A listener without a mouse."""

    def __init__(self, browser: Browser):
        self.browser = browser

    def press(self, key: str) -> None:
        self.browser.press(key, KEYS[key])

    def focus(self, selector: str) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(25):
            if self.browser.run("return document.activeElement.matches(arguments[0])", selector):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def activate(self, selector: str) -> None:
        self.focus(selector)
        self.press("Enter")

    def text(self, selector: str = "main") -> str:
        return self.browser.run("return document.querySelector(arguments[0]).innerText", selector)

    def step(self) -> str:
        return self.browser.run("return document.querySelector('main > section').dataset.step.split(' ').at(-1)")

    def reach_the_first_comparison(self) -> None:
        assert self.step() == "consent"
        self.activate(".primary")
        assert self.step() == "training"
        self.focus("input[name=training]")
        self.press("ArrowDown")  # from the first, which Tab reaches, to the second
        self.activate(".primary")
        assert self.step() == "sound"
        self.activate(".primary")
        until(lambda: self.browser.run(LOUDNESS) > 0.01, "the test sound is heard")
        self.activate("section > div:last-child .primary")
        self.browser.wait("return document.querySelector('[data-side=A]')")

    def hear(self, side: str) -> None:
        self.activate(f"[data-side={side}]")
        number = "AB".index(side)
        self.browser.wait("return document.querySelectorAll('.side p')[arguments[0]].textContent === 'heard'", number)

    def answer(self, value: str) -> None:
        self.focus("input[name=answer]")
        self.press("Space")
        for _ in range(["first", "same", "second"].index(value)):
            self.press("ArrowDown")
        assert self.browser.run("return document.querySelector('input[name=answer]:checked').value") == value
        self.activate(".primary")

    def position(self) -> str:
        return self.text(".progress p")


def saved_in(folder):
    return until(lambda: [path for path in folder.glob("*.json") if path.stat().st_size], "a file is saved")[0]


def test_a_listener_takes_the_whole_test_with_the_keyboard(listener, made_test, tmp_path):
    key, _ = made_test
    listener.reach_the_first_comparison()
    given = []
    for number in range(5):
        assert listener.position() == f"{number + 1} of 5"
        assert listener.browser.run("return document.querySelectorAll('input[name=answer]:disabled').length") == 3
        listener.hear("A")
        assert listener.browser.run("return document.querySelector('input[name=answer]').disabled")
        listener.hear("B")
        is_check = listener.step() == "check-item"
        if is_check:
            assert "one single note" in listener.text("h2")
        else:
            assert listener.text("h2") == SMALL.question
            value = ["first", "second", "same", "first", "second"][number]
        if is_check:  # the sheet is known only from the code, which the page shows at the end
            listener.activate(".link")
            code = listener.text(".code")
            listener.activate(".link")
            listener.hear("A")
            listener.hear("B")
            asked = key.sheets[key.sheet_of(code)][number]
            assert asked.is_check
            value = "first" if key.is_right(asked, "first") else "second"
        given.append(value)
        listener.answer(value)
    assert listener.step() == "end"
    code = listener.text(".code")
    listener.activate(".primary")
    file = saved_in(tmp_path / "saved")
    assert file.name == f"answers-{code}.json"
    (found,), *_ = read_answers(file.parent, key)
    assert (found.code, found.training) == (code, "some")
    assert [each.choice for each in found.answers] == given
    assert all(each.plays == (1, 1) for each in found.answers if not each.known)
    kept = apply_rules(key, [found])
    assert kept.excluded == {}
    assert len(kept.judgements) == 4
    seconds = np.array([each.seconds for each in found.answers])
    assert (seconds >= 1.6 * key.seconds).all()
    content = json.loads(file.read_text())
    assert content.keys() == {"format", "version", "test", "code", "sheet", "training", "answers"}


def test_a_reload_keeps_the_answers_and_a_part_can_be_saved(listener, made_test, tmp_path):
    key, _ = made_test
    for _ in range(4):
        listener.reach_the_first_comparison()
        listener.hear("A")
        listener.hear("B")
        listener.answer("first")
        assert listener.position() == "2 of 5"
        listener.browser.run("addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true)")
        if listener.browser.reload():
            break
    assert listener.step() != "consent", "Chromium gives a page from the file system a store"
    assert "Your 1 answer so far" in listener.text()
    listener.activate(".primary")
    listener.activate("section > div:last-child .primary")
    assert listener.position() == "2 of 5"
    listener.activate(".link")
    assert "1 of 5 comparisons are answered" in listener.text()
    listener.activate(".primary")
    (found,), *_ = read_answers(saved_in(tmp_path / "saved").parent, key)
    assert [each.choice for each in found.answers] == ["first"]
    assert apply_rules(key, [found]).excluded == {found.code: "answered 1 of 4 comparisons"}


def test_both_tunes_must_be_heard_and_letters_play_them(listener):
    listener.reach_the_first_comparison()
    listener.browser.press("a", 65)
    listener.browser.wait("return document.querySelector('.side').classList.contains('playing')")
    listener.browser.press("b", 66)  # the other one takes over
    listener.browser.wait("return document.querySelectorAll('.side p')[1].textContent === 'heard'")
    first = listener.browser.run("return document.querySelector('.side p').textContent")
    is_possible = listener.browser.run("return !document.querySelector('input[name=answer]').disabled")
    assert is_possible == (first == "heard")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_step_fits_and_can_be_read(browser, made_test, width, dark):
    browser.open(made_test[1], width=width, dark=dark)
    for step, button in (("consent", 0), ("training", 0), ("sound", 1), ("comparison", None)):
        assert browser.run("return document.querySelector('main > section').dataset.step") == step
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.run(CONTRAST) == []
        assert browser.names_missing() == []
        if step == "sound":
            browser.click(".primary", 0)
        if button is not None:
            browser.click(".primary", button)
    assert browser.logs() == []


def test_who_hears_nothing_does_not_begin(listener):
    listener.activate(".primary")
    listener.activate(".primary")
    listener.browser.run("window.AudioContext = window.webkitAudioContext = undefined")
    listener.activate(".primary")
    listener.browser.wait("return !document.querySelector('.notice').hidden")
    assert listener.browser.run("return document.querySelector('section > div:last-child .primary').disabled")


def test_answers_that_no_file_holds_are_deleted_only_after_a_question(listener):
    listener.reach_the_first_comparison()
    listener.hear("A")
    listener.hear("B")
    listener.answer("first")
    listener.browser.driver.refresh()
    kept = "return Object.values(localStorage).map((each) => JSON.parse(each))"
    assert not listener.browser.run(kept)[0]["isSaved"]
    listener.browser.run("window.confirm = (text) => { window.asked = text; return false; }")
    listener.activate(".link")
    assert "not saved" in listener.browser.run("return window.asked")
    assert len(listener.browser.run(kept)[0]["answers"]) == 1
