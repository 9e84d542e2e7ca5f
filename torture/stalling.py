"""A callback that holds a training at an update until something ends it, so that a test can end it in its middle."""

import time
from pathlib import Path

import pytorch_lightning as pl

LONGEST_SECONDS = 600.0


class Stall(pl.Callback):
    """Hold the first start of a run at an update; a file next to its directory marks this.

    Args:
        directory: directory of the run.
        update: update at which the run waits.
        words: only runs whose directory names contain one of these words wait.
    """

    def __init__(self, directory, update, words):
        self.mark, self.update = stall_of(Path(directory)), update
        self.waits = any(word in Path(directory).name for word in words)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Wait at the update, unless an earlier start has waited there."""
        if self.waits and trainer.global_step == self.update and not self.mark.exists():
            self.mark.touch()
            deadline = time.monotonic() + LONGEST_SECONDS
            while time.monotonic() < deadline:
                time.sleep(0.05)
            raise RuntimeError(f"this run was not ended within {LONGEST_SECONDS:.0f} seconds")


def stall_of(run: Path) -> Path:
    """The file that marks that a run waits or has waited."""
    return run.with_name(f".{run.name}.stalled")


def stall(update: int, *words: str) -> str:
    """The override that adds the callback `Stall`."""
    part = f"_target_:{__name__}.Stall,directory:${{run_dir}},update:{update},words:[{','.join(words)}]"
    return f"+callbacks.stall={{{part}}}"
