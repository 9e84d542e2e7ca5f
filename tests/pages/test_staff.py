"""The score that the page draws itself: which notes beams and triplets join."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from melgen.music.metre import STEPS_PER_QUARTER
from tests.engine.javascript import node


@pytest.fixture(scope="module")
def staff():
    assets = files("melgen.pages").joinpath("assets")
    scripts = [assets.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in ("song_files", "staff")]
    script = "\n".join([f"const STEPS_PER_QUARTER = {STEPS_PER_QUARTER};", *scripts])
    with node(script, Path(__file__).with_name("staff_calls.js")) as process:
        yield process


def song(metre, lengths, pickup=0):
    """Notes of these lengths in steps, one after the other; a negative length is a rest."""
    notes, now = [], 0
    for length in lengths:
        if length > 0:
            notes.append({"pitch": 60, "onset": now, "duration": length})
        now += abs(length)
    return {"title": "", "tempo": 120, "metre": metre, "pickup": pickup, "notes": notes}


@pytest.mark.parametrize(
    ("metre", "lengths", "expected"),
    [
        ([2, 4], [12, 12, 6, 6, 12], [[0, 1], [2, 3, 4]]),  # by quarters
        ([2, 4], [24, 12, 12], [[1, 2]]),
        ([2, 4], [12, 24, 12], []),  # neighbours in one beat only
        ([2, 4], [6, -6, 6, 6, 24], [[2, 3]]),  # a rest divides a beam
        ([2, 4], [18, 6, 8, 8, 8], [[0, 1], [2, 3, 4]]),
        ([6, 8], [12, 12, 12, 24, 12], [[0, 1, 2]]),  # by dotted quarters
        ([3, 8], [12, 12, 12], [[0, 1, 2]]),
        ([12, 8], [36, 12, 12, 12, 36, 36], [[1, 2, 3]]),
        ([2, 2], [12] * 4 + [48], [[0, 1], [2, 3]]),
        ([5, 4], [12, 12, 96], [[0, 1]]),
    ],
)
def test_beams_join_the_short_notes_of_a_beat(metre, lengths, expected, staff):
    assert staff.call("beams", song(metre, lengths)) == [expected]


def test_beams_of_a_pickup_follow_the_beats_of_its_bar(staff):
    # The first eighth is the end of a beat.
    assert staff.call("beams", song([2, 4], [12, 12, 12, 48], pickup=36)) == [[[1, 2]], []]


def test_triplets_are_joined_up_to_the_next_quarter(staff):
    assert staff.call("triplets", song([4, 4], [8, 8, 8, 8, 16, 16, 16, 8, 8])) == [[[0, 1, 2], [3, 4], [5, 6, 7, 8]]]
    assert staff.call("triplets", song([2, 4], [24, 8, 8, -8])) == [[[1, 2, 3]]]
