"""The commands by name; `melgen` alone lists them so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "prepare": "read a corpus of tunes and report on it",
        "train": "train a network, or a sweep of them with -m",
        "generate": "let a trained network write songs",
        "study": "sweep, select, generate, evaluate: the tables and figures of a paper",
        "evaluate": "measure a folder of songs and compare it with a corpus",
        "export": "write a trained network as one file that can be shared",
        "render": "write songs as sound, scores and files for other programs",
        "publish": "put the tables of a sweep and of its study on W&B",
        "report": "make one HTML page of a run or a study, to look at and to play",
        "play": "play with a trained network in the browser",
        "listen": "make a blind listening test of a study, and analyse its answers",
        "status": "show the progress of a sweep's runs, while they run or after",
    }
)
"""Each command with what it does, in the order of a project."""

SWEEPING = ("train", "study")
"""The commands that take several values of a key."""
SWEEPERS = " and ".join(f"melgen.{verb}" for verb in SWEEPING)
"""Their names in messages."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "--help": "print this text",
        "--cfg job": "print the configuration that the line makes, and stop",
        "--config-dir DIR": "a directory with options of your own",
        "--hydra-help": "print all flags of Hydra",
    }
)
MULTIRUN = ("-m", "run every combination of values separated by commas")


def asks_for_help(arguments: list[str]) -> bool:
    """Whether ``--help``, ``-h`` or a clear beginning of it is among the arguments.

    >>> asks_for_help(["layers=3", "--he"]), asks_for_help(["--hydra-help"])
    (True, False)
    """
    return any(given == "-h" or (len(given) >= len("--he") and "--help".startswith(given)) for given in arguments)
