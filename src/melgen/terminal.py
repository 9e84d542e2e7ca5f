"""Printing that never fails: any text can be printed, and a closed terminal or pipe does not end the command."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any

READABLE = "melgen.readable"
"""Name of our error handler for text that UTF-8, or a terminal's encoding, cannot encode. It writes ``\\xe9`` for a
byte of a file name that is not UTF-8, and ``\\u266f`` for a letter."""

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET})
"""The errors of a write after a pipe's reader or a terminal has closed."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    # Python represents a byte of a file name that it cannot decode by one of U+DC80 to U+DCFF (PEP 383).
    escaped = (
        f"\\x{ord(letter) - 0xDC00:02x}"
        if 0xDC80 <= ord(letter) <= 0xDCFF
        else letter.encode("ascii", "backslashreplace").decode("ascii")
        for letter in letters
    )
    return "".join(escaped), error.end


codecs.register_error(READABLE, _escape)


def readable(text: str) -> str:
    r"""Text that every file and terminal accepts: characters that UTF-8 cannot encode are escaped.

    >>> import os
    >>> readable(os.fsdecode(b"caf\xe9.abc")), readable("café")
    ('caf\\xe9.abc', 'café')
    """
    return text if text.isascii() else text.encode("utf-8", READABLE).decode("utf-8")


def all_readable(data: Any) -> Any:
    """Plain data, each text in it made `readable`."""
    if isinstance(data, str):
        return readable(data)
    if isinstance(data, dict):
        return {all_readable(key): all_readable(value) for key, value in data.items()}
    return [all_readable(value) for value in data] if isinstance(data, list | tuple) else data


def has_colours(stream: Any) -> bool:
    """Whether what is written to a stream may be coloured: on a terminal, unless the environment decides otherwise.

    In the order of CPython's own tracebacks: ``NO_COLOR``, then ``FORCE_COLOR`` or ``CLICOLOR_FORCE``, then
    ``TERM=dumb``. An empty variable, and ``0`` for the two that force, count as unset.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def print_error(program: str, message: object) -> None:
    """Print ``program: error: message`` to standard error, red up to the message where the terminal has colours."""
    start = f"{program}: error:"
    print(f"{_RED}{start}{_PLAIN}" if has_colours(sys.stderr) else start, message, file=sys.stderr)


class _Output(io.FileIO):
    """A standard stream that becomes the null device once its reader has closed."""

    def write(self, data: io.ReadableBuffer) -> int | None:  # type: ignore[name-defined,override]  # only in the stubs
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # also for output of other libraries and processes
            os.close(null)
            return len(memoryview(data).cast("B"))


def prepare_standard_streams() -> None:
    """Make printing never fail: drop output that nobody reads, and escape letters that the terminal's encoding lacks.

    ``| head`` closes a pipe early, and ``>&-`` closes a stream from the start. Neither is a failure of the command,
    which ends as it would have otherwise.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # a file must not get the number of a closed stream
        pass
    os.close(null)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # open until the process ends
        elif type(stream) is io.TextIOWrapper and not isinstance(_raw(stream), _Output) and stream.fileno() <= 2:
            setattr(sys, name, _lasting(stream))


def _raw(stream: io.TextIOWrapper) -> object:
    return getattr(stream.buffer, "raw", stream.buffer)  # with PYTHONUNBUFFERED there is no buffer between


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    try:
        stream.flush()
    except OSError as error:
        if error.errno not in _GONE:
            raise
    output = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(output) if isinstance(stream.buffer, io.BufferedWriter) else output,  # type: ignore[type-var]  # a raw stream works
        encoding=stream.encoding,
        errors=READABLE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
