"""The training of a melody network with Lightning: loss, carried state, optimiser, metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from melgen.bit_names import with_marked_bits
from melgen.checking import check_one_of
from melgen.data import ScoredRhythm, ScoredTunes, Window
from melgen.data.seen_tunes import SeenTunes
from melgen.errors import DivergenceError
from melgen.internals.lightning import HOOK_NAME, check_hook_name, monitor, skip_empty_hooks
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.representations import AbstractRepresentation
from melgen.music.rhythms import NoRhythm
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel, map_state
from melgen.processes import raise_if_signalled
from melgen.scoring.rhythm_scores import RhythmScores
from melgen.scoring.scores import Scores
from melgen.training.checkpoint_content import checkpoint_content
from melgen.training.divergence import ADVICE, NumberWatch
from melgen.training.failures import contained
from melgen.training.losses import accuracy, number_scored, window_loss
from melgen.training.resume import ExactResume
from melgen.training.update_log import UpdateLog

PAPER_LEARNING_RATE = 0.002
PAPER_DECAY_PER_EPOCH = 0.97
PAPER_GRADIENT_NORM = 5.0


class MelodyModule(pl.LightningModule):
    """Next-note training of a `MelodyModel`, as the paper did it.

    The hidden state is carried from one window to the next, without gradient, and is zero at the start of
    each epoch. Held-out tunes are scored from the zero state.

    Args:
        model: the network.
        representation: how a melody becomes values; kept in every checkpoint.
        vocabulary: numbers the values; kept in every checkpoint.
        optimizer: builds the optimiser from parameters; by default the paper's Adam.
        scheduler: builds the learning-rate schedule from the optimiser; by default the paper's decay.
        scheduler_interval: when it is stepped, after each ``epoch`` or each ``step`` (update).
        gradient_clip_norm: gradients are scaled down to this Euclidean norm; ``None`` never clips.
        config: the resolved configuration as plain containers, kept in every checkpoint.
        seen: the tunes that the network has been trained on by the end, kept in every checkpoint too.
        rhythm: how the time of a melody is written, None for pitches only; kept in every checkpoint.

    Attributes:
        latest: the last value of each metric published.
        updates_of_weights: how many updates made the weights, where they are not those of the last one.
    """

    def __init__(
        self,
        model: MelodyModel,
        representation: AbstractRepresentation,
        vocabulary: Vocabulary | TuneVocabulary,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        scheduler_interval: str = "epoch",
        gradient_clip_norm: float | None = PAPER_GRADIENT_NORM,
        config: dict[str, Any] | None = None,
        seen: SeenTunes | None = None,
        rhythm: AbstractRhythm | None = None,
    ):
        super().__init__()
        check_hook_name(self)
        self.model, self.representation, self.vocabulary = model, representation, vocabulary
        self.rhythm = rhythm or NoRhythm()
        self.config = config or {}
        self.seen = seen
        self._build_optimizer = optimizer or (lambda params: torch.optim.Adam(params, lr=PAPER_LEARNING_RATE))
        self._build_scheduler = scheduler or (
            lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, PAPER_DECAY_PER_EPOCH)
        )
        check_one_of("scheduler.interval", scheduler_interval, ("epoch", "step"))
        self._scheduler_interval = scheduler_interval
        self.gradient_clip_norm = gradient_clip_norm
        self.latest: dict[str, float] = {}
        self._metrics_before: dict[str, float] = {}  # of the checkpoint that the training goes on from
        self.updates_of_weights: int | None = None
        self._state: Any = None
        self._update_log = UpdateLog()
        self._scores: Any = self._no_scores()  # for the batches of its kind
        self._watch = NumberWatch()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the name of Lightning's current hook, forty times an update, without torch's search for parameters."""
        if name == HOOK_NAME:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """``[B, T]`` tokens to ``[B, T, P]`` logits and the state after them."""
        return self.model(tokens, state)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser and its schedule."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = self._build_optimizer(trained)
        schedule = self._build_scheduler(optimizer)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": self._scheduler_interval},
        }

    def configure_callbacks(self) -> list[pl.Callback]:
        """Exact resuming, with whichever trainer."""
        return [ExactResume()]

    def on_train_epoch_start(self) -> None:
        """Each epoch starts from the zero state."""
        self._state = None

    def on_train_start(self) -> None:
        """Move a restored state to the device, skip empty hooks, and start the clock."""
        if self._state is not None:
            self._state = map_state(lambda tensor: tensor.to(self.device), self._state)
        for part in (self, *self.trainer.callbacks):  # type: ignore[attr-defined]  # set by a connector
            skip_empty_hooks(part)
        self._update_log.start_clock()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """End the training if a signal has told it to, but the interrupted code ignored that."""
        raise_if_signalled()

    def on_validation_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Do the same in a validation."""
        raise_if_signalled()

    def training_step(self, batch: Window, batch_idx: int) -> Tensor:
        """Mean cross-entropy of a window, in nats per token; if tokens have durations, the sum of both."""
        output, state = self.model.read(batch.tokens, self._state)
        # Without `detach` the graph would reach back to the start of the epoch.
        self._state = map_state(Tensor.detach, state)
        logits = self.model.logits(output)
        loss = window_loss(self.model, output, logits, batch.targets)
        detached = loss.detach()
        with self._saying_where(self.global_step + 1):
            self._watch.see("training loss", detached, self.global_step + 1)
        scored = number_scored(batch.targets) if self._has_rhythm else batch.targets.numel()
        self._update_log.add(detached, scored)
        if self._logs_this_update():
            self._update_log.accuracy = accuracy(logits.detach(), batch.targets)
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm of all gradients together, and keep that norm and the learning rate for the log.

        When they are logged after an epoch's last update, the learning rate is already that of the next epoch.
        """
        self._update_log.learning_rate = optimizer.param_groups[0]["lr"]
        limit = self.gradient_clip_norm if gradient_clip_val is None else gradient_clip_val
        trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        norm = nn.utils.clip_grad_norm_(trained, math.inf if limit is None else limit, foreach=True).detach()
        self._update_log.gradient_norm = norm
        if self.trainer.precision != "16-mixed":  # whose scaler finds its scale by gradients that are infinite
            with self._saying_where(self.global_step + 1):
                self._watch.see("norm of the gradient", norm, self.global_step + 1)

    def on_train_batch_end(self, outputs: Any, batch: Window, batch_idx: int) -> None:
        """Log the metrics since the last log, every ``log_every_n_steps`` updates."""
        if self.global_step % self._log_every:
            return
        self.check_numbers()
        self.publish({**self._update_log.metrics(), "epoch": self.current_epoch})
        self._update_log.restart()

    def validation_step(self, batch: ScoredTunes | ScoredRhythm, batch_idx: int) -> None:
        """Score validation tunes from the zero state."""
        self._scores.add(self.model, batch)

    def test_step(self, batch: ScoredTunes | ScoredRhythm, batch_idx: int) -> None:
        """Score test tunes from the zero state."""
        self._scores.add(self.model, batch)

    def on_validation_epoch_start(self) -> None:
        """Drop the scores of the last validation, which may have been interrupted."""
        self._scores = self._no_scores()

    on_test_epoch_start = on_validation_epoch_start

    def on_validation_epoch_end(self) -> None:
        """Publish the validation's scores."""
        metrics = self._scores.metrics()
        if self._scores.sums.tokens:
            with self._saying_where(self.global_step):
                self._watch.see("validation loss", torch.tensor(metrics["loss"]), self.global_step)
        self.publish({f"val/{key}": value for key, value in metrics.items()})
        # Training speed is measured without the time that validation took.
        self._update_log.leave_out(time.perf_counter() - self._validation_started)

    def on_validation_start(self) -> None:
        """Note when validation starts."""
        self._validation_started = time.perf_counter()

    def on_test_epoch_end(self) -> None:
        """Publish the test's scores."""
        self.publish({f"test/{key}": value for key, value in self._scores.metrics().items()})

    def publish(self, metrics: dict[str, float], *, monitored: bool = True) -> None:
        """Give metrics to every logger, and to callbacks that monitor them.

        Loggers get the number of updates made, because Lightning's own count of log steps is off by one after a
        resume. They are called only when there is something to log, because ``self.log`` on every update costs more
        than a small network's forward pass.

        Args:
            metrics: their values by name.
            monitored: give them to callbacks too, which Lightning allows in some hooks of a test only.
        """
        if self.trainer.sanity_checking:
            return
        self.latest |= metrics
        if monitored and self.trainer.training:
            monitor(self.trainer, metrics)
        elif monitored:  # by `log`, since `Trainer.validate` and `Trainer.test` return what was logged
            for key, value in metrics.items():
                self.log(key, float(value), logger=False, batch_size=1)
        for logger in self.loggers:
            with contained(f"{type(logger).__name__}: metrics"):
                logger.log_metrics(metrics, step=self.global_step)

    def check_numbers(self) -> None:
        """Raise a `DivergenceError` if a loss or gradient of the updates so far was not finite."""
        with self._saying_where(None):
            self._watch.check()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the next window depends on, and all that is needed to use the weights elsewhere.

        Raises:
            DivergenceError: if a loss or gradient of the updates so far was not finite.
        """
        self.check_numbers()
        checkpoint["melgen"] = checkpoint_content(
            self.model,
            self.representation,
            self.vocabulary,
            self.rhythm,
            config=self.config,
            # Lightning keeps the names; its values are rounded to single precision.
            metrics=self._metrics_before
            | {key: self.latest.get(key, float(value)) for key, value in self.trainer.callback_metrics.items()},
            updates=self.global_step,
            seen=self.seen,
        )
        if "optimizer_states" not in checkpoint:  # weights alone, from which no training goes on
            checkpoint.pop("loops", None)
        checkpoint["carried"] = {
            # Copies: of a view, torch would save the whole memory that it is a view of.
            "state": map_state(lambda tensor: tensor.to("cpu", copy=True), self._state),
            **self._update_log.sums(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what `on_save_checkpoint` added."""
        self._metrics_before = with_marked_bits(checkpoint["melgen"]["metrics"])
        carried = checkpoint["carried"]
        self._state = carried["state"]
        self._update_log.go_on_from(carried["loss_since_log"], carried["tokens_since_log"])

    @property
    def _has_rhythm(self) -> bool:
        return not isinstance(self.rhythm, NoRhythm)

    def _no_scores(self) -> Scores | RhythmScores:
        if isinstance(self.vocabulary, TuneVocabulary):
            return RhythmScores(Encoding(self.representation, self.rhythm).groups(self.vocabulary))
        return Scores()

    @property
    def _log_every(self) -> int:
        return self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by a connector

    def _logs_this_update(self) -> bool:
        return (self.global_step + 1) % self._log_every == 0

    @contextmanager
    def _saying_where(self, update: int | None) -> Iterator[None]:
        """Add the epoch, the window and advice to a `DivergenceError`."""
        try:
            yield
        except DivergenceError as error:
            where = (
                "" if update is None else f" (epoch {self.trainer.current_epoch + 1}, window {self._window(update)})"
            )
            raise DivergenceError(f"{error}{where}; {ADVICE}") from None

    def _window(self, update: int) -> str:
        windows = int(self.trainer.num_training_batches)
        return f"{(update - 1) % windows + 1:,} of {windows:,}"
