"""The loggers of a training: the CSV file of every run, W&B and TensorBoard."""
