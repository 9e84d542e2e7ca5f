"""The steps of `melgen.train.train`: what is done with the parts that `melgen.training.build` makes.

Nothing here decides anything about music or learning.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from melgen.checkpoint import LAST, load_model, read_checkpoint
from melgen.corpora.cache import default_cache_dir
from melgen.data import MelodyDataModule, Split
from melgen.data.recorded_splits import NO_SPLIT, read_splits, write_splits
from melgen.errors import CheckpointError, IdentityError
from melgen.files import write_json
from melgen.generation.primers import TRAINING_VALUES, fit_of
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.networks import choosing_backends, count_parameters
from melgen.networks.products.backends import BACKENDS, TORCH, Backend
from melgen.networks.products.measuring import is_available, is_possible
from melgen.networks.sizes import size_of
from melgen.plurals import counted
from melgen.runs.budget import NO_LIMIT, total_updates
from melgen.runs.directory import PROVENANCE_FILE, RunDirectory
from melgen.runs.history import HISTORY, forget_after
from melgen.runs.identity import identity_of
from melgen.runs.identity_file import FORMAT_VERSION, read_file
from melgen.runs.learning_rates import used_otherwise
from melgen.runs.naming import typed_config_dirs, typed_overrides
from melgen.runs.network_size import NETWORK
from melgen.runs.sweep_lines import ONCE_PER_SWEEP
from melgen.software import software
from melgen.training.callbacks import SongSampling
from melgen.training.checks import AUTO
from melgen.training.init_from import StartingPoint
from melgen.training.module import MelodyModule
from melgen.training.outcome import Result

log = logging.getLogger(__name__)

_PRODUCTS = "products"
"""The entry of ``provenance.json``."""
_WITH_KERNELS = ("32-true", "bf16-mixed")
"""The precisions in which the kernels compute."""


def identity(config: DictConfig, data: MelodyDataModule, start: StartingPoint | None) -> dict[str, Any]:
    """All that decides the weights of the run, as a flat dictionary."""
    return identity_of(config, data.fingerprint, start.digest if start else None)


def to_yaml(config: DictConfig) -> str:
    """The resolved configuration."""
    return OmegaConf.to_yaml(config, resolve=True)


def announce(config: DictConfig, module: MelodyModule, data: MelodyDataModule, trainer: pl.Trainer) -> None:
    """Log the corpus, the network and the budget."""
    numbers = data.statistics
    tunes = ", ".join(f"{numbers[f'{s.name.lower()}_tunes']:,} {s.name.lower()}" for s in Split)
    notes = sum(numbers[f"{split.name.lower()}_notes"] for split in Split)
    log.info(
        "Corpus %s: %s tunes, %s notes (%s)",
        data.report.corpus,
        f"{len(data.melodies):,}",
        f"{notes:,}",
        tunes,
        extra=ONCE_PER_SWEEP,
    )
    if data.report.dropped:
        reasons = ", ".join(f"{dropped.count:,} {reason}" for reason, dropped in data.report.dropped.items())
        log.info("  dropped: %s; melgen.prepare with the same corpus shows which", reasons, extra=ONCE_PER_SWEEP)
    has_rhythm = isinstance(data.vocabulary, TuneVocabulary)
    log.info(
        "Network: %s, %s parameters; %d different %s (dataset=%s%s)",
        module.model.shape_in_words,
        f"{count_parameters(module.model):,}",
        len(data.vocabulary),
        "symbols" if has_rhythm else "values",
        data.representation.name,
        f" rhythm={data.rhythm.name}" if has_rhythm else "",
    )
    log.info(
        "Training: %s updates of %d x %d notes, %s to the epoch, on %s; results in %s",
        f"{total_updates(config, data):,}",
        config.batch_size,
        config.seq_length,
        f"{data.updates_per_epoch:,}",
        trainer.strategy.root_device,
        config.run_dir,
    )
    if differences := used_otherwise(config):
        log.warning(
            "learning_rates=%s: its rate may not be the best one here: %s",
            config.learning_rates,
            "; ".join(differences),
        )
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
        if isinstance(callback, SongSampling):
            fit = fit_of(callback.primer.pitches, data.value_counts(), data.representation)
            if not fit.fits:
                log.warning("%s", fit.note(), extra=ONCE_PER_SWEEP)


def fit(trainer: pl.Trainer, module: MelodyModule, data: MelodyDataModule, run: RunDirectory) -> float:
    """Train, from the last checkpoint if there is one, and validate the last weights if that is not done yet.

    Returns:
        The seconds that earlier starts spent up to that checkpoint.
    """
    last = run.checkpoints / LAST
    seconds = 0.0
    if last.exists():
        checkpoint = read_checkpoint(last)
        seconds = checkpoint["seconds"]
        log.info("Resuming at update %s", f"{checkpoint['position']['updates']:,}")
    trainer.fit(module, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    interval = trainer.val_check_batch or 1
    if "val/loss" not in trainer.callback_metrics or trainer.global_step % interval:
        trainer.validate(module, data, verbose=False)
    return seconds


def forget_repeated_updates(run: RunDirectory) -> None:
    """Drop what an interrupted start recorded after its last checkpoint, before the loggers read it.

    The run computes it again, and an offline run of W&B would begin with it and have it twice.
    """
    last = run.checkpoints / LAST
    forget_after(run.path / HISTORY, read_checkpoint(last)["position"]["updates"] if last.exists() else 0)


def check_splits(data: MelodyDataModule, run: RunDirectory) -> None:
    """Refuse to continue a run whose tunes an earlier melgen split in another way: it would train on held-out tunes.

    Raises:
        IdentityError: if tunes of its ``splits.tsv`` are in other splits now.
    """
    if not (run.checkpoints / LAST).exists():
        return
    recorded = None
    with suppress(FileNotFoundError, ValueError):  # a damaged list is written again
        recorded = read_splits(run.splits, data.melodies)
    if recorded is None:
        return
    moved = np.count_nonzero((recorded != data.splits) & (recorded != NO_SPLIT) & (data.splits != NO_SPLIT))
    if moved:
        raise IdentityError(
            f"{run.splits}: {counted(int(moved), 'tune')} would now be in another split, because an earlier melgen "
            "split this corpus in another way; the run cannot continue; name=... puts a new run elsewhere, force=true "
            "deletes this one"
        )


def check_budget(config: DictConfig, run: RunDirectory) -> None:
    """Refuse to continue a run with a budget that it has passed: it would finish with more than was asked for.

    Raises:
        ValueError: naming the limit, and what the checkpoint has reached.
    """
    last = run.checkpoints / LAST
    if not last.exists():
        return
    try:
        position = read_checkpoint(last)["position"]
    except CheckpointError:  # the training that resumes from it fails, and records the reason
        return
    begun = {"max_steps": position["updates"], "max_epochs": position["epoch"] + (position["windows"] > 0)}
    for key, unit in (("max_steps", "update"), ("max_epochs", "epoch")):
        limit = config.trainer.get(key)
        if limit not in NO_LIMIT and limit < begun[key]:
            raise ValueError(
                f"trainer.{key}={limit}: must be at least {begun[key]}, the {unit} that {last} has reached; name=... "
                "puts a new run elsewhere, force=true deletes this one"
            )


def record_data(data: MelodyDataModule, run: RunDirectory) -> None:
    """Write ``splits.tsv`` (the split of each tune) and ``data.json`` (statistics, and what the import dropped)."""
    write_splits(run.splits, data.splits, data.melodies)
    counts = {TRAINING_VALUES: {str(value): count for value, count in data.value_counts().items()}}
    write_json(run.path / "data.json", {**data.statistics, **counts, "import": data.report.to_dict()})


def has_backends(config: DictConfig, precision: str | None, device: torch.device) -> bool:
    """Whether there is a choice of backends for the products of a network: in the fast implementation, on a CPU.

    Args:
        config: of the training.
        precision: its full name.
        device: of the training.
    """
    is_fast = config.model.get("implementation") != "reference"
    return device.type == "cpu" and precision in _WITH_KERNELS and is_fast


def products_file(config: DictConfig) -> Path:
    """The file with the choices of this machine."""
    return choosing_backends.file_in(default_cache_dir() if config.cache_dir is None else Path(config.cache_dir))


def check_products(
    config: DictConfig, precision: str | None, device: torch.device, run: RunDirectory | None = None
) -> None:
    """Refuse products that are named and cannot be used; a run that goes on keeps those that it began with.

    Args:
        config: of the training.
        precision: its full name.
        device: of the training.
        run: that of the training, None for a training that is only timed.

    Raises:
        ValueError: for products that this machine lacks, or that are less exact here than the precision.
    """
    goes_on = run is not None and _products_begun_with(run) is not None
    if config.products == AUTO or goes_on or not has_backends(config, precision, device):
        return
    if not _can_be_used(BACKENDS[config.products], precision):
        raise ValueError(
            f"products={config.products}: this machine lacks these, or they are less exact here than single "
            "precision; auto finds what it has"
        )


def _products_begun_with(run: RunDirectory) -> dict[str, str] | None:
    """The products that a run has begun with, None if it has not begun; an earlier melgen had torch's default only."""
    recorded = (read_file(run.path / PROVENANCE_FILE) or {}).get(_PRODUCTS)
    return {} if recorded is None and (run.checkpoints / LAST).exists() else recorded


