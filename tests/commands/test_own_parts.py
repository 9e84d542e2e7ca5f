"""A user's own cell and corpus: a class and a YAML file each, found with --config-dir."""

import os
import sys
from pathlib import Path

import pytest

from melgen.music import Melody
from melgen.music.midi import midi_bytes
from tests.commands.calling import TINY, call, spawn

CELL_CLASS = '''
"""An Elman network that forgets half of what it knew."""

import torch
from melgen.networks import RNN


class Forgetful(RNN):
    name = "forgetful"

    def forward(self, input, state=None):
        return super().forward(input, None if state is None else state / 2)
'''
CELL_YAML = "_target_: my_cells.Forgetful\n_partial_: true\n"
CORPUS_YAML = "_target_: melgen.corpora.FolderCorpus\npath: tunes\n"


@pytest.fixture
def mine(here):
    """A directory with a cell class, its YAML, tunes and the YAML of their corpus."""
    (here / "my_cells.py").write_text(CELL_CLASS)
    (here / "conf" / "cell").mkdir(parents=True)
    (here / "conf" / "cell" / "forgetful.yaml").write_text(CELL_YAML)
    (here / "conf" / "corpus").mkdir()
    (here / "conf" / "corpus" / "village.yaml").write_text(CORPUS_YAML)
    (here / "tunes").mkdir()
    for tune in range(12):
        steps = [0, 2, 4, 2, 0, -1, 0, 4 + tune % 3, 5, 4, 2, 0, 2, tune % 5, 0, 0]
        pitches = [60 + (step + tune) % 13 for step in steps * 2]
        (here / "tunes" / f"{tune}.mid").write_bytes(midi_bytes(Melody.from_pitches(pitches)))
    return here


ARGUMENTS = [
    "--config-dir=conf",
    *(override for override in TINY if "corpus" not in override),
    "corpus=village",
    "cell=forgetful",
    "batch_size=2",
    "seq_length=10",
    "callbacks.sampling.primer=[60,62]",
]


@pytest.mark.slow
def test_a_users_own_cell_and_corpus(mine):
    answer = spawn("train", *ARGUMENTS, cwd=mine)
    assert answer.code == 0
    run = Path("multirun/village/control-forgetful-1-seed0-batch_size-2-hidden_size-8-seq_length-10")
    assert (mine / run / "songs" / "song_002.mid").exists()
    assert "1 x forgetful of 8 units" in answer.text
    assert f"melgen.generate checkpoint={run} songs=20 temperature=0.8 out={run}-songs" in answer.text
    assert "'imports=[my_cells]'" in answer.text

    answer = spawn("generate", f"checkpoint={run}", "primer=[60,62]", "songs=2", "out=out", cwd=mine)
    assert answer.code == 1
    assert "unknown cell 'forgetful'" in answer.text
    assert "imports=[module]" in answer.text
    own = "imports=[my_cells]"
    answer = spawn("generate", f"checkpoint={run}", "primer=[60,62]", "songs=2", "out=out", own, cwd=mine)
    assert answer.code == 0
    assert (mine / "out" / "song_002.mid").exists()


@pytest.mark.slow
def test_a_cell_that_is_not_there_is_named(mine):
    (mine / "my_cells.py").unlink()
    answer = call("train", *ARGUMENTS)
    assert answer.code == 1
    assert "my_cells.Forgetful" in answer.text
    assert "Traceback" not in answer.text


def test_a_missing_config_directory_is_named(here):
    answer = call("train", "--config-dir=missing", *TINY)
    assert answer.code == 1
    assert os.path.abspath("missing") in answer.text or "missing" in answer.text
    assert "Traceback" not in answer.text


def test_the_help_lists_what_a_user_has_added(mine):
    answer = call("train", "--config-dir=conf", "--help")
    assert answer.code == 0
    assert "forgetful" in answer.out
    assert "village" in answer.out
    assert "my_cells" not in sys.modules
