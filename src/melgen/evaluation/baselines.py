"""Baselines: trivial models of melodies, fitted on training tunes, which a network that has learnt anything must beat.

Letters: V vocabulary, the different pitches of the training tunes. Each baseline is a Markov chain of order one over
them; the three differ only in what they count.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.flat_notes import FlatNotes, flatten
from melgen.generation.sampling import Selection, check_sampling, select, uniform_draws

# The first two notes of a tune are not scored, because a model of intervals predicts only from the third on.
_FIRST_SCORED_PLACE = 2

Probabilities = NDArray[np.float64]


class AbstractBaseline(ABC):
    """A baseline: fitted with `fit`, it generates songs and computes the likelihood of tunes.

    Attributes:
        name: its name in tables.
        writes_songs: whether its songs are measured, too, or only the likelihood of tunes.
        pitches: the vocabulary, sorted: ``[V]``.
        first: probability of each pitch as first note, if there is no primer: ``[V]``.
        following: probability of each pitch (column) after each pitch (row): ``[V, V]``.
    """

    name: ClassVar[str]
    writes_songs: ClassVar[bool] = True

    def __init__(self, pitches: NDArray[np.int64], first: Probabilities, following: Probabilities):
        self.pitches, self.first, self.following = pitches, first, following

    @classmethod
    def fit(cls, tunes: Sequence[ArrayLike]) -> Self:
        """A baseline fitted on training tunes, each a sequence of pitches.

        Raises:
            ValueError: if the tunes contain no notes.
        """
        notes = flatten(tunes)
        if not len(notes.pitch):
            raise ValueError("a baseline must be fitted on at least one note, but the training tunes contain none")
        pitches, tokens = np.unique(notes.pitch, return_inverse=True)
        first, following = cls._probabilities(notes._replace(pitch=tokens), len(pitches))
        return cls(pitches, first, np.broadcast_to(following, (len(pitches), len(pitches))))

    @staticmethod
    @abstractmethod
    def _probabilities(notes: FlatNotes, size: int) -> tuple[Probabilities, Probabilities]:
        """`first` and `following`, the latter ``[V, V]`` or ``[V]`` if it does not depend on the note before.

        Args:
            notes: training notes, with tokens from 0 to V - 1 as their pitches.
            size: V.
        """

    def write(
        self,
        songs: int,
        notes: int,
        primer: Sequence[int] | Sequence[Sequence[int]],
        seed: int,
        selection: Selection = "sample",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[NDArray[np.int64]]:
        """Generate songs that continue a primer.

        The same seed gives the same songs; a larger number of songs begins with the same ones.

        Args:
            songs: how many.
            notes: how many notes after the primer.
            primer: the first pitches, possibly none; or a list of pitches for each song, all equally long.
            seed: of the random choices.
            selection, temperature, top_k, top_p: see `melgen.generation.sampling.select`.

        Returns:
            The pitches of each song, the primer included.

        Raises:
            ValueError: if a number is negative, an option is out of its range, or the primer contains a pitch that
                never occurred in training.
        """
        check_sampling(1, 1, selection, temperature, top_k, top_p, seed)
        if songs < 0 or notes < 0:
            raise ValueError(f"the numbers of songs and notes cannot be negative, got {songs} and {notes}")
        primers: Any = list(primer) if len(primer) and isinstance(primer[0], Sequence) else [primer]
        start = self._encode(flatten(primers), "the primer").reshape(len(primers), -1)
        written = np.zeros((songs, start.shape[1] + notes), np.int64)
        written[:, : start.shape[1]] = start
        logits = torch.from_numpy(np.log(self.following))
        of_first = torch.from_numpy(np.log(self.first)).expand(songs, -1)
        for note, place in enumerate(range(start.shape[1], written.shape[1])):
            rows = logits[written[:, place - 1]] if place else of_first
            draws = uniform_draws(seed, note, songs)
            written[:, place] = select(rows, selection, temperature, top_k, top_p, draws=draws).numpy()
        return list(self.pitches[written])

    def bits_per_note(self, tunes: Sequence[ArrayLike]) -> float:
        """Mean of ``-log2 p`` over notes 3..N of each tune, as `docs/concepts.md` defines it for networks.

        nan if no tune has a third note.

        Raises:
            ValueError: if a tune contains a pitch that never occurred in training; the caller must leave out such
                tunes, for networks and baselines alike.

        >>> UniformBaseline.fit([[60, 62, 64, 65]]).bits_per_note([[60, 60, 60, 62]])
        2.0
        """
        notes = flatten(tunes)
        step = notes._replace(pitch=self._encode(notes, "a tune")).steps()
        scored = step.place >= _FIRST_SCORED_PLACE
        if not scored.any():
            return math.nan
        return float(-np.log2(self.following[step.before[scored], step.after[scored]]).mean())

    def _encode(self, notes: FlatNotes, what: str) -> NDArray[np.int64]:
        tokens = np.searchsorted(self.pitches, notes.pitch)
        unseen = self.pitches[np.minimum(tokens, len(self.pitches) - 1)] != notes.pitch
        if unseen.any():
            raise ValueError(
                f"{what} contains pitch {notes.pitch[unseen][0]}, which never occurred in training; "
                f"known are {len(self.pitches)} pitches from {self.pitches[0]} to {self.pitches[-1]}"
            )
        return tokens


class UniformBaseline(AbstractBaseline):
    """Every pitch of the training tunes is equally likely: ``1 / V``."""

    name = "uniform"

    @staticmethod
    def _probabilities(notes: FlatNotes, size: int) -> tuple[Probabilities, Probabilities]:
        uniform = np.full(size, 1 / size)
        return uniform, uniform


class UnigramBaseline(AbstractBaseline):
    """Each pitch as often as in training, regardless of the note before: ``(count + 1) / (notes + V)``.

    >>> UnigramBaseline.fit([[60, 60], [62]]).first.tolist()
    [0.6, 0.4]
    """

    name = "unigram"

    @staticmethod
    def _probabilities(notes: FlatNotes, size: int) -> tuple[Probabilities, Probabilities]:
        unigram = _add_one(np.bincount(notes.pitch, minlength=size))
        return unigram, unigram


class BigramBaseline(AbstractBaseline):
    """Each pitch as often as in training after the one before: ``(count of pair + 1) / (pairs from it + V)``.

    A first note follows the unigram. Pairs do not cross from one tune into the next.

    >>> BigramBaseline.fit([[60, 60, 62], [60]]).following.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    name = "bigram"

    @staticmethod
    def _probabilities(notes: FlatNotes, size: int) -> tuple[Probabilities, Probabilities]:
        first, _ = UnigramBaseline._probabilities(notes, size)
        step = notes.steps()
        pairs = np.bincount(step.before * size + step.after, minlength=size * size)
        return first, _add_one(pairs.reshape(size, size))


def _add_one(counts: NDArray[np.int64]) -> Probabilities:
    """Laplace smoothing: add one to every count, and divide by the sums over the last axis."""
    smoothed = counts + 1.0
    return smoothed / smoothed.sum(axis=-1, keepdims=True)
