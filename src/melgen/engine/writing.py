"""Reading and writing tunes in JavaScript: the tables that ``writing.js`` looks up, and ``composing.js`` with it.

How data flow there, as in `melgen.music.encoding`:

1. *notes* (pitch, duration, silence before it) become *values*: `ValuesOfPitches` has the value of each pitch or
   interval. Silences become rests.
2. values and durations become *symbols*: `WritingData.spelling` is the way in which the rhythm writes an event.
3. symbols are *tokens*: token ``i`` has the kind ``kinds[i]``, the value ``note_values[values[i]]`` and the duration
   ``durations[i]``. The tokens of the header, which are only read, come before them in a tune.
4. the *network* gives the probability of each token that may follow: `WritingData.rules` has the kinds that may.
5. chosen *tokens* become events by the same tables, and
6. *notes*: `WritingData.moves` has the pitch to which each value leads from the pitch before it.

Python makes every table by asking the representation, the rhythm and the vocabulary, so JavaScript has no second copy
of their rules. `melgen.engine.pitch_tables` checks that tables can hold a representation. The rhythms are ours: an own
one could write its symbols in any order, which tables cannot hold, and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from melgen.engine.pitch_tables import Move, ValuesOfPitches, moves, values_before, values_of_pitches
from melgen.errors import EngineError
from melgen.generation.sampling import NOTES_WITHOUT_END
from melgen.generation.tune_sampling import MOST_SYMBOLS_OF_NOTE
from melgen.music.abstract_rhythm import DURATION_KIND, END_KIND, FIRST_KIND, NO_DURATION, NOTE, AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.events import LONGEST_EVENT, Header
from melgen.music.grammar import START, Grammar
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, MIDDLE_C, STEPS_PER_QUARTER
from melgen.music.metre import Metre
from melgen.music.paper_pairs import PaperPairs
from melgen.music.representations import AbstractRepresentation
from melgen.music.rhythms import RHYTHMS, Factored, Grid, Interleaved, Joint, NoRhythm
from melgen.music.tune_vocabulary import EncodedTune, TuneVocabulary
from melgen.music.vocabulary import Vocabulary

SPELLINGS: dict[type[AbstractRhythm], str] = {
    NoRhythm: "pitches",
    Joint: "pairs",
    PaperPairs: "pairs",
    Factored: "two_streams",
    Interleaved: "following",
    Grid: "steps",
}
"""How a rhythm writes an event.

