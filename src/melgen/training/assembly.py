"""The steps of `melgen.train.train`, each building one part from the configuration.

Nothing here decides anything about music or learning; it connects the parts that do.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.profilers import PassThroughProfiler

from melgen.checkpoint import LAST, load_model, read_checkpoint
from melgen.data import MelodyDataModule, Split
from melgen.data.recorded_splits import write_splits
from melgen.files import write_json
from melgen.generation.primers import TRAINING_VALUES, fit_of
from melgen.music.representations import representation_named
from melgen.networks import count_parameters, estimate_parameters
from melgen.processes import is_worker
from melgen.runs.budget import total_updates
from melgen.runs.directory import FORMAT_VERSION, PROVENANCE_FILE, SWEEP_VARIABLE, RunDirectory
from melgen.runs.identity import identity_of
from melgen.runs.naming import typed_overrides
from melgen.runs.precision import full_name
from melgen.software import software
from melgen.terminal import all_readable
from melgen.training.callbacks import SongSampling
from melgen.training.checkpointing import Checkpoints
from melgen.training.checks import check_memory
from melgen.training.init_from import StartingPoint
from melgen.training.loggers.csv import HistoryLogger
from melgen.training.loggers.reporting import background_writers, contained, finish
from melgen.training.module import MelodyModule
from melgen.training.outcome import Result
from melgen.training.progress import UpdateProgress

log = logging.getLogger(__name__)

SHARED_DATA_MODULES = 3
"""How many data modules a sweep keeps in memory: one for each representation."""
_FEWEST_VALUES = 2
_shared_data: dict[str, MelodyDataModule] = {}


def prepare_torch(config: DictConfig) -> None:
    """Threads and precision of this process; quiet libraries."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision(config.matmul_precision)
    # With deterministic algorithms torch also fills all fresh memory, a help in finding bugs that read it unwritten;
    # the fast scan allocates much of it, and a test compares its results with and without.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Lightning 2.6 with torch 2.13; nothing a user could change.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    # We log by updates, across epochs.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    # We start no processes of our own; on SLURM its launcher does.
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # It is: `melgen.training.resume` points it to its place.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")


def starting_point(config: DictConfig, run: RunDirectory) -> StartingPoint | None:
    """The weights of ``init_from``; once the run has a checkpoint of its own, nobody asks for them again."""
    last = run.checkpoints / LAST
    if not config.force and last.exists() and (recorded := run.recorded_identity.get("started_from")):
        return StartingPoint.recorded(load_model(last), recorded)
    return None if config.init_from is None else StartingPoint.read(config.init_from)


def build_data(config: DictConfig, start: StartingPoint | None) -> MelodyDataModule:
    """The data module of the configured representation, read and encoded.

    Jobs of one sweep in one process share it where they are alike in it.
    """
    key = os.environ.get(SWEEP_VARIABLE, "") + OmegaConf.to_yaml(config.dataset, resolve=True)
    if start is None and key in _shared_data:
        return _shared_data[key]
    data = instantiate(config.dataset)
    representation_named(data.representation.name)  # or the checkpoint could not be read back
    if start is not None:
        start.check(data.representation.name)
        data.base_vocabulary = start.vocabulary
        data.tunes_of_start = start.seen
    data.setup()
    if start is None and SWEEP_VARIABLE in os.environ:
        while len(_shared_data) >= SHARED_DATA_MODULES:
            del _shared_data[next(iter(_shared_data))]
        _shared_data[key] = data
    return data


def identity(config: DictConfig, data: MelodyDataModule, start: StartingPoint | None) -> dict[str, Any]:
    """What the run computes."""
    return identity_of(config, data.fingerprint, start.digest if start else None)


def to_yaml(config: DictConfig) -> str:
    """The resolved configuration."""
    return OmegaConf.to_yaml(config, resolve=True)


