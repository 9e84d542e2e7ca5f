"""The vocabulary of tunes with rhythm: the symbols of the training tunes, numbered, and what a tune can begin with.

The tokens of the first stream are, in this order: the symbols that can be predicted, `END` among them; the start of a
tune; the metres; the pickups. The last three are only read. Those of the second stream are the durations, and one for
"none".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.music.abstract_rhythm import END, NO_DURATION
from melgen.music.events import Header
from melgen.music.metre import Metre
from melgen.music.vocabulary import Tokens, Vocabulary

NOT_PREDICTED = -100
"""In place of a target that is not predicted: torch's own number for it."""


class EncodedTune(NamedTuple):
    """A tune as symbols.

    Attributes:
        header: its metre and pickup.
        symbols: ``[symbols, streams]``, with `END` if the tune has ended.
        first_pitch: of its first note.
        notes: how many notes it has.
    """

    header: Header
    symbols: NDArray[np.int64]
    first_pitch: int
    notes: int


class TuneVocabulary:
    """Tokens of the symbols of tunes with rhythm. Immutable.

    Args:
        symbols: those of the first stream.
        durations: those of the second stream, if there is one.
        headers: those of the training tunes, the commonest first.
        first_pitch: of a song that starts without a primer, where the values do not contain it.
        longest: the number of notes of the longest training tune.
        has_header: whether a tune begins with its header.
    """

    def __init__(
        self,
        symbols: Vocabulary,
        durations: Vocabulary | None,
        headers: Sequence[Header],
        first_pitch: int,
        longest: int,
        has_header: bool = True,
    ):
        self.symbols, self.durations, self.headers = symbols, durations, tuple(headers)
        self.first_pitch, self.longest, self.has_header = first_pitch, longest, has_header
        self.metres = sorted({header.metre for header in headers if header.metre is not None}) if has_header else []
        self.pickups = sorted({header.pickup for header in headers if header.pickup is not None}) if has_header else []
        self._start = len(symbols)
        self._unknown_metre = self._start + 1
        self._unknown_pickup = self._unknown_metre + 1 + len(self.metres)

    @classmethod
    def of(
        cls,
        tunes: Iterable[EncodedTune],
        has_header: bool = True,
        complete: Callable[[set[int]], Sequence[int]] = sorted,
    ) -> TuneVocabulary:
        """The vocabulary of training tunes.

        Args:
            tunes: those of training.
            has_header: see the class.
            complete: see `melgen.music.rhythms.AbstractRhythm.complete`.

        Raises:
            ValueError: if there are no tunes.
        """
        symbols: set[int] = {END}
        durations: set[int] = set()
        headers: Counter[Header] = Counter()
        first_pitches: Counter[int] = Counter()
        longest = 0
        streams = 1
        for tune in tunes:
            symbols.update(tune.symbols[:, 0].tolist())
            streams = tune.symbols.shape[1]
            if streams > 1:
                durations.update(tune.symbols[:, 1].tolist())
            headers[tune.header] += 1
            first_pitches[tune.first_pitch] += 1
            longest = max(longest, tune.notes)
        if not headers:
            raise ValueError("a vocabulary needs at least one tune, but there are no training tunes")
        durations.discard(NO_DURATION)
        return cls(
            Vocabulary(complete(symbols)),
            Vocabulary(sorted(durations)) if streams > 1 else None,
            # Equally common ones in a fixed order, so that the order of the tunes does not matter.
            sorted(headers, key=lambda header: (-headers[header], str(header))),
            min(first_pitches, key=lambda pitch: (-first_pitches[pitch], pitch)),
            longest,
            has_header,
        )

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the network: arguments of `melgen.networks.MelodyModel`."""
        sizes = {"vocab_size": self._unknown_pickup + 1 + len(self.pickups), "output_size": len(self.symbols)}
        return sizes if self.durations is None else {**sizes, "duration_size": len(self.durations)}

    def encode(self, tune: EncodedTune, strict: bool = False) -> Tokens:
        """Tokens of a tune, with its header and start: ``[tokens]``, or ``[tokens, 2]`` with two streams.

        An unknown metre or pickup becomes that of a tune that does not state one. An unknown symbol becomes the
        nearest known one.

        Raises:
            ValueError: with ``strict``, if a symbol is unknown.
        """
        opening = self._opening(tune.header)
        tokens = np.empty((len(opening) + len(tune.symbols), tune.symbols.shape[1]), np.int64)
        tokens[: len(opening), 0] = opening
        tokens[len(opening) :, 0] = self.symbols.encode(tune.symbols[:, 0], strict)
        if self.durations is None:
            return tokens[:, 0]
        durations = tune.symbols[:, 1]
        has_duration = durations != NO_DURATION
        tokens[:, 1] = len(self.durations)
        tokens[len(opening) :, 1][has_duration] = self.durations.encode(durations[has_duration], strict)
        return tokens

    def targets(self, tokens: NDArray[np.integer]) -> NDArray[np.integer]:
        """Tokens as targets, of the same shape: `NOT_PREDICTED` for those that are only read."""
        targets = tokens.copy()
        targets[tokens[..., 0] >= len(self.symbols) if self.durations is not None else tokens >= len(self.symbols)] = (
            NOT_PREDICTED
        )
        if self.durations is not None:
            targets[..., 1][tokens[..., 1] >= len(self.durations)] = NOT_PREDICTED
        return targets

    def known(self, tune: EncodedTune) -> NDArray[np.bool_]:
        """Mark the symbols of a tune that occur in training: ``[symbols]``."""
        known = self.symbols.known(tune.symbols[:, 0])
        if self.durations is not None:
            durations = tune.symbols[:, 1]
            known &= self.durations.known(durations) | (durations == NO_DURATION)
        return known

    def decode(self, tokens: Tokens) -> NDArray[np.int64]:
        """Symbols of tokens that a network has written, ``[symbols]`` or ``[symbols, 2]`` to ``[symbols, streams]``."""
        if self.durations is None:
            return self.symbols.decode(tokens)[:, None]
        values, duration_tokens = self.symbols.decode(tokens[:, 0]), tokens[:, 1]
        durations = np.full(len(duration_tokens), NO_DURATION, np.int64)
        has_duration = duration_tokens < len(self.durations)
        durations[has_duration] = self.durations.decode(duration_tokens[has_duration])
        return np.stack([values, durations], 1)

    def commonest_header(self, metre: Metre | None = None, pickup: int | None = None) -> Header:
        """The commonest header of the training tunes with this metre and this pickup, where they are given.

        A pickup that training does not have begins a bar of the commonest metre that is long enough for it.
        """
        for header in self.headers:
            fits = header.metre is None or header.pickup is None or header.pickup < header.metre.bar_steps
            if fits and metre in (None, header.metre) and pickup in (None, header.pickup):
                return header
        if metre is None and pickup is not None:
            long_enough = (each.metre for each in self.headers if each.metre and pickup < each.metre.bar_steps)
            metre = next(long_enough, None)
        return Header(metre, pickup)

    def unread(self, header: Header) -> list[str]:
        """The parts of a header that a network cannot read: it is given an unknown metre or pickup in their place."""
        metre, pickup = header
        parts = {"metre": metre is None or metre in self.metres, "pickup": pickup is None or pickup in self.pickups}
        return [key for key, is_read in parts.items() if not is_read]

    def union(self, other: TuneVocabulary) -> TuneVocabulary:
        """The vocabulary of both, with the header, first pitch and longest tune of the other."""
        durations = self.durations
        if durations is not None and other.durations is not None:
            durations = durations.union(other.durations)
        return TuneVocabulary(
            self.symbols.union(other.symbols),
            durations,
            list(dict.fromkeys([*other.headers, *self.headers])),
            other.first_pitch,
            max(self.longest, other.longest),
            other.has_header,
        )

    def rows_in(self, larger: TuneVocabulary) -> dict[str, Tokens]:
        """The token in a larger vocabulary of each token read, each symbol and each duration of this one.

        Raises:
            ValueError: if the larger vocabulary lacks one of this one.
        """
        symbols = self.symbols.tokens_in(larger.symbols)
        read = [
            *symbols,
            larger._start,
            larger._unknown_metre,
            *(larger._unknown_metre + 1 + larger.metres.index(metre) for metre in self.metres),
            larger._unknown_pickup,
            *(larger._unknown_pickup + 1 + larger.pickups.index(pickup) for pickup in self.pickups),
        ]
        rows = {"read": np.array(read, np.int64), "symbols": symbols}
        if self.durations is not None and larger.durations is not None:
            rows["durations"] = self.durations.tokens_in(larger.durations)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain containers and numbers, for checkpoints and JSON."""
        return {
            "symbols": self.symbols.values.tolist(),
            "durations": None if self.durations is None else self.durations.values.tolist(),
            "headers": [[list(metre) if metre else None, pickup] for metre, pickup in self.headers],
            "first_pitch": self.first_pitch,
            "longest": self.longest,
            "has_header": self.has_header,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> TuneVocabulary:
        """The vocabulary that `to_dict` wrote.

        Raises:
            ValueError: if `state` is something else.
        """
        try:
            durations = state["durations"]
            headers = [Header(Metre(*metre) if metre else None, pickup) for metre, pickup in state["headers"]]
            if not all(_is_header(header) for header in headers):
                raise ValueError("its headers are not metres and pickups")
            return cls(
                Vocabulary(state["symbols"]),
                None if durations is None else Vocabulary(durations),
                headers,
                int(state["first_pitch"]),
                int(state["longest"]),
                bool(state["has_header"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a stored vocabulary of tunes is incomplete ({error})") from error

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TuneVocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.symbols, self.durations))

    def __repr__(self) -> str:
        durations = "" if self.durations is None else f", {len(self.durations)} durations"
        return f"TuneVocabulary({len(self)} symbols{durations}, {len(self.headers)} headers)"

    def _opening(self, header: Header) -> list[int]:
        """The tokens before the first symbol."""
        if not self.has_header:
            return [self._start]
        metre, pickup = header
        first_metre, first_pickup = self._unknown_metre + 1, self._unknown_pickup + 1
        return [
            first_metre + self.metres.index(metre) if metre in self.metres else self._unknown_metre,
            first_pickup + self.pickups.index(pickup) if pickup in self.pickups else self._unknown_pickup,
            self._start,
        ]


def _is_header(header: Header) -> bool:
    metre, pickup = header
    is_metre = metre is None or all(type(part) is int and part > 0 for part in metre)
    return is_metre and (pickup is None or (type(pickup) is int and pickup >= 0))
