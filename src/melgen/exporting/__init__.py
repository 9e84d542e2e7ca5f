"""The way from a run to a model file: its origin, its licence, its card and its songs."""
