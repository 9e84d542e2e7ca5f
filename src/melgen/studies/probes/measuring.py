"""The measurements of the probes for one network, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.data import Split
from melgen.evaluation.probes.copied_bits import CopiedBits
from melgen.evaluation.probes.copying import (
    find_repeats,
    heard_twice,
    keys_of,
    others_for,
    without_first_hearing,
)
from melgen.evaluation.probes.labels import Target, classes_of
from melgen.evaluation.probes.linear import UNKNOWN, Labelled, probe
from melgen.music.melody import Melody
from melgen.music.metre import Metre
from melgen.scoring.note_bits import note_bits
from melgen.scoring.note_states import note_states, untrained

MOST_NOTES = 20_000
"""Notes of each split whose states are probed, at most about."""


def measure_copying(trained: TrainedModel, tunes: Sequence[Melody], seed: int) -> dict[str, Any]:
    """The bits of the notes that are heard twice.

    Args:
        trained: the network.
        tunes: the tunes to search for repeats.
        seed: of the choice of other tunes for the control.

    Returns:
        The number of `tunes`; of each with repeats the `CopiedBits` of ``all`` and, with rhythm, of ``pitch``.
    """
    others = others_for(len(tunes), seed)
    found = [
        (melody, heard_twice(find_repeats(keys_of(melody, with_rhythm=trained.has_rhythm)), len(melody)), tunes[other])
        for melody, other in zip(tunes, others.tolist(), strict=True)
    ]
    found = [each for each in found if len(each[1].first)]
    pairs = [each[1] for each in found]
    bits, control = [], []
    if found:
        bits = note_bits(trained, [melody for melody, _, _ in found])
        control = note_bits(trained, [without_first_hearing(*each) for each in found])
    parts = ("all", "pitch") if trained.has_rhythm else ("all",)
    return {"tunes": len(tunes)} | {
        part: CopiedBits.of(
            pairs, [getattr(each, part) for each in bits], [getattr(each, part) for each in control]
        ).to_dict()
        for part in parts
    }


def measure_states(
    trained: TrainedModel, tunes: Mapping[Split, Sequence[Melody]], metre: Metre | None, seed: int
) -> dict[str, Any]:
    """The accuracies of linear probes of the states of a network.

    Args:
        trained: the network.
        tunes: of each split.
        metre: whose bars are probed; None if no tune has known bars.
        seed: of the shuffled classes and of the untrained network.

    Returns:
        The metre whose bars are probed, the number of test tunes without a key, and under each target and each reader
        (the ``trained`` and the ``untrained`` network, and the ``note`` alone) a `ProbeResult`.
    """
    splits = (Split.TRAIN, Split.VALIDATION, Split.TEST)
    targets: tuple[Target, ...] = ("bar", "degree" if trained.representation.is_relative else "tonic")
    classes = {target: [_joined(classes_of(target, tunes[split], metre)) for split in splits] for target in targets}
    numbers = [np.repeat(np.arange(len(tunes[split])), [len(tune) for tune in tunes[split]]) for split in splits]
    other = untrained(trained, seed)
    readers: dict[str, list[NDArray[np.float32]]] = {
        "trained": [_joined_states(trained, tunes[split]) for split in splits],
        "untrained": [_joined_states(other, tunes[split]) for split in splits],
        "note": _notes_alone(trained, [tunes[split] for split in splits]),
    }
    # The same notes for all readers: those that the network reads.
    read = [~np.isnan(states[:, 0]) for states in readers["trained"]]
    found: dict[str, Any] = {}
    for target in targets:
        chosen = [known & (own != UNKNOWN) for known, own in zip(read, classes[target], strict=True)]
        found[target] = {}
        for reader, each in readers.items():
            train, validation, test = (
                Labelled(states[part], own[part], number[part])
                for states, own, number, part in zip(each, classes[target], numbers, chosen, strict=True)
            )
            found[target][reader] = probe(train, validation, test, seed)._asdict()
    return {
        "metre": None if metre is None else metre.name,
        "without_key": sum(tune.key is None for tune in tunes[Split.TEST]),
        "tunes": len(tunes[Split.TEST]),
        "targets": found,
    }


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _joined_states(trained: TrainedModel, tunes: Sequence[Melody]) -> NDArray[np.float32]:
    width = trained.model.output.in_features
    return np.concatenate([np.zeros((0, width), np.float32), *note_states(trained, tunes)])


def _notes_alone(trained: TrainedModel, splits: Sequence[Sequence[Melody]]) -> list[NDArray[np.float32]]:
    """The input of a network at a note as indicators: its pitch, or the interval to it; with rhythm a duration too."""
    columns = [[_what_is_read(trained, tune) for tune in tunes] for tunes in splits]
    joined = [np.concatenate([np.zeros((0, 1 + trained.has_rhythm), np.int64), *each]) for each in columns]
    values = [np.unique(column) for column in joined[0].T]
    return [
        np.concatenate([each[:, [place]] == known for place, known in enumerate(values)], axis=1).astype(np.float32)
        for each in joined
    ]


def _what_is_read(trained: TrainedModel, tune: Melody) -> NDArray[np.int64]:
    pitches = np.asarray(tune.pitches, np.int64)
    first = np.diff(pitches, prepend=pitches[:1]) if trained.representation.is_relative else pitches
    if not trained.has_rhythm:
        return first[:, None]
    durations = np.asarray(tune.durations, np.int64)
    if ahead := trained.encoding.notes_ahead:  # the interval to a note comes with the duration of the note before
        durations = np.concatenate([durations[:ahead], durations[:-ahead]])
    return np.stack([first, durations], axis=1)
