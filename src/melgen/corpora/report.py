"""The report of an import: the tunes found, kept and dropped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from melgen.corpora.extraction import Rejection
from melgen.plurals import counted

EXAMPLES = 5
SHORT_SONG_NOTES = 2  # the original's first cleaning dropped songs of two notes or fewer


@dataclass
class Dropped:
    """The number of tunes dropped for one reason, and the first few as examples: ``[source, detail]``."""

    count: int = 0
    examples: list[list[str]] = field(default_factory=list)


@dataclass
class ImportReport:
    """The counts of an import.

    ``tunes_found`` is ``tunes_kept`` plus all dropped tunes; a file that cannot be read counts as one tune.

    Attributes:
        corpus: the corpus, in words.
        files_found: files that were given to a reader.
        tunes_found: tunes in them.
        tunes_kept: tunes that passed the cleaning rules.
        notes_kept: their notes.
        dropped: per reason, the number of tunes and examples.
        duplicates: tunes with the interval sequence of an earlier one, transpositions included.
        ignored_files: number of files of unknown type, per suffix.
        remarks: other facts, such as the splits that a folder declares.
        songs_read: melodies read, before cleaning.
        short_songs: melodies of two notes or fewer among them.
        rounded_tunes: tunes kept with a note that was moved to the grid of 1/24 of a quarter note.
        rounded_notes: notes moved: those that begin or end off this grid.
    """

    corpus: str
    files_found: int = 0
    tunes_found: int = 0
    tunes_kept: int = 0
    notes_kept: int = 0
    dropped: dict[str, Dropped] = field(default_factory=dict)
    duplicates: int = 0
    ignored_files: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    songs_read: int = 0
    short_songs: int = 0
    rounded_tunes: int = 0
    rounded_notes: int = 0

    def drop(self, rejection: Rejection) -> None:
        """Count a tune as dropped, and keep it as an example if there are few so far."""
        dropped = self.dropped.setdefault(rejection.reason, Dropped())
        dropped.count += 1
        if len(dropped.examples) < EXAMPLES:
            dropped.examples.append([rejection.source, rejection.detail])

    @property
    def songs_after_check(self) -> int:
        """The number of the original's data check: songs read minus those of two notes or fewer."""
        return self.songs_read - self.short_songs

    def data_check(self) -> str:
        """The original's data check in one line."""
        return (
            f"{counted(self.songs_read, 'song')} read, {self.short_songs:,} of them with {SHORT_SONG_NOTES} notes or "
            f"fewer, {self.songs_after_check:,} left"
        )

    def reasons(self) -> str:
        """The dropped tunes only: one line per reason, followed by its examples."""
        lines = []
        for reason, dropped in sorted(self.dropped.items(), key=lambda item: -item[1].count):
            lines.append(f"  {reason:<24}{dropped.count:>9,}")
            lines += [f"    {source}: {detail}" for source, detail in dropped.examples]
        return "\n".join(lines)

    def __str__(self) -> str:
        dropped = sum(each.count for each in self.dropped.values())
        rows = [
            ("files found", self.files_found),
            ("tunes found", self.tunes_found),
            ("tunes kept", self.tunes_kept),
            ("notes kept", self.notes_kept),
            ("tunes dropped", dropped),
        ]
        lines = [f"Import of {self.corpus}"]
        lines += [f"  {name:<24}{value:>9,}" for name, value in rows]
        if self.dropped:
            lines += ["  dropped because", *("  " + line for line in self.reasons().splitlines())]
        lines.append(f"  {'duplicates':<24}{self.duplicates:>9,}  (same interval sequence as an earlier tune)")
        if self.rounded_notes:
            lines.append(
                f"  {'notes rounded':<24}{self.rounded_notes:>9,}  (in {self.rounded_tunes:,} tunes: they begin or end "
                "off the grid of 1/24 quarter, as quintuplets, septuplets and MIDI played by hand do)"
            )
        if self.ignored_files:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.ignored_files.items()))
            lines.append(f"  ignored files: {kinds}")
        lines += [f"  note: {remark}" for remark in self.remarks]
        if self.tunes_kept:
            lines.append(f"  data check of the original: {self.data_check()}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ImportReport:
        """The inverse of :meth:`to_dict`."""
        dropped = {reason: Dropped(**each) for reason, each in values["dropped"].items()}
        return cls(**{**values, "dropped": dropped})
