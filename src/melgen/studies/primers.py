"""The primers of a study: one, or several whose songs are shown side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.generation.primers import OPENINGS_PRIMER, read_primer
from melgen.runs.usual_primer import PAPER_PRIMER

KEY = "generate.primers"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")


@dataclass(frozen=True)
class StudyPrimer:
    """The beginning of songs of a study.

    Attributes:
        name: the user's; empty for the only one.
        pitches: of a primer that all songs have; None for openings of test tunes, another for each song.
        notes: how many.
        is_main: whether its songs are those of the study's tables and figures; songs after other primers are shown
            with them.
    """

    name: str
    pitches: tuple[int, ...] | None
    notes: int
    is_main: bool

    @property
    def key(self) -> str:
        """The key that sets it."""
        return f"{KEY}.{self.name}" if self.name else "generate.primer"

    @property
    def plain(self) -> list[int] | str:
        """The primer as plain data."""
        return OPENINGS_PRIMER if self.pitches is None else list(self.pitches)

    def inputs(self, corpus: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The data on which songs after it depend, as inputs of a task.

        Args:
            corpus: finds what identifies the corpus; called for openings, which are taken from it.
        """
        if self.pitches is not None:
            return {"primer": self.plain}
        return {"primer": self.plain, "primer_notes": self.notes, "corpus": corpus()}

    def suffix(self) -> str:
        """The ending of the names of its sets of songs."""
        return "" if self.is_main else f"-primer-{self.name}"


def primers_of(generate: DictConfig) -> list[StudyPrimer]:
    """The primers that a study is asked for, the main one first.

    Args:
        generate: that part of the study's configuration: its `primers`, by name, or its `primer`. Openings are as
            long as the primers of pitches, or, if there are none, as the paper's primer.

    Raises:
        ValueError: if one is not a primer, or they differ in length: their songs could not be compared.
    """
    given: Any = generate.get("primers")
    if given is None:
        found = {"": _read(generate.primer, "generate.primer")}
    else:
        if OmegaConf.is_config(given):
            given = OmegaConf.to_container(given, resolve=True)
        if not isinstance(given, Mapping) or not given:
            raise ValueError(
                f"{KEY}={given}: must name primers, as in "
                f"'{KEY}={{paper:[60,62,64,62],octave_higher:[72,74,76,74],held_out:{OPENINGS_PRIMER}}}'"
            )
        if bad := [name for name in given if not _NAME.fullmatch(str(name))]:
            raise ValueError(f"{KEY}: the name {bad[0]!r} must be letters, digits, _ and . only")
        found = {str(name): _read(primer, f"{KEY}.{name}") for name, primer in given.items()}
        if empty := [name for name, primer in found.items() if primer == []]:
            raise ValueError(f"{KEY}.{empty[0]}=[]: each of several primers needs at least one note")
    fixed = {name: primer for name, primer in found.items() if primer is not None}
    lengths = {len(primer) for primer in fixed.values()}
    if not lengths:  # openings only, which a primer of pitches, if there is one, gives their length
        lengths = {len(_read(generate.primer, "generate.primer") or PAPER_PRIMER)}
    if len(lengths) > 1:
        counts = ", ".join(f"{name} {len(primer)}" for name, primer in fixed.items())
        raise ValueError(f"{KEY}: must all have the same number of notes, for songs of one length; they have {counts}")
    (notes,) = lengths
    return [
        StudyPrimer(name, None if primer is None else tuple(primer), notes, is_main=not number)
        for number, (name, primer) in enumerate(found.items())
    ]


def _read(primer: Any, key: str) -> list[int] | None:
    """Pitches; None for openings of test tunes.

    Raises:
        ValueError: if it is neither; names the key.
    """
    if primer == OPENINGS_PRIMER:
        return None
    try:
        return read_primer(primer)
    except ValueError as error:
        forms = f"pitches, names of notes, ABC text, a file or {OPENINGS_PRIMER}"
        raise ValueError(f"{key}={primer}: must be {forms} ({error})") from error
