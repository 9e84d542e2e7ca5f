"""What plays in a page, with a clock and an audio context of the tests."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from tests.engine.javascript import node


@pytest.fixture(scope="module")
def sound():
    script = files("melgen.pages").joinpath("assets", "sound.js").read_text(encoding="utf-8")
    with node(script, Path(__file__).with_name("sound_calls.js")) as process:
        yield process


@pytest.mark.parametrize("change", ["nothing", "tempo", "transposition", "seek"])
@pytest.mark.parametrize("until", [72, 96])
@pytest.mark.parametrize("loops", [False, True])
def test_a_passage_comes_to_its_end_whatever_changes_meanwhile(change, until, loops, sound):
    at = {72: 72, 96: 0}[until]  # after the whole track the position is the first step
    assert sound.call("endsAt", change, until, loops) == {"early": None, "ended": True, "at": at}


def test_a_loop_comes_to_no_end(sound):
    assert sound.call("endsAt", "nothing", None, True) == {"early": None, "ended": None, "at": None}


def test_a_note_resumed_in_its_middle_has_the_rest_of_its_length(sound):
    assert sound.call("resumed")[:2] == [[60, 0.06, 0.25], [62, 0.31, 0.5]]


def test_a_seek_adds_no_loop_of_frames(sound):
    assert sound.call("framesAfterSeeks", 50) == [1, 1]


def test_what_was_paused_before_it_began_does_not_begin(sound):
    assert sound.call("pausedWhilePending") == [False, False]


def test_a_track_does_not_inherit_the_end_of_a_passage(sound):
    assert sound.call("untilAfterLoad") == 96


def test_a_song_of_no_notes_does_not_play(sound):
    assert sound.call("nothingToPlay") == [False, False]


@pytest.mark.parametrize(("loops", "expected"), [(False, [False, False]), (True, [True, True])])
def test_the_end_is_found_in_a_page_that_draws_no_frames(loops, expected, sound):
    assert sound.call("inTheBackground", loops)[:2] == expected
