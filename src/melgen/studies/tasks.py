"""Tasks that are done once, with a manifest of inputs and outputs: a small make.

A task has a name, inputs (plain data: digests of files, options) and makes files. It is done again only if its
inputs have changed or a file that it made has. The manifest is written after each task, so that a study that is
stopped goes on with the next one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from melgen.errors import LockedElsewhereError, LockedError
from melgen.files import remove_leftovers, write_json
from melgen.locks import is_lock, locked
from melgen.studies.time_left import time_left

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT, FORMAT_VERSION = "melgen study", 1


class Task(NamedTuple):
    """A piece of work.

    Attributes:
        name: ``evaluate/control-lstm-2``.
        inputs: all that its outcome depends on, as plain data.
        make: does it, and returns the files it has made, all below the study's directory.
    """

    name: str
    inputs: Mapping[str, Any]
    make: Callable[[], Iterable[Path]]


class Workbench:
    """The directory of a study and its manifest.

    Args:
        path: the directory.
        software: versions and the state of the source code, kept with each task that they have made.

    Attributes:
        settings: facts about the study for which tasks are now done. If the manifest has others, they are dropped with
            the first task that is done; `describe` records the new ones once everything is done.
    """

    def __init__(self, path: Path, software: Mapping[str, Any]):
        self.path = path
        self.software = dict(software)
        self._software_key = digest_of(self.software)[:12]
        self.settings: dict[str, Any] = {}
        self._digests: dict[tuple[Path, int, int], str] = {}
        self._manifest = self._read()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other studies out of the directory.

        Raises:
            ValueError: if another process is at work in it.
            LockedElsewhereError: if a process elsewhere has left a lock in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.path / ".lock"))
            except LockedElsewhereError:
                raise
            except LockedError:
                raise ValueError(
                    f"{self.path}: another process is making this study; folder=... makes a second one of the same runs"
                ) from None
            try:
                self._manifest = self._read()  # another process may have written meanwhile
                remove_leftovers(self.path)
                self._compare_software()
                yield
            finally:
                if all(is_lock(entry.name) for entry in self.path.iterdir()):
                    shutil.rmtree(self.path, ignore_errors=True)  # nothing was made
                    with suppress(OSError):
                        self.path.parent.rmdir()

    def do(self, tasks: Sequence[Task], prefixes: Sequence[str], *, again: bool = False) -> int:
        """Do what is not done yet of a stage's tasks, and forget the tasks that the stage no longer has.

        Args:
            tasks: all of the stage.
            prefixes: of the names of the stage's tasks, earlier ones too.
            again: do those that are done, too.

        Returns:
            How many there were to do.
        """
        undone = [task for task in tasks if again or not self.is_done(task)]
        began = time.monotonic()
        for number, task in enumerate(undone, 1):
            self._do(task)
            left = time_left(time.monotonic() - began, number, len(undone) - number)
            log.info("  %d of %d: %s%s", number, len(undone), task.name, left)
        self._keep_only([task.name for task in tasks], tuple(prefixes))
        return len(undone)

    def _do(self, task: Task) -> None:
        earlier = self._manifest["tasks"].get(task.name, {"outputs": {}})["outputs"]
        if not self._are_untouched(earlier):
            self._remove(earlier)  # `make` may refuse to replace what was changed by hand
        made = sorted(set(task.make()))
        # The recorded settings no longer describe how every task was done.
        if any(self._manifest.get(key) != value for key, value in self.settings.items()):
            for key in self.settings:
                self._manifest.pop(key, None)
        self._remove(set(earlier) - {path.relative_to(self.path).as_posix() for path in made})
        self._manifest["tasks"][task.name] = {
            "key": self._key(task.inputs),
            "software": self._software_key,
            "inputs": json.loads(json.dumps(task.inputs)),
            "outputs": {path.relative_to(self.path).as_posix(): self.digest_of_file(path) for path in made},
        }
        self.save()

    def is_done(self, task: Task) -> bool:
        """Whether a task is done with its inputs, and its files are as it left them."""
        record = self._manifest["tasks"].get(task.name)
        return record is not None and record["key"] == self._key(task.inputs) and self._are_untouched(record["outputs"])

    def outputs(self, task: str) -> list[str]:
        """The files that a task has made, as paths from the study's directory; none if it has not been done."""
        return list(self._manifest["tasks"].get(task, {"outputs": {}})["outputs"])

    def outputs_of_all(self, but: str) -> dict[str, dict[str, str]]:
        """The files that every task but one has made, with their hashes."""
        return {name: record["outputs"] for name, record in self._manifest["tasks"].items() if name != but}

    def outputs_digest(self, task: str) -> str:
        """A digest of all files that a task has made: the input of the tasks that read them.

        Raises:
            ValueError: if the task has not been done.
        """
        if task not in self._manifest["tasks"]:
            raise ValueError(f"{self.path}: {task} has not been done yet; an earlier stage of the study is missing")
        return digest_of(self._manifest["tasks"][task]["outputs"])

    def _keep_only(self, tasks: Iterable[str], prefixes: tuple[str, ...]) -> None:
        """Forget the tasks that a stage no longer has, with the files they made."""
        wanted = set(tasks)
        records = self._manifest["tasks"]
        gone = [task for task in records if task.startswith(prefixes) and task not in wanted]
        still_made = {name for task, record in records.items() if task not in gone for name in record["outputs"]}
        for task in gone:
            self._remove(set(records.pop(task)["outputs"]) - still_made)
        if gone:
            self.save()

    def describe(self, **facts: Any) -> None:
        """Put facts about the study as a whole into the manifest: configuration, corpus, seeds, cells."""
        self._manifest |= facts

    def digest_of_file(self, path: Path) -> str:
        """A hash of a file's content, computed once as long as the file stays as it is."""
        now = path.stat()
        known = (path, now.st_mtime_ns, now.st_size)
        if known not in self._digests:
            with path.open("rb") as file:
                self._digests[known] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[known]

    def save(self) -> None:
        """Write the manifest, if anything in it has changed."""
        tasks = self._manifest["tasks"]
        known = {**self._manifest.get("software", {}), self._software_key: self.software}
        used = {record["software"] for record in tasks.values()}
        self._manifest["software"] = {key: value for key, value in known.items() if key in used}
        self._manifest["tasks"] = dict(sorted(tasks.items()))
        if self._read() != json.loads(json.dumps(self._manifest)):
            write_json(self.path / MANIFEST, self._manifest)

    def _key(self, inputs: Mapping[str, Any]) -> str:
        return digest_of({"inputs": inputs, "melgen": self.software["melgen"]})

    def _are_untouched(self, outputs: Mapping[str, str]) -> bool:
        return all(
            (self.path / name).is_file() and self.digest_of_file(self.path / name) == digest
            for name, digest in outputs.items()
        )

    def _compare_software(self) -> None:
        """Log what happens to results that other software has made."""
        others = {
            f"{name} {earlier.get(name)}"
            for key, earlier in self._manifest.get("software", {}).items()
            if key != self._software_key
            for name in self.software
            if earlier.get(name) != self.software[name] and name != "git"
        }
        earlier = {software.get("melgen") for software in self._manifest.get("software", {}).values()}
        if earlier - {self.software["melgen"]}:
            log.info(
                "Made by melgen %s; everything except the runs is made again", ", ".join(sorted(map(str, earlier)))
            )
        elif others:
            log.warning(
                "made in part with other software (%s): what is done is kept, and the manifest records which; "
                "removing %s makes all of it again",
                ", ".join(sorted(others)),
                self.path,
            )

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)
            _remove_empty_parents(self.path / name, self.path)

    def _read(self) -> dict[str, Any]:
        empty = {"format": FORMAT, "format_version": FORMAT_VERSION, "tasks": {}}
        path = self.path / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return empty
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}: damaged ({error}); nothing was changed; removing {self.path} makes the study again"
            ) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT or "tasks" not in content:
            raise ValueError(f"{path}: not the manifest of a study; folder=... puts the study elsewhere")
        if content.get("format_version") != FORMAT_VERSION:
            raise ValueError(
                f"{path}: made by another version of melgen (format {content.get('format_version')}, this one "
                f"reads {FORMAT_VERSION}); nothing was changed; folder=... makes another study next to it, "
                f"removing {self.path} makes it again"
            )
        return content


def digest_of(data: Any) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _remove_empty_parents(path: Path, below: Path) -> None:
    for parent in path.parents:
        if parent == below or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()
