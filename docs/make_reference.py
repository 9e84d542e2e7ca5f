"""Write the keys of ``docs/reference.md``, from its heading ``Keys`` to its end, from the YAML files in ``conf/``.

``python docs/make_reference.py`` writes them, ``--check`` reports whether they are current (exit code 1 if not).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from melgen.configuration.packaged import verb_of
from melgen.configuration.reference import Example, Row, is_for_users, read_reference
from melgen.pasting import program, shell_line

DOCS = Path(__file__).resolve().parent
CONF, OUT = DOCS.parent / "conf", DOCS / "reference.md"
COMMANDS = {
    "training": "Shared by `melgen.train` and `melgen.study`",
    "config": "`melgen.train`",
    "study": "`melgen.study`",
    "generate": "`melgen.generate`",
    "evaluate": "`melgen.evaluate`",
    "export": "`melgen.export`",
    "render": "`melgen.render`",
    "report": "`melgen.report`",
    "play": "`melgen.play`",
    "listen": "`melgen.listen`",
    "status": "`melgen.status`",
    "publish": "`melgen.publish`",
    "prepare": "`melgen.prepare`",
}
"""Files at the top of ``conf/`` and what they configure, in the order of the reference."""
LEFT_OUT = ("hydra_logging", "job_logging")
HEADING = "## Keys\n"
"""The text of the page before it is written by hand."""
HEAD = f"""\
{HEADING}
`python docs/make_reference.py` makes this list from `conf/`. Change a key with `key=value` after a command, a
part of a group with its dotted path (`callbacks.sampling.songs=10`), and the option of a group with `group=option`.
`--cfg job` after a command prints the configuration that it would use. Keys of a group are listed without the group's
name. Hydra's own keys (`hydra.…`) are left out, except for launchers and what a recipe sweeps over.
"""


def table(rows: list[Row]) -> list[str]:
    """Markdown."""
    shown = [row for row in rows if is_for_users(row)]
    if not shown:
        return []
    cells = (f"| `{key}` | `{_cell(value, '|')}` | {_cell(comment)} |" for key, value, comment, _ in shown)
    return ["| key | default | meaning |", "|---|---|---|", *cells, ""]


def shown_examples(name: str, examples: list[Example]) -> list[str]:
    """Lines that can be pasted, each with what it does."""
    if not examples:
        return []
    start = shell_line(*program(verb_of(name)))
    return ["```bash", *(f"{start} {line}  # {meaning}" for line, meaning in examples), "```", ""]


def made_of(rows: list[Row]) -> str:
    """The class of an option."""
    targets = [value for key, value, *_ in rows if key in ("_target_", "representation._target_", "schedule._target_")]
    return f" (`{targets[0]}`)" if targets else ""


def keys() -> str:
    """The list of all keys, with its heading."""
    parts = [HEAD]
    for name, title in COMMANDS.items():
        opening, examples, rows = read_reference((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
        parts += [f"### {title}", "", f"`conf/{name}.yaml`. {_cell(opening)}".strip(), ""]
        parts += [*shown_examples(name, examples), *table(rows)]
    folders = sorted(path for path in CONF.rglob("*") if path.is_dir() and path.name not in LEFT_OUT)
    for folder in folders:
        options = sorted(folder.glob("*.yaml"))
        if not options:
            continue
        parts += [f"### Group `{folder.relative_to(CONF).as_posix()}`", ""]
        for option in options:
            opening, _, rows = read_reference(option.read_text(encoding="utf-8"))
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


def with_keys(page: str) -> str:
    """The page with the current list of keys."""
    return f"{page.partition(HEADING)[0].rstrip()}\n\n{keys()}"


def main() -> int:
    """Write the keys, or compare them."""
    page = OUT.read_text(encoding="utf-8")
    text = with_keys(page)
    if "--check" in sys.argv[1:]:
        current = page == text
        print(f"{OUT.name} is current" if current else f"{OUT.name} is not current: python docs/make_reference.py")
        return 0 if current else 1
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
