"""The rules of exclusion: each leaves out whom it must, and nobody else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from melgen.listening.answers import Answer, Listener
from melgen.listening.exclusions import apply_rules, why_excluded
from melgen.listening.rules import Rules
from tests.listening.making import small_test


@pytest.fixture(scope="module")
def key(made):
    return small_test(made / "pitches").key


def listener(key, code="00000000", *, choices=("first", "second"), pace=1.0, wrong=0, count=None, known=()):
    """A listener with alternating choices.

    Args:
        pace: seconds of each judgement, in lengths of both tunes.
        wrong: attention checks that are failed.
        count: answers given; None for all.
        known: trials of known tunes.
    """
    sheet, answers = key.sheet_of(code), []
    for trial, asked in enumerate(key.sheets[sheet][:count]):
        choice = choices[trial % len(choices)]
        if asked.is_check:
            is_first = key.is_right(asked, "first")
            choice = "first" if is_first == (wrong == 0) else "second"
            wrong = max(0, wrong - 1)
        answers.append(Answer(trial, choice, pace * 2 * key.seconds, (1, 1), trial in known))
    return Listener(Path("a.json"), code, sheet, None, tuple(answers))


def test_an_attentive_listener_is_kept(key):
    assert why_excluded(key, listener(key)) == ""


@pytest.mark.parametrize("wrong", [1, 2])
def test_failed_checks(key, wrong):
    assert why_excluded(key, listener(key, wrong=wrong)) == f"failed {wrong} of 2 attention checks"
    lenient = dataclasses.replace(key, rules=Rules(failed_checks=wrong))
    assert why_excluded(lenient, listener(key, wrong=wrong)) == ""


def test_no_difference_is_the_wrong_answer_to_a_check(key):
    one = listener(key)
    answers = [
        dataclasses.replace(each, choice="same") if key.sheets[one.sheet][each.trial].is_check else each
        for each in one.answers
    ]
    assert why_excluded(key, dataclasses.replace(one, answers=tuple(answers))) == "failed 2 of 2 attention checks"


def test_too_few_answers(key):
    """Six of twelve comparisons are enough."""
    checks = [each.is_check for each in key.sheets[key.sheet_of("00000000")]]
    count = next(i for i in range(len(checks) + 1) if checks[:i].count(False) == 6)
    assert why_excluded(key, listener(key, count=count)) == ""
    assert why_excluded(key, listener(key, count=count - 1)) == "answered 5 of 12 comparisons"


def test_answers_that_are_too_quick(key):
    assert why_excluded(key, listener(key, pace=0.75)) == ""
    assert "after 0.74 times the length" in why_excluded(key, listener(key, pace=0.74))


@pytest.mark.parametrize(("choice", "name"), [("first", "A"), ("second", "B")])
def test_the_same_side_in_all_judgements(key, choice, name):
    assert why_excluded(key, listener(key, choices=(choice,))) == f"answered {name} in all of 12 judgements"
    lenient = dataclasses.replace(key, rules=Rules(one_side=False))
    assert why_excluded(lenient, listener(key, choices=(choice,))) == ""


def test_hearing_no_difference_is_an_answer(key):
    assert why_excluded(key, listener(key, choices=("same",))) == ""


def test_judgements_are_those_of_the_listeners_that_are_kept(key):
    given = [listener(key, "00000000", wrong=1), listener(key, "00000001"), listener(key, "00000002", known=(0, 1, 2))]
    kept = apply_rules(key, given)
    assert list(kept.excluded) == ["00000000"]
    assert [one.code for one in kept.listeners] == ["00000001", "00000002"]
    known = sum(not key.sheets[given[2].sheet][trial].is_check for trial in range(3))
    assert kept.known == known
    assert np.bincount(kept.clusters.listener).tolist() == [12, 12 - known]
    numbers = np.array([song.condition if song.condition is not None else -1 for song in key.songs])
    assert (kept.judgements.first == numbers[kept.clusters.first_song]).all()
    asked = [each for each in key.sheets[given[1].sheet] if not each.is_check]
    assert kept.clusters.first_song[:12].tolist() == [each.first for each in asked]
    lenient = dataclasses.replace(key, rules=Rules(known=False))
    assert apply_rules(lenient, given).known == 0


def test_the_score_is_that_of_the_first_tune(key):
    one = listener(key, choices=("first", "same", "second"))
    choices = [each.choice for each in one.answers if not key.sheets[one.sheet][each.trial].is_check]
    expected = [{"first": 1, "same": 0.5, "second": 0}[choice] for choice in choices]
    assert apply_rules(key, [one]).judgements.score.tolist() == expected


@pytest.mark.parametrize(
    "changes", [{"failed_checks": -1}, {"answered": 1.5}, {"pace": -1}, {"one_side": 1}, {"known": "yes"}]
)
def test_rules_that_cannot_be(changes):
    with pytest.raises(ValueError, match=f"exclusion.{next(iter(changes))}="):
        Rules(**changes)
