"""The probability of each pitch as the next note after a primer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from melgen.generation.sampling import evaluating
from melgen.generation.tune_sampling import encode_primer
from melgen.music.encoding import Encoding
from melgen.music.events import Header
from melgen.music.melody import Melody
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel


def next_pitches(
    model: MelodyModel, representation: AbstractRepresentation, vocabulary: Vocabulary, primer: Sequence[int]
) -> dict[int, float]:
    """The probability of each pitch, the likeliest first, given that a note comes next: of a network of pitches.

    Values that the representation decodes as a rest are left out; see `Interval`.

    Args:
        model, representation, vocabulary: of the network.
        primer: MIDI pitches, at least as many as the representation needs to begin.

    Raises:
        ValueError: for a primer with what never occurred in training.
    """
    values = representation.encode_primer(primer)
    shares = _next_symbol(model, vocabulary.encode(values, strict=True))
    given = len(representation.decode(values, primer[0]))
    found: defaultdict[int, float] = defaultdict(float)
    for value, share in zip(vocabulary.values.tolist(), shares.tolist(), strict=True):
        pitches = representation.decode(np.append(values, value), primer[0]).pitches
        if len(pitches) > given:
            found[pitches[-1]] += share
    return _likeliest_first(_normalized(found))


def next_pitches_of_tune(
    model: MelodyModel,
    encoding: Encoding,
    vocabulary: TuneVocabulary,
    primer: Melody,
    header: Header | None = None,
) -> dict[int, float]:
    """The probability of each pitch, the likeliest first, given that a note comes next: of a network with rhythm.

    Rests, the end, and symbols that make the last note longer are left out, and notes of one pitch are added.

    Args:
        model, encoding, vocabulary: of the network.
        primer: a melody, which may have no notes.
        header: the metre and pickup; those of the primer, or else the commonest of the training tunes, where None.

    Raises:
        ValueError: for a primer with what never occurred in training.
    """
    tune = encode_primer(primer, encoding, vocabulary, header)
    tokens = vocabulary.encode(tune, strict=True)
    grammar = encoding.grammar(vocabulary)
    reading = grammar.begin([tune.first_pitch])
    for token in tokens.reshape(len(tokens), -1)[:, 0]:
        reading = grammar.read(reading, token[None])
    shares = np.where(grammar.next_allowed(reading)[0], _next_symbol(model, tokens), 0.0)
    found: defaultdict[int, float] = defaultdict(float)
    for symbol, share in zip(vocabulary.symbols.values.tolist(), shares.tolist(), strict=True):
        if encoding.rhythm.kind_of(symbol) in ("note", "first"):
            last = np.array([[symbol, *[1] * (encoding.rhythm.streams - 1)]], np.int64)
            melody = encoding.decode(np.concatenate([tune.symbols, last]), tune.first_pitch, tune.header)
            if len(melody):
                found[melody.pitches[-1]] += share
    return _likeliest_first(_normalized(found))


def _next_symbol(model: MelodyModel, tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """The probability of each symbol after tokens: ``[V]``."""
    device = next(model.parameters()).device
    with torch.inference_mode(), evaluating(model):
        output, _ = model.read(torch.from_numpy(tokens)[None].to(device), None)
        found: NDArray[np.float64] = model.logits(output[:, -1:])[0, -1].double().softmax(-1).cpu().numpy()
    return found


def _normalized(shares: Mapping[int, float]) -> dict[int, float]:
    total = sum(shares.values()) or 1.0
    return {pitch: share / total for pitch, share in shares.items()}


def _likeliest_first(shares: dict[int, float]) -> dict[int, float]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))
