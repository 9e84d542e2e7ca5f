"""The help of the commands, and how fast it is."""

import resource
import subprocess
import sys

import pytest

from melgen.commands import COMMANDS
from melgen.configuration.help import help_text
from melgen.configuration.packaged import primary_files, primary_of
from melgen.configuration.reference import read_reference
from tests.commands.calling import command
from tests.tiers import quick_rows

HELP_SECONDS = 2.0
"""Processor time, which other programs on the machine change little; an idle machine needs a quarter of it."""
HEAVY = {"torch", "pytorch_lightning", "music21", "wandb", "matplotlib", "numpy"}
ANYTHING_HEAVY = HEAVY | {"hydra", "omegaconf"}


def seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@quick_rows(
    1,
    ("verb", "expected"),
    [
        (
            "train",
            [
                "attention gru hgrn2 indrnn lru [lstm] mingru mixed mogrifier",
                "nas rglru rnn slstm ugrnn",
                "[control] db12 interval",
                "layers=2",
                "optimizer.lr=0.002",
                "[basic] local slurm",
            ],
        ),
        ("prepare", ["airds essen folder [folk]", "cleaning.min_length_notes=12"]),
        ("generate", ["checkpoint=melgen:rhythmic ", "a run's directory", "temperature=1.0", "primer=null"]),
        ("evaluate", ["songs= ", "none", "evaluation.span_notes=12"]),
        ("render", ["songs= ", "tempo_qpm=120"]),
        ("study", ["select.criterion=val/loss", "dataset=control,interval,db12", "layers=2"]),
    ],
)
def test_help_answers_quickly_and_without_the_heavy_libraries(verb, expected, tmp_path):
    program = [sys.executable, "-X", "importtime", *command(verb, "--help")[1:]]
    began = seconds_of_children()
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert seconds_of_children() - began < HELP_SECONDS
    for part in expected:
        assert part in done.stdout
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "hydra" in imported, "the list of imports is parsed correctly"
    assert not imported & HEAVY
    assert not list(tmp_path.iterdir()), "the help writes no file"


def test_the_single_command_prints_help_without_hydra(tmp_path):
    program = [sys.executable, "-X", "importtime", "-m", "melgen", "train", "--help"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == subprocess.run(command("train", "-h"), capture_output=True, text=True, check=True).stdout
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "yaml" in imported, "the list of imports is parsed correctly"
    assert not imported & ANYTHING_HEAVY


@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize("width", [72, 80, 110])
def test_help_fits_the_terminal(verb, width):
    """Exceptions: a key with a long default, an example, and commands to paste, which are not broken."""
    for line in help_text(verb, width=width).splitlines():
        words = line.split()
        assert len(line) <= width or words[0] == "python" or "=" in words[0]


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_explains_every_key_of_a_command_and_shows_two_examples(verb):
    text = help_text(verb)
    assert text.count(f"\n  python -m melgen.{verb} ") == 2
    for file in primary_files(primary_of(verb)):
        for row in read_reference(file.read_text()).rows:
            if "." not in row.key and row.meaning not in ("group", "swept over"):
                assert row.meaning, f"{file}: {row.key} needs a comment"
                assert f"\n  {row.key}=" in text
                assert row.meaning.split()[0] in text


def test_help_shows_the_keys_of_the_chosen_options():
    assert "cell.reset_after" not in help_text("train")
    assert "cell.reset_after=true" in help_text("train", ["cell=gru"])
    assert "[gru]" in help_text("train", ["cell=gru"])
    assert "callbacks.sampling.songs=100" in help_text("train")
    assert "callbacks.sampling" not in help_text("train", ["callbacks=none"])
    assert "trainer.max_steps=60" in help_text("train", ["trainer=debug"])


def test_the_package_lists_its_commands(tmp_path):
    done = subprocess.run([sys.executable, "-m", "melgen"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for verb in ("prepare", "train", "study", "generate", "evaluate", "render"):
        assert f"  {verb} " in done.stdout
