"""Threads for a network that reads a few notes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from melgen.networks.model import MelodyModel

MOST_WEIGHTS_OF_ONE_THREAD = 2_000_000
"""A step of a network of fewer weights takes less time than to wait for a second thread on a busy machine."""


@contextmanager
def threads_for(model: MelodyModel) -> Iterator[None]:
    """A context in which torch computes on one thread if the network is small, and otherwise as it would anyway.

    On two cores that other work shared, a song took six times as long with two threads as with one.

    >>> with threads_for(MelodyModel(vocab_size=10)):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    if sum(weight.numel() for weight in model.parameters()) < MOST_WEIGHTS_OF_ONE_THREAD:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