def _can_be_used(backend: Backend, precision: str | None) -> bool:
    """Whether a training can use a backend; under autocast, which rounds anyway, it need not be exact."""
    return is_possible(backend) if precision == "32-true" else is_available(backend)


def use_products(config: DictConfig, module: MelodyModule, trainer: pl.Trainer, run: RunDirectory) -> dict[str, str]:
    """Choose who computes the products of the network, and use that.

    A run that goes on keeps the products that it began with, so that it equals an uninterrupted one to the last bit.

    Returns:
        The name of the backend of each part of the network, see `melgen.networks.choosing_backends`. On a GPU, for the
        reference, and for precisions that have no kernels: those that the run began with, and otherwise none.
    """
    model = module.model
    begun_with = _products_begun_with(run)
    if not has_backends(config, trainer.precision, trainer.strategy.root_device):
        return begun_with or {}  # for a start on a CPU, where it may go on
    if begun_with is not None:
        choice = _possible(begun_with, run, trainer.precision)
    elif config.products == AUTO:
        with trainer.precision_plugin.forward_context():
            choice = choosing_backends.choose(model, config.batch_size, config.seq_length, products_file(config))
    else:
        choice = choosing_backends.everywhere(model, config.products)
    choosing_backends.apply(model, choice)
    log.debug("Products: %s", ", ".join(f"{part} {products}" for part, products in choice.items()))
    return choice


