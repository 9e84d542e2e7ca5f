"""A callback that ends the process at the first training step, for `start_up.py`."""

import os

import pytorch_lightning as pl


class StopAtFirstStep(pl.Callback):
    """Ends the process without closing or writing anything: only the time until here is measured."""

    def on_train_batch_start(self, *_: object) -> None:
        os._exit(0)
