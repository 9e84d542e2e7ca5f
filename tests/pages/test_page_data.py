"""The data of a page from both sides: Python writes the keys that JavaScript reads."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from melgen.pages.schema import PACKS, PageData, Song
from melgen.pages.sections import find_sections
from tests.pages.examples import make_run, read_data, read_pack, write_section
from tests.pages.javascript import names_defined, names_read
from tests.pages.shapes import dicts_in, keys_of, problems

OTHER_NAMES = """
AudioContext LN2 OfflineAudioContext PI Plotly abs activeElement add addEventListener altKey append assign at blur body
bottom buffer button catch ceil charCodeAt checked children classList clear click clientHeight clientWidth clientY
clipboard closest code concat connect contains createAnalyser createDynamicsCompressor createElement createElementNS
createGain createObjectURL createOscillator createPeriodicWave ctrlKey currentTime delete destination disconnect
dispatchEvent documentElement done entries escape every execCommand filter find findIndex firstElementChild flat flatMap
floor focus fontFamily forEach found freeze frequency fromCharCode gain get getBoundingClientRect getChannelData
getElementById getItem getPropertyValue has hasOwn hash head hostname importNode imul includes indexOf isArray
isConnected isInteger isIntersecting isNaN join keys lastElementChild linearRampToValueAtTime localeCompare log10 log2
map match matches message metaKey observe offsetHeight offsetLeft on outputLatency parse parseFromString pathname
pipeThrough pointerId pop preventDefault protocol purge push querySelector querySelectorAll random react readyState
reduce remove removeAttribute removeEventListener repeat replace replaceAll replaceChildren replaceState
requestMIDIAccess resume reverse revokeObjectURL round scrollBy scrollHeight scrollIntoView scrollLeft scrollWidth
search select set setAttribute setInt16 setItem setPeriodicWave setPointerCapture setProperty setTargetAtTime setUint16
setUint32 setUint8 setValueAtTime slice some sort splice split sqrt start startRendering startsWith stream stringify
subarray target then toFixed toLocaleString toLowerCase toUpperCase trim unshift webkitAudioContext writeText
"""
"""Members of the browser, the language and Plotly that JavaScript reads. Names of our own data do not belong here."""


def scripts() -> dict[str, str]:
    package = files("melgen.pages")
    folders = (package / "assets", package / "sections", files("melgen.engine"))
    paths = [path for folder in folders for path in folder.iterdir() if path.name.endswith(".js")]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def typed_packs() -> dict[str, Any]:
    return PACKS | {name: kind for found in find_sections() for name, kind in found.section.packs.items()}


def typed_keys() -> set[str]:
    kinds = [PageData, *(found.section.data for found in find_sections()), *typed_packs().values()]
    return {key for kind in kinds for each in dicts_in(kind) for key in keys_of(each)}


@cache
def known_names() -> set[str]:
    """Typed keys, and what the scripts define or the browser has."""
    defined = set().union(*map(names_defined, scripts().values()))
    return typed_keys() | defined | set(OTHER_NAMES.split())


def problems_of(page: str) -> list[str]:
    data = read_data(page)
    found = list(problems(data, PageData))
    sections = {found.name: found.section for found in find_sections()}
    for name, own in data["sections"].items():
        found += problems(own, sections[name].data, f"section {name}")
    for name in re.findall(r'id="pack-([^"]+)"', page):
        if name != "plotly":
            found += problems(read_pack(page, name), typed_packs()[re.sub(r"\d+$", "N", name)], f"pack {name}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["run", "study"])
def test_pages_have_the_typed_keys_and_types(kind, pages):
    page = pages[kind].read_text(encoding="utf-8")
    assert problems_of(page) == []
    shown = set(read_data(page)["sections"])
    here = {found.name for found in find_sections() if getattr(found.section, f"of_{kind}")}
    assert here - shown <= {"log", "primers"}, "every other section is in one of the examples"


@pytest.mark.slow
def test_a_page_of_hardly_anything_has_them_too(tmp_path, config):
    from melgen.files import write_json
    from melgen.music import Melody
    from melgen.pages.writing import write_report

    run = make_run(tmp_path / "mine", config, songs=[Melody.from_pitches([60])], stages=0)
    write_json(run / "status.json", {"state": "failed", "error": "it broke off"})
    (run / "error.txt").write_text("it broke off")
    page = write_report(run, progress=False).read_text(encoding="utf-8")
    assert problems_of(page) == []
    assert "log" in read_data(page)["sections"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pitch": 1}, "page: pitch is not in Song"),
        ({"pitches": None}, "page.pitches: None is not a list"),
        ({"pitches": [60.5]}, "page.pitches[0]: 60.5 is not a <class 'int'>"),
        ({"values": [None, True]}, "page.values[1]: True is not a float | None"),
        ({"shared": {"in_song": 1, "in_tune": 2}}, "page.shared: notes of Passage is missing"),
    ],
)
def test_the_check_finds_wrong_data(change, problem):
    song = {"name": "a", "pitches": [60], "onsets": [0], "durations": [24]}
    assert list(problems(song, Song)) == []
    assert list(problems(song | change, Song)) == [problem]


@pytest.mark.parametrize("name", sorted(scripts()))
def test_javascript_reads_typed_keys_only(name):
    assert names_read(scripts()[name]) - known_names() == set()


def test_every_typed_key_is_read():
    read = set().union(*map(names_read, scripts().values()))
    template = files("melgen.pages").joinpath("assets", "page.html").read_text(encoding="utf-8")
    read |= set(re.findall(r"\b(?:page|fact|notice)\.(\w+)", template))
    assert typed_keys() - read == set()


def test_labels_of_metrics_are_in_their_table_only():
    from melgen.evaluation.run_metrics import RUN_METRICS
    from melgen.evaluation.song_metrics import METRICS

    for metric in (*METRICS, *RUN_METRICS):
        for name, script in scripts().items():
            assert f'"{metric.key}"' not in script, (name, metric.key)


@pytest.mark.slow
def test_a_section_is_one_python_and_one_javascript_file(own_folder, run, tmp_path):
    from melgen.pages.sections import add_folder
    from melgen.pages.writing import write_report

    write_section(own_folder)
    add_folder(own_folder)
    page = write_report(run, out=tmp_path / "page.html", scores=0, progress=False).read_text(encoding="utf-8")
    assert problems_of(page) == []
    assert list(read_data(page)["sections"])[:2] == ["listen", "greeting"], "by position"
    assert read_data(page)["sections"]["greeting"] == {"text": "14 songs"}
    assert read_pack(page, "greeting") == [14]
    assert 'addSection("greeting"' in page


@pytest.mark.parametrize(
    ("files_of_it", "message"),
    [
        ({"greeting.py": ""}, "greeting.js is missing"),
        ({"greeting.js": 'addSection("greeting", draw)'}, "greeting.py is missing"),
        ({"greeting.py": "", "greeting.js": 'addSection("greeting", draw)'}, "SECTION must be"),
        ({"greeting.py": None, "greeting.js": 'addSection("other", draw)'}, 'must call addSection("greeting"'),
        ({"songs.py": "", "songs.js": ""}, "another folder has a section of this name"),
    ],
)
def test_half_a_section_is_refused(own_folder, files_of_it, message):
    from melgen.pages.sections import add_folder

    write_section(own_folder)
    for path in own_folder.iterdir():
        if path.name not in files_of_it:
            path.unlink()
    for name, text in files_of_it.items():
        if text is not None:
            (own_folder / name).write_text(text)
    add_folder(own_folder)
    with pytest.raises(ValueError, match=re.escape(message)):
        find_sections()


def test_a_path_that_is_not_a_folder_has_no_sections(tmp_path):
    from melgen.pages.sections import add_folder

    with pytest.raises(ValueError, match="not a folder"):
        add_folder(tmp_path / "none")
