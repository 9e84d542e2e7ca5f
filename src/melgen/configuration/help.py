"""The text of ``--help``: examples, groups with their options, and each key with its default and meaning.

Read from the comments of the configuration files, like ``docs/reference.md``, and without Hydra.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from melgen.commands import COMMANDS, FLAGS, MULTIRUN, SWEEPING
from melgen.configuration.packaged import (
    CONF_DIR,
    config_folders,
    default_options,
    files_of_option,
    options_of,
    package_of,
    primary_files,
    primary_of,
    recipe_groups,
)
from melgen.configuration.reference import GROUP, SWEPT_OVER, FileReference, Row, is_for_users, read_reference
from melgen.pasting import program, shell_line

NARROWEST, WIDEST = 72, 110
"""Columns that the text is fitted to, whatever the terminal has."""
_LEFT = 34
"""Columns of a key with its default; a longer one has a line of its own."""
_REFERENCE = re.compile(r"\$\{[\w.]+\}")
REQUIRED = "???"


def print_help(verb: str, arguments: Sequence[str]) -> None:
    """Print the help of a command to standard output, as wide as the terminal."""
    columns = shutil.get_terminal_size().columns
    print(help_text(verb, arguments, min(max(columns, NARROWEST), WIDEST)), file=sys.stdout)


def help_text(verb: str, arguments: Sequence[str] = (), width: int = 80) -> str:
    """The help of a command.

    Args:
        verb: ``train``, ``generate``, ...
        arguments: the command line; ``cell=gru`` in it shows the keys of that option, ``--config-dir`` adds options.
        width: columns of the text.
    """
    return "\n".join(_lines(verb, arguments, width))


def _lines(verb: str, arguments: Sequence[str], width: int) -> Iterator[str]:
    start = shell_line(*program(verb))
    folders = [CONF_DIR, *config_folders(arguments)]
    files = primary_files(primary_of(verb))
    yield from _wrapped(f"melgen.{verb}: {COMMANDS[verb]}", "", width)
    yield ""
    yield f"usage: {start} {'[-m] ' if verb in SWEEPING else ''}[key=value ...]"
    yield f"       melgen {verb} is the same"
    references = [_reference(file) for file in files]
    yield from _title("Examples")
    for example in references[-1].examples:
        yield f"  {start} {example.line}"
        yield from _wrapped(example.meaning, "      ", width)

    groups = default_options(primary_of(verb))
    for given in arguments:
        key, equals, option = given.partition("=")
        if equals and key in groups:
            groups[key] = option
    if groups:
        yield from _title("Groups: group=option chooses a part, now the one in brackets")
        for group, chosen in groups.items():
            options = [f"[{name}]" if name == chosen else name for name in options_of(group, folders)]
            yield from _entry(group, " ".join(options), width, left=18)

    if swept := [row for row in references[-1].rows if row.meaning == SWEPT_OVER]:
        yield from _title("Swept over, unless the line gives other values")
        yield from (f"  {row.key}={row.default}" for row in swept)
    yield from _keys(references[::-1], width)  # keys that only this command has come first
    for group, chosen in groups.items():
        if group in recipe_groups() or chosen is None or "/" in group:
            continue
        rows = [
            row._replace(key=row.key if package_of(file) == "_global_" else f"{group}.{row.key}")
            for file in files_of_option(group, chosen, folders)
            for row in _reference(file).rows
        ]
        if shown := [row for row in rows if _is_shown(row)]:
            yield from _title(f"Keys of {group}={chosen}")
            for row in shown:
                yield from _row(row, width)
    yield from _title("Flags")
    for flag, meaning in [*([MULTIRUN] if verb in SWEEPING else []), *FLAGS.items()]:
        yield from _entry(flag, meaning, width, left=18)


def _keys(references: Sequence[FileReference], width: int) -> Iterator[str]:
    """The keys of the command's own files, a part for each section and each node."""
    rows = [row for reference in references for row in reference.rows if _is_shown(row)]
    top = [row for row in rows if "." not in row.key]
    for section in dict.fromkeys(row.section for row in top):
        has_sections = any(row.section for row in top)
        title = section.partition(":")[0] or ("of this command alone" if has_sections else "change with key=value")
        yield from _title(f"Keys: {title}")
        for row in top:
            if row.section == section:
                yield from _row(row, width)
    for node in dict.fromkeys(row.key.partition(".")[0] for row in rows if "." in row.key):
        yield from _title(f"Keys of {node}")
        for row in rows:
            if row.key.startswith(f"{node}."):
                yield from _row(row, width)


def _is_shown(row: Row) -> bool:
    """Whether a key is shown: not if Hydra sets it, nor if it repeats another key."""
    is_repetition = "." in row.key and _REFERENCE.fullmatch(row.default)
    return is_for_users(row) and row.meaning not in (GROUP, SWEPT_OVER) and not is_repetition


def _row(row: Row, width: int) -> Iterator[str]:
    if row.default == REQUIRED or "${" in row.default:
        what = "required" if row.default == REQUIRED else "computed"
        yield from _entry(f"{row.key}=", f"({what}) {row.meaning}", width)
    else:
        yield from _entry(f"{row.key}={row.default}", row.meaning, width)


def _entry(name: str, meaning: str, width: int, left: int = _LEFT) -> Iterator[str]:
    lines = textwrap.wrap(meaning, max(width - left - 2, 20), break_long_words=False, break_on_hyphens=False)
    if not lines or len(name) > left - 2:
        yield f"  {name}"
    else:
        yield f"  {name:<{left}}{lines.pop(0)}"
    yield from (f"  {'':<{left}}{line}" for line in lines)


def _title(text: str) -> Iterator[str]:
    yield from ("", text)


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)


def _reference(file: Path) -> FileReference:
    return read_reference(file.read_text(encoding="utf-8"))
