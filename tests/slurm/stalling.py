"""A part that keeps a training where it is until something ends it, so that a test always meets it in the middle."""

import time
from pathlib import Path

import pytorch_lightning as pl

LONGEST_SECONDS = 600.0


class Stall(pl.Callback):
    """At an update of its first start a run waits to be ended; a file beside its directory tells that it does.

    Args:
        directory: the run's.
        update: where it waits.
        words: only runs whose directories' names contain one of them wait.
    """

    def __init__(self, directory, update, words):
        self.mark, self.update = stall_of(Path(directory)), update
        self.waits = any(word in Path(directory).name for word in words)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if self.waits and trainer.global_step == self.update and not self.mark.exists():
            self.mark.touch()
            deadline = time.monotonic() + LONGEST_SECONDS
            while time.monotonic() < deadline:
                time.sleep(0.05)
            raise RuntimeError(f"nobody has ended this run in {LONGEST_SECONDS:.0f} seconds")


def stall_of(run: Path) -> Path:
    """The file that tells that a run waits, or has waited."""
    return run.with_name(f".{run.name}.stalled")


def stall(update: int, *words: str) -> str:
    """The override that makes such runs wait."""
    part = f"_target_:{__name__}.Stall,directory:${{run_dir}},update:{update},words:[{','.join(words)}]"
    return f"+callbacks.stall={{{part}}}"
