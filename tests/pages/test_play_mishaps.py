"""The part of the page that one plays with, used in ways that nobody planned."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest

from tests.pages.playing import NEEDS_CHROMIUM, PRIMER

pytestmark = NEEDS_CHROMIUM


def play_primer(player):
    for pitch in PRIMER:
        player.key(pitch)


def choose_key(player, key: str, code: int) -> None:
    """Press a key of the editor."""
    player.browser.run("document.querySelector('.editor').focus()")
    player.browser.press(key, code)


def follow_one_another(notes: list[list]) -> bool:
    return all(before[1] + before[2] <= after[1] for before, after in pairwise(notes))


def test_every_rhythm_offers_lengths_of_notes(player):
    for name in ("joint", "factored", "grid", "interleaved", "pairs"):
        player.use(name)
        found = player.browser.run(
            "return [...document.querySelectorAll('.lengths-place .chip')].map((chip) => chip.textContent)"
        )
        assert {"1/8", "1/4", "1/2"} <= set(found), name


def test_a_chosen_length_is_that_of_the_next_note(player):
    player.use("factored")
    player.length("1/8")
    player.key(67)
    assert player.notes() == [[67, 0, 12, "you"]]


@pytest.mark.parametrize("length", [6, 96])
def test_a_network_without_rhythm_writes_after_notes_of_other_lengths(length, player):
    player.use("grid")
    player.browser.run("melgen.play.choices.length = arguments[0]", length)
    player.key(67)
    player.key(69)
    player.use("lstm")
    player.button("Continue")
    notes = player.notes()
    assert len(notes) == 18
    assert follow_one_another(notes)
    assert notes[2][1] == 2 * length  # without a gap
    player.use("grid")
    assert player.notes() == notes


def test_a_network_that_cannot_end_a_tune_writes_the_chosen_number_of_notes(player):
    player.use("lstm")
    player.browser.run("melgen.play.choices.untilEnd = true")
    player.key(67)
    player.button("Continue")
    assert len(player.notes()) == 17


def test_undo_takes_back_the_last_change_alone(player):
    player.use("lstm")
    play_primer(player)
    player.option("Next to it", "joint")
    player.browser.wait("return melgen.play.panels.length === 2 && melgen.play.panels[1].voice")
    player.browser.run("document.querySelectorAll('.editor')[1].focus()")
    player.browser.press("ArrowLeft", 37)
    player.browser.press("Delete", 46)
    assert [len(player.notes(panel)) for panel in (0, 1)] == [4, 3]
    player.button("Undo")
    assert [len(player.notes(panel)) for panel in (0, 1)] == [4, 4]
    player.option("Next to it", "")
    player.button("Undo")
    assert [note[0] for note in player.notes()] == PRIMER[:3]


def test_undo_takes_back_a_rest_before_the_note_that_precedes_it(player):
    player.use("grid")
    player.key(67)
    player.button("Rest")
    assert player.message() == "A rest of 1 quarter comes before the next note."
    player.button("Undo")
    player.key(69)
    assert player.notes() == [[67, 0, 24, "you"], [69, 24, 24, "you"]]


def test_a_deleted_note_leaves_no_gap(player):
    player.use("factored interval")
    play_primer(player)
    choose_key(player, "Home", 36)
    choose_key(player, "Delete", 46)
    assert [note[:2] for note in player.notes()] == [[71, 0], [74, 24], [72, 48]]
    for _ in range(3):
        choose_key(player, "Delete", 46)
    assert player.notes() == []


def test_a_note_that_is_chosen_plays_on(player):
    player.use("factored")
    play_primer(player)
    player.button("Continue")
    choose_key(player, "Home", 36)
    assert player.browser.run("return melgen.player.playing && melgen.player.track === melgen.play.panels[0].track")
    assert player.browser.run("return document.querySelector('#announcement').textContent").startswith(
        "Note 1 of 20: G4"
    )


def test_the_warning_goes_when_its_note_is_mended(player):
    player.use("lstm")
    player.key(36)
    assert "never occurred" in player.message()
    choose_key(player, "End", 35)
    for _ in range(31):
        choose_key(player, "ArrowUp", 38)
    assert player.notes()[0][0] == 67
    assert player.message() == ""


def test_a_full_tune_is_explained(player):
    player.use("lstm")
    player.key(67)
    player.browser.run("melgen.play.choices.notes = 500")
    player.button("Continue")
    for act in (lambda: player.button("Continue"), lambda: player.key(67)):
        act()
        assert len(player.notes()) == 400
        assert player.message() == "A tune can have 400 notes at most."


def test_the_same_network_twice_writes_two_continuations(player):
    player.use("lstm")
    player.key(67)
    player.option("Next to it", "lstm")
    player.browser.wait("return melgen.play.panels.length === 2 && melgen.play.panels[1].voice")
    player.button("Continue")
    assert player.notes(0) != player.notes(1)


def test_hasty_choices_leave_one_second_network_and_the_last_first_one(player):
    player.browser.run(
        """const choose = (label, value) => {
             const fields = [...document.querySelectorAll('#play .picker')];
             const field = fields.find((each) => each.firstChild.textContent === label);
             field.querySelector('select').value = value;
             field.querySelector('select').dispatchEvent(new Event('change'));
           };
           for (const name of ['grid', 'pairs', 'joint']) { choose('Next to it', name); choose('Network', name); }
           melgen.player.ring = () => {}; // a click by a script may not make a sound
           document.querySelector('.piano-key').click();"""
    )
    player.browser.wait("return melgen.play.panels.every((panel) => panel.voice && panel.name === 'joint')")
    assert player.browser.run("return document.querySelectorAll('.play-panel').length") == 2


def test_the_chips_and_the_link_follow_another_first_network(player):
    chips = "return [...document.querySelectorAll('#play .labelled .chip')].map((chip) => chip.textContent).slice(0, 2)"
    player.use("lstm")
    player.key(67)
    player.option("Next to it", "gru")
    player.browser.wait("return melgen.play.panels[1]?.voice")
    assert player.browser.run(chips) == ["lstm", "gru"]
    before = player.browser.run("return location.hash")
    player.use("nas")
    assert player.browser.run(chips) == ["nas", "gru"]
    player.browser.wait("return location.hash !== arguments[0]", before)
    address = player.browser.run("return location.href")
    player.browser.driver.get("about:blank")
    player.browser.driver.get(address)
    player.browser.wait("return window.melgen?.play?.panels[0].name === 'nas'")


def test_a_tune_that_was_cleared_leaves_the_player(player):
    player.use("lstm")
    player.key(67)
    player.button("Continue")
    assert player.browser.run("return !document.querySelector('#player').hidden")
    player.button("Clear")
    assert player.browser.run("return melgen.player.track === null && document.querySelector('#player').hidden")


def test_bar_lines_remain_after_a_drag_that_the_browser_ends(player):
    player.use("factored")
    play_primer(player)
    player.key(67)
    count = "return document.querySelectorAll('.editor line.bar').length"
    before = player.browser.run(count)
    player.browser.run("document.querySelector('.editor svg').dispatchEvent(new PointerEvent('pointercancel'))")
    assert player.browser.run(count) == before > 0


def test_letters_can_be_turned_off(player):
    player.option("Letters Z and Q play", "")
    player.browser.press("KeyQ", 81)
    assert player.notes() == []
    player.option("Letters Z and Q play", "48")
    player.browser.press("KeyQ", 81)
    assert [note[0] for note in player.notes()] == [60]


def test_the_play_button_keeps_the_focus_while_letters_write(player):
    player.use("lstm")
    player.key(67)
    player.browser.run("document.querySelector('.play-panel .primary').focus()")
    player.browser.press("KeyQ", 81)
    assert len(player.notes()) == 2
    assert player.browser.run("return document.activeElement.matches('.play-panel .primary')")


def test_a_text_that_is_not_copied_is_not_called_copied(player):
    player.use("lstm")
    player.key(67)
    player.browser.run("""
        Object.defineProperty(navigator, "clipboard", { value: undefined });
        document.execCommand = () => false;
        document.querySelector("[data-file=link]").click();""")
    player.browser.wait("return document.querySelector('.play-message').textContent")
    assert player.message() == "The browser did not copy the link. It is in the address bar."
    assert player.browser.run("return document.querySelector('#announcement').textContent") == (
        "Link could not be copied"
    )


def test_the_metre_remains_with_a_network_that_knows_it(player):
    player.use("factored")
    player.option("Metre", "6/8")
    player.use("joint")
    shown = "return document.querySelector('.play-lengths select').value"
    assert player.browser.run(shown) == "6/8"
    assert player.browser.run("return melgen.play.panels[0].header.metre") == [6, 8]


def test_a_tune_beyond_midi_is_not_saved(player):
    player.use("lstm")
    player.key(96)
    player.browser.run("melgen.play.panels[0].notes[0].pitch = 120; melgen.player.setTransposition(12)")
    for ending, name in (("mid", "MIDI"), ("musicxml", "MusicXML"), ("abc", "ABC")):
        player.browser.run("document.querySelector(`[data-file='${arguments[0]}']`).click()", ending)
        player.browser.pause()
        assert player.message().startswith(f"The file cannot be made: {name} has the notes from")


def test_a_key_that_is_held_plays_once(player):
    player.browser.run("document.querySelector('.piano-key[data-pitch=\"67\"]').focus()")
    for number in range(4):
        event = {"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        player.browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {**event, "autoRepeat": number > 0})
    assert [note[0] for note in player.notes()] == [67]


def test_letters_play_while_a_slider_has_the_focus_and_choose_in_a_list(player):
    player.browser.run("document.querySelector('#play input[type=range]').focus()")
    player.browser.press("KeyQ", 81)
    assert [note[0] for note in player.notes()] == [72]
    player.browser.run("document.querySelector('#play select').focus()")
    player.browser.press("KeyQ", 81)
    assert len(player.notes()) == 1


def test_a_link_in_an_open_page_shows_its_tune_and_metre(player):
    def follow(**tune):
        text = base64.urlsafe_b64encode(json.dumps(tune).encode()).decode()
        player.browser.run("location.hash = `#tune=${arguments[0]}`", text)

    follow(name="joint", metre=[6, 8], primer=1, notes=[[67, 0, 24, 1]])
    player.browser.wait("return melgen.play.panels[0].name === 'joint' && melgen.play.panels[0].notes.length === 1")
    assert player.browser.run("return melgen.play.panels[0].header.metre") == [6, 8]
    assert player.browser.run("return document.querySelector('#play select').value") == "joint"
    follow(name="another", primer=1, notes=[[67, 0, 24, 1], [69, 24, 24, 0]])
    player.browser.wait("return melgen.play.panels[0].notes.length === 2")
    player.browser.pause()
    assert player.message() == "The tune was written with another, which is not in this page."


def test_the_score_follows_the_width_of_the_window(player):
    player.use("lstm")
    play_primer(player)
    player.button("Continue")
    metrics = {"width": 500, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    player.browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    player.browser.pause()
    player.browser.wait(
        "return document.querySelector('.staff').clientWidth <= document.querySelector('.score').clientWidth"
    )


def test_without_the_music_font_or_sound_it_still_writes(player):
    player.browser.run(
        "delete window.AudioContext; delete window.webkitAudioContext; delete window.OfflineAudioContext"
    )
    player.browser.run("document.getElementById('melgen-E0A4').remove()")
    player.key(67)
    player.button("Continue")
    assert len(player.notes()) == 17
    assert player.browser.run("return document.querySelector('.score').childElementCount") == 0
    assert player.browser.run("return melgen.player.playing")
    player.browser.run("document.querySelector('[data-file=wav]').click()")
    player.browser.pause()
    assert player.message() == "The file cannot be made: this browser makes no sound."


@pytest.mark.parametrize("player", [{"width": 390}], indirect=True)
def test_a_bar_that_is_wider_than_a_phone_scrolls_in_its_place(player):
    player.use("factored")
    player.key(67)
    player.browser.run(
        """const panel = melgen.play.panels[0];
           const note = (i) => ({ pitch: 60 + i % 12, onset: 6 * i, duration: 6, by: "you" });
           panel.notes = Array.from({ length: 48 }, (_, i) => note(i));
           panel.update({ metre: [12, 8], pickup: 0 });"""
    )
    assert player.browser.run("return document.querySelector('.staff').clientWidth") > 390
    player.browser.run("document.querySelector('.play-files').open = true")
    assert player.browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("player", [{"width": 390}], indirect=True)
def test_a_finger_drags_a_note_and_scrolls_the_page_beside_it(player):
    browser = player.browser
    player.use("lstm")
    player.key(67)
    browser.run("document.querySelector('.editor').scrollIntoView({ block: 'center' })")
    browser.pause()
    box = """const box = document.querySelector(arguments[0]).getBoundingClientRect();
             return [box.left, box.top, box.right];"""

    def swipe(x, y, by):
        for kind, points in (
            ("touchStart", [y]),
            *(("touchMove", [y + by * step / 9]) for step in range(1, 10)),
            ("touchEnd", []),
        ):
            touches = [{"x": x, "y": at} for at in points]
            browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
            browser.pause()

    before = browser.run("return scrollY")
    left, top, _ = browser.run(box, ".a-note .body")
    swipe(left + 8, top + 4, -27)  # three rows
    assert [note[0] for note in player.notes()] == [70]
    assert browser.run("return scrollY") == before
    _, top, right = browser.run(box, ".editor")
    swipe(right - 20, top + 40, 60)
    assert browser.run("return scrollY") < before


def label_of_lengths(player) -> str:
    return player.browser.run("return document.querySelector('.lengths-place .chips-name').textContent")


def test_the_roll_does_not_move_while_a_note_is_dragged(player):
    browser = player.browser
    player.use("lstm")
    player.key(67)
    player.option("Notes", "60")
    player.button("Continue")
    browser.run("melgen.player.pause(); document.querySelector('#play .editor').scrollLeft = 0")
    follow = """
        melgen.play.panels[0].editor.mark(arguments[0] * 24);
        return document.querySelector('#play .editor').scrollLeft;"""
    browser.run("document.querySelector('#play .editor').scrollIntoView({ block: 'center' })")
    browser.pause()
    place = browser.run(
        "const box = document.querySelector('#play .a-note .body').getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]"
    )
    mouse = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mousePressed", **mouse})
    assert browser.run(follow, 50) == 0
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseReleased", **mouse})
    assert browser.run(follow, 50) > 0


@pytest.mark.parametrize("then", ["Continue from here", "Clear", "a key"])
def test_the_lengths_are_those_of_the_next_note_when_none_is_chosen_any_more(then, player):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.browser.run("document.querySelector('.editor').focus()")
    player.browser.press("ArrowLeft", 37)
    player.browser.press("ArrowLeft", 37)
    assert label_of_lengths(player) == "Length of note 3"
    if then == "a key":
        player.key(67)
    else:
        player.button(then)
    assert label_of_lengths(player) == "Length of the next note"
    before = player.notes()
    player.length("1/8")
    assert player.notes() == before
    player.key(67)
    assert player.notes()[-1][2] == 12


def test_two_networks_go_on_from_the_note_that_is_chosen_in_one(player):
    player.use("lstm")
    for pitch in PRIMER:
        player.key(pitch)
    player.option("Next to it", "factored")
    player.browser.wait("return melgen.play.panels.length === 2 && melgen.play.panels[1].voice")
    player.button("Continue")
    first = player.notes(0)
    player.browser.run("document.querySelector('.editor').focus()")
    player.browser.press("Home", 36)
    player.browser.press("ArrowRight", 39)
    player.button("Continue from here")
    assert player.notes(0)[:2] == player.notes(1)[:2] == first[:2]
    assert player.notes(0) != first, "other notes than before"
