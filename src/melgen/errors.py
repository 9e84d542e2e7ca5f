"""The errors of melgen: one tree, and the message of an error as a user needs to read it."""

from __future__ import annotations

import errno
import re

UNREADABLE = "unreadable"
"""The reason for leaving out a file whose content cannot be read."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MISSING = re.compile(r"Missing mandatory value: (\S+)")
_IN_RESOLVER = re.compile(r"ValueError raised while resolving interpolation: (.*?)(?:\n +full_key: .*)?", re.DOTALL)


class MelgenError(Exception):
    """An error whose message is for the user: it names the file or key, its value and the rule."""


class CorpusError(MelgenError, ValueError):
    """A corpus cannot be read."""


class EncodedOtherwiseError(CorpusError):
    """A corpus is an encoded stream of values in another representation than the one asked for."""


class ReadError(MelgenError):
    """A file cannot be read: ``reason`` groups it in the report, the message names what is wrong."""

    def __init__(self, detail: str, reason: str = UNREADABLE):
        super().__init__(detail)
        self.reason = reason


class CheckpointError(MelgenError, ValueError):
    """A file is not a checkpoint of melgen, or not one that fits."""


class IdentityError(MelgenError, ValueError):
    """A run's directory belongs to another run."""


class TakenError(IdentityError):
    """Another process works in a run's directory."""


class LockedError(MelgenError, OSError):
    """Another process holds a lock."""


class LockedElsewhereError(LockedError):
    """A lock was left by a process of which this machine cannot know whether it still works."""


class EngineError(MelgenError, ValueError):
    """A network cannot run in a page."""


class DivergenceError(MelgenError, RuntimeError):
    """The loss or its gradient is not a number any more; nothing after this update can be trusted."""


class OutOfTimeError(BaseException):
    """A job's time is up and it will not be queued again.

    It is not an `Exception`, so that code around it does not take it for a failure of its own.
    """


def is_out_of_space(error: BaseException) -> bool:
    """Whether a disk or quota is full, or cannot be written any more: whatever is written next will fail too."""
    return isinstance(error, OSError) and error.errno in (*_FULL, errno.EROFS)


def message_of(error: BaseException) -> str:
    """The message that a user needs to read: the innermost one, without Hydra's wrapping.

    >>> message_of(ValueError("layers=0: must be at least 1"))
    'layers=0: must be at least 1'
    >>> message_of(OSError(errno.ENOSPC, "No space left on device"))
    'No space left on device; free some space, then run the same command again'
    """
    from hydra.errors import InstantiationException

    if missing := _MISSING.search(str(error)):
        return f"{missing[1]}: has no default; {missing[1]}=... is needed"
    if of_resolver := _IN_RESOLVER.fullmatch(str(error)):
        return of_resolver[1]
    where = ""
    while isinstance(error, InstantiationException) and isinstance(error.__cause__, ValueError | OSError):
        where = str(error).rpartition("full_key: ")[2].strip() or where
        error = error.__cause__
    if where:
        return f"{message_of(error)} (in {where})"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        advice = "; free some space, then run the same command again" if error.errno in _FULL else ""
        return f"{place}{error.strerror}{advice}"
    # Hydra appends where it searched, OmegaConf the place in the configuration; the first paragraph is the message.
    return str(error).partition("\nConfig search path:")[0].strip() or type(error).__name__
