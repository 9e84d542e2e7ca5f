"""Reading answer files: ours are read exactly, others are refused by name, repeated ones are counted once."""

from __future__ import annotations

import contextlib
import json
import os
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.files import write_json
from melgen.listening.answers import MOST_SECONDS, AnswerFileError, read_answers
from tests.listening.listeners import Population, answers_of
from tests.listening.making import small_test

CODE = "7QX2M0ZK"
EVEN = Population(np.zeros(4), 0.0)


@pytest.fixture(scope="module")
def key(made):
    return small_test(made / "pitches").key


def content_of(key, code=CODE, seed=0, **changes):
    of_song = np.zeros(len(key.songs))
    return answers_of(key, code, EVEN, np.random.default_rng(seed), of_song, **changes)


def test_answers_are_read_as_they_were_given(key, tmp_path):
    content = content_of(key, training="some")
    write_json(tmp_path / "below" / "a.json", content)
    write_json(tmp_path / ".hidden.json", {})
    (tmp_path / "notes.txt").write_text("three listeners on Monday")
    (tmp_path / "answers-0.json.txt").write_text("{}")  # as some mail programs name it
    (listener,), repeated, unread = read_answers(tmp_path, key)
    assert (listener.code, listener.sheet, listener.training) == (CODE, key.sheet_of(CODE), "some")
    assert [each.choice for each in listener.answers] == [each["answer"] for each in content["answers"]]
    assert [each.seconds for each in listener.answers] == [each["seconds"] for each in content["answers"]]
    assert repeated == []
    assert unread == ["answers-0.json.txt", "notes.txt"]


def broken(key, path, value):
    """Answers with another value at a path of keys."""
    content = content = json.loads(json.dumps(content_of(key)))
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["format"], "other", "is not an answer file"),
        (["version"], 2, "is of version 2, must be 1"),
        (["test"], "0123456789ab", "answers another test, '0123456789ab'"),
        (["code"], "7QX2M0Z", "must be 8 letters"),
        (["code"], "7QX2M0ZI", "must be 8 letters"),
        (["code"], 12345678, "must be 8 letters"),
        (["sheet"], -1, "sheet=-1: the code 7QX2M0ZK has sheet"),
        (["sheet"], True, "sheet=True"),
        (["training"], "a lot", "training='a lot'"),
        (["name"], "Ann", "must have the keys"),
        (["answers"], [], "contains no answers"),
        (["answers"], {"trial": 0}, "contains no answers"),
        (["answers", 0, "trial"], 99, "answer 1: trial=99: must be from 0 to 13"),
        (["answers", 0, "trial"], 0.0, "answer 1: trial=0.0"),
        (["answers", 1, "first"], -1, "answer 2: compares the tunes"),
        (["answers", 1, "answer"], "A", "answer 2: answer='A'"),
        (["answers", 1, "answer"], ["first"], "answer 2: answer="),
        (["answers", 2, "seconds"], -1, "answer 3: seconds=-1"),
        (["answers", 2, "seconds"], "9", "answer 3: seconds='9'"),
        (["answers", 2, "seconds"], 3600.1, "answer 3: seconds=3600.1: must be a number from 0 to 3600"),
        (["answers", 2, "seconds"], 10**400, "answer 3: seconds=1000"),
        (["answers", 2, "plays"], [1], "answer 3: plays"),
        (["answers", 2, "known"], 1, "answer 3: known=1"),
        (["answers", 3], None, "answer 4 must have the keys"),
    ],
)
def test_what_is_wrong_is_named(key, path, value, reason, tmp_path):
    write_json(tmp_path / "good.json", content_of(key, "00000000"))
    write_json(tmp_path / "bad.json", broken(key, path, value))
    with pytest.raises(AnswerFileError, match=r"1 file is not valid answers to this test:\n.*bad.json: ") as raised:
        read_answers(tmp_path, key)
    assert reason in str(raised.value)
    assert "good.json" not in str(raised.value)


def test_the_page_states_no_longer_time_than_is_read():
    assert f"const MOST_SECONDS = {MOST_SECONDS};" in files("melgen.listening").joinpath(
        "assets", "listen.js"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('"text"', "is not an answer file"),
        ("\xff", "is not UTF-8"),
    ],
)
def test_files_of_other_kinds_are_named(key, text, reason, tmp_path):
    (tmp_path / "other.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(AnswerFileError, match=rf"other\.json: {reason}"):
        read_answers(tmp_path, key)


def test_a_comparison_cannot_be_answered_twice(key, tmp_path):
    content = content_of(key)
    write_json(tmp_path / "a.json", content | {"answers": [*content["answers"], content["answers"][0]]})
    with pytest.raises(AnswerFileError, match=r"a\.json: answers a comparison twice"):
        read_answers(tmp_path, key)


def test_a_file_that_is_too_large(key, tmp_path):
    (tmp_path / "large.json").write_text(" " * 1_000_001)
    with pytest.raises(AnswerFileError, match=r"large\.json: has more than 1,000,000 bytes"):
        read_answers(tmp_path, key)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_no_file(key, tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(AnswerFileError, match=r"pipe\.json: is not a regular file"):
        read_answers(tmp_path, key)


def test_many_wrong_files_are_counted(key, tmp_path):
    for number in range(9):
        write_json(tmp_path / f"{number}.json", {})
    with pytest.raises(AnswerFileError, match=r"9 files are not valid(.*\n){6}  and 4 more"):
        read_answers(tmp_path, key)


def test_a_file_that_was_sent_twice_is_counted_once_and_named(key, tmp_path):
    for name in ("a.json", "a (1).json"):
        write_json(tmp_path / name, content_of(key))
    listeners, (line,), _ = read_answers(tmp_path, key)
    assert len(listeners) == 1
    assert "the same answers as" in line
    assert "a (1).json" in line


@pytest.mark.parametrize("names", [("early.json", "late.json"), ("z_early.json", "late.json")])
def test_of_an_earlier_and_a_later_state_the_later_counts(key, names, tmp_path):
    whole = content_of(key)
    for name, count in zip(names, (5, None), strict=True):
        write_json(tmp_path / name, whole | {"answers": whole["answers"][:count]})
    (listener,), (line,), _ = read_answers(tmp_path, key)
    assert len(listener.answers) == len(whole["answers"])
    assert f"{names[0]}: an earlier state of" in line


def test_two_files_with_one_code_that_contradict_each_other_are_refused(key, tmp_path):
    write_json(tmp_path / "a.json", content_of(key, seed=0))
    write_json(tmp_path / "b.json", content_of(key, seed=1))
    with pytest.raises(AnswerFileError, match=rf"b.json: has the code {CODE} of .*a.json, but other answers"):
        read_answers(tmp_path, key)


def test_there_must_be_answers(key, tmp_path):
    with pytest.raises(ValueError, match="contains no answer file"):
        read_answers(tmp_path, key)
    with pytest.raises(ValueError, match=r"answers=.*missing"):
        read_answers(tmp_path / "missing", key)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["version", "test", "code", "sheet", "training", "answers"])
    | st.tuples(st.integers(0, 5), st.sampled_from(["trial", "first", "answer", "seconds", "plays", "known"])),
    json_values,
)
def test_any_value_is_read_or_refused(key, tmp_path, place, value):
    content = content_of(key)
    if isinstance(place, tuple):
        content["answers"][place[0]] |= {place[1]: value}
    else:
        content[place] = value
    (tmp_path / "any.json").write_text(json.dumps(content), encoding="utf-8")
    with contextlib.suppress(AnswerFileError):  # any other error fails the test
        read_answers(tmp_path, key)