def _possible(begun_with: Mapping[str, str], run: RunDirectory, precision: str | None) -> dict[str, str]:
    """The products that a run began with; torch's default, with a warning, for those that cannot be used here."""
    lacking = sorted(
        {name for name in begun_with.values() if name not in BACKENDS or not _can_be_used(BACKENDS[name], precision)}
    )
    if lacking:
        log.warning(
            "%s: was begun with the products %s, which this machine lacks, or which are less exact here than single "
            "precision; it goes on with torch's default, so its numbers will differ from those of an uninterrupted run",
            run.path,
            ", ".join(lacking),
        )
    return {part: TORCH.name if name in lacking else name for part, name in begun_with.items()}


def record_provenance(module: MelodyModule, run: RunDirectory, products: Mapping[str, str]) -> None:
    """Write ``provenance.json``: the command that trains the run, the size of its network, products and software."""
    write_json(
        run.path / PROVENANCE_FILE,
        {
            "format_version": FORMAT_VERSION,
            "command": typed_command() if HydraConfig.initialized() else None,
            "parameters": count_parameters(module.model),
            _PRODUCTS: dict(products),
            "software": software(),
        },
    )


def typed_command() -> list[str]:
    """The arguments of ``melgen.train`` that make this run, as a single run also if it is a job of a sweep."""
    hydra: Any = HydraConfig.get()
    return [
        *(word for path in typed_config_dirs(hydra)[:1] for word in ("--config-dir", path)),  # Hydra takes one
        *typed_overrides(hydra),
    ]


def evaluate(trainer: pl.Trainer, module: MelodyModule, data: MelodyDataModule, run: RunDirectory) -> Result:
    """Test the best weights; the callbacks sample songs from them and project their embedding."""
    progress = read_checkpoint(run.checkpoints / LAST)["position"]
    best = load_model(run.path)
    module.model.load_state_dict(best.model.state_dict())
    module.updates_of_weights = best.updates
    # The songs underway are fewer, and by other weights: their tonality is not that of the result.
    module.latest = {key: value for key, value in module.latest.items() if not key.startswith("tonality/")}
    trainer.test(module, data, verbose=False)
    return {
        "updates": progress["updates"],
        "epochs": progress["epoch"],
        "best_updates": best.updates,
        NETWORK: size_of(best.model).to_dict(),
        **{key: value for key, value in best.metrics.items() if key.startswith("val/")},
        **{key: value for key, value in module.latest.items() if key.startswith(("test/", "tonality/"))},
    }
