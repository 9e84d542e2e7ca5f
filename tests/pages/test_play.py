"""The part of the page that one plays with, in a real browser, from the file system, with the network off."""

from __future__ import annotations

import base64
import json
import wave
from io import BytesIO

import pytest

from melgen.engine.network import rounded
from melgen.generation.composing import Composer
from melgen.generation.song_files import read_song_folder
from melgen.music import Melody
from melgen.pages.content import Content
from melgen.pages.networks import TooLargeNetwork, add_network, why_left_out
from tests.pages.playing import NEEDS_CHROMIUM, NETWORKS, PRIMER

pytestmark = NEEDS_CHROMIUM


def test_a_network_beyond_the_limit_is_left_out_with_the_command_that_serves_it(networks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = Content("study", "Small")
    found = add_network("lstm", tmp_path / "my runs" / "lstm", networks["lstm"], None, 1000, content)
    assert isinstance(found, TooLargeNetwork)
    assert not content.packs
    reason = why_left_out([found, found._replace(name="gru")], 500, 1000)
    sizes = f"lstm ({found.size / 1e6:.3f} MB) and gru ({found.size / 1e6:.3f} MB)"
    assert f"No room to play {sizes}: the networks in this page take 0.001 of at most 0.001 MB" in reason
    assert reason.endswith("""This command serves the first: python -m melgen.play 'run="my runs/lstm"'""")
    assert "lstm (" in (several := why_left_out([found] * 5, 0, 1000))
    assert "and 3 more networks" in several


def commonest_metre(trained):
    """That of the page, where a tune begins on a full bar."""
    return trained.vocabulary.commonest_header().metre


@pytest.mark.parametrize("name", NETWORKS)
def test_a_greedy_continuation_is_that_of_torch(name, player, networks):
    trained = networks[name]
    player.use(name)
    player.greedy()
    for pitch in PRIMER:
        player.key(pitch)
    assert [note[0] for note in player.notes()] == PRIMER, player.message()
    player.option("Notes", "20")
    player.button("Continue")
    primer = Melody.from_pitches(PRIMER)
    options = {"metre": commonest_metre(trained).name, "pickup": 0} if trained.has_rhythm else {}
    composer = Composer(rounded(trained.model), trained.representation, trained.vocabulary, trained.rhythm)
    (song,), _ = composer.compose(
        primer if trained.has_rhythm else PRIMER, songs=1, notes=20, selection="greedy", **options
    )
    expected = [*map(list, zip(song.pitches, song.onsets, song.durations, strict=True))]
    assert [note[:3] for note in player.notes()] == expected
    assert {note[3] for note in player.notes()[: len(PRIMER)]} == {"you"}


@pytest.mark.parametrize("name", ["lstm", "joint", "factored"])
def test_keys_are_shaded_by_the_probability_of_the_next_note(name, player, networks):
    import torch

    trained = networks[name]
    player.use(name)
    for pitch in PRIMER:
        player.key(pitch)
    shares = player.browser.run(
        "return Object.fromEntries([...document.querySelectorAll('.piano-key')].map((key) => "
        "[key.dataset.pitch, Number(key.dataset.share)]))"
    )
    if trained.has_rhythm:
        header = trained.vocabulary.commonest_header(commonest_metre(trained), 0)
        encoded = trained.encoding.encode_primer(Melody.from_pitches(PRIMER), header)
        tokens = trained.vocabulary.encode(encoded, strict=True)
        grammar = trained.encoding.grammar(trained.vocabulary)
        reading = grammar.begin([PRIMER[0]])
        for token in tokens if tokens.ndim == 1 else tokens[:, 0]:
            reading = grammar.read(reading, token[None])
        allowed = torch.from_numpy(grammar.next_allowed(reading)[0])
        of_symbol = [trained.rhythm.value_of(symbol) for symbol in trained.vocabulary.symbols.values.tolist()]
        is_note = [trained.rhythm.kind_of(symbol) == "note" for symbol in trained.vocabulary.symbols.values.tolist()]
    else:
        tokens = trained.vocabulary.encode(PRIMER, strict=True)
        allowed = torch.ones(len(trained.vocabulary), dtype=torch.bool)
        of_symbol, is_note = trained.vocabulary.values.tolist(), [True] * len(trained.vocabulary)
    with torch.inference_mode():
        logits = rounded(trained.model)(torch.from_numpy(tokens)[None])[0][0, -1]
    probabilities = torch.softmax(logits.double().masked_fill(~allowed, -torch.inf), 0)
    expected: dict[int, float] = {}
    for value, sounds, probability in zip(of_symbol, is_note, probabilities.tolist(), strict=True):
        if sounds:
            expected[value] = expected.get(value, 0) + probability
    total = sum(expected.values())
    for pitch, share in expected.items():
        if 36 <= pitch <= 96:
            assert shares[str(pitch)] == pytest.approx(share / total, abs=1e-4), pitch


def test_another_continuation_undo_and_clear(player):
    player.use("factored")
    player.key(67)
    player.button("Continue")
    first = player.notes()
    player.button("Again")
    assert player.notes()[0] == first[0]
    assert player.notes() != first
    player.button("Undo")
    assert player.notes() == first
    player.button("Clear")
    assert player.notes() == []


def test_a_computer_keyboard_and_a_midi_keyboard_play_too(player):
    browser = player.browser
    browser.press("KeyQ", 81)
    assert [note[0] for note in player.notes()] == [72]
    browser.run(
        """const input = { name: "a test" };
           window.input = input;
           navigator.requestMIDIAccess = async () => ({ inputs: new Map([[1, input]]) });"""
    )
    player.button("MIDI keyboard")
    assert player.message() == "Listening to a test."
    browser.run(
        "window.input.onmidimessage({ data: [0x90, 64, 100] }); window.input.onmidimessage({ data: [0x80, 64, 0] })"
    )
    assert [note[0] for note in player.notes()] == [72, 64]


def test_a_midi_keyboard_that_is_refused_or_not_supported_is_explained(player):
    player.browser.run("navigator.requestMIDIAccess = async () => { throw new Error('no'); }")
    player.button("MIDI keyboard")
    assert player.message().startswith("The browser refused MIDI to this file.")
    player.browser.run("navigator.requestMIDIAccess = undefined")
    player.button("MIDI keyboard")
    assert player.message().startswith("This browser gives pages no MIDI.")


def test_a_note_can_be_moved_and_deleted_with_keys(player):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.browser.run("document.querySelector('.editor').focus()")
    player.browser.press("ArrowLeft", 37)  # the last note
    player.browser.press("ArrowUp", 38)
    assert [note[0] for note in player.notes()] == [67, 71, 74, 73]
    player.browser.press("ArrowLeft", 37)
    player.browser.press("Delete", 46)
    assert [note[0] for note in player.notes()] == [67, 71, 73]


def test_it_goes_on_from_a_chosen_note(player):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.browser.run("document.querySelector('.editor').focus()")
    for _ in range(3):
        player.browser.press("ArrowLeft", 37)
    player.button("Continue from here")
    notes = player.notes()
    assert [note[0] for note in notes[:2]] == PRIMER[:2]
    assert {note[3] for note in notes[2:]} == {"network"}


def test_two_networks_next_to_each_other(player):
    player.use("lstm")
    for pitch in PRIMER:
        player.key(pitch)
    player.option("Next to it", "factored")
    player.browser.wait("return melgen.play.panels.length === 2 && melgen.play.panels[1].voice")
    player.button("Continue")
    for panel in (0, 1):
        assert [note[0] for note in player.notes(panel)][:4] == PRIMER
        assert len(player.notes(panel)) > 4
    assert player.browser.run("return document.querySelectorAll('.play-panel .editor').length") == 2


def test_only_notes_of_a_scale(player):
    player.use("lstm")
    player.option("Only notes of a scale", "pentatonic")
    player.option("Scale begins on", "7")
    player.key(67)
    player.option("Notes", "40")
    player.button("Continue")
    written = {note[0] % 12 for note in player.notes() if note[3] == "network"}
    assert written <= {(7 + step) % 12 for step in (0, 2, 4, 7, 9)}


def test_a_scale_is_shown_as_a_mask_on_the_keys(player):
    player.use("lstm")
    for pitch in PRIMER:
        player.key(pitch)
    shares = dict(player.browser.run("return [...melgen.play.panels[0].judged.shares]"))
    player.option("Only notes of a scale", "major")
    player.option("Scale begins on", "7")
    keys = player.browser.run(
        "return [...document.querySelectorAll('.piano-key')].map((key) => "
        "[Number(key.dataset.pitch), key.classList.contains('outside'), Number(key.dataset.share)])"
    )
    scale = {(7 + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)}
    assert {pitch for pitch, outside, _ in keys if not outside} == {pitch for pitch, *_ in keys if pitch % 12 in scale}
    inside = sum(share for pitch, share in shares.items() if pitch % 12 in scale)
    for pitch, outside, share in keys:
        assert share == pytest.approx(0 if outside else shares.get(pitch, 0) / inside, abs=1e-6)


def test_notes_outside_the_scale_are_counted(player):
    """The network knows no note of this scale, so it keeps none."""
    player.use("lstm")
    player.key(67)
    player.browser.run(
        "melgen.play.choices.scale = 'any';"
        "for (const panel of melgen.play.panels) {"
        "  const inside = panel.voice.writer.inPitchClasses.bind(panel.voice.writer);"
        "  panel.voice.writer.inPitchClasses = (reading) => inside(reading, []); }"
    )
    player.option("Notes", "5")
    player.option("Only notes of a scale", "pentatonic")
    player.greedy()
    player.button("Continue")
    outside = sum(note[0] % 12 not in (0, 2, 4, 7, 9) for note in player.notes() if note[3] == "network")
    assert outside
    assert "outside the scale, where the network knew no note in it." in player.message()
    assert player.message().startswith(f"{outside} note")


def test_a_chosen_note_can_be_made_longer(player):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.browser.run("document.querySelector('.editor').focus()")
    for _ in range(3):
        player.browser.press("ArrowLeft", 37)  # to the second note
    assert "Length of note 2" in player.browser.run("return document.querySelector('.lengths-place').textContent")
    player.length("1/2")
    assert [note[1:3] for note in player.notes()] == [[0, 24], [24, 48], [72, 24], [96, 24]]
    player.browser.run("document.querySelector('.editor').focus()")
    player.browser.press("-", 189)
    assert [note[1:3] for note in player.notes()][1:3] == [[24, 36], [60, 24]]
    player.browser.press("+", 187)
    assert [note[1:3] for note in player.notes()][1:3] == [[24, 48], [72, 24]]
    player.button("Undo")
    assert [note[1:3] for note in player.notes()][1:3] == [[24, 36], [60, 24]]


def test_the_keys_show_either_of_two_networks(player):
    player.use("lstm")
    for pitch in PRIMER:
        player.key(pitch)
    player.option("Next to it", "gru")
    player.browser.wait("return melgen.play.panels.length === 2 && melgen.play.panels[1].voice")
    shares = "return [...document.querySelectorAll('.piano-key')].map((key) => Number(key.dataset.share))"
    first = player.browser.run(shares)
    player.browser.run(
        "[...document.querySelectorAll('.labelled .chip')].find((chip) => chip.textContent === 'gru').click()"
    )
    second = player.browser.run(shares)
    assert first != second
    expected = player.browser.run(
        "const { shares } = melgen.play.panels[1].judged;"
        "return [...document.querySelectorAll('.piano-key')].map((key) => shares.get(Number(key.dataset.pitch)) || 0)"
    )
    assert second == pytest.approx(expected, abs=1e-6)


def test_a_primer_outside_the_vocabulary_is_explained_and_its_keys_are_marked(player):
    player.use("lstm")
    marked = player.browser.run(
        "return [...document.querySelectorAll('.piano-key.impossible')].map((key) => Number(key.dataset.pitch))"
    )
    assert 36 in marked
    player.key(36)
    assert player.message() == "Note 1: this pitch never occurred in training"
    player.button("Continue")
    assert "never occurred in training" in player.message()
    assert [note[0] for note in player.notes()] == [36]


@pytest.mark.parametrize("name", ["lstm", "factored", "grid"])
def test_files_are_valid_and_hold_the_tune(name, player, tmp_path):
    from music21 import converter

    player.use(name)
    for pitch in PRIMER:
        player.key(pitch)
    player.option("Notes", "30")
    player.button("Continue")
    notes = player.notes()
    pitches = [note[0] for note in notes]
    for ending in ("mid", "musicxml", "abc"):
        (tmp_path / ending).mkdir()
        (tmp_path / ending / f"tune.{ending}").write_bytes(player.file(ending))
        found = read_song_folder(tmp_path / ending, workers=1)
        assert not found.unread
        (melody,) = found.songs.values()
        assert list(melody.pitches) == pitches, ending
        assert list(melody.onsets) == [note[1] - notes[0][1] for note in notes], ending
        assert list(melody.durations) == [note[2] for note in notes], ending
    score = converter.parse(tmp_path / "musicxml" / "tune.musicxml")
    sounding = score.flatten().notes.stream().stripTies()
    assert [note.pitch.midi for note in sounding.notes] == pitches
    assert [round(note.quarterLength * 24) for note in sounding.notes] == [note[2] for note in notes]
    for measure in score.parts[0].getElementsByClass("Measure")[1:]:
        assert measure.duration.quarterLength == measure.barDuration.quarterLength
    with wave.open(BytesIO(player.file("wav"))) as sound:
        seconds = max(note[1] + note[2] for note in notes) / 48  # 120 quarters a minute
        assert sound.getnframes() / sound.getframerate() == pytest.approx(seconds + 0.4, abs=0.01)
        assert max(abs(int.from_bytes(sound.readframes(1), "little", signed=True)) for _ in range(20_000)) > 1000


def test_a_link_brings_the_tune_back(player, chromium, page):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.button("Continue")
    notes = player.notes()
    address = chromium.run("return location.href")
    assert "#tune=" in address
    chromium.driver.get("about:blank")
    chromium.driver.get(address)
    chromium.wait("return window.melgen && window.melgen.play && window.melgen.play.panels[0].notes.length > 0")
    assert player.notes() == notes
    assert chromium.run("return melgen.play.panels[0].name") == "factored"


@pytest.mark.parametrize(
    "tune",
    [
        "%%%",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"null").decode(),
        *(
            base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
            for content in (
                {"name": "lstm", "primer": 9, "notes": [[60, 0, 24, 1]]},
                {"name": "lstm", "primer": 1, "notes": [[600, 0, 24, 1]]},
                {"name": "lstm", "primer": 1, "notes": [[60, 0, 24, 1], [60, 12, 24, 1]]},
                {"name": "lstm", "primer": 0, "notes": [[60, 0, 1, 1]] * 401},
                {"name": "lstm", "primer": 0, "notes": [{}]},
            )
        ),
    ],
)
def test_a_damaged_link_is_explained(tune, chromium, page):
    chromium.driver.get("about:blank")
    chromium.driver.get(f"{page.resolve().as_uri()}#tune={tune}")
    chromium.wait("return window.melgen && window.melgen.play")
    assert chromium.run("return document.querySelector('.play-message').textContent").startswith("The link to a tune")
    assert chromium.run("return melgen.play.panels[0].notes.length") == 0
    assert chromium.logs() == []


@pytest.mark.parametrize("player", [{"width": 390}], indirect=True)
def test_on_a_phone_the_page_does_not_scroll_sideways(player):
    player.use("factored")
    for pitch in PRIMER:
        player.key(pitch)
    player.option("Notes", "60")
    player.button("Continue")
    assert player.browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_control_has_a_name(player):
    player.use("factored")
    player.key(67)
    nameless = player.browser.run(
        """return [...document.querySelectorAll('#play button, #play select, #play input')].filter((each) =>
             !(each.textContent.trim() || each.getAttribute('aria-label') || each.closest('label')))
             .map((each) => each.outerHTML)"""
    )
    assert nameless == []
