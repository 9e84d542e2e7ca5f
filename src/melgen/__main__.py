"""``melgen``, or ``python -m melgen``: all commands behind one word.

``melgen train ...`` does what ``python -m melgen.train ...`` does. Nothing but the chosen command is imported.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module

import melgen
from melgen.commands import COMMANDS, WRONG_USAGE, asks_for_help
from melgen.terminal import prepare_standard_streams, print_error


def overview() -> str:
    """The commands, one line each."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())
    return (
        "usage: melgen <command> [key=value ...]\n\n"
        f"{listed}\n\n"
        "melgen <command> --help lists what a command can be given, with examples.\n"
        "melgen completion bash (or zsh) prints a script for tab completion.\n"
        "python -m melgen.<command> runs the same command."
    )


def main() -> int:
    """Run the command that the line names.

    Returns:
        The exit code, unless the command exits by itself.
    """
    prepare_standard_streams()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    verb, *rest = arguments
    if verb in ("--version", "-V"):
        print(f"melgen {melgen.__version__}")
        return 0
    if verb == "completion":
        from melgen.configuration.completion import complete

        return complete(rest)
    if verb not in COMMANDS:
        print_error("melgen", _unknown(verb))
        return WRONG_USAGE
    if asks_for_help(rest):
        from melgen.configuration.help import print_help

        print_help(verb, rest)
        return 0
    sys.argv = [f"melgen.{verb}", *rest]
    import_module(f"melgen.{verb}").main()
    return 0


def _unknown(verb: str) -> str:
    names = [*COMMANDS, "completion"]
    if "=" in verb or verb.startswith("-"):
        return f"{verb}: the command comes first, as in melgen train layers=3\nCommands: {', '.join(names)}"
    meant = get_close_matches(verb.removeprefix("melgen.").lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {meant[0]}?" if meant else ""
    return f"{verb}: unknown command{hint}\nCommands: {', '.join(names)}"


if __name__ == "__main__":
    sys.exit(main())
