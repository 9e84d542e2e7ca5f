"""The parts of a training, made from its configuration: data, module, callbacks, loggers, trainer.

Nothing here decides anything about music or learning.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.profilers import PassThroughProfiler

from melgen.checkpoint import LAST, load_model
from melgen.data import MelodyDataModule, from_config
from melgen.internals.glibc import keep_freed_memory
from melgen.music.representations import representation_named
from melgen.networks import estimate_parameters
from melgen.processes import is_worker
from melgen.references import is_reference
from melgen.runs.budget import total_updates
from melgen.runs.cell_options import named_by_key
from melgen.runs.directory import SWEEP_VARIABLE, RunDirectory
from melgen.runs.identity import STARTED_FROM
from melgen.runs.precision import full_name
from melgen.terminal import all_readable
from melgen.training.callbacks import SongSampling
from melgen.training.checkpointing import Checkpoints
from melgen.training.checks import check_memory
from melgen.training.failures import contained, short_message_for_full_disk
from melgen.training.init_from import StartingPoint
from melgen.training.loggers.csv import HistoryLogger
from melgen.training.loggers.dashboards import close
from melgen.training.module import MelodyModule
from melgen.training.progress import UpdateProgress

_FEWEST_VALUES = 2


def prepare_torch(config: DictConfig) -> None:
    """Set the threads, precision and memory of this process, and silence needless output of its libraries."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision(config.matmul_precision)
    # cuDNN's loops have a setting of their own, which allows TF32 by default.
    torch.backends.cudnn.allow_tf32 = config.matmul_precision != "highest"
    keep_freed_memory()
    # With deterministic algorithms torch also fills all fresh memory, a help in finding bugs that read it unwritten;
    # the fast scan allocates much of it, and a test compares its results with and without.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property at run time
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Lightning 2.6 with torch 2.13; nothing a user could change.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    # We log by updates, across epochs.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    # `melgen.training.outcome` says which numbers are missing and why.
    warnings.filterwarnings("ignore", message="Total length of .* across ranks is zero")
    # The user chose the CPU.
    warnings.filterwarnings("ignore", message="GPU available but not used")
    # We start no processes; on SLURM its launcher does.
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # It is resumable: `melgen.training.resume` sets its position.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")


def starting_point(config: DictConfig, run: RunDirectory) -> StartingPoint | None:
    """The weights of ``init_from``; of a run that has a checkpoint of its own, what that checkpoint records of them."""
    last = run.checkpoints / LAST
    if not config.force and last.exists() and (recorded := run.recorded_identity.get(STARTED_FROM)):
        return StartingPoint.recorded(load_model(last), recorded)
    return None if config.init_from is None else StartingPoint.read(config.init_from)


def build_data(config: DictConfig, start: StartingPoint | None) -> MelodyDataModule:
    """The data module of the configured representation, read and encoded.

    Raises:
        CheckpointError: if the weights to start from were trained on another representation.
    """
    if start is None:
        return from_config.build_data(config, sweep=os.environ.get(SWEEP_VARIABLE))
    start.check(  # before the corpus is read
        instantiate(config.dataset.representation).name, instantiate(config.dataset.get("rhythm"))
    )
    return from_config.build_data(config, start.vocabulary, start.seen)


def build_module(config: DictConfig, data: MelodyDataModule, start: StartingPoint | None) -> MelodyModule:
    """The network with its optimiser, its initial weights drawn from the seed.

    Raises:
        ValueError: for a network that cannot fit into memory.
    """
    pl.seed_everything(config.seed, verbose=False)
    _check_memory_of_model(config, data.vocabulary.sizes)
    model = instantiate(config.model, **data.vocabulary.sizes)
    if start is not None:
        start.apply(model, data.vocabulary)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    module = MelodyModule(
        model,
        data.representation,
        data.vocabulary,
        optimizer=instantiate(config.optimizer),
        scheduler=instantiate(config.scheduler.schedule),
        scheduler_interval=config.scheduler.interval,
        gradient_clip_norm=config.gradient_clip_norm,
        config=all_readable({str(key): value for key, value in plain.items()}),  # torch reads no other text back
        seen=data.seen,
        rhythm=data.rhythm,
    )
    try:
        module.configure_optimizers()  # the trainer does it again; here what it refuses becomes a clear error
    except TypeError as error:
        raise ValueError(f"optimizer or scheduler: {error}") from error
    return module


def check_parts(config: DictConfig, known: dict[str, Exception | None]) -> None:
    """Build the parts of a job without its corpus and without memory for weights, to see what they refuse.

    Args:
        config: of the job.
        known: for each part built before, by its configuration, the error it raised or ``None``; this function adds
            to it, so that the jobs of a sweep build equal parts once.

    Raises:
        Exception: the error of the first part that cannot be built.
    """

    def model() -> None:
        _check_memory_of_model(config, {"vocab_size": _FEWEST_VALUES})
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            instantiate(config.model, vocab_size=_FEWEST_VALUES)

    def learning() -> None:
        optimizer = instantiate(config.optimizer)([torch.nn.Parameter(torch.zeros(1))])
        instantiate(config.scheduler.schedule)(optimizer)

    def data() -> None:
        representation_named(instantiate(config.dataset).representation.name)

    def init_from() -> None:
        if config.init_from is None or is_reference(config.init_from):
            return  # a plan needs no network; the training fetches it
        if not os.path.exists(os.path.expanduser(config.init_from)):
            raise ValueError(f"init_from={config.init_from}: no such file or directory")

    for keys, build in (
        (("model",), model),
        (("optimizer", "scheduler"), learning),
        (("dataset",), data),
        (("init_from",), init_from),
    ):
        part = "".join(f"{key}: {OmegaConf.to_yaml(OmegaConf.create({key: config[key]}))}" for key in keys)
        if part not in known:
            try:
                build()
                known[part] = None
            except Exception as error:
                known[part] = error
        if (refusal := known[part]) is not None:
            raise refusal


