"""The methods paragraph: its numbers are those of the study."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from melgen.runs.rate_trials import LearningRates, RateTrial, TunedSetting
from melgen.studies.methods import TunedRates, _optimisation, _size, methods_files
from tests.studies.conftest import STUDY


@pytest.mark.slow
def test_its_numbers_are_those_of_the_study(finished):
    text = (finished / STUDY / "tables" / "methods.md").read_text(encoding="utf-8")
    manifest = json.loads((finished / STUDY / "manifest.json").read_text(encoding="utf-8"))
    assert text.startswith(
        "We trained 8 networks: representations control, interval, cells lstm, 1 and 2 recurrent layers, "
        "2 seeds for each combination."
    )
    for part in (
        "(misc_folk)",
        "80%, 10%, 10%",
        manifest["corpus"]["fingerprint"][:12],
        "have 8 units",
        "Adam at a learning rate of 0.002 (StepLR)",
        "batches of 50 sequences of 50 notes",
        "and 6 updates",
        "lowest val/loss",
        "wrote 3 songs of 9 notes after the primer 60, 62, 64, 62",
        "windows of 12 notes",
        "95% bootstrap intervals of 20 resamples",
    ):
        assert part in text
    assert "None" not in text
    assert not re.search(r"[{}\[\]]", text)


def test_a_network_of_given_size_is_stated_by_that_size():
    network = {"hidden_size": 69, "model": {"embedding_size": 128}}
    assert _size(network) == _size({**network, "parameters": None}) == "layers have 69 units"
    assert _size({**network, "parameters": 100_000}) == (
        "layers are as wide as 100,000 parameters allow with an embedding of 128"
    )
    assert _size({**network, "parameters": None, "remembered": 512}) == (
        "layers are as wide as a state of 512 numbers allows with an embedding of 128"
    )


TRAINING = {
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.002},
    "scheduler": {"schedule": {"_target_": "torch.optim.lr_scheduler.StepLR"}},
    "gradient_clip_norm": None,
    "hidden_size": 8,
    "batch_size": 50,
    "seq_length": 50,
}


def test_tuned_rates_are_a_range_with_the_grid_and_the_budget_of_the_trials():
    one = " ".join(_optimisation(TRAINING, []))
    assert "Adam at a learning rate of 0.002 (StepLR)" in one
    assert "rates" not in one
    trials = [RateTrial(rate, {"7": loss, "8": loss}) for rate, loss in ((0.001, 2.0), (0.002, 1.0), (0.01, 3.0))]
    setting = TunedSetting("control", "lstm", 1, "", {}, tuple(trials))
    rates = LearningRates("val/loss", 500, (7, 8), (setting,))
    tuned = " ".join(_optimisation(TRAINING, [], TunedRates((0.005, 0.002), rates)))
    assert "at a learning rate of 0.002 " not in tuned
    assert "Adam at learning rates of 0.002 to 0.005, tuned for each network (StepLR)" in tuned
    assert tuned.endswith(
        "The rate of each network is the one of 0.001, 0.002 and 0.01 with the lowest val/loss after trials of at most "
        "500 updates (mean of seeds 7 and 8, which no reported network has)."
    )
    unknown = " ".join(_optimisation(TRAINING, [], TunedRates((0.005,), None)))
    assert "Adam at a learning rate of 0.005, tuned for each network (StepLR)" in unknown
    assert "trials" not in unknown


@pytest.mark.slow
def test_latex_escapes_special_characters(finished):
    text = (finished / STUDY / "tables" / "methods.tex").read_text(encoding="utf-8")
    assert r"misc\_folk" in text
    assert r"80\%" in text
    assert not re.search(r"(?<!\\)[%_&#]", text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is missing")
def test_latex_sets_it(finished, tmp_path):
    source = tmp_path / "paper.tex"
    paragraph = (finished / STUDY / "tables" / "methods.tex").read_text(encoding="utf-8")
    source.write_text(rf"\documentclass{{article}}\begin{{document}}{paragraph}\end{{document}}", encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", source.name], cwd=tmp_path, check=True, capture_output=True)


def test_the_files():
    assert methods_files("a 5% share_of") == {"methods.md": "a 5% share_of\n", "methods.tex": "a 5\\% share\\_of\n"}
