"""A melody in Jupyter: its score, its sound, and what of a long one is left out."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.display import to_html, to_text
from melgen.display.melody import beginning
from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from tests.display.reading import drawings_of, notes_of, read_html, sounds_of

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror="x">', "a & b < c", "</div></svg>", "\0\x1b[31m\udcff'"]


def tune(notes, title="", quarter=24):
    return Melody.from_pitches([60 + 2 * (place % 7) for place in range(notes)], quarter, title)


def test_a_melody_has_its_score_and_its_sound():
    root = read_html(text := to_html(tune(34)))
    (drawing,) = drawings_of(text)
    assert notes_of(drawing) == set(range(34))
    assert len([group for group in drawing.iter() if group.get("class") == "notehead"]) == 34
    ((samples, rate),) = sounds_of(root)
    assert rate == 22_050
    assert len(samples) / rate == pytest.approx(34 / 2 + 0.4, abs=0.15)  # MP3 has whole frames
    assert root.all("p")[-1].text == "34 notes, 17.0 s."
    assert len(text) < 150_000


def test_the_sound_is_the_melody():
    """The strongest frequency in the middle of each note."""
    melody = Melody.from_pitches([69, 76, 57])
    ((samples, rate),) = sounds_of(read_html(to_html(melody)))
    for place, expected in enumerate([440.0, 659.3, 220.0]):
        part = samples[round((place * 0.5 + 0.1) * rate) : round((place * 0.5 + 0.45) * rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
        assert np.argmax(spectrum) * rate / (8 * len(part)) == pytest.approx(expected, rel=0.01)


def test_equal_melodies_have_equal_html():
    assert to_html(tune(5, "Kate")) == to_html(tune(5, "Kate"))
    assert to_html(tune(5, "Kate")) != to_html(tune(5, "Bet"))


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("engraver", [True, False])
def test_a_title_is_text(title, engraver, monkeypatch):
    if not engraver:
        monkeypatch.setitem(sys.modules, "verovio", None)
        monkeypatch.setattr("melgen.rendering.engraving._toolkit", _no_toolkit)
    text = to_html(tune(3, title))
    root = read_html(text)
    assert len(drawings_of(text)) == 1
    assert not root.all("img")
    text.encode()  # a notebook is UTF-8
    assert not set(text) & set("\0\x1b")


def _no_toolkit():
    raise ImportError("scores need Verovio, which cannot be imported; <b>install</b> it")


def test_without_an_engraver_there_is_a_piano_roll(monkeypatch):
    monkeypatch.setattr("melgen.rendering.engraving._toolkit", _no_toolkit)
    melody = Melody((60, 72, 60), (0, 24, 72), (24, 48, 0))
    root = read_html(text := to_html(melody))
    (drawing,) = drawings_of(text)
    first, second, third = (element.attrib for element in drawing.iter() if element.get("data-note") is not None)
    assert float(second["x"]) == pytest.approx((4 + float(third["x"]) - 8 + 4) / 3 + 8 / 3, abs=0.2)
    assert float(first["y"]) == float(third["y"]) > float(second["y"])
    assert float(second["width"]) == pytest.approx(2 * float(first["width"]), abs=0.6)
    assert float(third["width"]) == 1
    assert "A piano roll instead of a score: scores need Verovio" in root.text
    assert not root.all("b")
    assert len(sounds_of(root)) == 1


def test_an_empty_melody():
    root = read_html(to_html(Melody((), (), ())))
    assert root.text.strip() == "0 notes, 0.0 s."
    assert not root.all("audio") + root.all("svg")
    assert to_text(Melody((), (), ())) == "Melody of 0 notes: "


@pytest.mark.slow
def test_of_a_long_melody_the_beginning_is_shown():
    root = read_html(text := to_html(tune(5000)))
    (drawing,) = drawings_of(text)
    assert notes_of(drawing) == set(range(400))
    ((samples, rate),) = sounds_of(root)
    assert len(samples) / rate == pytest.approx(60.4, abs=0.2)
    assert "5,000 notes, 2,500.0 s. Only its first 400 notes, or ten minutes, are shown." in root.text
    assert "Only its first minute is heard." in root.text
    assert len(text) < 900_000


@pytest.mark.slow
@pytest.mark.parametrize("notes", [120, 121])
def test_a_minute_is_heard_whole(notes):
    text = to_html(tune(notes))
    assert ("first minute" in text) == (notes > 120)
    assert "are shown" not in text


def test_a_melody_of_a_month_is_shown_at_once():
    """Its bars would fill the memory."""
    last = 2**31 - 10
    melody = Melody((60, 62), (0, last), (24, 9), metres=(MetreChange(0, Metre(4, 4)),), bars=(0, last))
    root = read_html(text := to_html(melody))
    assert notes_of(drawings_of(text)[0]) == {0}
    assert "Only its first" in root.text
    assert len(sounds_of(root)[0][0]) < 22_050


def test_a_melody_that_cannot_be_played_has_the_reason():
    root = read_html(text := to_html(Melody((60, 200), (0, 24), (24, 24))))
    assert not root.all("audio")
    assert "note 2 has pitch 200; MIDI pitches are 0 to 127" in root.text
    assert notes_of(drawings_of(text)[0]) == {0, 1}


def test_the_text_of_a_melody():
    assert to_text(Melody.from_pitches([60, 62])) == "Melody of 2 notes: C4 D4"
    assert len(to_text(tune(100_000))) < 150


notes = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 200)), max_size=20).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)


@given(notes, st.integers(0, 25), st.integers(0, 600))
@settings(deadline=None)
def test_a_beginning_has_the_notes_before_its_end(pairs, count, steps):
    melody = Melody((60,) * len(pairs), tuple(each[0] for each in pairs), tuple(each[1] for each in pairs))
    part = beginning(melody, count, steps)
    expected = [(onset, min(length, steps - onset)) for onset, length in pairs if onset < steps][:count]
    assert list(zip(part.onsets, part.durations, strict=True)) == expected
    assert beginning(melody, len(pairs), 1000) == melody
