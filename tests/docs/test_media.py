"""The animation and the sounds of the documents: they exist, are small, and have the values that are stated."""

import re

import pytest
from PIL import Image

from tests.builders import load_script
from tests.docs.documents import DOCUMENTS, ROOT

MAX_BYTES = {"page.webp": 1_000_000, "song.mp3": 450_000}
MAX_EXAMPLE_BYTES = 60_000
CONCEPTS = (ROOT / "docs/concepts.md").read_text()


MEDIA = load_script("docs/make_media.py")
EXAMPLES = pytest.mark.parametrize("example", MEDIA.EXAMPLES, ids=lambda example: example.name)


def test_the_page_moves():
    with Image.open(MEDIA.ANIMATION) as animation:
        assert animation.n_frames > 1
        pictures = []
        for frame in (0, animation.n_frames // 2, animation.n_frames - 1):
            animation.seek(frame)
            pictures.append(animation.convert("RGB").tobytes())
    assert len(set(pictures)) == len(pictures)


@pytest.mark.parametrize("file", [MEDIA.ANIMATION, MEDIA.SONG], ids=lambda file: file.name)
def test_page_and_song_are_small(file):
    assert 0 < file.stat().st_size < MAX_BYTES[file.name], "make media"


def test_every_sound_is_made_by_the_script():
    made = {f"{example.name}.mp3" for example in MEDIA.EXAMPLES} | {MEDIA.SONG.name}
    assert {file.name for file in MEDIA.SOUNDS.iterdir()} == made


@EXAMPLES
def test_an_example_is_small(example):
    assert 0 < (MEDIA.SOUNDS / f"{example.name}.mp3").stat().st_size < MAX_EXAMPLE_BYTES


@EXAMPLES
def test_the_stated_value_is_the_measured_one(example):
    assert re.findall(rf"\[([^]]*)\]\(sounds/{example.name}\.mp3\)", CONCEPTS) == [f"{example.value:.2f}"]


def test_high_is_above_low():
    for low, high in zip(MEDIA.EXAMPLES[::2], MEDIA.EXAMPLES[1::2], strict=True):
        assert (low.metric, low.name, high.name) == (
            high.metric,
            *(f"{low.name[:-4]}_{end}" for end in ("low", "high")),
        )
        assert high.value > 2 * low.value


def test_the_stated_facts_about_the_notes():
    notes = {example.name: list(example.pitches) for example in MEDIA.EXAMPLES}
    phrase = sorted(MEDIA.PHRASE)
    assert all(sorted(notes[name]) == phrase for name in ("motion_low", "motion_high", "centricity_high"))
    assert len(phrase) == 22
    assert len(set(phrase)) == 7
    assert "D5 F#5 D5 E5 C#5 A4 D5 F#5 A5 G5" in CONCEPTS
    assert MEDIA.PHRASE[:10] == (74, 78, 74, 76, 73, 69, 74, 78, 81, 79)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_players_have_a_file_and_a_link(document):
    text = document.read_text()
    for source in re.findall(r'<audio [^>]*src="([^"]+)"', text):
        assert (document.parent / source).is_file()
        assert f"]({source})" in text, f"{document.name}: without a link GitHub shows nothing for {source}"
