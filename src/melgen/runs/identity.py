"""The identity of a run: everything that decides its weights, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.nested import flat
from melgen.old_targets import at_present
from melgen.runs.keys import identity_keys, is_identity_key, keys_that, top_of
from melgen.runs.precision import full_name

_TRAINER_BUDGET = frozenset({"max_steps", "max_epochs", "min_steps", "min_epochs", "max_time"})
"""Keys of the trainer that set how long it trains."""

_TRAINER_ELSEWHERE = _TRAINER_BUDGET | {
    *("_target_", "val_check_interval", "log_every_n_steps", "accelerator", "devices", "num_nodes", "strategy"),
    *("precision", "profiler", "barebones", "enable_progress_bar", "detect_anomaly", "inference_mode"),
}
"""Keys of the trainer that set its budget, its device or its output."""

_TRAINER_AS_USUAL: Mapping[str, tuple[Any, ...]] = {
    "deterministic": (True,),
    "benchmark": (None, False),
    "limit_train_batches": (None, 1.0),
    "limit_val_batches": (None, 1.0),
    "limit_test_batches": (None, 1.0),
    "overfit_batches": (None, 0, 0.0),
    "accumulate_grad_batches": (None, 1),
    "reload_dataloaders_every_n_epochs": (None, 0),
}
"""Values of the trainer's other keys that do not change any number: with or without them the identity is the same."""

_REPEATED_BY_DATASET = ("corpus", "cleaning", "cache_dir", "workers", "progress", "seed", "split_seed", "rhythm")
_REPEATED_BY_MODEL = ("block",)
_REPEATING_PARTS = ("dataset", "model")
"""Parts of the configuration with keys whose values are those of keys at the top, such as ``model.layers``."""
_PLACES_OF_CORPUS = ("path", "root", "download")

FINGERPRINT, STARTED_FROM = RECORDED = ("corpus.fingerprint", "started_from")
"""Keys of an identity that no configuration has: what a run records of its corpus and of its first weights."""

NUMBERS_VERSION = 1
"""Increased whenever a change of melgen leads to other weights from the same configuration."""


def numbers_software() -> dict[str, str]:
    """The software that, together with the configuration, decides every bit of a run's weights.

    A run must not continue with other software than it began with: its result would belong to neither. Torch
    guarantees equal numbers only within a minor release.
    """
    return {"melgen's numbers": str(NUMBERS_VERSION), "torch": ".".join(version("torch").split(".")[:2])}


def reader_version() -> int:
    """The version of melgen's readers and of its rule for splits; recorded with a run, but not in its identity.

    It is not part of the identity, which contains the fingerprint of the melodies; it explains why that differs.
    """
    from melgen.corpora.corpus import READER_VERSION

    return READER_VERSION


def is_identity(key: str) -> bool:
    """Whether an overridden key or group, dotted or not, decides the weights of a run.

    >>> is_identity("trainer.max_steps"), is_identity("trainer"), is_identity("hidden_size")
    (False, False, True)
    """
    top, _, rest = key.partition(".")
    if top == "trainer":
        return bool(rest) and rest not in _TRAINER_ELSEWHERE
    return is_identity_key(top_of(key))


def is_choice(key: str) -> bool:
    """Whether a key of an identity is a choice between networks, and neither a seed nor one of `RECORDED`.

    >>> is_choice("hidden_size"), is_choice("dataset.seed"), is_choice("split_seed"), is_choice("started_from")
    (True, False, True, False)
    """
    return key not in RECORDED and key.rpartition(".")[2] != "seed"


def is_budget(key: str) -> bool:
    """Whether an overridden key, dotted or not, decides how long a run trains.

    >>> is_budget("trainer.max_steps"), is_budget("epochs_per_dataset"), is_budget("trainer.devices")
    (True, True, False)
    """
    top, _, rest = key.partition(".")
    return rest in _TRAINER_BUDGET if top == "trainer" else top in keys_that("sets_budget")


def identity_of(config: DictConfig, fingerprint: str, start: str | None = None) -> dict[str, Any]:
    """A flat dictionary of everything, except the software, that decides a run's weights.

    Args:
        config: the run's configuration.
        fingerprint: that of the corpus, instead of its path.
        start: hash of the weights that the training started from, if they were not random.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    kept = dict(identity_keys({str(key): value for key, value in plain.items()}))
    kept = same_spelling(kept)
    for node, repeated in (("dataset", _REPEATED_BY_DATASET), ("model", _REPEATED_BY_MODEL)):
        if isinstance(part := kept.get(node), dict):
            # Drop only keys that repeat a top-level one: dataset.seed=1 with seed=0 is another run.
            kept[node] = {
                key: value
                for key, value in part.items()
                if not (key in repeated and (not is_identity_key(key) or value == plain.get(key)))
            }
    for corpus in (kept.get("corpus"), kept.get("dataset", {}).get("corpus")):
        if isinstance(corpus, dict):
            for key in _PLACES_OF_CORPUS:
                corpus.pop(key, None)
    trainer = kept.pop("trainer", {})
    kept["trainer"] = {
        key: value for key, value in trainer.items() if key not in _TRAINER_ELSEWHERE and not _is_usual(key, value)
    }
    return at_present(dict(flat(kept))) | {FINGERPRINT: fingerprint, STARTED_FROM: start}


def same_spelling(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity in which what can be written in several ways is written in one.

    >>> same_spelling({"precision": 32, "seed": 0})
    {'precision': '32-true', 'seed': 0}
    """
    spelt = {"precision": full_name(identity["precision"])} if "precision" in identity else {}
    return {**identity, **spelt}


def _is_usual(key: str, value: Any) -> bool:
    """Whether a value is the usual one, by type too: Lightning takes 1.0 for all batches and 1 for one."""
    return any(type(value) is type(usual) and value == usual for usual in _TRAINER_AS_USUAL.get(key, ()))


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The keys that differ, with both values; the keys of a part that repeat the key that is typed are left out.

    >>> differences({"layers": 2, "model.layers": 2, "seed": 0}, {"layers": 3, "model.layers": 3, "seed": 0})
    ['layers: 2 there, 3 now']
    """
    absent = "nothing"
    pairs = {key: (earlier.get(key, absent), now.get(key, absent)) for key in sorted(earlier.keys() | now.keys())}
    different = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}

    def repeats(key: str) -> bool:
        part, _, typed = key.partition(".")
        return part in _REPEATING_PARTS and different.get(typed) == different[key]

    return [f"{key}: {there} there, {here} now" for key, (there, here) in different.items() if not repeats(key)]
