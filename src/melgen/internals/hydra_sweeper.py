"""Hydra's basic sweeper, which is internal to Hydra.

It makes jobs of a command line with commas. melgen's sweeper chooses among those jobs, and so is one. Looked for: the
public `hydra.plugins.sweeper.Sweeper` is an interface without an implementation.

Only the plugin may import this module. Hydra executes the modules of its own plugins again when it looks for plugins;
a class that was imported before would be another than theirs from then on.
"""

from __future__ import annotations

from melgen.internals import UnknownInternalsError

try:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
except ImportError as error:
    raise UnknownInternalsError("hydra-core", str(error)) from error

__all__ = ["BasicSweeper"]

for _name in ("split_arguments", "validate_batch_is_legal", "split_overrides_to_chunks"):
    if not callable(getattr(BasicSweeper, _name, None)):
        raise UnknownInternalsError("hydra-core", f"BasicSweeper has no {_name}")
