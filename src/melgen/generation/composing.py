"""Songs of any network, with rhythm or without: one call for training, generation and studies."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from melgen.checking import is_whole, require
from melgen.generation.sampling import NOTES_WITHOUT_END, sample_melodies
from melgen.generation.tune_sampling import header_for, sample_tunes
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.events import Header, header_of
from melgen.music.melody import Melody
from melgen.music.metre import STEPS_PER_WHOLE, Metre
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel

OPTIONS_OF_RHYTHM = ("limit", "metre", "pickup")


class Composer:
    """Writes songs with a network.

    Args:
        model, representation, vocabulary, rhythm: the network, and how it reads and writes a melody.
    """

    def __init__(
        self,
        model: MelodyModel,
        representation: AbstractRepresentation,
        vocabulary: Vocabulary | TuneVocabulary,
        rhythm: AbstractRhythm,
    ):
        self.model, self.representation, self.vocabulary, self.rhythm = model, representation, vocabulary, rhythm

    def compose(
        self,
        primer: Melody | Sequence[int] | Sequence[Sequence[int]],
        *,
        songs: int,
        notes: int | None = None,
        limit: int | None = None,
        metre: str | None = None,
        pickup: str | int | None = None,
        **options: Any,
    ) -> tuple[list[Melody], dict[str, Any]]:
        """Songs that begin with a primer.

        Args:
            primer: a melody; pitches of equal notes; or a list of pitches for each song.
            songs: number of songs.
            notes: number of notes after the primer; None for 30, or, with rhythm, until the network ends the song.
            limit: the most notes of a song, with rhythm; None for those of the longest training tune.
            metre: such as ``6/8``, with rhythm.
            pickup: length of the incomplete first bar, as a fraction of a whole note: ``1/8``; with rhythm.
            options: selection, temperature, top_k, top_p, seed; see `melgen.generation.sampling`.

        Returns:
            The songs, and all options as they were used, in plain data.

        Raises:
            ValueError: for an option out of range or that the network cannot follow, or a primer that it cannot read.
        """
        if not isinstance(self.vocabulary, TuneVocabulary):
            for key, value in zip(OPTIONS_OF_RHYTHM, (limit, metre, pickup), strict=True):
                require(value is None, key, value, "left out, because this network writes pitches only (rhythm=none)")
            notes = NOTES_WITHOUT_END if notes is None else notes
            pitches: list[Any] = list(primer.pitches if isinstance(primer, Melody) else primer)
            written = sample_melodies(
                self.model, self.representation, self.vocabulary, pitches, songs=songs, notes=notes, **options
            )
            return written, {"primer": pitches, "songs": songs, "notes": notes, **options}
        wanted = header_wanted(metre, pickup)
        given = _melodies(primer)
        composed = sample_tunes(
            self.model,
            Encoding(self.representation, self.rhythm),
            self.vocabulary,
            given if len(given) > 1 else given[0],
            songs,
            notes,
            limit,
            wanted,
            **options,
        )
        header = header_for(given[0], self.vocabulary, wanted)
        metadata: dict[str, Any] = {
            "primer": list(given[0].pitches) if len(given) == 1 else [list(each.pitches) for each in given],
            "songs": songs,
            "notes": notes,
            **options,
            "limit": (limit or self.vocabulary.longest) if notes is None else None,
            "metre": None if header.metre is None else header.metre.name,
            "pickup": header.pickup,
        }
        if len(given) == 1 and len(given[0]):
            metadata["primer_durations"] = list(given[0].durations)
        if notes is None:
            metadata["songs_stopped_at_limit"] = sum(not song.has_ended for song in composed)
        return [song.melody for song in composed], metadata

    def note_of_header(
        self,
        primer: Melody | Sequence[int] | Sequence[Sequence[int]],
        metre: str | None = None,
        pickup: str | int | None = None,
    ) -> str:
        """A warning about a metre or pickup that the network cannot read; empty if it can read both.

        Args:
            primer, metre, pickup: as for `compose`; what is None is that of the primer.

        Raises:
            ValueError: as `header_wanted`.
        """
        if not isinstance(self.vocabulary, TuneVocabulary):
            return ""
        asked = header_wanted(metre, pickup)
        unread = [
            f"{key}={value}" for key, value in (("metre", metre), ("pickup", pickup)) if key in self._unread(asked)
        ]
        if not self.vocabulary.has_header:
            reason, verbs = "not read with rhythm.condition=none", ("is", "are")
        else:
            reason, verbs = "never seen in training", ("was", "were")
            own = header_of(primer) if isinstance(primer, Melody) else Header()
            # What was asked for takes the place of what the primer states.
            left = Header(own.metre if asked.metre is None else None, own.pickup if asked.pickup is None else None)
            stated = {"metre": left.metre and left.metre.name, "pickup": Fraction(left.pickup or 0, STEPS_PER_WHOLE)}
            unread += [f"the primer's {key} {stated[key]}" for key in self._unread(left)]
        if not unread:
            return ""
        verb, it = (verbs[0], "it") if len(unread) == 1 else (verbs[1], "them")
        return f"{' and '.join(unread)} {verb} {reason}: the network is not given {it}, only the bar lines follow {it}"

    def _unread(self, header: Header) -> list[str]:
        assert isinstance(self.vocabulary, TuneVocabulary)
        return self.vocabulary.unread(header)


def header_wanted(metre: str | None, pickup: str | int | None) -> Header:
    """The header that the options of a song ask for.

    Raises:
        ValueError: if the metre is not a time signature, or the pickup not a fraction of whole steps.
    """
    return Header(None if metre is None else Metre.parse(str(metre)), pickup_steps(pickup))


def pickup_steps(pickup: str | int | None) -> int | None:
    """A pickup as a fraction of a whole note, in steps.

    Raises:
        ValueError: if it is not a fraction, or not a whole number of steps.

    >>> pickup_steps("1/8"), pickup_steps(0), pickup_steps(None)
    (12, 0, None)
    """
    if pickup is None:
        return None
    rule = "a fraction of a whole note, such as 1/8; 0 for a complete first bar"
    parts = str(pickup).split("/")
    require(len(parts) in (1, 2) and all(part.strip().isdecimal() for part in parts), "pickup", pickup, rule)
    above, below = int(parts[0]), int(parts[1]) if len(parts) == 2 else 1
    require(below > 0, "pickup", pickup, rule)
    steps = above * STEPS_PER_WHOLE / below
    require(is_whole(int(steps)) and steps == int(steps), "pickup", pickup, f"{rule}, in steps of 1/{STEPS_PER_WHOLE}")
    return int(steps)


def _melodies(primer: Melody | Sequence[int] | Sequence[Sequence[int]]) -> list[Melody]:
    if isinstance(primer, Melody):
        return [primer]
    given: list[Any] = list(primer)
    if given and isinstance(given[0], Sequence):
        return [Melody.from_pitches(pitches) for pitches in given]
    return [Melody.from_pitches(given)]
