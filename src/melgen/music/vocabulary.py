"""The vocabulary: the values of the training melodies, numbered.

A network reads and writes *tokens*, numbers from 0 to V - 1; token ``i`` is the ``i``-th smallest value in
the training data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from melgen.music.representations import AbstractRepresentation

Tokens = NDArray[np.int64]

# Encoding looks values up in a table from the lowest to the highest, which is several times faster on a corpus
# than a binary search. Pitches and intervals span 256 values; without the bound, a damaged file could request
# gigabytes.
MAX_VALUE_SPAN = 2**20
_AT_ONCE = 10_000  # melodies: a generator may yield a corpus larger than memory


class Vocabulary:
    """Sorted distinct values and their tokens. Immutable.

    A value that does not occur in training is *unknown*. As input it becomes the nearest known value, the lower
    one of two equally near. As a target it must not be scored: with `known`, callers leave such targets out of
    the loss and count them. With ``strict=True`` an unknown value is an error, for values that the user chose,
    as in a primer.

    Args:
        values: the values, strictly increasing.

    Raises:
        ValueError: if `values` is empty, not increasing or not made of integers.

    >>> vocabulary = Vocabulary.from_values([[60, 64], [62, 60]])
    >>> vocabulary
    Vocabulary(3 values, 60 to 64)
    >>> vocabulary.encode([60, 64, 63, 99]).tolist(), vocabulary.known([60, 64, 63, 99]).tolist()
    ([0, 2, 1, 2], [True, True, False, False])
    >>> vocabulary.decode([0, 2, 1]).tolist()
    [60, 64, 62]
    """

    def __init__(self, values: ArrayLike):
        array = _as_integers(values, "the values of a vocabulary")
        if array.ndim != 1 or not array.size:
            raise ValueError(
                f"a vocabulary needs a list of at least one value, got an array of shape {list(array.shape)}"
            )
        if not (array[:-1] < array[1:]).all():
            raise ValueError(f"the values of a vocabulary must increase strictly, got {array.tolist()}")
        self._lowest, self._highest = int(array[0]), int(array[-1])
        if self._highest - self._lowest >= MAX_VALUE_SPAN:
            raise ValueError(
                f"the values of a vocabulary must span fewer than {MAX_VALUE_SPAN}, "
                f"got {self._lowest} to {self._highest}"
            )
        self.values: NDArray[np.int64] = array.copy()
        self.values.flags.writeable = False
        every_value = np.arange(self._lowest, self._highest + 1)
        above = np.searchsorted(self.values, every_value)
        below = np.maximum(above - 1, 0)
        lower_is_near = every_value - self.values[below] <= self.values[above] - every_value
        self._token_of: Tokens = np.where(lower_is_near & (self.values[above] != every_value), below, above)

    @classmethod
    def from_values(cls, melodies: Iterable[ArrayLike]) -> Vocabulary:
        """The distinct values of encoded melodies.

        Raises:
            ValueError: if there are no values.
        """
        arrays = (array for array in map(np.asarray, melodies) if array.size)
        values = np.zeros(0, np.int64)
        while some := list(islice(arrays, _AT_ONCE)):
            values = np.union1d(values, np.concatenate(some))
        if not len(values):
            raise ValueError("a vocabulary needs at least one value, but the training melodies contain none")
        return cls(values)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_dict` wrote.

        Raises:
            ValueError: if `state` is something else.
        """
        if not isinstance(state, Mapping) or set(state) != {"values"}:
            raise ValueError(f"a stored vocabulary must be a dictionary with the key 'values', got {state!r:.200}")
        return cls(state["values"])

    def to_dict(self) -> dict[str, list[int]]:
        """Plain containers and numbers, for checkpoints and JSON."""
        return {"values": self.values.tolist()}

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the network: arguments of `melgen.networks.MelodyModel`."""
        return {"vocab_size": len(self)}

    def known(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Mark the values that occur in training, in an array of the same shape."""
        array = _as_integers(values, "values")
        return self.values[self._nearest(array)] == array

    def encode(self, values: ArrayLike, strict: bool = False) -> Tokens:
        """Tokens of values, as an array of the same shape; an unknown value becomes the nearest known one.

        Raises:
            ValueError: with ``strict``, if a value is unknown.
        """
        array = _as_integers(values, "values")
        tokens = self._nearest(array)
        if strict and not (is_known := self.values[tokens] == array).all():
            unknown = np.unique(array[~is_known]).tolist()
            raise ValueError(
                f"value{'s' * (len(unknown) > 1)} {', '.join(map(str, unknown))} never occurred in training; "
                f"the vocabulary has {len(self)} values from {self._lowest} to {self._highest}"
            )
        return tokens

    def decode(self, tokens: ArrayLike) -> NDArray[np.int64]:
        """Values of tokens, as an array of the same shape.

        Raises:
            ValueError: if a token is not between 0 and V - 1.
        """
        array = _as_integers(tokens, "tokens")
        if array.size and not 0 <= array.min() <= array.max() < len(self):
            raise ValueError(f"tokens must be between 0 and {len(self) - 1}, got {array.min()} to {array.max()}")
        return self.values[array]

    def table(self, representation: AbstractRepresentation) -> str:
        """One line per token: its number, its value and the value's name.

        >>> from melgen.music.representations import Control
        >>> print(Vocabulary([60, 64]).table(Control()))
        token  value  name
            0     60  C4
            1     64  E4
        """
        rows = (
            f"{token:5d}  {value:5d}  {representation.value_name(value)}"
            for token, value in enumerate(self.values.tolist())
        )
        return "\n".join(["token  value  name", *rows])

    def union(self, other: Vocabulary) -> Vocabulary:
        """The values of both, sorted: the vocabulary for fine-tuning a trained network on other melodies.

        >>> old = Vocabulary([60, 64])
        >>> new = old.union(Vocabulary([62, 64]))
        >>> new.values.tolist(), old.tokens_in(new).tolist()
        ([60, 62, 64], [0, 2])
        """
        return Vocabulary(np.union1d(self.values, other.values))

    def tokens_in(self, larger: Vocabulary) -> Tokens:
        """The token that each value of this vocabulary has in a larger one: ``[V]``.

        Raises:
            ValueError: if the larger vocabulary lacks a value of this one.
        """
        return larger.encode(self.values, strict=True)

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values.tobytes())

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} value{'s' * (len(self) > 1)}, {self._lowest} to {self._highest})"

    def _nearest(self, array: NDArray[np.int64]) -> Tokens:
        # Several times as fast as np.clip for the few notes of a tune.
        return self._token_of[np.minimum(np.maximum(array, self._lowest), self._highest) - self._lowest]


def _as_integers(values: ArrayLike, what: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if not array.size:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.dtype == np.uint64:
        raise ValueError(f"{what} must be integers of at most 64 bits, got {values!r:.200}")
    return array.astype(np.int64, copy=False)
