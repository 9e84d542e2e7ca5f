"""Calls to the JavaScript of the engine: one process of node that answers line by line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ANSWER = """
require("readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  let answer;
  try {
    answer = { value: await calls[JSON.parse(line)[0]](...JSON.parse(line)[1]) };
  } catch (error) {
    answer = { error: { ...error, message: error.message, name: error.name } };
  }
  const plain = (_, value) => (ArrayBuffer.isView(value) || value instanceof Set ? [...value]
    : value instanceof Map ? Object.fromEntries(value) : value);
  process.stdout.write(JSON.stringify(answer, plain) + "\\n");
});
"""


class JavaScriptError(Exception):
    """An error of JavaScript, with the members of its object as `details`."""

    def __init__(self, details: dict[str, Any]):
        super().__init__(details["message"])
        self.details = details


class Node:
    """A process of node that has read scripts."""

    def __init__(self, process: subprocess.Popen[str]):
        self._process = process

    def call(self, name: str, *arguments: Any) -> Any:
        """What a function of the object ``calls`` returns, or what its promise brings.

        Raises:
            JavaScriptError: if it throws.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise JavaScriptError(answer["error"])
        return answer.get("value")


def node_program() -> str:
    """The path of Node; without it the test is skipped."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed (apt-get install nodejs)")
    return program


@contextmanager
def node(script: str, calls: Path) -> Iterator[Node]:
    """A process that has read a script, and a file that defines the object ``calls``.

    The test is skipped if node is missing.
    """
    program = node_program()
    source = "\n".join(['"use strict";', script, calls.read_text(encoding="utf-8"), _ANSWER])
    process = subprocess.Popen(
        [program, "-e", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield Node(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
