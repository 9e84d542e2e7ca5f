"""Read the offline records of W&B: the protobuf records of a run's file, and the media next to it."""

from __future__ import annotations

import contextlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wandb

BLOCK, HEADER = 32768, 7
FIRST, LAST, WHOLE = 2, 4, 1


@dataclass
class OfflineRun:
    """One run: the content of its file as plain data."""

    file: Path
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: set[str] = field(default_factory=set)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Path]] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def id(self) -> str:
        return self.file.stem.removeprefix("run-")

    def logged(self, key: str) -> list[Any]:
        return [row[key] for row in self.history if key in row]

    def curve(self, key: str) -> dict[int, float]:
        return {row["updates"]: row[key] for row in self.history if key in row}

    def path_of(self, media: dict[str, Any]) -> Path:
        return self.file.parent / "files" / media["path"]

    def table(self, key: str) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows of the table logged last under a key, as kept in the artifact that holds its media."""
        (file,) = (files[name] for files in self.artifacts.values() for name in files if name == f"{key}.table.json")
        content = json.loads(file.read_text(encoding="utf-8"))
        return content["columns"], content["data"]


def offline_runs(folder: Path) -> list[OfflineRun]:
    """The runs below a folder, in order of their names."""
    with contextlib.suppress(Exception):  # it may have been killed
        wandb.teardown()  # the service writes a little later than `finish` returns
    return sorted(map(read_run, folder.rglob("run-*.wandb")), key=lambda run: (run.name, run.file))


def read_run(file: Path) -> OfflineRun:
    from wandb.proto.wandb_internal_pb2 import Record

    run = OfflineRun(file)
    for message in messages_of(file.read_bytes()):
        record = Record.FromString(message)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.name, run.group, run.job_type = record.run.display_name, record.run.run_group, record.run.job_type
            run.tags |= set(record.run.tags)
            run.config |= values_of(record.run.config.update)
        elif kind == "config":
            run.config |= values_of(record.config.update)
        elif kind == "history":
            run.history.append(values_of(record.history.item))
        elif kind == "summary":
            run.summary |= values_of(record.summary.update)
        elif kind == "metric":
            run.metrics[record.metric.name or record.metric.glob_name] = record.metric
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
        elif (artifact := artifact_of(record)) is not None:
            run.artifacts[artifact.name] = {
                entry.path: Path(entry.local_path) for entry in artifact.manifest.contents if entry.local_path
            }
    return run


def artifact_of(record):
    kind = record.WhichOneof("record_type")
    if kind == "artifact":
        return record.artifact
    if kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
        return record.request.log_artifact.artifact
    return None


def values_of(items) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in items:
        *parents, last = item.nested_key or [item.key]
        inner = values
        for key in parents:
            inner = inner.setdefault(key, {})
        inner[last] = json.loads(item.value_json)
    return values


def messages_of(content: bytes):
    """The messages of a file: a log in LevelDB's format after a header of seven bytes by W&B.

    Each piece has a checksum (4 bytes), a length (2) and a kind (1); none crosses the end of a block.
    """
    position, gathered = HEADER, b""
    while position + HEADER <= len(content):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        piece = content[position + HEADER : position + HEADER + length]
        gathered = piece if kind in (WHOLE, FIRST) else gathered + piece
        if kind in (WHOLE, LAST):
            yield gathered
        position += HEADER + length
