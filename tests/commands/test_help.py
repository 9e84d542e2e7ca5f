"""What the commands say of themselves, and how fast."""

import subprocess
import sys
import time

import pytest

from tests.commands.calling import command

HELP_SECONDS = 3.0
"""Twice what an idle machine of two cores takes is still well below."""
HEAVY = {"torch", "pytorch_lightning", "music21", "wandb", "matplotlib", "numpy"}


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (
            "train",
            ["cell: gru, lstm, mixed, nas, rnn, ugrnn", "dataset: control, db12, interval", "layers: 2"],
        ),
        ("prepare", ["corpus: airds, essen, folder, folk", "min_length_notes: 12"]),
        ("generate", ["checkpoint: ???", "temperature: 1.0", "primer:"]),
        ("evaluate", ["songs: ???", "none", "span_notes: 12"]),
        ("render", ["songs: ???"]),
        ("study", ["criterion: val/loss", "span_notes: 12", "layers: 2"]),
    ],
)
def test_help_answers_quickly_and_without_the_heavy_libraries(verb, said, tmp_path):
    program = [sys.executable, "-X", "importtime", *command(verb, "--help")[1:]]
    began = time.perf_counter()
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert time.perf_counter() - began < HELP_SECONDS
    for part in said:
        assert part in done.stdout
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "hydra" in imported, "the list of imports is read rightly"
    assert not imported & HEAVY
    assert not list(tmp_path.iterdir()), "asking for help leaves nothing behind"


def test_the_package_lists_its_commands(tmp_path):
    done = subprocess.run([sys.executable, "-m", "melgen"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for verb in ("prepare", "train", "study", "generate", "evaluate", "render"):
        assert f"  {verb} " in done.stdout
