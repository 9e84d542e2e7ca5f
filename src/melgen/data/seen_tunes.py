"""The tunes that a network, and the networks it was started from, were trained on, as hashes of their intervals.

A network that starts from another one's weights must not be scored on tunes that those weights were trained on. Every
checkpoint contains the hashes, eight bytes per tune, so that a checkpoint that is copied alone keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
NO_TUNES: Hashes = np.zeros(0, np.uint64)


@dataclass(frozen=True, eq=False)
class SeenTunes:
    """The tunes that a network was trained on.

    Attributes:
        own: hashes (`melgen.corpora.packing.interval_hashes`) of the training tunes of its own run.
        inherited: hashes of the training tunes of the networks that it was started from, directly or indirectly.
        is_complete: whether all those networks recorded their training tunes.

    Shape:
        ``[tunes]`` each, sorted and without duplicates.
    """

    own: Hashes
    inherited: Hashes
    is_complete: bool = True

    @classmethod
    def of(cls, training_tunes: Hashes, start: SeenTunes | None = None) -> SeenTunes:
        """The record of a network trained on these tunes, from random weights or from another network."""
        if start is None:
            return cls(np.unique(training_tunes), NO_TUNES)
        return cls(np.unique(training_tunes), start.all, start.is_complete)

    @property
    def all(self) -> Hashes:
        """The hashes of its own run, and the inherited ones."""
        return np.union1d(self.own, self.inherited)

    @property
    def start(self) -> SeenTunes:
        """The tunes that the network it was started from had been trained on."""
        return SeenTunes(self.inherited, NO_TUNES, self.is_complete)

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain data, for a checkpoint; the integers are signed, as torch needs."""
        return {
            "own": torch.from_numpy(self.own.view(np.int64)),
            "inherited": torch.from_numpy(self.inherited.view(np.int64)),
            "is_complete": self.is_complete,
        }

    @classmethod
    def from_dict(cls, values: Any) -> SeenTunes:
        """The inverse of `to_dict`.

        Raises:
            ValueError: if ``values`` is not such a record.
        """
        if not isinstance(values, dict) or values.keys() != {"own", "inherited", "is_complete"}:
            raise ValueError("the record of training tunes is damaged")
        return cls(_hashes(values["own"]), _hashes(values["inherited"]), values["is_complete"] is True)

    def to_json(self) -> dict[str, Any]:
        """Plain data, with 16 hexadecimal digits for each tune."""
        return {
            "own": [f"{number:016x}" for number in self.own.tolist()],
            "inherited": [f"{number:016x}" for number in self.inherited.tolist()],
            "is_complete": self.is_complete,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SeenTunes:
        """The inverse of `to_json`."""
        own, inherited = (
            np.unique(np.array([int(digits, 16) for digits in values[key]], np.uint64)) for key in ("own", "inherited")
        )
        return cls(own, inherited, values["is_complete"])

    def contains(self, tunes: Hashes) -> NDArray[np.bool_]:
        """Which of these hashes are those of training tunes, its own or inherited ones.

        Shape:
            ``[tunes]`` to ``[tunes]``.
        """
        return np.isin(tunes, self.all)


def _hashes(column: Any) -> Hashes:
    if (
        not isinstance(column, torch.Tensor)
        or (column.dtype, column.ndim, column.layout) != (torch.int64, 1, torch.strided)
        or column.numel() * column.element_size() > column.untyped_storage().nbytes()
    ):
        raise ValueError("the record of training tunes is damaged: it must be lists of 64-bit integers")
    return np.unique(column.contiguous().numpy().view(np.uint64))


UNCHECKED = SeenTunes(NO_TUNES, NO_TUNES, is_complete=False)
"""The record of a network whose training tunes are unknown."""
