"""The notes that other programs read in our files: music21, abc2midi (in symusic) and Verovio.

Each function gives onset, duration and pitch of every note, in steps of 1/24 quarter.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from melgen.music.metre import STEPS_PER_QUARTER
from tests.rendering.melodies import Notes


def music21_score(text: str, kind: str) -> Any:
    import music21

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return music21.converter.parseData(text, format=kind)


def music21_notes(text: str, kind: str) -> Notes:
    """Tied notes are joined here: music21's own way to do so leaves out those of pitch 0."""
    score = music21_score(text, kind)
    found: list[list[Any]] = []
    for note in score.recurse().notes:
        onset = note.getOffsetInHierarchy(score) * STEPS_PER_QUARTER
        duration = note.duration.quarterLength * STEPS_PER_QUARTER
        if note.tie is not None and note.tie.type in ("stop", "continue"):
            assert onset == found[-1][0] + found[-1][1]
            assert kind == "abc" or note.pitch.midi == found[-1][2], "in ABC it may forget a sign between tied notes"
            found[-1][1] += duration
        else:
            found.append([onset, duration, note.pitch.midi])
    return [tuple(note) for note in found]  # type: ignore[misc]


def abc2midi_notes(text: str) -> Notes:
    """abc2midi plays every note a tick late and a tick short, which is less than a step."""
    import symusic

    score = symusic.Score.from_abc(text)
    (track,) = score.tracks
    per_step = score.ticks_per_quarter / STEPS_PER_QUARTER
    return [(round(note.time / per_step), round(note.duration / per_step), note.pitch) for note in track.notes]


@lru_cache(maxsize=1)
def _verovio() -> Any:
    import verovio

    return verovio.toolkit()


def verovio_notes(musicxml: str) -> Notes:
    """The notes like those of the others, with the number of the note in our ids instead of its pitch."""
    toolkit = _verovio()
    assert toolkit.loadData(musicxml)
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for event in toolkit.renderToTimemap():
        time = round(event["qstamp"] * STEPS_PER_QUARTER)
        for name in event.get("on", ()):
            starts.setdefault(_number(name), time)
        for name in event.get("off", ()):
            ends[_number(name)] = time
    return [(start, ends[number] - start, number) for number, start in starts.items()]


def _number(name: str) -> int:
    return int(name.removeprefix("n").partition("-")[0])
