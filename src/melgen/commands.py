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

WRONG_USAGE = 2
"""The exit code of a line without a command, or with a flag, that melgen does not know."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "--help": "print this text",
        "--cfg job": "print the configuration that the line makes, and stop",
        "--config-dir DIR": "a directory with options of your own",
        "--hydra-help": "print all flags of Hydra",
    }
)
MULTIRUN = ("-m", "run every combination of values separated by commas")

AFTER_CTRL_C: Mapping[str, str] = MappingProxyType(
    {
        "train": "the same command goes on from the last checkpoint, and makes the updates after it again",
        "study": "the same command does what is left; an unfinished training goes on from its last checkpoint",
        "prepare": "a corpus is kept once all of it is read; the same command starts again",
        "generate": "songs are written once all of them are complete; the same command starts again",
        "render": "files that are written stay; the same command writes all of them again",
        "publish": "what is recorded stays; the same command records everything again",
    }
)
"""What Ctrl-C leaves of a command, and what the same command does then; by default it starts again."""


def after_ctrl_c(verb: str) -> str:
    """The message of a command that Ctrl-C has ended.

    >>> after_ctrl_c("report")
    'interrupted; the same command starts again'
    """
    return f"interrupted; {AFTER_CTRL_C.get(verb, 'the same command starts again')}"


def asks_for_help(arguments: list[str]) -> bool:
    """Whether ``--help``, ``-h`` or a clear beginning of it is among the arguments.

    >>> asks_for_help(["layers=3", "--he"]), asks_for_help(["--hydra-help"])
    (True, False)
    """
    return any(given == "-h" or (len(given) >= len("--he") and "--help".startswith(given)) for given in arguments)
