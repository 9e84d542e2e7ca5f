"""Every key with its default and its meaning, read from the comments of the configuration files.

``--help`` and the keys in ``docs/reference.md`` are made of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

GROUP = "group"
"""Meaning of a row that chooses an option of a group."""
SWEPT_OVER = "swept over"
"""Meaning of a row with the values that a recipe or a study sweeps over."""

_LINE = re.compile(
    r"(?P<indent> *)(?P<key>[\w./@-]+):(?: (?P<value>(?:\"[^\"]*\"|'[^']*'|[^#\"'])*?))? *(?:# (?P<comment>.*))?$"
)
_DEFAULT = re.compile(r" +- (?P<group>[\w/]+): (?P<option>[\w]+)")
_SECTION = re.compile(r"# --- (?P<title>.*)")
_EXAMPLE = re.compile(r"Example: (?P<line>.*?) +# (?P<meaning>.*)")
_SWEPT_PARAMS = ["hydra", "sweeper", "params"]


class Row(NamedTuple):
    """One key of a file, dotted, below the file's own place."""

    key: str
    default: str
    meaning: str
    section: str = ""


class Example(NamedTuple):
    """Arguments of a command, and their effect."""

    line: str
    meaning: str


class FileReference(NamedTuple):
    """The documentation in the comments of a configuration file."""

    opening: str
    examples: list[Example]
    rows: list[Row]


def read_reference(text: str) -> FileReference:
    r"""The comment that opens a file, the examples in it, and key, default and meaning of each line.

    >>> found = read_reference("# What it is.\n# Example: a=2  # two of it\na: 1 # one\nb:\n  c: x\nhydra:\n  d: 1\n")
    >>> found.opening, found.examples
    ('What it is.', [Example(line='a=2', meaning='two of it')])
    >>> [tuple(row) for row in found.rows]
    [('a', '1', 'one', ''), ('b.c', 'x', '', '')]
    """
    opening, examples = list[str](), list[Example]()
    rows, section = list[Row](), ""
    path, names = list[tuple[int, str]](), list[str]()
    lines = text.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        comment = lines.pop(0).lstrip("#").strip()
        if example := _EXAMPLE.fullmatch(comment):
            examples.append(Example(example["line"], example["meaning"]))
        elif comment and not comment.startswith("@package"):
            opening.append(comment)
    for line in lines:
        if line.startswith("#"):
            if title := _SECTION.fullmatch(line):
                section = title["title"]
            continue
        if chosen := _DEFAULT.match(line):
            if names and names[0] == "defaults" and chosen["group"] != "experiment":
                rows.append(Row(chosen["group"], chosen["option"], GROUP))
            continue
        if (found := _LINE.match(line)) is None:
            continue  # text over several lines, in Hydra's own part
        indent = len(found["indent"])
        path = [(depth, key) for depth, key in path if depth < indent] + [(indent, found["key"])]
        names = [key for _, key in path]
        if names[0] == "defaults" or (names[0] == "hydra" and names[:3] != _SWEPT_PARAMS):
            continue
        comment = found["comment"] or ""
        if names[:3] == _SWEPT_PARAMS:
            names, comment = names[3:], SWEPT_OVER
        if value := (found["value"] or "").strip():
            rows.append(Row(".".join(names), value, comment, section))
    return FileReference(" ".join(opening), examples, rows)


def is_for_users(row: Row) -> bool:
    """Keys that begin with an underscore name what Hydra makes, and are not for changing."""
    return not row.key.rpartition(".")[2].startswith("_")
