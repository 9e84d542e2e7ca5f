"""Internals of Hydra."""

from __future__ import annotations

import argparse

from melgen.internals import UnknownInternalsError

try:
    # `BasicSweeper` makes jobs of a command line with commas. melgen's sweeper chooses among those jobs, and so is one.
    # Looked for: the public `hydra.plugins.sweeper.Sweeper` is an interface without an implementation.
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    # The parser knows Hydra's flags. Users may put flags between overrides, which Hydra's own parser refuses.
    # Looked for: `hydra.main` parses the command line itself and gives out neither the parser nor the flags.
    from hydra._internal.utils import get_args_parser
except ImportError as error:
    raise UnknownInternalsError("hydra-core", str(error)) from error

__all__ = ["BasicSweeper", "flags"]

for _name in ("split_arguments", "validate_batch_is_legal", "split_overrides_to_chunks"):
    if not callable(getattr(BasicSweeper, _name, None)):
        raise UnknownInternalsError("hydra-core", f"BasicSweeper has no {_name}")


def flags() -> dict[str, argparse.Action]:
    """Hydra's flags as they are typed, each with what argparse knows of it.

    `argparse` has no public list of a parser's actions.

    >>> "--multirun" in flags(), flags()["-m"].dest
    (True, 'multirun')
    """
    found = {text: action for action in get_args_parser()._actions for text in action.option_strings}
    if not {"--multirun", "--config-dir"} <= found.keys():
        raise UnknownInternalsError("hydra-core", f"its flags are {', '.join(sorted(found))}")
    return found
