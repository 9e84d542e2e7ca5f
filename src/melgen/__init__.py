"""melgen: train, compare and hear recurrent networks that write melodies."""

from typing import TYPE_CHECKING

from melgen.old_targets import former_names

__version__ = "0.1.0"

if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)
