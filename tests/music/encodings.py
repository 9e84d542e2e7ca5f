"""Every representation with every rhythm that composes with it, and whether a tune comes back from each."""

from __future__ import annotations

import numpy as np

from melgen.music import DB12, Control, Factored, Grid, Interleaved, Interval, Joint, Melody
from melgen.music.encoding import Encoding

RHYTHMS = (Joint(), Factored(), Grid(), Grid(steps_per_quarter=24), Interleaved())
FIRST_TRIED = [
    Encoding(Control(), Factored()),
    Encoding(Interval(), Joint()),
    Encoding(Interval(), Grid()),
    Encoding(DB12(), Interleaved()),
]
ENCODINGS = FIRST_TRIED + [
    encoding
    for representation in (Control(), Interval(), DB12())
    for rhythm in RHYTHMS
    if not (isinstance(rhythm, Grid) and isinstance(representation, DB12))
    and (encoding := Encoding(representation, rhythm)) not in FIRST_TRIED
]


def canonical(encoding: Encoding, tune: Melody) -> bool:
    """Whether the grammar allows each symbol of a tune where it is."""
    encoded = encoding.encode(tune)
    vocabulary = encoding.vocabulary_of([encoded])
    grammar = encoding.grammar(vocabulary)
    reading = grammar.begin([encoded.first_pitch])
    for token in vocabulary.symbols.encode(encoded.symbols[:, 0]):
        if not grammar.next_allowed(reading)[0, token]:
            return False
        reading = grammar.read(reading, np.array([token]))
    return True


def comes_back(encoding: Encoding, tune: Melody) -> bool:
    """Whether a tune that can be written is the same after it is read, and is written in its only spelling."""
    encoded = encoding.encode(tune)
    back = encoding.decode(encoded.symbols, encoded.first_pitch, encoded.header)
    notes = (back.pitches, back.onsets, back.durations) == (tune.pitches, tune.onsets, tune.durations)
    return notes and (back.metre, back.pickup) == (tune.metre, tune.pickup) and canonical(encoding, tune)