def build_module(config: DictConfig, data: MelodyDataModule, start: StartingPoint | None) -> MelodyModule:
    """The network with its optimiser, its chance weights drawn from the seed.

    Raises:
        ValueError: for a network that cannot fit into memory.
    """
    pl.seed_everything(config.seed, verbose=False)
    options = instantiate(config.model, _partial_=True).keywords
    sizes = {key: value for key, value in options.items() if key in inspect.signature(estimate_parameters).parameters}
    check_memory(estimate_parameters(len(data.vocabulary), **sizes), config)
    model = instantiate(config.model, vocab_size=len(data.vocabulary))
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
    )
    try:
        module.configure_optimizers()  # once more when the trainer starts; here for what it refuses
    except TypeError as error:
        raise ValueError(f"optimizer or scheduler: {error}") from error
    return module


def check_parts(config: DictConfig, known: dict[str, Exception | None]) -> None:
    """Build the parts of a job without its corpus and without memory for weights, for what they refuse.

    Args:
        config: of the job.
        known: what became of parts that were built before, which jobs of a sweep share; is added to.

    Raises:
        Exception: what the part raises that cannot be built.
    """

    def model() -> None:
        options = instantiate(config.model, _partial_=True).keywords
        sizes = {key: options[key] for key in options.keys() & inspect.signature(estimate_parameters).parameters.keys()}
        check_memory(estimate_parameters(_FEWEST_VALUES, **sizes), config)
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            instantiate(config.model, vocab_size=_FEWEST_VALUES)

    def learning() -> None:
        optimizer = instantiate(config.optimizer)([torch.nn.Parameter(torch.zeros(1))])
        instantiate(config.scheduler.schedule)(optimizer)

    def data() -> None:
        representation_named(instantiate(config.dataset).representation.name)

    def start() -> None:
        if config.init_from is not None and not os.path.exists(os.path.expanduser(config.init_from)):
            raise ValueError(f"init_from={config.init_from}: no such file or directory")

    for keys, build in (
        (("model",), model),
        (("optimizer", "scheduler"), learning),
        (("dataset",), data),
        (("init_from",), start),
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


def build_named(parts: DictConfig | None, group: str) -> list[Any]:
    """Instantiate each part of a group; ``null`` switches one off.

    Raises:
        ValueError: for a part without ``_target_``, which a misspelt override leaves behind.
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
    """The configured callbacks, with the progress and, in any case, checkpoints.

    Raises:
        ValueError: for options that this network or representation cannot follow, such as a primer with a
            pitch that it never saw.
    """
    callbacks: list[pl.Callback] = build_named(config.get("callbacks"), "callbacks")
    for callback in callbacks:
        if isinstance(callback, SongSampling):
            callback.check(module)
    if not any(isinstance(callback, Checkpoints) for callback in callbacks):
        callbacks.append(Checkpoints(f"{config.run_dir}/checkpoints"))
    # Several processes would draw over each other's.
    bar = config.progress and sys.stderr.isatty() and not is_worker()
    return [*callbacks, UpdateProgress(total_updates(config, data), bar)]


@contextmanager
def open_loggers(config: DictConfig) -> Iterator[list[Logger]]:
    """The configured loggers; the history in ``metrics.csv`` is always among them.

    They are closed also when the training fails, or the next job of the sweep would inherit them.
    """
    loggers: list[Logger] = build_named(config.get("logger"), "logger")
    if not any(isinstance(logger, HistoryLogger) for logger in loggers):
        loggers.append(HistoryLogger(config.run_dir))
    settings: Any = all_readable(OmegaConf.to_container(config, resolve=True))
    failed = True
    with background_writers():
        try:
            for logger in loggers:
                with contained(f"{type(logger).__name__}: configuration"):
                    logger.log_hyperparams(settings)
            yield loggers
            failed = False
        finally:
            for logger in loggers:
                finish(logger, failed)


class NoProfiler(PassThroughProfiler):
    """Lightning's own makes a context for each of some forty hooks of an update; this one has one for all."""

    _NOTHING = nullcontext()

    def profile(self, action_name: str) -> nullcontext[None]:  # type: ignore[override]
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
    """The trainer, without its loggers, which write as soon as they are there.

    Validation is counted in updates, across epochs; where the whole budget is less than one interval, it
    comes at the budget's end.
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
        # Without it Lightning would requeue SLURM jobs by itself; that is the launcher's, and one owner is enough.
        plugins=[LightningEnvironment()],
    )


def announce(config: DictConfig, module: MelodyModule, data: MelodyDataModule, trainer: pl.Trainer) -> None:
    """Say what is about to be trained on what."""
    numbers = data.statistics
    tunes = ", ".join(f"{numbers[f'{s.name.lower()}_tunes']:,} {s.name.lower()}" for s in Split)
    notes = sum(numbers[f"{split.name.lower()}_notes"] for split in Split)
    log.info(
        "Corpus %s: %s tunes, %s notes (%s)",
        data.report.corpus,
        f"{len(data.melodies):,}",
        f"{notes:,}",
        tunes,
    )
    if data.report.dropped:
        reasons = ", ".join(f"{dropped.count:,} {reason}" for reason, dropped in data.report.dropped.items())
        log.info("  dropped: %s; melgen.prepare with the same corpus shows which", reasons)
    kinds = [layer.reference() for layer in module.model.layers]
    log.info(
        "Network: %s of %d units, %s parameters; %d different values (dataset=%s)",
        f"{len(kinds)} x {kinds[0]}" if len(set(kinds)) == 1 else " + ".join(kinds),
        config.hidden_size,
        f"{count_parameters(module.model):,}",
        len(data.vocabulary),
        data.representation.name,
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
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, SongSampling):
            fit = fit_of(callback.primer, data.value_counts(), data.representation)
            if not fit.fits:
                log.warning("%s", fit.note())


def fit(trainer: pl.Trainer, module: MelodyModule, data: MelodyDataModule, run: RunDirectory) -> float:
    """Train, from the last checkpoint if there is one, and validate what the training ends with.

    Returns:
        The seconds that earlier starts have spent up to that checkpoint.
    """
    last = run.checkpoints / LAST
    step, seconds = 0, 0.0
    if last.exists():
        checkpoint = read_checkpoint(last)
        step, seconds = checkpoint["position"]["updates"], checkpoint["seconds"]
        log.info("Resuming at update %s", f"{step:,}")
    for logger in trainer.loggers:
        if isinstance(logger, HistoryLogger):
            logger.forget_after(step)
    trainer.fit(module, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    interval = trainer.val_check_batch or 1
    if "val/loss" not in trainer.callback_metrics or trainer.global_step % interval:
        trainer.validate(module, data, verbose=False)
    return seconds


def record_data(data: MelodyDataModule, run: RunDirectory) -> None:
    """Keep with the run which tune it was trained, validated and tested on, and what the import dropped."""
    write_splits(run.splits, data.splits, data.melodies)
    counts = {TRAINING_VALUES: {str(value): count for value, count in data.value_counts().items()}}
    write_json(run.path / "data.json", {**data.statistics, **counts, "import": data.report.to_dict()})


def record_provenance(module: MelodyModule, run: RunDirectory) -> None:
    """Keep with the run the command that trained it, the size of its network, and the software at work."""
    write_json(
        run.path / PROVENANCE_FILE,
        {
            "format_version": FORMAT_VERSION,
            "command": typed_command() if HydraConfig.initialized() else None,
            "parameters": count_parameters(module.model),
            "software": software(),
        },
    )


def typed_command() -> list[str]:
    """The arguments of ``melgen.train`` that make this run, be it alone or a job of a sweep."""
    hydra: Any = HydraConfig.get()
    own = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [*(["--config-dir", own[0]] if own else []), *typed_overrides(hydra)]


def evaluate(trainer: pl.Trainer, module: MelodyModule, data: MelodyDataModule, run: RunDirectory) -> Result:
    """Test the best weights; the callbacks sample and look at them on this occasion."""
    progress = read_checkpoint(run.checkpoints / LAST)["position"]
    best = load_model(run.path)
    module.model.load_state_dict(best.model.state_dict())
    module.updates_of_weights = best.updates
    trainer.test(module, data, verbose=False)
    return {
        "updates": progress["updates"],
        "epochs": progress["epoch"],
        "best_updates": best.updates,
        **{key: value for key, value in best.metrics.items() if key.startswith("val/")},
        **{key: value for key, value in module.latest.items() if key.startswith(("test/", "tonality/"))},
    }
