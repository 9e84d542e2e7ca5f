"""Runs on disk: their names, identities, files and states."""

from typing import TYPE_CHECKING

from melgen.old_targets import former_names

if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)
