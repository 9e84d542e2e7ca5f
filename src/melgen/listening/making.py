"""Making a listening test: from the songs of a study to the content of a page and its key."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from melgen.checking import check_number, check_whole, require
from melgen.listening.answers import FORMAT, FORMAT_VERSION
from melgen.listening.design import lay_out
from melgen.listening.excerpts import (
    REFERENCE,
    Condition,
    Cut,
    Excerpt,
    Role,
    TooFewExcerptsError,
    check_excerpts,
    choose_excerpts,
    refusal_of,
)
from melgen.listening.key import ConditionOfKey, Key, SongOfKey, packed_sheet
from melgen.listening.material import Material, Songs
from melgen.listening.rules import Rules
from melgen.music.metre import STEPS_PER_QUARTER

CHECK_QUESTION = "Attention: this one is different. Which tune repeats one single note from beginning to end?"
SHEETS = 500
"""Lists of comparisons in a page: two of 30 listeners have the same one in about half of all tests."""
SECONDS_TO_ANSWER = 6
"""Assumed besides listening, for the time that a test takes."""


@dataclass(frozen=True)
class Settings:
    """The settings of a test; each is a key of ``conf/listen.yaml``.

    Raises:
        ValueError: for a value that a key cannot have.
    """

    title: str
    question: str
    return_to: str
    songs: int
    notes: int
    quarters: int
    skip: int | None
    tempo: float
    comparisons: int
    checks: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("title", "question", "return_to"):
            text = getattr(self, name)
            require(isinstance(text, str) and bool(text.strip()), name, text, "a text")
        check_whole("songs", self.songs, 2)
        check_whole("notes", self.notes, 2)
        check_whole("quarters", self.quarters, 2)
        check_whole("skip", self.skip, 0, null="for as many as the primer has")
        check_number("tempo", self.tempo, least=20, most=400)
        check_whole("comparisons", self.comparisons, 1)
        check_whole("checks", self.checks, 0, self.comparisons)
        check_whole("seed", self.seed, 0)


@dataclass(frozen=True)
class ListeningTest:
    """A test.

    Attributes:
        content: of the page, as `melgen.listening.page` describes it.
        key: what the numbers in it mean.
        conditions: with their excerpts.
        minutes: that it takes a listener.
    """

    content: dict[str, Any]
    key: Key
    conditions: tuple[Condition, ...]
    minutes: int


def make_test(
    material: Material, settings: Settings, rules: Rules, confidence: float, about: Mapping[str, Any]
) -> ListeningTest:
    """Choose the excerpts, lay out the comparisons, and shuffle the songs.

    Args:
        material: the songs.
        settings: of the test.
        rules: of exclusion.
        confidence: of the intervals of the analysis.
        about: what the key records besides.

    Raises:
        ValueError: if a condition has too few songs that are long enough.
    """
    skip = material.primer_notes if settings.skip is None else settings.skip
    cut = Cut(skip, settings.notes, settings.quarters, material.with_rhythm)
    conditions = _conditions(material, cut, settings)
    # A generator of its own for each purpose, so that another number of checks leaves the other choices as they are.
    of_checks, of_order = (np.random.default_rng([settings.seed, 1, part]) for part in range(2))
    placed: list[tuple[int | None, Excerpt]] = [
        (number, excerpt) for number, condition in enumerate(conditions) for excerpt in condition.excerpts
    ]
    excerpts = [excerpt for _, excerpt in placed]
    placed += [(None, excerpt) for excerpt in check_excerpts(excerpts, settings.checks, of_checks)]
    order = of_order.permutation(len(placed)).tolist()
    songs = [placed[i] for i in order]
    numbers = {condition: [i for i, (one, _) in enumerate(songs) if one == condition] for condition, _ in songs}
    sheets = lay_out(
        [numbers[condition] for condition in range(len(conditions))],
        numbers.get(None, []),
        SHEETS,
        settings.comparisons,
        settings.checks,
        settings.seed,
    )
    seconds = cut.steps / STEPS_PER_QUARTER * 60 / settings.tempo
    minutes = math.ceil((settings.comparisons + settings.checks) * (2 * seconds + SECONDS_TO_ANSWER) / 60)
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "question": settings.question,
        "check_question": CHECK_QUESTION,
        "return_to": settings.return_to,
        "minutes": minutes,
        "tempo": settings.tempo,
        "steps": cut.steps,
        "songs": [excerpt.notes for _, excerpt in songs],
        "sheets": [packed_sheet(sheet) for sheet in sheets],
    }
    content["test"] = _identity([content, asdict(rules), confidence])
    key = Key(
        test=content["test"],
        title=settings.title,
        question=settings.question,
        seconds=seconds,
        conditions=tuple(ConditionOfKey(one.name, one.role, one.songs, one.short, one.repeated) for one in conditions),
        songs=tuple(SongOfKey(condition, excerpt.source, excerpt.title) for condition, excerpt in songs),
        sheets=tuple(sheets),
        rules=rules,
        confidence=confidence,
        about={**about, "skipped_notes": skip, "excerpt": cut.length_in_words, "with_rhythm": material.with_rhythm},
    )
    return ListeningTest(content, key, conditions, minutes)


def _conditions(material: Material, cut: Cut, settings: Settings) -> tuple[Condition, ...]:
    """Networks, then the reference, then the baseline.

    Raises:
        ValueError: if some have too few songs; names all of them.
    """
    sets: list[tuple[str, Role, Songs]] = [(name, "network", songs) for name, songs in material.networks.items()]
    sets += [(REFERENCE, "reference", material.tunes), (material.baseline_name, "anchor", material.baseline)]
    conditions, errors = [], []
    for number, (name, role, songs) in enumerate(sets):
        generator = np.random.default_rng([settings.seed, 0, number])
        try:
            conditions.append(choose_excerpts(name, role, songs, cut, settings.songs, generator))
        except TooFewExcerptsError as error:
            errors.append(error)
    if errors:
        raise ValueError(refusal_of(errors, cut, settings.songs))
    return tuple(conditions)


def _identity(content: Any) -> str:
    """Twelve digits that identify a page with its rules, which nobody can then change after the test."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
