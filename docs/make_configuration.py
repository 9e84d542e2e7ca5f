"""Write ``docs/configuration.md``, the reference of all keys, from the YAML files in ``conf/``.

``python docs/make_configuration.py`` writes it, ``--check`` reports whether it is current (exit code 1 if not).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
CONF, OUT = DOCS.parent / "conf", DOCS / "configuration.md"
COMMANDS = {
    "training": "Shared by `melgen.train` and `melgen.study`",
    "config": "`melgen.train`",
    "study": "`melgen.study`",
    "generate": "`melgen.generate`",
    "evaluate": "`melgen.evaluate`",
    "render": "`melgen.render`",
    "report": "`melgen.report`",
    "status": "`melgen.status`",
    "publish": "`melgen.publish`",
    "prepare": "`melgen.prepare`",
}
"""Files at the top of ``conf/`` and what they configure, in the order of the reference."""
LEFT_OUT = ("hydra_logging", "job_logging")
LINE = re.compile(
    r"(?P<indent> *)(?P<key>[\w./@-]+):(?: (?P<value>(?:\"[^\"]*\"|'[^']*'|[^#\"'])*?))? *(?:# (?P<comment>.*))?$"
)
DEFAULT = re.compile(r" +- (?P<group>[\w/]+): (?P<option>[\w]+)")
SWEPT_OVER = ["hydra", "sweeper", "params"]
HEAD = """\
# Every key

`python docs/make_configuration.py` makes this page from `conf/`. Change a key with `key=value` after a command, a
part of a group with its dotted path (`callbacks.sampling.songs=10`), and the option of a group with `group=option`.
`--cfg job` after a command prints the configuration that it would use. Keys of a group are listed without the group's
name. Hydra's own keys (`hydra.…`) are left out, except for launchers and what a recipe sweeps over.
"""


def rows_of(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """The comment that opens a file, and key, default and meaning of each line.

    >>> rows_of("# What it is.\\na: 1 # one\\nb:\\n  c: x\\nhydra:\\n  d: 1\\n")
    ('What it is.', [('a', '1', 'one'), ('b.c', 'x', '')])
    """
    opening, rows, path = [], [], list[tuple[int, str]]()
    names: list[str] = []
    lines = text.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        opening.append(lines.pop(0).lstrip("#").strip())
    for line in lines:
        if line.startswith("#"):
            continue
        if chosen := DEFAULT.match(line):
            if names and names[0] == "defaults" and chosen["group"] != "experiment":
                rows.append((chosen["group"], chosen["option"], "group"))
            continue
        if (found := LINE.match(line)) is None:
            continue  # text over several lines, in Hydra's own part
        indent = len(found["indent"])
        path = [(depth, key) for depth, key in path if depth < indent] + [(indent, found["key"])]
        names = [key for _, key in path]
        if names[0] == "defaults" or (names[0] == "hydra" and names[:3] != SWEPT_OVER):
            continue
        if names[:3] == SWEPT_OVER:
            names = names[3:]
            found_comment = "swept over"
        else:
            found_comment = found["comment"] or ""
        value = (found["value"] or "").strip()
        if value:
            rows.append((".".join(names), value, found_comment))
    said = (part for part in opening if part and not part.startswith("@package"))
    return " ".join(said), rows


def table(rows: list[tuple[str, str, str]]) -> list[str]:
    """Markdown; keys that begin with an underscore tell Hydra what to make, and are not for changing."""
    shown = [row for row in rows if not row[0].rpartition(".")[2].startswith("_")]
    if not shown:
        return []
    cells = (f"| `{key}` | `{_cell(value, '|')}` | {_cell(comment)} |" for key, value, comment in shown)
    return ["| key | default | meaning |", "|---|---|---|", *cells, ""]


def made_of(rows: list[tuple[str, str, str]]) -> str:
    """Which class an option stands for."""
    targets = [value for key, value, _ in rows if key in ("_target_", "representation._target_", "schedule._target_")]
    return f" (`{targets[0]}`)" if targets else ""


def document() -> str:
    """The whole reference."""
    parts = [HEAD]
    for name, title in COMMANDS.items():
        opening, rows = rows_of((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
        parts += [f"## {title}", "", f"`conf/{name}.yaml`. {_cell(opening)}".strip(), "", *table(rows)]
    folders = sorted(path for path in CONF.rglob("*") if path.is_dir() and path.name not in LEFT_OUT)
    for folder in folders:
        options = sorted(folder.glob("*.yaml"))
        if not options:
            continue
        parts += [f"## Group `{folder.relative_to(CONF).as_posix()}`", ""]
        for option in options:
            opening, rows = rows_of(option.read_text(encoding="utf-8"))
            parts += [
                f"**`{option.stem}`**{made_of(rows)}" + (f": {_cell(opening)}" if opening else ""),
                "",
                *table(rows),
            ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _cell(text: str, letters: str = "|<*") -> str:
    for letter in letters:
        text = text.replace(
            letter, "&lt;" if letter == "<" else f"\\{letter}"
        )  # of \\< some readers keep the backslash
    return text


def main() -> int:
    """Write the reference, or compare it."""
    text = document()
    if "--check" in sys.argv[1:]:
        current = OUT.exists() and OUT.read_text(encoding="utf-8") == text
        print(f"{OUT.name} is current" if current else f"{OUT.name} is not current: python docs/make_configuration.py")
        return 0 if current else 1
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
