"""melgen: train, compare and hear recurrent networks that write melodies."""

__version__ = "0.1.0"
