"""What a command prints reaches the terminal, whatever it holds, and ends nothing if nobody reads it any more."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any

READABLE = "melgen.readable"
"""Name of the way to write text that UTF-8, or a terminal's own encoding, cannot hold: ``\\xe9`` for a byte of a file
name that is not UTF-8, ``\\u266f`` for a letter."""

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET})
"""What writing answers once a pipe's reader or a terminal is gone."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    # Python holds a byte of a file name that it cannot decode as one of U+DC80 to U+DCFF (PEP 383).
    escaped = (
        f"\\x{ord(letter) - 0xDC00:02x}"
        if 0xDC80 <= ord(letter) <= 0xDCFF
        else letter.encode("ascii", "backslashreplace").decode("ascii")
        for letter in letters
    )
    return "".join(escaped), error.end


codecs.register_error(READABLE, _escape)


def readable(text: str) -> str:
    r"""Text as every file and terminal takes it: what is no UTF-8 in it is escaped.

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
    """A standard stream that turns into the null device once nobody reads it any more."""

    def write(self, data: io.ReadableBuffer) -> int | None:  # type: ignore[name-defined,override]
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # also for what other libraries and processes write there
            os.close(null)
            return len(memoryview(data).cast("B"))


def prepare_standard_streams() -> None:
    """Let whatever is printed be written, or be dropped where nobody reads it; a command then ends as it would have.

    ``| head`` closes a pipe early, ``>&-`` a stream from the start: neither is a failure of what was asked for. Letters
    that the terminal's encoding lacks are escaped.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # a file must not get the number of a closed stream
        pass
    os.close(null)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
        elif type(stream) is io.TextIOWrapper and not isinstance(_raw(stream), _Output) and stream.fileno() <= 2:
            setattr(sys, name, _lasting(stream))


def _raw(stream: io.TextIOWrapper) -> object:
    return getattr(stream.buffer, "raw", stream.buffer)  # PYTHONUNBUFFERED leaves the buffer out


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    try:
        stream.flush()
    except OSError as error:
        if error.errno not in _GONE:
            raise
    output = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(output) if isinstance(stream.buffer, io.BufferedWriter) else output,  # type: ignore[type-var]
        encoding=stream.encoding,
        errors=READABLE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
