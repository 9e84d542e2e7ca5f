"""Measures and pictures of melodies and networks: pure functions on arrays.

`song_metrics` and `run_metrics` are tables of all names. `tonality`, `descriptors` and `originality` measure melodies,
`counting/` and the baselines predict them, and `embeddings` shows what a network has learnt. `probes/` ask more of
networks, and `comparing_cells/` compares them. Only the baselines use torch.
"""

from typing import TYPE_CHECKING

from melgen.old_targets import former_names

if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)
