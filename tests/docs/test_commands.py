"""Every command in the documents can be composed, also those that take too long for a test."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.commands.calling import call
from tests.docs.documents import DOCUMENTS, commands_of

EXTENDING = "extending.md"
"""Its commands need the files that it shows; test_extending runs them."""


def shown():
    """Each different command of melgen, with the first document that shows it."""
    commands = {}
    for document in DOCUMENTS:
        text = document.read_text() if document.name != EXTENDING else ""
        for command in [*commands_of(text), *commands_of(text, run=False)]:
            if command.startswith("python -m melgen"):
                commands.setdefault(command, document.name)
    return commands


def first_job(overrides):
    """The overrides of a sweep's first job.

    >>> first_job(["-m", "cell=gru,lstm", "layers=2"])
    ['cell=gru', 'layers=2']
    """
    own = [override for override in overrides if override != "-m"]
    parsed = OverridesParser.create().parse_overrides([override for override in own if not override.startswith("--")])
    swept = {
        override.input_line: f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
        for override in parsed
        if override.is_sweep_override()
    }
    return [swept.get(override, override) for override in own]


def test_there_are_commands():
    assert len(shown()) > 40


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_commands_can_be_composed(here):
    for command, document in shown().items():
        _, _, module, *overrides = shlex.split(command.replace("=~/", "=/home/me/"))  # as a shell would
        verb = module.partition(".")[2]
        if not any(override.startswith(("--help", "hydra/sweeper=optuna")) for override in overrides):
            answer = call(verb, *first_job(overrides), "--cfg", "job")
            assert answer.code == 0, f"{document}: {command}\n{answer.text[-2000:]}"
