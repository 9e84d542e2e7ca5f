"""From a run to a model file: what is known of it, its licence, its card and its songs."""
