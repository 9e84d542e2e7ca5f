"""``parameters=N``: the sizes that it sets, the name and identity of the run, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from melgen.configuration.packaged import CONF_DIR, packaged_keys
from melgen.errors import message_of
from melgen.networks import AbstractBlock
from melgen.networks.sizes import size_of
from melgen.runs import size_keys
from melgen.runs.choices import Choices, choices_of
from melgen.runs.config import BLOCKS
from melgen.runs.identity import identity_of
from melgen.runs.size_keys import USUAL_HIDDEN_SIZE, given_size, solved_sizes
from melgen.runs.solved_keys import with_solved_keys
from melgen.runs.variants import variants_in
from tests.runs.composing import composed, names_of
from tests.tiers import quick_rows

SOLVED = "hidden_size-69-model.embedding_size-128"
VOCABULARY = {"vocab_size": 32}
vocabulary_of = size_keys._vocabulary_of
RUN = Path("m/control-lstm-2-seed0")


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch):
    """The corpus is not read: its vocabulary is known."""
    monkeypatch.setattr(size_keys, "_vocabulary_of", lambda config: VOCABULARY)


def config_of(*overrides):
    """The configuration of a run, without Hydra's own part."""
    config = composed("name=n", "run_dir=/r", *overrides)
    own = {key: value for key, value in config.items_ex(resolve=False) if key != "hydra"}
    return with_solved_keys(OmegaConf.create(own))


def test_seeds_of_a_training_share_one_vocabulary_and_splits_do_not(monkeypatch):
    read = []

    class Data:
        def __init__(self, config, **_):
            read.append((config.seed, config.split_seed))
            self.vocabulary = self
            self.sizes = {"vocab_size": 30 + len(read)}

    monkeypatch.setattr("melgen.data.from_config.build_data", Data)
    monkeypatch.setattr(size_keys, "_vocabularies", {})
    configs = [composed(f"seed={seed}", f"split_seed={split}") for split in (0, 1) for seed in (0, 1, 2)]
    assert [vocabulary_of(config)["vocab_size"] for config in configs] == [31, 31, 31, 32, 32, 32]
    assert read == [(0, 0), (0, 1)]


def test_the_usual_hidden_size_is_that_of_the_configuration():
    assert packaged_keys("config")["hidden_size"] == USUAL_HIDDEN_SIZE


@quick_rows(
    1,
    ("given", "by_hand"),
    [
        (["parameters=100000"], ["hidden_size=69", "model.embedding_size=128"]),
        (["parameters=100000", "cell=gru"], ["hidden_size=82", "model.embedding_size=128", "cell=gru"]),
        (["parameters=100000", "block=residual"], ["hidden_size=47", "model.embedding_size=128", "block=residual"]),
        (
            ["parameters=100000", "cell=mixed", "cell.stack=[lstm,nas]"],
            ["hidden_size=57", "model.embedding_size=128", "cell=mixed", "cell.stack=[lstm,nas]"],
        ),
        (["parameters=100000", "model.embedding_size=64"], ["hidden_size=79", "model.embedding_size=64"]),
        (["parameters=271500"], ["model.embedding_size=128"]),  # the usual width, which no name contains
        (["remembered=400"], ["hidden_size=100", "model.embedding_size=128"]),
        (["remembered=400", "cell=gru"], ["hidden_size=200", "model.embedding_size=128", "cell=gru"]),
        (["remembered=512", "cell=hgrn2"], ["hidden_size=32", "model.embedding_size=128", "cell=hgrn2"]),
    ],
    ids=str,
)
def test_it_is_the_run_of_the_same_sizes_by_hand(given, by_hand):
    assert names_of(*given) == names_of(*by_hand)
    one, other = config_of(*given), config_of(*by_hand)
    assert identity_of(one, "f") == identity_of(other, "f")
    networks = []
    for config in (one, other):
        torch.manual_seed(0)
        networks.append(instantiate(config.model, **VOCABULARY))
    weights = [network.state_dict() for network in networks]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    size = size_of(networks[0])
    for key, wanted in given_size(one).items():
        assert getattr(size, key) == pytest.approx(wanted, rel=0.02)


