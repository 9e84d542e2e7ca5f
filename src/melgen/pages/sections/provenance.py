"""The origin of a page's content: the command to paste, seeds, and the software."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from melgen.files import read_json
from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial
from melgen.pasting import program, shell_line
from melgen.runs.directory import PROVENANCE_FILE
from melgen.runs.public_command import public_command


class Row(TypedDict):
    """A name and a value."""

    name: str
    value: str
    is_command: bool
    """Whether the value is a command, to be copied."""


class Data(TypedDict):
    """Data of the section."""

    rows: list[Row]


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The command of a training, and the software; of an earlier melgen what it has noted."""
    recorded = read_json(run.directory / PROVENANCE_FILE)
    rows = []
    if isinstance(command := recorded.get("command"), list):
        rows.append(_command("train", command))
    software = recorded.get("software")
    if not software:
        result = read_json(run.directory / "result.json")
        earlier = read_json(run.directory / "identity.json").get("software") or {}
        software = ({"melgen": result["melgen"]} if "melgen" in result else {}) | earlier
    if software:
        rows.append(_software(software))
    return {"rows": rows} if rows else None


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The command of a study, its seeds, its corpus, and the software of each of its starts."""
    manifest = study.manifest
    rows = [_command("study", manifest.get("command", []))] if manifest else []
    for name, value in manifest.get("seeds", {}).items():
        rows.append(_row(f"Seed of {name}", ", ".join(map(str, value if isinstance(value, list) else [value]))))
    if fingerprint := manifest.get("corpus", {}).get("fingerprint"):
        rows.append(_row("Corpus fingerprint", fingerprint))
    rows += [_software(software) for software in manifest.get("software", {}).values()]
    return {"rows": rows} if rows else None


def _row(name: str, value: str) -> Row:
    return {"name": name, "value": value, "is_command": False}


def _command(verb: str, arguments: list[Any]) -> Row:
    words = public_command([*map(str, arguments)])  # the page is sent to others
    return {"name": "Command", "value": shell_line(*program(verb), *words), "is_command": True}


def _software(software: Mapping[str, Any]) -> Row:
    """Versions, and the commit of a checkout."""
    versions = ", ".join(f"{name} {value}" for name, value in software.items() if isinstance(value, str))
    commit = software.get("git") or {}
    changed = " with changes" if commit.get("modified") else ""
    return _row("Software", versions + (f"; commit {commit['commit'][:12]}{changed}" if "commit" in commit else ""))


SECTION = Section(120, Data, of_run, of_study)
