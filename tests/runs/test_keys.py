"""The table of configuration keys: complete, and safe to extend."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from melgen.configuration.conf_dir import CONF_DIR
from melgen.runs import keys
from melgen.runs.identity import differences, identity_of
from melgen.runs.keys import KEYS, KeyRole, is_identity_key, keys_that
from tests.runs.composing import composed


@pytest.mark.parametrize("program", ["config", "study"])
def test_every_top_level_key_is_in_the_table(program):
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose(program, return_hydra_config=True, overrides=["name=n", "run_dir=/r"])
    groups = {str(group) for group in config.hydra.runtime.choices if "/" not in str(group)}
    assert {str(key) for key in config} | groups - {"experiment"} <= KEYS.keys()
    if program == "study":
        not_composed = {"experiment", "epochs_per_dataset"}  # a group without keys, and a key of the paper's recipe
        assert KEYS.keys() - not_composed <= {str(key) for key in config} | groups | {"only", "report"}


def test_keys_of_the_paper_s_recipe_are_in_the_table():
    assert {str(key) for key in composed("name=n", "run_dir=/r", "experiment=paper")} <= KEYS.keys()


def test_a_key_that_the_table_lacks_makes_another_run():
    assert is_identity_key("something_new")


def test_a_new_key_at_its_neutral_value_does_not_change_older_runs(monkeypatch):
    older = composed("name=n", "run_dir=/r")
    older = OmegaConf.create({key: value for key, value in older.items_ex(resolve=False) if key != "hydra"})
    recorded = identity_of(older, "f")
    table = {
        **KEYS,
        "rhythm": KeyRole(is_identity=True, neutral="none"),
        "block": KeyRole(is_identity=True, neutral=None),
    }
    monkeypatch.setattr(keys, "KEYS", MappingProxyType(table))
    for rhythm, block, different in (
        ("none", None, []),
        ("durations", None, ["rhythm: nothing there, durations now"]),
        ("none", "residual", ["block: nothing there, residual now"]),
    ):
        now = OmegaConf.merge(older, {"rhythm": rhythm, "block": block})
        assert differences(recorded, identity_of(now, "f")) == different


def test_a_neutral_value_is_one_of_its_type():
    key = KeyRole(is_identity=True, neutral=0)
    assert key.is_neutral(0)
    assert not key.is_neutral(False)
    assert not KeyRole(is_identity=True).is_neutral(None)


def test_keys_of_a_study_are_not_those_of_a_run():
    assert not keys_that("is_of_study") & keys_that("is_identity")
    assert keys_that("is_in_every_name") <= keys_that("is_identity")
