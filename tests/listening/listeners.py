"""Simulated listeners with known preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melgen.files import write_json
from melgen.listening.answers import FORMAT, FORMAT_VERSION
from melgen.listening.bradley_terry import Judgements, fit, outcomes
from melgen.listening.intervals import Clusters
from melgen.listening.key import CODE_LENGTH, LETTERS, Key


@dataclass(frozen=True)
class Population:
    """Listeners and songs at large.

    Attributes:
        abilities: of the conditions, for the mean listener and the mean song.
        log_ties: the logarithm of the propensity to ties.
        listener_deviation: of the ability of a condition over listeners.
        song_deviation: of the ability over the songs of a condition.
    """

    abilities: np.ndarray
    log_ties: float
    listener_deviation: float = 0.0
    song_deviation: float = 0.0

    def marginal_abilities(self, reference: int) -> np.ndarray:
        """The abilities that fit the preferences of random listeners for random songs, by simulating very many.

        Averages of probabilities are nearer to even odds than the probabilities of the mean listener.
        """
        draws = np.random.default_rng(0).normal(size=40_000) * np.sqrt(
            2 * (self.listener_deviation**2 + self.song_deviation**2)
        )
        count = len(self.abilities)
        first, second = np.triu_indices(count, 1)
        difference = self.abilities[first] - self.abilities[second]
        mean = [np.mean(each, axis=1) for each in outcomes(difference[:, None] + draws, self.log_ties)]
        # A judgement of each kind, as often as it is expected among a million of each pair.
        times = np.round(np.stack(mean) * 20_000).astype(int)
        scores = np.repeat(np.tile([[1.0], [0.5], [0.0]], len(first)).ravel(), times.ravel())
        expected = Judgements(
            np.repeat(np.tile(first, 3), times.ravel()), np.repeat(np.tile(second, 3), times.ravel()), scores
        )
        return fit(expected, count, reference).abilities


def simulate(
    population: Population, sheets: list[list[tuple[int, int]]], conditions: np.ndarray, generator: np.random.Generator
) -> tuple[Judgements, Clusters]:
    """The judgements of one listener for each sheet.

    Args:
        sheets: pairs of songs, for each listener.
        conditions: of each song.
    """
    of_song = generator.normal(size=len(conditions)) * population.song_deviation
    listener = np.repeat(np.arange(len(sheets)), [len(sheet) for sheet in sheets])
    of_listener = generator.normal(size=(len(sheets), len(population.abilities))) * population.listener_deviation
    songs = np.array([pair for sheet in sheets for pair in sheet])
    ability = (
        population.abilities[conditions[songs]] + of_song[songs] + of_listener[listener[:, None], conditions[songs]]
    )
    odds = np.stack(outcomes(ability[:, 0] - ability[:, 1], population.log_ties), axis=1)
    drawn = (odds.cumsum(axis=1) > generator.random(len(songs))[:, None]).argmax(axis=1)
    scores = np.array([1.0, 0.5, 0.0])[drawn]
    first, second = conditions[songs].T
    return Judgements(first, second, scores), Clusters(listener, songs[:, 0], songs[:, 1])


def answers_of(
    key: Key, code: str, population: Population, generator: np.random.Generator, of_song: np.ndarray, **changes: Any
) -> dict[str, Any]:
    """The content of the answer file of a simulated, attentive listener.

    Args:
        key: of the test.
        code: of the listener.
        population: what listeners like.
        generator: of random numbers.
        of_song: how much better each song is than the others of its condition.
        changes: keys of the file with other values.
    """
    sheet, listener = key.sheet_of(code), generator.normal(size=len(key.conditions)) * population.listener_deviation
    answers = []
    for trial, asked in enumerate(key.sheets[sheet]):
        if asked.is_check:
            choice = "first" if key.is_right(asked, "first") else "second"
        else:
            one, other = (key.songs[song].condition for song in (asked.first, asked.second))
            ability = population.abilities + listener
            difference = ability[one] + of_song[asked.first] - ability[other] - of_song[asked.second]
            choice = str(
                generator.choice(["first", "same", "second"], p=np.stack(outcomes(difference, population.log_ties)))
            )
        answers.append(
            {
                "trial": trial,
                "first": asked.first,
                "second": asked.second,
                "answer": choice,
                "seconds": round(2 * key.seconds + float(generator.exponential(4)), 1),
                "plays": [1, 1],
                "known": False,
            }
        )
    content = {"format": FORMAT, "version": FORMAT_VERSION, "test": key.test, "code": code, "sheet": sheet}
    return content | {"training": None, "answers": answers} | changes


def write_answers(
    folder: Path, key: Key, population: Population, listeners: int, seed: int = 0, **changes: Any
) -> list[Path]:
    """Write the answer files of simulated listeners; `changes` are keys of the files with other values."""
    generator = np.random.default_rng(seed)
    of_song = generator.normal(size=len(key.songs)) * population.song_deviation
    files = []
    for _ in range(listeners):
        code = "".join(generator.choice(list(LETTERS), CODE_LENGTH))
        files.append(folder / f"answers-{code}.json")
        write_json(files[-1], answers_of(key, code, population, generator, of_song, **changes))
    return files
