"""Model files for tests: of the small runs that the tests keep, and with changed members."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from melgen.model_files.archive import DESCRIPTION, WEIGHTS, write_archive
from tests.builders import ROOT

FORMATS = ROOT / "tests" / "formats"
WITH_RHYTHM = next((FORMATS / "rhythm2").iterdir())
OF_PITCHES = FORMATS / "version1" / "control-gru-1-seed0-batch_size-20-hidden_size-4-seq_length-20"


def members_of(file: Path) -> dict[str, bytes]:
    """The members of a model file."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_members(file: Path, **changes: bytes | None) -> Path:
    """Replace members by their short names: ``card``, ``description``, ``weights``; None removes one."""
    names = {"card": "README.md", "description": DESCRIPTION, "weights": WEIGHTS, "songs": "songs/songs.json"}
    members = members_of(file)
    for key, content in changes.items():
        if content is None:
            del members[names[key]]
        else:
            members[names[key]] = content
    write_archive(file, members)
    return file


def described(file: Path) -> dict:
    """The content of ``model.json``."""
    return json.loads(members_of(file)[DESCRIPTION])


def with_description(file: Path, change) -> Path:
    """Change the content of ``model.json``."""
    content = described(file)
    change(content)
    return with_members(file, description=json.dumps(content).encode())
