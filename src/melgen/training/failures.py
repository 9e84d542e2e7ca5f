"""Failures of what is not the training: they become warnings, and the training goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from melgen.errors import is_out_of_space, message_of

log = logging.getLogger(__name__)


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn a failure of something that is not the training into a warning, except for a full disk.

    A full disk ends the training too: its own files could not be written either.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_space(error):
            raise
        # A picture or a service may raise any error.
        log.warning("%s failed, the training goes on: %s: %s", what, type(error).__name__, error)
        log.debug("traceback of that failure", exc_info=True)


@contextmanager
def of_the_end(what: str) -> Iterator[None]:
    """Let a failure of what belongs to a run's result end the run, and log what failed and how to go on."""
    try:
        yield
    except Exception:
        log.warning("%s failed; the training itself is done, and the same command repeats only its end", what)
        raise


@contextmanager
def short_message_for_full_disk() -> Iterator[None]:
    """Log a full disk in a logger's thread as one line, without Python's traceback.

    TensorBoard raises the error again where it is handed its next event.
    """
    before = threading.excepthook

    def log_it(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None and is_out_of_space(failure.exc_value):
            log.warning("a logger writes no more: %s", message_of(failure.exc_value))
        else:
            before(failure)

    threading.excepthook = log_it
    try:
        yield
    finally:
        threading.excepthook = before
