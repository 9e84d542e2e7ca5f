"""Settings of a training that make no sense are refused before anything is read or written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from melgen.checking import COUNT, SEED, is_seed, is_whole, one_of, require, whole_number_of
from melgen.configuration.known_keys import CHANGE_NOTHING, SET_OTHERWISE
from melgen.resources import available_memory
from melgen.runs.budget import NO_LIMIT
from melgen.runs.naming import safe_name
from melgen.runs.precision import PRECISIONS, full_name

MATMUL_PRECISIONS = ("highest", "high", "medium")
AUTO = "auto"
PRODUCTS = (AUTO, "torch", "module", "sequences", "onednn", "packed")
"""``auto``, and the backends of `melgen.networks.products` in single precision; here, since that imports torch."""
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
BYTES_PER_PARAMETER = 16
"""Weight, gradient and Adam's two moments, four bytes each."""


class Rule(NamedTuple):
    """A rule for the value of a key; a key that is absent has the value ``None``."""

    key: str
    holds: Callable[[Any], bool]
    text: str


def _is_count(value: Any) -> bool:
    return is_whole(value) and value >= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() == value != ""


RULES = (
    Rule("layers", _is_count, COUNT),
    Rule("hidden_size", _is_count, COUNT),
    *(
        Rule(key, lambda value: value is None or _is_count(value), f"{COUNT}, or null for the size by hidden_size")
        for key in ("parameters", "remembered")
    ),
    Rule("batch_size", _is_count, COUNT),
    Rule("seq_length", _is_count, COUNT),
    Rule("trainer.val_check_interval", _is_count, COUNT),
    Rule("trainer.log_every_n_steps", _is_count, COUNT),
    Rule("threads", lambda value: value is None or _is_count(value), f"{COUNT}, or null"),
    Rule("seed", is_seed, SEED),
    Rule("split_seed", is_seed, SEED),
    Rule("gradient_clip_norm", lambda value: value is None or value > 0, "a positive number, or null for no limit"),
    Rule("trainer.max_steps", lambda value: value in NO_LIMIT or _is_count(value), f"{COUNT}, or -1 for no limit"),
    Rule("trainer.max_epochs", lambda value: value in NO_LIMIT or _is_count(value), f"{COUNT}, or -1 for no limit"),
    Rule("matmul_precision", lambda value: value in MATMUL_PRECISIONS, one_of(MATMUL_PRECISIONS)),
    Rule("products", lambda value: value in PRODUCTS, one_of(PRODUCTS)),
    Rule("precision", lambda value: full_name(value) in PRECISIONS, one_of(PRECISIONS)),
    Rule("trainer.accelerator", lambda value: value in ACCELERATORS, one_of(ACCELERATORS)),
    # The lock of a run keeps other processes out, and positions are counted in updates of one batch.
    Rule("trainer.devices", lambda value: str(value) in ("1", "auto", "[0]"), "1: melgen trains on one device"),
    Rule("trainer.accumulate_grad_batches", lambda value: value in (None, 1), "1: an update is one window"),
)
_LEARNING_RATE = Rule("optimizer.lr", lambda value: 0 <= value < math.inf, "a number of at least 0")
"""Of an optimiser that has this key."""
_SCHEDULE_LENGTH = Rule(
    "scheduler.schedule.total_iters",
    _is_count,
    "the number of steps of the schedule, a whole number of at least 1; scheduler=linear takes that of "
    "trainer.max_steps, so with a budget in epochs alone, give it yourself",
)
"""Of a schedule of torch that has this key; with less it would keep the learning rate constant."""
_NAMES = (
    Rule("name", _is_text, "the name of a folder: letters, digits and . _ + -"),
    Rule("output_dir", _is_text, "the path of a folder, without blanks around it"),
)


def check(config: DictConfig) -> None:
    """Refuse settings that make no sense before anything is read or written.

    Raises:
        ValueError: naming key, value and rule.
    """
    check_values(config)
    from melgen.training.part_types import check_types  # last, since it imports torch for what torch's parts take

    check_types(config)


def check_values(config: DictConfig) -> None:
    """Refuse settings that make no sense, as far as that needs neither torch nor Lightning.

    Raises:
        ValueError: naming key, value and rule.
    """
    _refuse_what_is_set_otherwise(config)
    _apply(RULES, config)
    if "lr" in (config.get("optimizer") or {}):
        _apply([_LEARNING_RATE], config)
    schedule = (config.get("scheduler") or {}).get("schedule") or {}
    if "total_iters" in schedule and str(schedule.get("_target_")).startswith("torch."):
        _apply([_SCHEDULE_LENGTH], config)
    if all(config.trainer.get(key) in NO_LIMIT for key in ("max_steps", "max_epochs")):
        raise ValueError("trainer.max_steps=-1 with trainer.max_epochs=-1: one of the two must limit the training")
    _require_accelerator(config.trainer.accelerator)
    check_name(config)


def check_name(config: DictConfig) -> None:
    """Refuse a name that is not a single folder below ``output_dir``.

    Raises:
        ValueError: naming key, value and rule.
    """
    _apply(_NAMES, config)
    for key in ("output_dir", "run_dir"):
        if str(config[key]).startswith("~"):
            raise ValueError(f"{key}={config[key]}: in a file, ${{oc.env:HOME}} is the home directory")
    if config.name != safe_name(config.name):
        raise ValueError(f"name={config.name}: must be letters, digits and . _ + - only, without blanks or slashes")
    if not config.name.strip("."):
        raise ValueError(f"name={config.name}: must name a folder below output_dir={config.output_dir}")


def check_memory(parameters: int, config: DictConfig) -> None:
    """Refuse a network that the memory could not hold.

    Raises:
        ValueError: naming the memory that it needs and the memory that can be used here.
    """
    available = available_memory()
    if available is not None and parameters * BYTES_PER_PARAMETER > available:
        raise ValueError(
            f"hidden_size={config.hidden_size} with layers={config.layers}: {parameters:,} parameters "
            f"need {parameters * BYTES_PER_PARAMETER / 2**30:,.0f} GiB of memory to train, and "
            f"{available / 2**30:,.0f} GiB can be used here"
        )


def _apply(rules: Sequence[Rule], config: DictConfig) -> None:
    for key, holds, text in rules:
        value = OmegaConf.select(config, key)
        try:
            good = holds(value) and not isinstance(value, bool)
        except TypeError:
            good = False
        whole = whole_number_of(value)
        hint = f"; write {whole}" if whole is not None and holds(whole) else ""
        require(good, key, value, f"{text}{hint}")


def _refuse_what_is_set_otherwise(config: DictConfig) -> None:
    for node, keys in SET_OTHERWISE.items():
        for key, instead in keys.items():
            value = (config.get(node) or {}).get(key)
            if value is not None and not any(
                type(value) is type(same) and value == same for same in CHANGE_NOTHING.get(key, ())
            ):
                raise ValueError(f"{node}.{key}={value}: {instead}")
    if full_name(config.trainer.get("precision", config.precision)) != full_name(config.precision):
        raise ValueError(
            f"trainer.precision={config.trainer.precision}: precision={config.trainer.precision} sets it, and makes it "
            "part of what the run is"
        )


def _require_accelerator(name: str) -> None:
    if name in ("auto", "cpu"):
        return
    import torch  # for this alone: a refusal need not wait for torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name, any(there.values())):
        raise ValueError(
            f"trainer.accelerator={name}: torch {torch.__version__} finds no such device on this machine; "
            "auto takes what is there"
        )
