"""Safe reading of pickles.

A pickle is a program: it may import any function and call it. Here it may only build lists, dictionaries, tuples,
sets, numbers and strings; anything else is refused, and the error names it.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

from melgen.errors import ReadError

REFUSED = "refused pickle"

# Lists, dictionaries, tuples, numbers and strings need no import. Python 2 wrote `__builtin__`. Never allow a whole
# module: `builtins` contains eval.
_ALLOWED = {
    ("__builtin__", "set"): set,
    ("__builtin__", "frozenset"): frozenset,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("collections", "OrderedDict"): OrderedDict,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Plain containers only."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise ReadError(
            f"the pickle asks for {module}.{name}; only plain containers, numbers and strings are built",
            REFUSED,
        )


def load_plain(data: bytes) -> Any:
    """The plain object in a pickle of any Python version.

    >>> load_plain(pickle.dumps([[60, 62], [64]]))
    [[60, 62], [64]]
    >>> load_plain(pickle.dumps(print))
    Traceback (most recent call last):
        ...
    melgen.errors.ReadError: the pickle asks for builtins.print; only plain containers, numbers and \
strings are built
    """
    try:
        return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a broken pickle can raise nearly anything
        raise ReadError(f"not a readable pickle: {type(error).__name__}: {error}") from error
