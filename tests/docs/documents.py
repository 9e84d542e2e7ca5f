"""The documents of the repository, and the commands that they show."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- not run by the tests -->"
"""The line before a block of commands that need hours, other files or another machine: it is not run."""


def blocks_of(text: str) -> list[tuple[bool, str]]:
    """Every ``bash`` block: whether the tests run it, and its content.

    >>> blocks_of("```bash\\na\\n```\\n<!-- not run by the tests -->\\n```bash\\nb\\n```\\n")
    [(True, 'a\\n'), (False, 'b\\n')]
    """
    found = re.findall(rf"^({NOT_RUN}\n\s*)?```(?:bash|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(not mark, block) for mark, block in found]


def commands_of(text: str, run: bool = True) -> list[str]:
    """Every command of the ``bash`` blocks that are run, or of those that are not.

    A backslash at the end of a line joins it with the next.

    >>> commands_of("```bash\\npython -m melgen.train \\\\\\n  layers=3  # deep\\ntensorboard x\\n```")
    ['python -m melgen.train layers=3']
    """
    lines = "\n".join(block for is_run, block in blocks_of(text) if is_run == run).replace("\\\n", " ").splitlines()
    commands = [line.removeprefix("$ ").strip() for line in lines]
    commands = [" ".join(shlex.split(command, comments=True, posix=False)) for command in commands]
    return [command for command in commands if command.startswith(("python -m melgen", "make "))]
