"""``learning_rates=FILE``: the rate that it sets, the name and identity of the run, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from melgen.files import write_json
from melgen.runs.choices import Choices, choices_of
from melgen.runs.identity import identity_of
from melgen.runs.learning_rates import corpus_of, read_rates, size_of, tuned_rate, used_otherwise
from melgen.runs.rate_trials import LearningRates, Purpose, RateTrial, TunedSetting, where_of
from melgen.runs.solved_keys import with_solved_keys
from melgen.runs.variants import variants_in
from tests.runs.composing import composed, names_of
from tests.runs.test_size_keys import RUN

KEYS = ["cell._target_", "layers"]
TRIALS = (RateTrial(0.001, {"7": 2.0}), RateTrial(0.004, {"7": 1.5}), RateTrial(0.016, {}, (7,)))


def setting(cell, layers, trials=TRIALS):
    where = where_of(composed(f"cell={cell}", f"layers={layers}"), KEYS)
    return TunedSetting("control", cell, layers, "", where, trials)


LSTM = setting("lstm", 2)
GRU = setting("gru", 2, (RateTrial(0.001, {"7": 1.0}), RateTrial(0.002, {"7": 1.0})))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "learning_rates.json"
    write_json(path, LearningRates("val/loss", 100, (7,), (LSTM, GRU)).to_dict())
    return path


def config_of(*overrides):
    config = composed("name=n", "run_dir=/r", *overrides)
    return with_solved_keys(OmegaConf.create({k: v for k, v in config.items_ex(resolve=False) if k != "hydra"}))


@pytest.mark.parametrize(("cell", "rate"), [("lstm", 0.004), ("gru", 0.001)])
def test_it_is_the_run_with_the_same_rate_by_hand(file, cell, rate):
    tuned, by_hand = [f"cell={cell}", f"learning_rates={file}"], [f"cell={cell}", f"optimizer.lr={rate}"]
    assert names_of(*tuned) == names_of(*by_hand) == ("folk", f"control-{cell}-2-seed0-optimizer.lr-{rate}")
    assert identity_of(config_of(*tuned), "f") == identity_of(config_of(*by_hand), "f")
    assert config_of(*tuned).optimizer.lr == rate


def test_the_chosen_rate_is_the_lowest_mean_without_divergence():
    one_of_two = RateTrial(0.002, {"7": 0.1}, (8,))
    assert math.isinf(one_of_two.mean)
    assert replace(LSTM, trials=(*TRIALS, one_of_two)).best.rate == 0.004
    assert RateTrial(0.1, {"7": 1.0, "8": 2.0}).mean == 1.5


def test_the_ends_of_the_grid_are_marked():
    low, middle, high = (RateTrial(rate, {"7": loss}) for rate, loss in ((1e-3, 2.0), (2e-3, 1.0), (4e-3, 3.0)))
    assert replace(LSTM, trials=(low, middle, high)).edge == ""
    assert replace(LSTM, trials=(middle, high)).edge == "lowest"
    assert replace(LSTM, trials=(low, middle)).edge == "highest"
    assert replace(LSTM, trials=(middle,)).edge == ""


_NUMBERS = st.floats(1e-6, 10)


@given(
    st.lists(
        st.builds(RateTrial, _NUMBERS, st.dictionaries(st.sampled_from("123"), _NUMBERS), st.just((4,)) | st.just(())),
        min_size=1,
    )
)
def test_a_file_is_read_as_it_was_written(trials):
    rates = LearningRates("val/loss", 100, (7,), (replace(LSTM, trials=tuple(trials)),))
    assert LearningRates.from_dict(json.loads(json.dumps(rates.to_dict()))) == rates


def test_networks_with_tuned_rates_are_no_variants(file):
    runs = [
        Choices("control", cell, choices_of(RUN, config_of(f"cell={cell}", f"learning_rates={file}")).settings)
        for cell in ("lstm", "gru")
    ]
    assert [variant.text for variant in variants_in(runs)] == ["", ""]


TUNED_FOR = ("corpus=folder", "path=tunes", "trainer.max_steps=400", "hidden_size=64")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seed=5", []),
        ("hidden_size=32", ["hidden_size=32, tuned for 64"]),
        ("trainer.max_steps=800", ["trainer.max_steps=800, tuned for 400"]),
        ("path=others", ["corpus FolderCorpus path=others, tuned for FolderCorpus path=tunes"]),
        ("corpus=folk", ["corpus FolkCorpus, tuned for FolderCorpus path=tunes"]),
    ],
)
def test_another_use_is_named(file, change, words):
    wanted = composed("name=n", "run_dir=/r", *TUNED_FOR)
    purpose = Purpose(corpus_of(wanted), (400,))
    rates = LearningRates("val/loss", 100, (7,), (replace(LSTM, size=size_of(wanted)),), purpose)
    write_json(file, rates.to_dict())
    assert LearningRates.from_dict(json.loads(file.read_text())) == rates
    assert used_otherwise(config_of(*TUNED_FOR, change, f"learning_rates={file}")) == words
    assert used_otherwise(config_of(*TUNED_FOR, change)) == []


def test_a_number_of_parameters_is_compared_with_the_same_number(file):
    setting = replace(LSTM, size={"parameters": 50_000, "hidden_size": 70})
    write_json(file, LearningRates("val/loss", 100, (7,), (setting,)).to_dict())
    config = composed(f"learning_rates={file}", "hidden_size=70")
    assert used_otherwise(config) == []
    wider = OmegaConf.merge(config, {"parameters": 60_000})
    assert used_otherwise(wider) == ["parameters=60000, tuned for 50000"]


def test_a_file_of_an_earlier_melgen_is_not_compared(file):
    content = json.loads(file.read_text())
    assert "purpose" not in content
    assert "size" not in content["settings"][0]
    assert used_otherwise(config_of("corpus=folk", "hidden_size=32", f"learning_rates={file}")) == []
    assert json.loads(json.dumps(LearningRates.from_dict(content).to_dict())) == content


@pytest.mark.parametrize("damage", [{"purpose": {"corpus": {}}}, {"purpose": 3}])
def test_a_damaged_purpose_is_refused(file, damage):
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(ValueError, match="damaged, or not a file of learning rates"):
        read_rates(file)


def test_refusals(file, tmp_path):
    with pytest.raises(ValueError, match=r"has no rate for cell=RNN, layers=2; it was tuned "):
        tuned_rate(composed("cell=rnn", f"learning_rates={file}"))
    with pytest.raises(ValueError, match=r"with optimizer.lr=0.1: only one of the two can set the rate"):
        names_of(f"learning_rates={file}", "optimizer.lr=0.1")
    with pytest.raises(ValueError, match="no such file; the stage tune of a study writes one"):
        read_rates(tmp_path / "none.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "melgen learning rates", "format_version": 9}'])
def test_damaged_files_are_refused_by_name(file, content):
    good = json.loads(file.read_text())
    for text in (content, json.dumps(good | {"settings": [good["settings"][0] | {"trials": []}]})):
        file.write_text(text)
        with pytest.raises(
            ValueError, match=r"^learning_rates=.*learning_rates\.json: damaged, or not a file of learning rates"
        ):
            read_rates(file)
