"""A callback that fails in chosen runs, for tests of a sweep with failures."""

from pathlib import Path

import pytorch_lightning as pl


class Mishap(pl.Callback):
    """Fails the trainings in the directories whose names contain one of ``words``."""

    def __init__(self, directory, words):
        self.failing = any(word in Path(directory).name for word in words)

    def on_train_start(self, trainer, pl_module):
        if self.failing:
            raise RuntimeError("a mishap\nwith details")


def mishap(*words):
    return f"+callbacks.mishap={{_target_:{__name__}.Mishap,directory:${{run_dir}},words:[{','.join(words)}]}}"
