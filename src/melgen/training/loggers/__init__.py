"""The loggers of a training: the CSV file of every run, W&B and TensorBoard.

``csv`` and ``wandb`` hold our own loggers. ``dashboards`` shows songs, figures and embeddings on those that can;
``tensorboard`` and ``wandb_media`` convert them, with what ``media`` makes of songs.
"""
