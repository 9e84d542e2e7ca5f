"""The key ``learning_rates``: a file that sets ``optimizer.lr``, for each cell and setting that a study has tuned.

The stage *tune* of a study writes the file, whose content `melgen.runs.rate_trials` describes. A run's name and
identity contain the rate alone, so that the same rate, written by hand, is the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.files import read_json
from melgen.runs.rate_trials import LearningRates, where_of
from melgen.runs.size_keys import HIDDEN_SIZE, given_size

LEARNING_RATES, RATE = "learning_rates", "optimizer.lr"
"""The key, and the key that it sets."""


def tuned_rate(config: DictConfig) -> Mapping[str, float]:
    """The value of ``optimizer.lr`` for a training; empty if ``learning_rates`` is not given.

    Raises:
        ValueError: for a file that cannot be read, or that has no rate for this network.
    """
    path = config.get(LEARNING_RATES)
    if path is None:
        return {}
    rates = read_rates(Path(path).expanduser())
    if (found := rates.setting_of(config)) is not None:
        return {RATE: found.best.rate}
    where = where_of(config, list(rates.settings[0].where)) if rates.settings else {}
    own = ", ".join(_in_words(key, value) for key, value in where.items() if value is not None)
    raise ValueError(
        f"{LEARNING_RATES}={path}: has no rate for {own}; it was tuned for "
        f"{'; '.join(setting.name for setting in rates.settings) or 'nothing'}"
    )


def used_otherwise(config: DictConfig) -> list[str]:
    """Name the differences between a training and those for which its rate was tuned; empty if there are none.

    A rate may be used for another corpus, size or budget. It is then a guess, which a user should know; a network that
    was not tuned at all is refused by `tuned_rate`.

    Args:
        config: of a training, with its solved sizes.

    Raises:
        ValueError: for a file that cannot be read.
    """
    path = config.get(LEARNING_RATES)
    rates = None if path is None else read_rates(Path(path).expanduser())
    setting = None if rates is None else rates.setting_of(config)
    if rates is None or setting is None:
        return []
    found = []
    size = size_of(config)
    # The same size may be given by hand or by a number of parameters: the first common key compares them.
    key = next((key for key in setting.size if key in size), None)
    if key is not None and setting.size[key] != size[key]:
        found.append(f"{key}={size[key]}, tuned for {setting.size[key]}")
    if rates.purpose is not None:
        if (corpus := corpus_of(config)) != rates.purpose.corpus:
            found.append(f"corpus {_corpus_in_words(corpus)}, tuned for {_corpus_in_words(rates.purpose.corpus)}")
        updates = config.trainer.get("max_steps")
        if rates.purpose.updates and updates not in rates.purpose.updates:
            found.append(f"trainer.max_steps={updates}, tuned for {' and '.join(map(str, rates.purpose.updates))}")
    return found


def size_of(config: DictConfig) -> dict[str, int]:
    """The size of a network by its keys: the number that was asked for, if any, and ``hidden_size``."""
    return {**{key: int(value) for key, value in given_size(config).items()}, HIDDEN_SIZE: int(config[HIDDEN_SIZE])}


def corpus_of(config: DictConfig) -> dict[str, Any]:
    """The configuration of the corpus, as plain data."""
    plain = OmegaConf.to_container(config.corpus, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _corpus_in_words(corpus: Mapping[str, Any]) -> str:
    """A corpus with its options.

    >>> _corpus_in_words({"_target_": "melgen.corpora.FolderCorpus", "path": "tunes"})
    'FolderCorpus path=tunes'
    """
    name = str(corpus.get("_target_", "")).rpartition(".")[2]
    return " ".join([name, *(f"{key}={value}" for key, value in corpus.items() if key != "_target_")])


def _in_words(key: str, value: Any) -> str:
    """A key and its value, with the name of a class in place of its path: ``cell=GRU``."""
    return f"{key.removesuffix('._target_')}={str(value).rpartition('.')[2] if key.endswith('_target_') else value}"


def read_rates(path: Path) -> LearningRates:
    """Read the file.

    Raises:
        ValueError: naming the file, if it does not exist or is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{LEARNING_RATES}={path}: no such file; the stage tune of a study writes one")
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


def check_typed(config: DictConfig, typed: Mapping[str, Any]) -> None:
    """Refuse a rate on the command line that the file would replace.

    Args:
        config: of a training.
        typed: the overridden keys, with their values.

    Raises:
        ValueError: naming both keys.
    """
    if config.get(LEARNING_RATES) is not None and RATE in typed:
        raise ValueError(
            f"{LEARNING_RATES}={config[LEARNING_RATES]} with {RATE}={typed[RATE]}: only one of the two can set the rate"
        )


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> LearningRates:
    try:
        return LearningRates.from_dict(read_json(path))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{LEARNING_RATES}={path}: damaged, or not a file of learning rates ({error!s:.80})") from None
