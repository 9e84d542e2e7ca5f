"""The JavaScript that reads and writes tunes, in one process for each test file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from melgen.engine import script
from tests.engine.cases import Case, case
from tests.engine.javascript import Node, node

Prepared = Callable[[str | Case], tuple[Node, Case]]


@pytest.fixture(scope="module")
def writing_node() -> Iterator[Node]:
    """A process with the scripts that read and write tunes."""
    with node(script("writing") + script("composing"), Path(__file__).with_name("writing_calls.js")) as process:
        yield process


@pytest.fixture(scope="module")
def prepared(writing_node: Node) -> Prepared:
    """The process, once it has read the tables and the network of a case; and the case."""
    done: set[str] = set()

    def prepare(wanted: str | Case) -> tuple[Node, Case]:
        found = case(wanted) if isinstance(wanted, str) else wanted
        name = found.name
        if name not in done:
            network = {"scores": found.model.scores.tolist(), "durations": found.model.durations.tolist()}
            writing_node.call("add", name, found.data, network)
            done.add(name)
        return writing_node, found

    return prepare