def _check_memory_of_model(config: DictConfig, vocabulary: Mapping[str, int]) -> None:
    options: dict[str, Any] = instantiate(config.model, _partial_=True).keywords
    sizes: dict[str, Any] = {
        key: value for key, value in options.items() if key in inspect.signature(estimate_parameters).parameters
    }
    with named_by_key(config):
        parameters = estimate_parameters(**(dict(vocabulary) | sizes))
    check_memory(parameters, config)


def build_named(parts: DictConfig | None, group: str) -> list[Any]:
    """Instantiate each part of a group; ``null`` switches a part off.

    Raises:
        ValueError: for a part without ``_target_``, as a misspelt override makes it.
    """
    built = []
    for key, node in (parts or {}).items():
        if node is None:
            continue
        if not OmegaConf.is_dict(node) or "_target_" not in node:
            raise ValueError(f"{group}.{key!s}: has no _target_; is the name misspelt?")
        built.append(instantiate(node))
    return built


def build_callbacks(config: DictConfig, module: MelodyModule, data: MelodyDataModule) -> list[pl.Callback]:
    """The configured callbacks, a progress bar, and checkpoints even if none are configured.

    Raises:
        ValueError: for options that this network or representation cannot follow, such as a primer with a
            pitch that is not in its vocabulary.
    """
    callbacks: list[pl.Callback] = build_named(config.get("callbacks"), "callbacks")
    for callback in callbacks:
        if isinstance(callback, SongSampling):
            callback.check(module)
    if not any(isinstance(callback, Checkpoints) for callback in callbacks):
        callbacks.append(Checkpoints(f"{config.run_dir}/checkpoints"))
    # The bars of several processes would overwrite each other.
    bar = config.progress and sys.stderr.isatty() and not is_worker()
    return [*callbacks, UpdateProgress(total_updates(config, data), bar)]


@contextmanager
def open_loggers(config: DictConfig) -> Iterator[list[Logger]]:
    """The configured loggers, always with the history in ``metrics.csv``.

    They are closed even if the training fails, so that the next job of a sweep does not inherit them.
    """
    loggers: list[Logger] = build_named(config.get("logger"), "logger")
    if not any(isinstance(logger, HistoryLogger) for logger in loggers):
        loggers.append(HistoryLogger(config.run_dir))
    settings: Any = all_readable(OmegaConf.to_container(config, resolve=True))
    failed = True
    with short_message_for_full_disk():
        try:
            for logger in loggers:
                with contained(f"{type(logger).__name__}: configuration"):
                    logger.log_hyperparams(settings)
            yield loggers
            failed = False
        finally:
            for logger in loggers:
                close(logger, failed)


class NoProfiler(PassThroughProfiler):
    """A profiler that makes no objects: Lightning's own makes a context for each of some forty hooks of an update."""

    _NOTHING = nullcontext()

    def profile(self, action_name: str) -> nullcontext[None]:  # type: ignore[override]  # Lightning: a generator
        """A context that does nothing."""
        return self._NOTHING


def check_shares(config: DictConfig, data: MelodyDataModule) -> None:
    """Refuse a share of the batches that is less than one batch; Lightning would do so after the run has begun.

    Raises:
        ValueError: naming key, value and rule.
    """
    for name, loader in (
        ("train", data.train_dataloader()),
        ("val", data.val_dataloader()),
        ("test", data.test_dataloader()),
    ):
        share, batches = config.trainer.get(f"limit_{name}_batches"), len(loader)
        if isinstance(share, float) and 0 < share * batches < 1:
            raise ValueError(
                f"trainer.limit_{name}_batches={share}: is less than one batch, of {batches}; a share must be at least "
                f"{1 / batches:.2g}, a whole number counts batches"
            )


def build_trainer(config: DictConfig, data: MelodyDataModule, callbacks: list[pl.Callback]) -> pl.Trainer:
    """The trainer, without its loggers, because loggers write as soon as they exist.

    The validation interval is counted in updates, across epochs; if the budget is shorter than one interval, there is
    one validation at its end.
    """
    check_shares(config, data)
    interval, total = config.trainer.val_check_interval, total_updates(config, data)
    return instantiate(
        config.trainer,
        **({"profiler": NoProfiler()} if config.trainer.get("profiler") is None else {}),
        **({"precision": full_name(config.trainer.precision)} if "precision" in config.trainer else {}),
        callbacks=callbacks,
        logger=False,
        check_val_every_n_epoch=None,
        val_check_interval=min(interval, total),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        devices=1,  # auto would be all GPUs of the machine, each with a process
        default_root_dir=config.run_dir,
        # Without it Lightning would requeue SLURM jobs, which the launcher already does.
        plugins=[LightningEnvironment()],
    )
