"""The keys ``parameters`` and ``remembered``: they set ``hidden_size`` and ``model.embedding_size`` for a given size.

`melgen.networks.widths` finds the width. The size of a network depends on its vocabulary, so its corpus is read first.
A run's name and identity contain the solved sizes alone, so that the same sizes, written by hand, are the same run.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.checking import check_whole
from melgen.runs.cell_options import named_by_key
from melgen.runs.directory import SWEEP_VARIABLE

EMBEDDING_SIZE = 128
"""The embedding of a network whose size is given, unless ``model.embedding_size`` is."""
USUAL_HIDDEN_SIZE = 128
"""The value of ``hidden_size`` in ``conf/``."""
PARAMETERS, REMEMBERED = "parameters", "remembered"
_UNITS = {PARAMETERS: "parameters", REMEMBERED: "numbers"}
"""The keys that give a size, with what they count."""
HIDDEN_SIZE, EMBEDDING = "hidden_size", "model.embedding_size"
SOLVED = (HIDDEN_SIZE, EMBEDDING)
"""The keys that a given size sets."""

_vocabularies: dict[str, Mapping[str, int]] = {}
_solved: dict[str, Mapping[str, int]] = {}


def solved_sizes(config: DictConfig, vocabulary: Mapping[str, int] | None = None) -> Mapping[str, int]:
    """The values of `SOLVED`; none if no size is given.

    Args:
        config: of a training.
        vocabulary: its sizes, as `melgen.music.vocabulary.Vocabulary.sizes`; if None, the corpus is read.

    Raises:
        ValueError: if both sizes, ``hidden_size`` or ``init_from`` are given too; for a number that no width comes
            near to.
    """
    if not (given := given_size(config)):
        return {}
    _check_alone(config, *given)
    ((key, wanted),) = given.items()
    check_whole(key, wanted)
    sizes = _vocabulary_of(config) if vocabulary is None else vocabulary
    known = f"{key}={wanted}\n{sizes}\n{OmegaConf.to_yaml(config.model, resolve=True)}"
    if known not in _solved:
        embedding = config.model.get("embedding_size")
        embedding = EMBEDDING_SIZE if embedding is None else embedding
        _solved[known] = {HIDDEN_SIZE: _width_of(config, sizes, embedding, key), EMBEDDING: embedding}
    return _solved[known]


def given_size(config: DictConfig) -> dict[str, Any]:
    """The key that gives the size of a network, with its value; empty if ``hidden_size`` sets it.

    Raises:
        ValueError: if both are given.
    """
    given = {key: config[key] for key in _UNITS if config.get(key) is not None}
    if len(given) > 1:
        raise _both(config, PARAMETERS, REMEMBERED)
    return given


def check_typed(config: DictConfig, typed: Collection[str]) -> None:
    """Refuse a size on the command line that a given size would replace.

    Args:
        config: of a training.
        typed: the overridden keys.

    Raises:
        ValueError: naming both keys.
    """
    replaced = {HIDDEN_SIZE, "model.hidden_size"} & {*typed}
    for key in given_size(config) if replaced else ():
        raise _both(config, key, min(replaced))


def _check_alone(config: DictConfig, key: str) -> None:
    if config.hidden_size != USUAL_HIDDEN_SIZE or config.model.hidden_size != config.hidden_size:
        raise _both(config, key, HIDDEN_SIZE if config.hidden_size != USUAL_HIDDEN_SIZE else "model.hidden_size")
    if config.get("init_from") is not None:
        raise ValueError(
            f"{key}={config[key]} with init_from={config.init_from}: a network that starts from the weights "
            "of another has its sizes; hidden_size and model.embedding_size must be those of that run"
        )


def _both(config: DictConfig, key: str, other: str) -> ValueError:
    value = OmegaConf.select(config, other)
    return ValueError(f"{key}={config[key]} with {other}={value}: only one of the two can set the size")


def _vocabulary_of(config: DictConfig) -> Mapping[str, int]:
    """The sizes of the vocabulary of the corpus, which is read once in a process for each configuration of it.

    The seed of a training only orders the windows: networks of all seeds have one vocabulary.
    """
    dataset = OmegaConf.to_container(config.dataset, resolve=True)
    assert isinstance(dataset, dict)
    key = repr({name: value for name, value in dataset.items() if name != "seed"})
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


def _width_of(config: DictConfig, vocabulary: Mapping[str, int], embedding_size: int, key: str) -> int:
    from hydra.utils import instantiate

    from melgen.networks import estimate_parameters
    from melgen.networks.sizes import estimate_remembered
    from melgen.networks.widths import width_for

    estimate: Callable[..., int] = estimate_parameters if key == PARAMETERS else estimate_remembered

    given: dict[str, Any] = instantiate(config.model, _partial_=True).keywords
    known = inspect.signature(estimate_parameters).parameters
    options = {name: value for name, value in given.items() if name in known} | dict(vocabulary)
    options |= {"embedding_size": embedding_size}

    def count(width: int) -> int:
        return estimate(**(options | {"hidden_size": width}))

    with named_by_key(config):
        return width_for(config[key], count, key, _UNITS[key])
