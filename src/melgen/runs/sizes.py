"""The key ``parameters``: it sets ``hidden_size`` and ``model.embedding_size``, for a network of a given size.

The vocabulary decides how large a network is, so that its corpus is read first. A run's name and identity contain the
solved sizes alone, so that the same sizes, written by hand, are the same run.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.checking import check_whole
from melgen.runs.directory import SWEEP_VARIABLE

EMBEDDING_SIZE = 128
"""The embedding of a network whose parameters are given, unless ``model.embedding_size`` is."""
USUAL_HIDDEN_SIZE = 128
"""The value of ``hidden_size`` in ``conf/``."""
PARAMETERS, HIDDEN_SIZE, EMBEDDING = "parameters", "hidden_size", "model.embedding_size"
SOLVED = (HIDDEN_SIZE, EMBEDDING)
"""The keys that ``parameters`` sets."""

_vocabularies: dict[str, Mapping[str, int]] = {}
_solved: dict[str, Mapping[str, int]] = {}


def solved_sizes(config: DictConfig, vocabulary: Mapping[str, int] | None = None) -> Mapping[str, int]:
    """The values of `SOLVED`; none if ``parameters`` is not given.

    Args:
        config: of a training.
        vocabulary: its sizes, as `melgen.music.vocabulary.Vocabulary.sizes`; if None, the corpus is read.

    Raises:
        ValueError: if ``hidden_size`` or ``init_from`` is given too; for a number that no width comes near to.
    """
    parameters = config.get(PARAMETERS)
    if parameters is None:
        return {}
    _check_alone(config)
    check_whole(PARAMETERS, parameters)
    sizes = _vocabulary_of(config) if vocabulary is None else vocabulary
    key = f"{parameters}\n{sizes}\n{OmegaConf.to_yaml(config.model, resolve=True)}"
    if key not in _solved:
        embedding = config.model.get("embedding_size")
        embedding = EMBEDDING_SIZE if embedding is None else embedding
        _solved[key] = {HIDDEN_SIZE: _width_of(config, sizes, embedding), EMBEDDING: embedding}
    return _solved[key]


def check_typed(config: DictConfig, typed: Collection[str]) -> None:
    """Refuse a size on the command line that ``parameters`` would replace.

    Args:
        config: of a training.
        typed: the overridden keys.

    Raises:
        ValueError: naming both keys.
    """
    if config.get(PARAMETERS) is not None and (given := {HIDDEN_SIZE, "model.hidden_size"} & {*typed}):
        raise _both(config, min(given))


def _check_alone(config: DictConfig) -> None:
    if config.hidden_size != USUAL_HIDDEN_SIZE or config.model.hidden_size != config.hidden_size:
        raise _both(config, HIDDEN_SIZE if config.hidden_size != USUAL_HIDDEN_SIZE else "model.hidden_size")
    if config.get("init_from") is not None:
        raise ValueError(
            f"parameters={config.parameters} with init_from={config.init_from}: a network that starts from the weights "
            "of another has its sizes; hidden_size and model.embedding_size must be those of that run"
        )


def _both(config: DictConfig, key: str) -> ValueError:
    value = OmegaConf.select(config, key)
    return ValueError(f"parameters={config.parameters} with {key}={value}: only one of the two can set the size")


def _vocabulary_of(config: DictConfig) -> Mapping[str, int]:
    """The sizes of the vocabulary of the corpus, which is read once in a process for each configuration of it."""
    key = OmegaConf.to_yaml(config.dataset, resolve=True)
    if key not in _vocabularies:
        from melgen.data.from_config import build_data

        with _without_warnings():  # the training reads the corpus too, and repeats them
            _vocabularies[key] = build_data(config, sweep=os.environ.get(SWEEP_VARIABLE)).vocabulary.sizes
    return _vocabularies[key]


@contextmanager
def _without_warnings() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _width_of(config: DictConfig, vocabulary: Mapping[str, int], embedding_size: int) -> int:
    from hydra.utils import instantiate

    from melgen.networks import estimate_parameters
    from melgen.networks.widths import width_for

    given: dict[str, Any] = instantiate(config.model, _partial_=True).keywords
    known = inspect.signature(estimate_parameters).parameters
    options = {key: value for key, value in given.items() if key in known} | dict(vocabulary)
    options |= {"embedding_size": embedding_size}

    def count(width: int) -> int:
        return estimate_parameters(**(options | {"hidden_size": width}))

    return width_for(config.parameters, count)
