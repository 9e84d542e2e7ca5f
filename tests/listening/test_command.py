"""``melgen listen``: from a study to a page, and from the files of simulated listeners to what they prefer."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from melgen.files import read_json
from melgen.listening.key import KEY_FILE, Key
from melgen.listening.writing import PAGE_FILE
from tests.commands.calling import call
from tests.listening.listeners import Population, write_answers
from tests.listening.studies import NETWORKS
from tests.tiers import quick_rows

SMALL = ("songs=8", "notes=24", "comparisons=18", "checks=2")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def prepared(made, tmp_path_factory):
    """A test, with the answer and the text of the command that made it."""
    folder = tmp_path_factory.mktemp("prepared")
    answer = call("listen", f"study={made / 'pitches'}", f"out={folder}", *SMALL)
    assert answer.code == 0, answer.text
    return folder, answer.out


def rows(file):
    with file.open(newline="") as lines:
        return {row["condition"]: row for row in csv.DictReader(lines)}


def test_a_page_and_its_key_are_written(prepared):
    folder, text = prepared
    assert sorted(path.name for path in folder.iterdir()) == [KEY_FILE, PAGE_FILE]
    key = Key.read(folder)
    assert key.title in (folder / PAGE_FILE).read_text(encoding="utf-8")
    assert f"Test {key.test}: 18 comparisons and 2 attention checks for each listener" in text
    assert "held-out tunes (reference): of 12" in text
    assert "Needs:   " in text
    assert all(rule in text for rule in key.rules.in_words)


@pytest.mark.slow
def test_simulated_listeners_are_recovered(prepared, here):
    """The whole way: their files are read, and the intervals contain what they like."""
    folder, _ = prepared
    key = Key.read(folder)
    population = Population(np.array([-1.0, -0.4, 0.0, -1.6]), float(np.log(0.5)), 0.3, 0.3)
    write_answers(here / "received", key, population, 30)
    answer = call("listen", "answers=received", f"test={folder}", "out=results")
    assert answer.code == 0, answer.text
    assert "30 listeners (musical training: 30 not stated)" in answer.out
    assert "540 judgements" in answer.out
    assert all(rule in answer.out for rule in key.rules.in_words)
    truth = population.marginal_abilities(key.reference)
    found = rows(here / "results" / "preferences.csv")
    for condition, ability in zip(key.conditions, truth, strict=True):
        row = found[condition.name]
        if condition.role == "reference":
            assert (float(row["ability"]), row["ability_low"]) == (0, "")
        else:
            assert float(row["ability_low"]) < ability < float(row["ability_high"]), condition.name
            assert 0 < float(row["score_low"]) < float(row["score"]) < float(row["score_high"]) < 1
    assert list(found) == ["held-out tunes", NETWORKS[1], NETWORKS[0], "bigram"]
    results = read_json(here / "results" / "results.json")
    assert results["conditions"][0]["ability"] == pytest.approx(float(found[NETWORKS[0]]["ability"]))
    assert 0.1 < results["ties"] < 0.3
    names = {path.name for path in (here / "results").iterdir()}
    assert names == {f"preferences.{end}" for end in ("csv", "md", "tex", "png", "pdf")} | {
        *(f"pairs.{end}" for end in ("csv", "md", "tex")),
        "results.json",
    }
    with (here / "results" / "pairs.csv").open(newline="") as lines:
        pairs = list(csv.DictReader(lines))
    assert sum(int(row["judgements"]) for row in pairs) == 540
    assert all(abs(float(row["score"]) - float(row["fitted_score"])) < 0.2 for row in pairs)
    for row in pairs:
        one, other = (truth[[each.name for each in key.conditions].index(row[name])] for name in ("condition", "other"))
        assert float(row["difference_low"]) < one - other < float(row["difference_high"])
    assert call("listen", "answers=received", f"test={folder}", "out=again").code == 0
    for name in names:  # equal answers give equal files
        assert (here / "results" / name).read_bytes() == (here / "again" / name).read_bytes(), name


@pytest.mark.slow
def test_who_is_left_out_is_printed_with_the_reason(prepared, here):
    folder, _ = prepared
    files = write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 0.0), 4)
    content = json.loads(files[0].read_text())
    for answer in content["answers"]:
        answer["answer"] = "first"
    files[0].write_text(json.dumps(content))
    (here / "received" / "copy.json").write_text(files[1].read_text())
    answer = call("listen", "answers=received", f"test={folder}", "out=results")
    assert answer.code == 0, answer.text
    assert "3 listeners" in answer.out
    assert "1 left out by the rules:" in answer.out
    assert "counted once: " in answer.out
    assert "copy.json" in answer.out
    assert "more listeners for an interval of a preference that is 0.2 wide" in answer.out


@pytest.mark.slow
def test_listeners_of_different_training_are_told_apart(prepared, here):
    folder, _ = prepared
    key = Key.read(folder)
    likes = {"none": np.array([0.0, 0.0, 0.0, 2.0]), "professional": np.array([0.0, 0.0, 0.0, -2.0])}
    for seed, (training, abilities) in enumerate(likes.items()):
        write_answers(here / "received", key, Population(abilities, 0.0), 8, seed, training=training)
    write_answers(here / "received", key, Population(np.zeros(4), 0.0), 1, 9, training="some")
    answer = call("listen", "answers=received", f"test={folder}", "out=results")
    assert answer.code == 0, answer.text
    assert "17 listeners (musical training: 8 none, 1 some, 8 professional)" in answer.out
    with (here / "results" / "training.csv").open(newline="") as lines:
        found = {(row["training"], row["condition"]): row for row in csv.DictReader(lines)}
    assert {training for training, _ in found} == {"none", "professional"}  # one listener is not a group
    for training, abilities in likes.items():
        row = found[training, "bigram"]
        assert float(row["ability_low"]) < abilities[3] < float(row["ability_high"])
        assert row["listeners"] == "8"

    for file in (here / "received").iterdir():  # one listener is left
        if read_json(file)["training"] != "some":
            file.unlink()
    assert call("listen", "answers=received", f"test={folder}", "out=results").code == 0
    assert read_json(here / "results" / "results.json")["by_training"] == {}
    assert not list((here / "results").glob("training.*"))


def test_a_file_of_the_users_own_is_not_taken_for_an_earlier_table(prepared, here):
    folder, _ = prepared
    write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 0.0), 2)
    (here / "results").mkdir()
    (here / "results" / "training.csv").write_text("mine")
    assert call("listen", "answers=received", f"test={folder}", "out=results").code == 0
    assert (here / "results" / "training.csv").read_text() == "mine"


@pytest.mark.slow
def test_of_one_listener_there_are_no_intervals(prepared, here):
    folder, _ = prepared
    write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 0.0), 1)
    answer = call("listen", "answers=received", f"test={folder}", "out=results")
    assert answer.code == 0, answer.text
    assert "There are no intervals: intervals over listeners need at least 2" in answer.out
    assert rows(here / "results" / "preferences.csv")["bigram"]["ability_low"] == ""


def test_a_file_that_is_not_ours_is_named_and_nothing_is_written(prepared, here):
    folder, _ = prepared
    write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 0.0), 2)
    (here / "received" / "holiday.json").write_text("{}")
    answer = call("listen", "answers=received", f"test={folder}", "out=results")
    assert answer.code == 1
    assert "holiday.json: is not an answer file of a listening test of melgen" in answer.err
    assert not (here / "results").exists()


@pytest.mark.slow
def test_rules_that_leave_nobody(prepared, here):
    folder, _ = prepared
    (file,) = write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 0.0), 1)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"answers": content["answers"][:3]}))
    answer = call("listen", "answers=received", f"test={folder}")
    assert answer.code == 1
    assert "the rules of exclusion leave no judgement" in answer.err


@pytest.mark.slow
def test_too_few_judgements_to_connect_all_conditions(prepared, here):
    folder, _ = prepared
    key = Key.read(folder)
    (file,) = write_answers(here / "received", key, Population(np.zeros(4), 0.0), 1)
    content = json.loads(file.read_text())
    asked = key.sheets[content["sheet"]]
    judged = [each for each in content["answers"] if not asked[each["trial"]].is_check]
    for each in content["answers"]:  # all but two are of tunes that the listener knew
        each["known"] = each not in judged[:2]
    file.write_text(json.dumps(content))
    answer = call("listen", "answers=received", f"test={folder}")
    assert answer.code == 1
    assert "compare no condition of one of these groups with the others" in answer.err


@quick_rows(
    3,
    ("overrides", "message"),
    [
        ([], "exactly one of them is needed"),
        (["study=a", "answers=b"], "got both"),
        (["study=missing"], "no such directory"),
        (["answers=missing"], "listening-test/key.json: cannot be read"),
        (["answers=missing", "width=0"], "width=0"),
        (["answers=missing", "confidence=95"], "confidence=95"),
    ],
)
def test_refusals(here, overrides, message):
    answer = call("listen", *overrides)
    assert answer.code == 1
    assert message in answer.err
    assert not any(here.iterdir())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("confidence=0.9", "confidence=0.9: must be 0.95, as "),
        ("exclusion.failed_checks=5", "exclusion.failed_checks=5: must be 0, as "),
        ("exclusion={known:false}", "exclusion.known=false: must be true, as "),
        ("question=Which one?", 'question="Which one?": must be "Which tune do you like better?", as '),
        ("songs=8", "songs=8: is read with study= only; "),
        ("planning.ties=0.4", "planning.ties=0.4: is read with study= only; "),
    ],
)
def test_an_analysis_refuses_what_the_key_does_not_record(prepared, here, override, message):
    folder, _ = prepared
    answer = call("listen", "answers=received", f"test={folder}", override)
    assert answer.code == 1
    assert f"{message}{folder / KEY_FILE}" in answer.err
    assert not any(here.iterdir())


def test_an_analysis_accepts_what_the_key_records(prepared, here):
    folder, _ = prepared
    write_answers(here / "received", Key.read(folder), Population(np.zeros(4), 50.0), 2)
    same = ("confidence=0.95", "exclusion.answered=0.5", "comparisons=18", "checks=2", "seed=0")
    answer = call("listen", "answers=received", f"test={folder}", "out=results", "width=0.3", *same)
    assert answer.code == 0, answer.text
    assert "36 judgements, 100% without a difference\n" in answer.out, "no share of no others"
    assert "Nobody heard a difference, so" in answer.out


@quick_rows(
    1,
    ("override", "message"),
    [
        ("exclusion.answered=2", "exclusion.answered=2: must be a number from 0 to 1"),
        ("consent=missing.md", "consent=missing.md: cannot be read"),
        ("equal_notes=maybe", "equal_notes=maybe: must be true or false"),
        ("songs=100", "control-lstm-2 has 12 different excerpts"),
        ("songs=100", "bigram has"),  # every set that is too small
        ("networks=[]", "networks=[]: must be one or more"),
        ("test=elsewhere", "test=elsewhere"),
    ],
)
def test_values_that_cannot_be(made, here, override, message):
    answer = call("listen", f"study={made / 'pitches'}", override)
    assert answer.code == 1
    assert message in answer.err
    assert not any(here.iterdir())


@pytest.mark.slow
def test_a_consent_text_of_ones_own(made, here):
    (here / "mine.md").write_text("# For *you*\n\nRead <b>this</b>.")
    answer = call("listen", f"study={made / 'pitches'}", *SMALL, "consent=mine.md")
    assert answer.code == 0, answer.text
    page = (here / "listening-test" / PAGE_FILE).read_text(encoding="utf-8")
    assert "<h1>For <em>you</em></h1>" in page
    assert "Read &lt;b&gt;this" in page
    assert "Taking part is voluntary" not in page
