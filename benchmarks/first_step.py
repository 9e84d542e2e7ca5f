"""A callback that ends the process at the first training step, for `start_up.py`."""

import os

import pytorch_lightning as pl


class StopAtFirstStep(pl.Callback):
    """Nothing is closed or written: only the time until here is wanted."""

    def on_train_batch_start(self, *_: object) -> None:
        os._exit(0)
