"""Drawing whole tunes from a network that writes rhythm, symbol by symbol, many songs at a time.

Letters: N songs, V symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.checking import check_whole
from melgen.generation.headers import header_for
from melgen.generation.sampling import check_room, check_sampling, evaluating, uniform_draws
from melgen.generation.selection import Selection, select, selection_named
from melgen.music.abstract_rhythm import END, HOLD_KIND
from melgen.music.encoding import Encoding
from melgen.music.events import Header, RhythmError
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import EncodedTune, TuneVocabulary
from melgen.networks import MelodyModel
from melgen.networks.model_stepping import ModelStepper

MOST_SYMBOLS_OF_NOTE = 32
"""A song is stopped at this many symbols for each note that it may have: a network may never end a note or a rest."""

_CONTINUES = ("hold", "duration")
"""Kinds of symbols that belong to the event before them."""


class Song(NamedTuple):
    """A song, and whether its network ended it; otherwise it was stopped at the limit."""

    melody: Melody
    has_ended: bool


def sample_tunes(
    model: MelodyModel,
    encoding: Encoding,
    vocabulary: TuneVocabulary,
    primer: Melody | Sequence[Melody],
    songs: int,
    notes: int | None = None,
    limit: int | None = None,
    header: Header | None = None,
    selection: Selection = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> list[Song]:
    """Tunes that begin with a primer, which may have no notes, and that the network continues until their end.

    Only symbols that the canonical spelling of a tune allows are drawn. Each song depends only on `seed`, its number
    and its primer, as in `melgen.generation.sampling.sample_values`.

    Args:
        model, encoding, vocabulary: of the network.
        primer: a melody; or one for each song.
        songs: number of songs.
        notes: number of sounding notes after the primer; None: until the network ends the song.
        limit: the most notes of a song after the primer; None for the notes of the longest training tune.
        header: the metre and pickup; those of the primer, or else the commonest of the training tunes, where None.
        selection, temperature, top_k, top_p: see `melgen.generation.selection.select`.
        seed: a whole number from 0 up to but not including 2**64.

    Raises:
        ValueError: if an option is out of range, or the primer contains what never occurred in training.
    """
    selection = selection_named(selection)
    check_sampling(songs, 1 if notes is None else notes, selection, temperature, top_k, top_p, seed)
    check_whole("limit", limit, null="for the longest training tune")
    check_room(songs, notes or 1)
    primers = [primer] if isinstance(primer, Melody) else list(primer)
    if len(primers) not in (1, songs):
        raise ValueError(f"a list of primers must have one for each of {songs} songs, got {len(primers)}")
    encoded = [encode_primer(each, encoding, vocabulary, header) for each in primers] * (
        songs if len(primers) == 1 else 1
    )
    writer = _Writer(encoding, vocabulary, encoded, notes, limit or vocabulary.longest)
    device = next(model.parameters()).device
    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}

    def choose(scores: Tensor, draw: int) -> NDArray[np.int64]:
        draws = uniform_draws(seed, draw, songs) if selection == "sample" else None
        return select(scores, selection, **options, draws=draws).cpu().numpy()

    with torch.inference_mode(), evaluating(model):
        stepper = ModelStepper(model, songs)
        while not writer.is_finished():
            output = stepper.read(torch.from_numpy(writer.inputs()).to(device))
            logits = stepper.logits(output).float().cpu()
            chosen = choose(logits.masked_fill(~torch.from_numpy(writer.allowed()), -torch.inf), 2 * writer.step)
            chosen = writer.with_primer(chosen)
            durations = None
            if vocabulary.durations is not None:
                given = torch.from_numpy(chosen).clamp(max=len(vocabulary) - 1).to(device)
                durations = choose(stepper.duration_logits(output, given).float().cpu(), 2 * writer.step + 1)
            writer.write(chosen, durations)
    return writer.songs()


def encode_primer(primer: Melody, encoding: Encoding, vocabulary: TuneVocabulary, header: Header | None) -> EncodedTune:
    """A primer as symbols, with its header.

    Args:
        primer: a melody, which may have no notes.
        encoding, vocabulary: of the network.
        header: the metre and pickup; those of the primer, or else the commonest of the training tunes, where None.

    Raises:
        ValueError: for a primer with what never occurred in training.
    """
    wanted = header_for(primer, vocabulary, header)
    try:
        tune = encoding.encode_primer(primer, wanted)
    except RhythmError as error:
        raise ValueError(f"primer: rhythm={encoding.rhythm.name} cannot write it: {error}") from error
    try:
        vocabulary.encode(tune, strict=True)
    except ValueError:
        unknown = tune.symbols[~vocabulary.known(tune)].tolist()
        names = ", ".join(dict.fromkeys(encoding.name(symbol) for symbol in unknown))
        raise ValueError(
            f"primer: {names} never occurred in training, as dataset={encoding.representation.name} rhythm="
            f"{encoding.rhythm.name} writes it (lengths are parts of a whole note); primer=[] starts without one"
        ) from None
    return tune if len(primer) else tune._replace(first_pitch=vocabulary.first_pitch)


class _Writer:
    """The songs while they are written: what each has read, what it may write next, and when it is finished."""

    def __init__(
        self,
        encoding: Encoding,
        vocabulary: TuneVocabulary,
        primers: Sequence[EncodedTune],
        notes: int | None,
        limit: int,
    ):
        self.encoding, self.vocabulary, self.primers = encoding, vocabulary, primers
        self.notes, self.limit = notes, limit if notes is None else notes
        self.step = 0
        self._grammar = encoding.grammar(vocabulary)
        kinds = [encoding.rhythm.kind_of(symbol) for symbol in vocabulary.symbols.values.tolist()]
        self._is_hold = np.isin(kinds, HOLD_KIND)
        self._is_note, self._continues = np.isin(kinds, ("note", "first")), np.isin(kinds, _CONTINUES)
        self._end = int(vocabulary.symbols.encode([END], strict=True)[0])
        self._given = [vocabulary.encode(tune, strict=True).reshape(-1, encoding.rhythm.streams) for tune in primers]
        self._written = [[given[0]] for given in self._given]
        self._opening = [len(given) - len(tune.symbols) for given, tune in zip(self._given, primers, strict=True)]
        self._reading = self._grammar.begin([tune.first_pitch for tune in primers])
        self._new_notes = np.zeros(len(primers), np.int64)
        self._finished = np.zeros(len(primers), bool)
        self._ended = np.zeros(len(primers), bool)
        self._most = max(map(len, self._given)) + MOST_SYMBOLS_OF_NOTE * self.limit

    def is_finished(self) -> bool:
        """Whether all songs are."""
        return bool(self._finished.all())

    def inputs(self) -> NDArray[np.int64]:
        """The last token of each song: ``[N]``, or ``[N, 2]`` with durations."""
        last = np.stack([written[-1] for written in self._written])
        # The end of a song is never read: a finished song reads its last token again, and what follows is dropped.
        return last if self.encoding.rhythm.streams > 1 else last[..., 0]

    def allowed(self) -> NDArray[np.bool_]:
        """The symbols that each song may write next: ``[N, V]``."""
        allowed = self._grammar.next_allowed(self._reading)
        if self.notes is not None:
            ends = allowed[:, self._end].copy()
            allowed[:, self._end] &= self._new_notes >= self.notes
            allowed[~allowed.any(1), self._end] = ends[~allowed.any(1)]
        # The last note of a primer is as long as the primer states it.
        is_after_primer = np.array([self.step + 1 == len(given) for given in self._given])
        allowed[np.ix_(is_after_primer, self._is_hold)] = False
        allowed[~allowed.any(1)] = True  # a vocabulary without any symbol that fits
        return allowed

    def with_primer(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tokens chosen, replaced by those of the primer where a song has not read all of it."""
        return np.array(
            [
                given[self.step + 1][0] if self.step + 1 < len(given) else token
                for given, token in zip(self._given, chosen, strict=True)
            ],
            np.int64,
        )

    def write(self, chosen: NDArray[np.int64], durations: NDArray[np.int64] | None) -> None:
        """Add a token to each song that is not finished."""
        for song, given in enumerate(self._given):
            if self._finished[song]:
                continue
            token, is_given = int(chosen[song]), self.step + 1 < len(given)
            is_symbol = token < len(self.vocabulary)
            if not is_given:
                if token == self._end:
                    self._finished[song] = self._ended[song] = True
                    continue
                if self._new_notes[song] >= self.limit and not self._continues[token]:
                    self._finished[song] = True
                    continue
                self._new_notes[song] += bool(is_symbol and self._is_note[token])
            row = given[self.step + 1] if is_given else [token, *([] if durations is None else [durations[song]])]
            self._written[song].append(np.array(row, np.int64))
            self._finished[song] |= len(self._written[song]) >= self._most
        self._reading = self._grammar.read(self._reading, chosen)
        self.step += 1

    def songs(self) -> list[Song]:
        """The songs as melodies."""
        songs = []
        for written, opening, tune, ended in zip(self._written, self._opening, self.primers, self._ended, strict=True):
            tokens = np.stack(written)[opening:]
            symbols = self.vocabulary.decode(tokens if self.encoding.rhythm.streams > 1 else tokens[:, 0])
            melody = self.encoding.decode(symbols, tune.first_pitch, tune.header)
            songs.append(Song(melody, bool(ended)))
        return songs
