"""The rights in each corpus; the statements are those of the package that contains the tunes."""

import re

import pytest

from melgen.corpora.folk import COLLECTIONS, music21_corpus_dir
from melgen.corpora.licences import (
    OF_COLLECTIONS,
    UNKNOWN_START,
    check_licence,
    is_non_commercial,
    licence_for,
    licences_of,
    notice_of,
)
from tests.builders import ROOT
from tests.runs.composing import composed


def configured(**corpus):
    return {"corpus": {"_target_": "melgen.corpora.FolkCorpus", **corpus}}


@pytest.mark.parametrize("collection", OF_COLLECTIONS.values(), ids=lambda each: each.name)
def test_a_statement_is_quoted_from_its_source(collection):
    source = (music21_corpus_dir().parent.parent / collection.source).read_text(encoding="utf-8")
    assert collection.statement in re.sub(r"\s+", " ", source)


@pytest.mark.parametrize("collection", OF_COLLECTIONS.values(), ids=lambda each: each.name)
def test_the_data_card_names_the_same_transcribers(collection):
    card = re.sub(r"\s+", " ", (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8"))
    assert collection.transcribers in card


def test_every_collection_is_in_the_table():
    assert OF_COLLECTIONS.keys() == COLLECTIONS.keys()


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("folk", ["essen", "oneills", "ryans", "airds", "misc_folk"]),
        ("airds", ["airds"]),
        ("essen", ["essen"]),
        ("folder", ["folder"]),
        ("pickles", ["pickles"]),
    ],
)
def test_every_option_of_corpus(option, names):
    config = composed(f"corpus={option}", "path=tunes")
    assert [licence.name for licence in licences_of(config)] == names


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ({"_target_": "melgen.corpora.MusPyCorpus", "name": "EssenFolkSongDatabase", "root": "x"}, "essen"),
        ({"_target_": "melgen.corpora.MusPyCorpus", "name": "NottinghamDatabase", "root": "x"}, "muspy"),
        ({"_target_": "my_module.FolkCorpus", "collections": ["airds"]}, "own"),
        ({"_target_": "melgen.corpora.folk.FolkCorpus", "collections": ["airds"]}, "airds"),
        ({}, "own"),
        (None, "own"),
    ],
)
def test_other_corpora(corpus, name):
    assert [licence.name for licence in licences_of({"corpus": corpus})] == [name]


@pytest.mark.parametrize("collections", [["essen"], ["airds", "essen"], None])
@pytest.mark.parametrize("licence", ["MIT", "CC-BY-4.0", "CC0-1.0", "CC-BY-NCX-4.0", "Apache-2.0"])
def test_essen_permits_non_commercial_use_only(collections, licence):
    found = licences_of(configured(collections=collections))
    with pytest.raises(ValueError, match=r"trained on essen, which permits non-commercial use only \(\"The legal"):
        licence_for(found, licence)
    assert licence_for(found) == "CC-BY-NC-4.0"
    assert licence_for(found, "CC-BY-NC-SA-4.0") == "CC-BY-NC-SA-4.0"
    assert "non-commercial use only" in notice_of(found)


def test_the_other_collections_have_no_notice():
    found = licences_of(configured(collections=["airds", "oneills", "ryans", "misc_folk"]))
    assert licence_for(found) == "CC-BY-4.0"
    assert licence_for(found, "MIT") == "MIT"
    assert notice_of(found) == ""


@pytest.mark.parametrize("target", ["FolderCorpus", "PicklesCorpus"])
def test_whoever_brings_tunes_states_their_licence(target):
    found = licences_of({"corpus": {"_target_": f"melgen.corpora.{target}"}})
    with pytest.raises(ValueError, match=r"licence=null: melgen does not know the rights .* licence=NAME is needed"):
        licence_for(found)
    assert licence_for(found, "CC0-1.0") == "CC0-1.0"


def test_a_start_that_is_unknown_may_permit_non_commercial_use_only():
    with pytest.raises(ValueError, match="started from another one whose corpus is not known"):
        licence_for([OF_COLLECTIONS["airds"], UNKNOWN_START], "MIT")
    with pytest.raises(ValueError, match="licence=NAME is needed"):
        licence_for([OF_COLLECTIONS["airds"], UNKNOWN_START])
    assert licence_for([OF_COLLECTIONS["airds"], UNKNOWN_START], "CC-BY-NC-4.0") == "CC-BY-NC-4.0"


@pytest.mark.parametrize("licence", ["", "all rights reserved", "MIT or later", "x" * 65, 1, "../MIT"])
def test_what_is_not_the_name_of_a_licence(licence):
    with pytest.raises(ValueError, match=r"licence=.*must be the SPDX name of a licence"):
        check_licence(licence, [])


def test_names_of_non_commercial_licences():
    non_commercial = ["CC-BY-NC-4.0", "cc-by-nc-nd-3.0", "PolyForm-Noncommercial-1.0.0"]
    assert all(map(is_non_commercial, non_commercial))
    assert not any(map(is_non_commercial, ["CC-BY-4.0", "MIT", "CC-BY-NC-4.0-or-MIT", "NOT-CC-BY-NC-4.0"]))
