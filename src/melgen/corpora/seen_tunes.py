"""Which tunes a network was trained on, by hashes of their interval sequences, and what its start had been trained on.

A training that starts from another's weights must not be scored on tunes that those weights know. The hashes travel
in every checkpoint, eight bytes a tune, so that a checkpoint that is copied alone keeps them.
"""

from __future__ import annotations

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
        inherited: of those of the networks that it was started from, all the way back.
        is_complete: whether those networks all recorded theirs.

    Shape:
        ``[tunes]`` each, ascending and each hash once.
    """

    own: Hashes
    inherited: Hashes
    is_complete: bool = True

    @classmethod
    def of(cls, training_tunes: Hashes, start: SeenTunes | None = None) -> SeenTunes:
        """Of a network that is trained on some tunes, from chance or from another network."""
        if start is None:
            return cls(np.unique(training_tunes), NO_TUNES)
        return cls(np.unique(training_tunes), start.all, start.is_complete)

    @property
    def all(self) -> Hashes:
        """Those of its own run, and the inherited ones."""
        return np.union1d(self.own, self.inherited)

    @property
    def start(self) -> SeenTunes:
        """What the network that it was started from had been trained on."""
        return SeenTunes(self.inherited, NO_TUNES, self.is_complete)

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint, which holds tensors and plain data; torch's whole numbers have a sign."""
        return {
            "own": torch.from_numpy(self.own.view(np.int64)),
            "inherited": torch.from_numpy(self.inherited.view(np.int64)),
            "is_complete": self.is_complete,
        }

    @classmethod
    def from_dict(cls, values: Any) -> SeenTunes:
        """The inverse of `to_dict`.

        Raises:
            ValueError: if it is no such record.
        """
        if not isinstance(values, dict) or values.keys() != {"own", "inherited", "is_complete"}:
            raise ValueError("the record of training tunes is damaged")
        return cls(_hashes(values["own"]), _hashes(values["inherited"]), values["is_complete"] is True)


def _hashes(column: Any) -> Hashes:
    if (
        not isinstance(column, torch.Tensor)
        or (column.dtype, column.ndim, column.layout) != (torch.int64, 1, torch.strided)
        or column.numel() * column.element_size() > column.untyped_storage().nbytes()
    ):
        raise ValueError("the record of training tunes is damaged: it must be lists of 64-bit numbers")
    return np.unique(column.contiguous().numpy().view(np.uint64))


UNCHECKED = SeenTunes(NO_TUNES, NO_TUNES, is_complete=False)
"""Of a network that does not record what it was trained on."""
