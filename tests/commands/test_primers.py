"""A primer out of range of the training tunes causes a warning in a training and with the songs."""

from __future__ import annotations

import json

import pytest

from tests.commands.calling import TINY, TINY_RUN, call
from tests.pages.examples import read_data

FITS = "primer=[72,74,76,74] is in range"


@pytest.mark.slow
def test_training_warns_at_its_start_and_end_and_on_its_page(here):
    answer = call("train", *TINY[:-1], "label=my own name", "trainer.max_steps=2")
    assert answer.code == 0, answer.text
    told = [line for line in answer.text.splitlines() if FITS in line]
    assert len(told) == 2, answer.text
    assert told[0].startswith("primer=[60,62,64,62]: C4 is ")
    assert told[1].startswith("Note: ")
    counts = json.loads((TINY_RUN / "data.json").read_text())["training_values"]
    assert f"C4 is only {counts['60']} of {sum(counts.values()):,} training notes" in told[0]
    page = read_data((TINY_RUN / "report.html").read_text())
    assert any(FITS in notice["text"] for notice in page["notices"])
    assert {"name": "Label", "value": "my own name"} in page["facts"]


@pytest.mark.slow
def test_a_primer_in_range_and_a_training_without_songs_get_no_warning(here):
    for arguments in (["primer=[72,74,76,74]"], ["callbacks.sampling=null", "dataset=interval"]):
        options = [option for option in TINY if not option.startswith("callbacks.sampling") or len(arguments) == 1]
        answer = call("train", *options, *arguments, "trainer.max_steps=2")
        assert answer.code == 0, answer.text
        assert "training notes" not in answer.text


@pytest.mark.slow
def test_generating_warns(trained, here):
    answer = call("generate", f"checkpoint={trained}", "songs=1", "notes=3", "out=songs")
    assert answer.code == 0, answer.text
    assert FITS in answer.text
    answer = call("generate", f"checkpoint={trained}", "songs=1", "notes=3", "out=songs", "primer=[72,74,76,74]")
    assert answer.code == 0, answer.text
    assert "training notes" not in answer.text