def test_the_name_contains_the_solved_sizes():
    assert names_of("parameters=100000") == ("folk", f"control-lstm-2-seed0-{SOLVED}")
    assert names_of("parameters=null") == ("folk", "control-lstm-2-seed0")


@quick_rows(
    1,
    ("overrides", "expected"),
    [
        (["parameters=100000", "hidden_size=128"], "parameters=100000 with hidden_size=128: only one of the two"),
        (["parameters=100000", "hidden_size=64"], "parameters=100000 with hidden_size=64: only one of the two"),
        (["parameters=100000", "model.hidden_size=64"], "parameters=100000 with model.hidden_size=64: only one"),
        (["parameters=100000", "init_from=a/run"], "parameters=100000 with init_from=a/run: a network that starts"),
        (
            ["parameters=300"],
            "parameters=300: no hidden_size comes within 2%; the nearest are hidden_size=1 with 4,692 parameters and "
            "hidden_size=2 with 5,280",
        ),
        (["parameters=300", "remembered=30"], "parameters=300 with remembered=30: only one of the two"),
        (["remembered=400", "hidden_size=64"], "remembered=400 with hidden_size=64: only one of the two"),
        (
            ["remembered=512", "cell=attention"],
            "remembered=512: no hidden_size comes within 2%; the nearest are hidden_size=4 with 2,050 numbers",
        ),
        (["parameters=50000", "cell=mingru", "cell.variant=foo"], "cell.variant=foo: must be gru or lstm"),
        (["parameters=0"], "parameters=0: must be a whole number of at least 1"),
        (["parameters=1e5"], "parameters=100000.0: must be a whole number of at least 1"),
        (["parameters=true"], "parameters=true: must be a whole number of at least 1"),
    ],
    ids=str,
)
def test_refusals(overrides, expected):
    with pytest.raises(ValueError, match=r"parameters|remembered|variant") as error:
        names_of(*overrides)
    assert str(error.value).startswith(expected)


def test_a_size_that_a_file_sets_is_refused_too():
    config = OmegaConf.merge(composed("parameters=300"), {"parameters": 100_000, "hidden_size": 32})
    with pytest.raises(ValueError, match="parameters=100000 with hidden_size=32: only one of the two"):
        solved_sizes(config)


def test_a_refusal_is_shown_without_the_interpolation_that_it_came_through():
    with pytest.raises(Exception, match="raised while resolving") as error:
        str(composed("parameters=300").run_dir)
    assert message_of(error.value) == (
        "parameters=300: no hidden_size comes within 2%; the nearest are hidden_size=1 with 4,692 parameters and "
        "hidden_size=2 with 5,280"
    )


def test_networks_of_equal_size_are_no_variants():
    cells = [config_of("parameters=100000", f"cell={cell}") for cell in ("lstm", "gru")]
    runs = [
        Choices("control", cell, choices_of(RUN, config).settings)
        for cell, config in zip(("lstm", "gru"), cells, strict=True)
    ]
    assert [variant.text for variant in variants_in(runs)] == ["", ""]


@pytest.mark.slow
def test_variants_state_the_parameters_and_the_block():
    small, large, within = (
        Choices("control", "lstm", choices_of(RUN, config_of(f"parameters={number}", f"block={block}")).settings)
        for number, block in ((100_000, "none"), (200_000, "none"), (200_000, "residual"))
    )
    assert [variant.text for variant in variants_in([small, large])] == ["parameters 100000", "parameters 200000"]
    assert [variant.text for variant in variants_in([large, within])] == ["block none", "block residual"]


def test_blocks_have_the_names_of_their_options():
    of_classes = {f"melgen.networks.{block.__name__}": name for name, block in AbstractBlock.known.items()}
    assert of_classes == BLOCKS
    assert {path.stem for path in Path(CONF_DIR).glob("block/*.yaml")} == set(BLOCKS.values())


def test_a_block_that_is_none_does_not_change_the_identity():
    identity = identity_of(config_of(), "f")
    assert not [key for key in identity if "block" in key or key == "parameters"]
    with_block = identity_of(config_of("block=residual"), "f")
    assert with_block["block._target_"] == "melgen.networks.ResidualBlock"
    assert names_of("block=residual") == ("folk", "control-lstm-2-seed0-block-residual")
    assert names_of("block=none") == ("folk", "control-lstm-2-seed0")
