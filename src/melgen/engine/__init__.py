"""Networks as data for a page, and the JavaScript that runs them.

Each JavaScript file reads the data that the Python file of its name makes. `melgen.engine.network` writes one step of a
network as a list of operations, with its weights; ``network.js`` interprets that list, so it knows no cell, and a
user's own cell runs like those of melgen. `melgen.engine.writing` has the tables by which ``writing.js`` reads and
writes tunes. ``composing.js`` continues a tune with both.
"""

from importlib.resources import files

SCRIPTS = ("network", "writing", "composing")
"""Names of the JavaScript files, in the order of their needs."""


def script(name: str) -> str:
    """The text of a JavaScript file, one of `SCRIPTS`."""
    return files(__name__).joinpath(f"{name}.js").read_text(encoding="utf-8")