- ``pitches``: a symbol for each note, a quarter; no rests.
- ``pairs``: a symbol of value and duration.
- ``two_streams``: a symbol of the value, and the duration in the second stream.
- ``following``: a symbol of the value, then one of the duration.
- ``steps``: a symbol for each step of time: the value, then ``hold``; ``off`` for each step of a rest.
"""


class HeaderTables(TypedDict):
    """The tokens before the first symbol of a tune, and the headers of the training tunes."""

    start: int
    """The token of the start, the last one of an opening."""
    has_header: bool
    """Whether tokens of the metre and the pickup, in this order, come before the start."""
    metres: list[tuple[list[int], int]]
    """Each metre (beats, beat type) of training with its token."""
    unknown_metre: int
    pickups: list[tuple[int, int]]
    """Each pickup of training, in steps, with its token."""
    unknown_pickup: int
    common: list[tuple[list[int] | None, int | None]]
    """Metre and pickup of the headers of training, the commonest first."""


class WritingData(TypedDict):
    """What ``writing.js`` needs to read and write tunes. Durations are in steps of 1/24 quarter.

    Letters: V symbols that the network predicts, S states of the grammar, N different values of notes.
    """

    representation: str
    rhythm: str
    spelling: str
    """See `SPELLINGS`."""
    streams: int
    """1; or 2: each token is a pair of a symbol and a duration."""
    kind_names: list[str]
    kinds: list[int]
    """``[V]``: the kind of each symbol, a number in `kind_names`."""
    note_values: list[int]
    """``[N]``."""
    values: list[int]
    """``[V]``: the value of each symbol of a note, a number in `note_values`; -1 for all other symbols."""
    durations: list[int]
    """``[V]``: the duration of each symbol; 0 where another symbol or the second stream has it."""
    semitones: list[int] | None
    """``[V]``: how far each symbol moves from the last pitch, which must remain in range; None if that is no rule."""
    rules: list[dict[str, int]]
    """``[S]``: for each state the kinds that may follow, and the state after each; the first state is the start."""
    second_stream: list[int] | None
    """The duration of each token of the second stream. The token after the last one is that of symbols without one."""
    moves: list[Move]
    """``[N]``: the pitch to which each value leads, by the pitch before it; see `melgen.engine.pitch_tables`."""
    middle_pitch: int
    """The pitch before the next value after a value that is not a note."""
    pitches: ValuesOfPitches
    lowest_pitch: int
    highest_pitch: int
    first_note: str
    """``value``: as every note; ``symbol``: a symbol without a value; ``unwritten``: there is no symbol for it."""
    value_is_of_next: bool
    """Whether the value of a symbol is that of the note after the one whose duration it has."""
    last_duration: int
    """Of the last note, if `value_is_of_next`."""
    quarter: int
    longest_event: int
    """The longest note or rest that can be written."""
    first_pitch: int
    """Of a song without a primer, where the values do not contain it."""
    fewest_notes: int
    """Of a primer."""
    most_notes: int
    """Of a song whose number of notes is not given, without those of its primer."""
    most_symbols_of_note: int
    """A song stops at this many symbols for each note that it may have."""
    header: HeaderTables | None
    """None without rhythm: a song then begins with its first symbol."""


def writing_data(
    representation: AbstractRepresentation, rhythm: AbstractRhythm, vocabulary: Vocabulary | TuneVocabulary
) -> WritingData:
    """The tables of a network that reads and writes tunes.

    Args:
        representation, rhythm, vocabulary: of the network.

    Raises:
        EngineError: if tables cannot hold the representation or the rhythm; names it and the reason.
        ValueError: if the two do not compose.

    >>> from melgen.music.representations import Control
    >>> data = writing_data(Control(), NoRhythm(), Vocabulary([60, 64]))
    >>> data["moves"], data["rules"], data["fewest_notes"]
    ([60, 64], [{'note': 0}], 1)
    """
    if type(rhythm) not in SPELLINGS:
        raise EngineError(
            f"rhythm={rhythm.name}: cannot run in a page: tables cannot hold a rhythm of your own; those that can are "
            f"{', '.join(RHYTHMS)}"
        )
    before = values_before(representation)
    has_rhythm = isinstance(vocabulary, TuneVocabulary)
    symbols = (vocabulary.symbols if isinstance(vocabulary, TuneVocabulary) else vocabulary).values.tolist()
    kinds = [rhythm.kind_of(symbol) if has_rhythm else NOTE for symbol in symbols]
    is_note = [kind in (NOTE, FIRST_KIND) for kind in kinds]
    values = [rhythm.value_of(symbol) for symbol in symbols]
    note_values = sorted({value for value, sounds in zip(values, is_note, strict=True) if sounds})
    number_of = {value: number for number, value in enumerate(note_values)}
    kind_names = list(dict.fromkeys(kinds))
    is_of_next = isinstance(rhythm, PaperPairs) and before == 1
    data: WritingData = {
        "representation": representation.name,
        "rhythm": rhythm.name,
        "spelling": SPELLINGS[type(rhythm)],
        "streams": rhythm.streams,
        "kind_names": kind_names,
        "kinds": [kind_names.index(kind) for kind in kinds],
        "note_values": note_values,
        "values": [number_of[value] if sounds else -1 for value, sounds in zip(values, is_note, strict=True)],
        "durations": _durations(rhythm, symbols, kinds),
        "semitones": None,
        "rules": [{NOTE: START}],
        "second_stream": None,
        "moves": moves(representation, note_values, has_rhythm),
        "middle_pitch": MIDDLE_C,
        "pitches": values_of_pitches(representation),
        "lowest_pitch": LOWEST_PITCH,
        "highest_pitch": HIGHEST_PITCH,
        "first_note": "value" if not before else "symbol" if has_rhythm and not is_of_next else "unwritten",
        "value_is_of_next": is_of_next,
        "last_duration": STEPS_PER_QUARTER,
        "quarter": STEPS_PER_QUARTER,
        "longest_event": LONGEST_EVENT,
        "first_pitch": MIDDLE_C,
        "fewest_notes": 1 + before,
        "most_notes": NOTES_WITHOUT_END,
        "most_symbols_of_note": MOST_SYMBOLS_OF_NOTE,
        "header": None,
    }
    if not isinstance(vocabulary, TuneVocabulary):
        return data
    grammar = Encoding(representation, rhythm).grammar(vocabulary)
    if is_of_next and any(is_note):
        note = symbols[is_note.index(True)]
        data["last_duration"] = int(rhythm.events(np.array([[note]])).durations[-1])
    data["semitones"] = None if grammar.semitones is None else grammar.semitones.tolist()
    data["rules"] = _rules(grammar, kinds)
    data["second_stream"] = None if vocabulary.durations is None else vocabulary.durations.values.tolist()
    data["first_pitch"], data["most_notes"] = vocabulary.first_pitch, vocabulary.longest
    data["fewest_notes"] = 0
    data["header"] = _header_tables(vocabulary, rhythm.streams)
    return data


def _durations(rhythm: AbstractRhythm, symbols: Sequence[int], kinds: Sequence[str]) -> list[int]:
    """The duration of each symbol by itself; that of a symbol of duration, after a value."""
    second = [NO_DURATION] * (rhythm.streams - 1)
    a_value = next((symbol for symbol, kind in zip(symbols, kinds, strict=True) if kind != DURATION_KIND), 0)
    steps = []
    for symbol, kind in zip(symbols, kinds, strict=True):
        rows = [[a_value], [symbol]] if kind == DURATION_KIND else [[symbol, *second]]
        steps.append(0 if kind == END_KIND else int(rhythm.events(np.array(rows)).durations[0]))
    return steps


def _rules(grammar: Grammar, kinds: Sequence[str]) -> list[dict[str, int]]:
    """The tables of a grammar by kinds instead of symbols: all symbols of a kind have equal columns."""
    example = {kind: kinds.index(kind) for kind in dict.fromkeys(kinds)}
    return [
        {kind: int(following[symbol]) for kind, symbol in example.items() if allowed[symbol]}
        for allowed, following in zip(grammar.allowed, grammar.following, strict=True)
    ]


def _header_tables(vocabulary: TuneVocabulary, streams: int) -> HeaderTables:
    def opening(metre: Metre | None, pickup: int | None) -> list[int]:
        nothing = EncodedTune(Header(metre, pickup), np.zeros((0, streams), np.int64), MIDDLE_C, 0)
        tokens = vocabulary.encode(nothing)
        return (tokens if tokens.ndim == 1 else tokens[:, 0]).tolist()

    unknown = opening(None, None)
    return {
        "start": unknown[-1],
        "has_header": vocabulary.has_header,
        "metres": [(list(metre), opening(metre, None)[0]) for metre in vocabulary.metres],
        "unknown_metre": unknown[0],
        "pickups": [(pickup, opening(None, pickup)[-2]) for pickup in vocabulary.pickups],
        "unknown_pickup": unknown[-2] if vocabulary.has_header else unknown[-1],
        "common": [(None if metre is None else list(metre), pickup) for metre, pickup in vocabulary.headers],
    }
