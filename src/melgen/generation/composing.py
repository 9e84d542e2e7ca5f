"""Songs of any network, with rhythm or without: one call for training, generation and studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melgen.checking import require
from melgen.generation.headers import header_for, header_wanted, note_of_header
from melgen.generation.sampling import NOTES_WITHOUT_END, sample_melodies
from melgen.generation.threads import threads_for
from melgen.generation.tune_sampling import sample_tunes
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.melody import Melody
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel

OPTIONS_OF_RHYTHM = ("limit", "metre", "pickup")


def check_limit(limit: int | None, notes: int | None) -> None:
    """Refuse a limit of songs that are stopped after a number of notes, because it would do nothing.

    Raises:
        ValueError: naming the key, its value and the rule.
    """
    if limit is not None:
        require(
            notes is None, "limit", limit, f"left out with notes={notes}, which stops each song after so many notes"
        )


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
            with threads_for(self.model):
                written = sample_melodies(
                    self.model, self.representation, self.vocabulary, pitches, songs=songs, notes=notes, **options
                )
            return written, {"primer": pitches, "songs": songs, "notes": notes, **options}
        wanted = header_wanted(metre, pickup)
        given = _melodies(primer)
        with threads_for(self.model):
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

    def note_of_primer(self, primer: Melody | Sequence[int] | Sequence[Sequence[int]]) -> str:
        """A warning that a network of pitches does not read the rhythm of a primer; empty if none is lost."""
        if isinstance(self.vocabulary, TuneVocabulary) or not isinstance(primer, Melody):
            return ""
        ends = [onset + duration for onset, duration in zip(primer.onsets, primer.durations, strict=True)]
        if len(set(primer.durations)) < 2 and ends[:-1] == list(primer.onsets[1:]):
            return ""
        return "primer: its rhythm is left out, because this network writes pitches only (rhythm=none)"

    def note_of_header(
        self,
        primer: Melody | Sequence[int] | Sequence[Sequence[int]],
        metre: str | None = None,
        pickup: str | int | None = None,
    ) -> str:
        """See `melgen.generation.headers.note_of_header`; empty without rhythm."""
        if not isinstance(self.vocabulary, TuneVocabulary):
            return ""
        return note_of_header(self.vocabulary, primer, metre, pickup)


def _melodies(primer: Melody | Sequence[int] | Sequence[Sequence[int]]) -> list[Melody]:
    if isinstance(primer, Melody):
        return [primer]
    given: list[Any] = list(primer)
    if given and isinstance(given[0], Sequence):
        return [Melody.from_pitches(pitches) for pitches in given]
    return [Melody.from_pitches(given)]
