"""The file ``identity.json`` of a run: its identity, and the software and the reader that it was begun with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import melgen
from melgen.errors import IdentityError
from melgen.files import write_json
from melgen.old_targets import at_present
from melgen.runs.identity import FINGERPRINT, reader_version, same_spelling

FORMAT_VERSION = 1
"""The format version of the files of a run's directory."""
_WAYS_OUT = "name=... puts the new run elsewhere, force=true deletes the old one"
_FORMAT, _SOFTWARE, _READER = "format_version", "software", "reader_version"


class IdentityFile:
    """The identity file in a run's directory.

    Args:
        run: the directory.
    """

    def __init__(self, run: Path):
        self.run, self.path = run, run / "identity.json"

    def write(self, identity: Mapping[str, Any], software: Mapping[str, str], reader: int) -> None:
        """Write the identity of a run, with the software that it was begun with and the version of its readers."""
        write_json(self.path, {_FORMAT: FORMAT_VERSION, _READER: reader, _SOFTWARE: dict(software), **identity})

    @property
    def _content(self) -> dict[str, Any]:
        return read_file(self.path) or {}

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of the run in this directory; empty if there is no run.

        Raises:
            IdentityError: if it cannot be read, or was written by a later melgen.
        """
        recorded = self._content
        if recorded.get(_FORMAT, 1) not in range(1, FORMAT_VERSION + 1):
            raise IdentityError(
                f"{self.path}: format version {recorded[_FORMAT]}; melgen {melgen.__version__} reads "
                f"1 to {FORMAT_VERSION}"
            )
        kept = {key: value for key, value in recorded.items() if key not in (_FORMAT, _SOFTWARE, _READER)}
        return same_spelling(at_present(kept))

    @property
    def software(self) -> dict[str, str]:
        """The software that the run was begun with and on which its numbers depend; empty if not recorded."""
        software = self._content.get(_SOFTWARE) or {}
        if not isinstance(software, dict):
            raise IdentityError(f"{self.path}: damaged ({_SOFTWARE} must be versions by name)")
        return {str(name): str(version) for name, version in software.items()}

    @property
    def reader(self) -> int:
        """The version of the readers that read the run's tunes; 1 for runs that do not record it."""
        version = self._content.get(_READER, 1)
        if isinstance(version, bool) or not isinstance(version, int):
            raise IdentityError(f"{self.path}: damaged ({_READER} is not a number)")
        return version

    def refusal(self, different: Sequence[str], *, is_unfinished: bool, ways_out: str = _WAYS_OUT) -> str:
        """The reason why this directory cannot be used for another identity.

        Args:
            different: the keys that differ, with their values.
            is_unfinished: whether training was not finished yet.
            ways_out: what the user can do, for the end of the message.
        """
        listed = "\n  ".join(different)
        if self.reader >= reader_version() or not any(FINGERPRINT in each for each in different):
            return (
                f"{self.run}: belongs to another run, and nothing was changed; the keys that differ:\n  "
                f"{listed}\n{ways_out}"
            )
        consequence = "it cannot continue" if is_unfinished else "it is kept for every command that reads runs"
        return (
            f"{self.run}: its tunes were read by an older reader (version {self.reader}, this is version "
            f"{reader_version()}), which gave other notes and other splits; {consequence}, and nothing was changed; "
            f"the keys that differ:\n  {listed}\n{ways_out}"
        )


def read_file(file: Path) -> dict[str, Any] | None:
    """The content of one of a run's JSON files; ``None`` if there is none.

    Raises:
        IdentityError: if it is damaged.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:  # RecursionError: deeply nested brackets
        raise IdentityError(f"{file}: damaged ({error}); force=true starts the run again") from error
    return content if isinstance(content, dict) else None
