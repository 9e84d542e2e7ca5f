"""The model card, and what a model file states of the origin of its network."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import yaml

from melgen.checkpoint import load_model
from melgen.corpora.licences import OF_COLLECTIONS
from melgen.data.seen_tunes import SeenTunes
from melgen.exporting.card import card_of
from melgen.exporting.origin import corpora_of, metrics_of
from melgen.exporting.writing import export_run
from melgen.model_files.weights import read_model_file
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM


@pytest.fixture(scope="module")
def stated(exported):
    return read_model_file(exported / "rhythm.melgen").description


@pytest.fixture(scope="module")
def card(exported):
    return read_model_file(exported / "rhythm.melgen").card


def test_the_head_is_what_the_hub_reads(card):
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["library_name"] == "melgen"


def test_the_parts_of_a_card(card):
    assert re.findall(r"^##? (.+)", card, re.MULTILINE) == [
        "rhythm",
        "Use it",
        "Training data",
        "Licence",
        "Numbers",
        "How it was trained",
        "Was a tune in the training data?",
        "Cite",
    ]
    for part in (
        "1 layer of lstm with 4 units, 590 parameters, representation control, pitches and rhythm (factored)",
        'net = melgen.load("rhythm.melgen")\nsongs = net.continue_(songs=10)\nsongs.save("songs")',
        "Transcribed by Jack Campin.",
        OF_COLLECTIONS["misc_folk"].statement,
        "The weights: CC-BY-4.0.",
        "| Loss, test | 5.612 | nats per token |",
        "python -m melgen.train corpus=misc_folk hidden_size=4",
        "after 8 updates",
        "torch 2.13.0",
        "the hashes of the 121 training tunes.",
        "@software{melgen,",
    ):
        assert part in card, part


def test_the_card_of_non_commercial_weights_has_the_notice(stated):
    essen = replace(stated, corpora=(OF_COLLECTIONS["essen"],), licence="CC-BY-NC-4.0")
    card = card_of(essen, songs=1)
    assert "**Trained on the Essen folksong collection, which permits non-commercial use only" in card
    assert "license: cc-by-nc-4.0" in card
    assert "has 1 song of" in card


def test_a_licence_that_the_hub_has_no_name_for(stated):
    card = card_of(replace(stated, licence="EUPL-1.2"), songs=2)
    assert yaml.safe_load(card.split("---\n")[1]) | {"tags": []} == {
        "license": "other",
        "license_name": "eupl-1.2",
        "library_name": "melgen",
        "tags": [],
    }


def test_what_is_not_recorded_is_not_made_up(stated):
    bare = replace(stated, metrics={}, provenance={}, training_tunes=None)
    card = card_of(bare, songs=2)
    assert "None are recorded." in card
    assert "The run did not record its training tunes." in card
    assert "melgen.train" not in card


def test_the_numbers_of_the_best_weights_are_those_of_the_run(tmp_path):
    best = load_model(WITH_RHYTHM)
    assert "test/loss" in metrics_of(best)
    assert "seconds" not in metrics_of(best), "equal runs take different times"
    others = metrics_of(replace(best, updates=4))
    assert "test/loss" not in others
    assert others.keys() <= best.metrics.keys()
    assert not any(key.startswith("train/") for key in others)


def started(from_path, inherited, collections=("airds",)):
    """A network that was started from another one's weights."""
    trained = load_model(WITH_RHYTHM)
    corpus = {"_target_": "melgen.corpora.FolkCorpus", "collections": list(collections)}
    config = {**trained.config, "corpus": corpus, "dataset": {"corpus": corpus}, "init_from": str(from_path)}
    return replace(trained, config=config, seen=SeenTunes.of(np.array([7], np.uint64), inherited))


def test_the_corpora_of_a_start_count_too(exported):
    start = load_model(WITH_RHYTHM).seen
    for path in (WITH_RHYTHM, exported / "rhythm.melgen"):
        assert [each.name for each in corpora_of(started(path, start))] == ["airds", "misc_folk"]


@pytest.mark.parametrize("path", ["gone", OF_PITCHES, WITH_RHYTHM])
def test_a_start_that_is_gone_or_another_one_is_unknown(path):
    others = SeenTunes.of(np.array([1, 2], np.uint64))
    assert [each.name for each in corpora_of(started(path, others))] == ["airds", "unknown"]


def test_tunes_that_were_inherited_from_a_start_that_is_not_named():
    trained = replace(started("", SeenTunes.of(np.array([1], np.uint64))), config=load_model(WITH_RHYTHM).config)
    assert [each.name for each in corpora_of(trained)] == ["misc_folk", "unknown"]


def test_a_licence_of_the_users_choice(tmp_path):
    path = export_run(WITH_RHYTHM, tmp_path / "net.melgen", licence="MIT")
    assert read_model_file(path).description.licence == "MIT"
    with pytest.raises(ValueError, match="SPDX name"):
        export_run(WITH_RHYTHM, tmp_path / "net.melgen", licence="my own")
    assert read_model_file(export_run(WITH_RHYTHM, path, licence="mit")).description.licence == "MIT"
    for wrong, meant in {"CC-BY-40": "CC-BY-4.0", "apache-2": "Apache-2.0"}.items():
        with pytest.raises(ValueError, match=rf"licence={wrong}: must be in the list .*; did you mean {meant}\?"):
            export_run(WITH_RHYTHM, path, licence=wrong)
    with pytest.raises(ValueError, match=r"licence=CC-BY-40: must be in the list .*; did you mean CC-BY-4\.0\?"):
        export_run(WITH_RHYTHM, tmp_path / "net.melgen", licence="CC-BY-40")
    assert read_model_file(path).description.licence == "MIT", "a refusal leaves the earlier file"
