"""Songs of the baselines, measured like those of a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.sources import Split
from melgen.evaluation.baselines import BigramBaseline, UniformBaseline, UnigramBaseline
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.rhythm_baselines import RhythmBaseline, has_events, rhythm_baseline_name
from melgen.evaluation.song_sets import evaluate_songs
from melgen.generation.songs import song_names
from melgen.music.melody import Melody

CommonTunes = Mapping[Split, Sequence[Melody]]
"""Tunes of a split that all rhythms and representations can write."""

BASELINES = (UniformBaseline, UnigramBaseline, BigramBaseline)

RHYTHM_BASELINE_ORDERS = (1, 2, 3)
"""The n of the n-gram models that write rhythm."""


class BaselineSongs(NamedTuple):
    """Songs of a baseline by name, and their evaluation."""

    songs: dict[str, NDArray[np.int64]]
    evaluation: SongSetEvaluation


def baseline_evaluations(
    reference: ReferenceCorpus,
    primer: Sequence[int] | Sequence[Sequence[int]],
    songs: int,
    notes: int,
    seed: int = 0,
    options: EvaluationOptions | None = None,
    common_tunes: CommonTunes | None = None,
) -> dict[str, BaselineSongs]:
    """Fit the baselines on the training tunes, generate songs with them, and measure these like a network's songs.

    Besides the results of `evaluate_songs`, an evaluation has ``bits_per_note/train``, ``/validation`` and ``/test``:
    the likelihood of the tunes on which networks are scored, by the same rule.

    Args:
        reference: the corpus.
        primer: pitches with which every song starts; or a list of pitches for each song, all equally long.
        songs: number of songs of each baseline.
        notes: number of notes after the primer.
        seed: of the random choices.
        options: how to measure.
        common_tunes: tunes that networks with rhythm are scored on; ``pitch_bits_per_note`` is over these.

    Returns:
        Songs and evaluation by the name of the baseline.
    """
    training_tunes = list(reference.tunes(Split.TRAIN).values())
    scored: dict[str, list[NDArray[np.int16]]] = {
        f"bits_per_note/{split.name.lower()}": reference.comparable_tunes(split) for split in Split
    }
    for split, tunes in (common_tunes or {}).items():
        scored[f"pitch_bits_per_note/{split.name.lower()}"] = [np.array(tune.pitches, np.int16) for tune in tunes]
    written = {}
    for kind in BASELINES:
        baseline = kind.fit(training_tunes)
        pitches = baseline.write(songs, notes, primer, seed)
        by_name = dict(zip(song_names(len(pitches)), pitches, strict=True))
        evaluation = evaluate_songs(baseline.name, by_name, reference, options)
        bits = {key: baseline.bits_per_note(tunes) for key, tunes in scored.items() if tunes}
        written[baseline.name] = BaselineSongs(
            by_name, replace(evaluation, set_scores={**evaluation.set_scores, **bits})
        )
    return written


class RhythmBaselineSongs(NamedTuple):
    """Songs of a baseline that writes rhythm, by name, and their evaluation."""

    songs: dict[str, Melody]
    evaluation: SongSetEvaluation


def rhythm_baseline_evaluations(
    reference: ReferenceCorpus,
    songs: int,
    seed: int = 0,
    options: EvaluationOptions | None = None,
    *,
    first_notes: int | None = None,
    common_tunes: CommonTunes | None = None,
) -> dict[str, RhythmBaselineSongs]:
    """Fit baselines of notes with their lengths on the training tunes, let them write songs, and measure these.

    Songs begin without a primer and go on until their end, or to as many notes as the longest training tune has.
    Besides the results of `evaluate_songs`, an evaluation has for validation and test tunes, by split:
    ``pitch_bits_per_note``, ``rhythm_bits_per_note`` and ``bits_per_note_with_rhythm``, their sum, over the tunes whose
    notes and rests all occur in training with their lengths, and ``unscored_tunes``, the number of others.

    Args:
        reference: the corpus.
        songs: number of songs of each baseline.
        seed: of the random choices.
        options: how to measure.
        first_notes: see `evaluate_songs`.
        common_tunes: the tunes to score, those that networks with rhythm are scored on; by default all held-out tunes.

    Returns:
        Songs and evaluation by the name of the baseline.

    Raises:
        ValueError: if the tunes of the corpus have no rhythm.
    """
    if not reference.has_rhythm:
        raise ValueError("the tunes of the corpus have no rhythm, so no baseline can learn to write one")
    training_tunes = [tune for tune in reference.melodies_of(Split.TRAIN).values() if has_events(tune)]
    held_out = common_tunes or {
        split: list(reference.melodies_of(split).values()) for split in (Split.VALIDATION, Split.TEST)
    }
    written = {}
    for order in RHYTHM_BASELINE_ORDERS:
        baseline = RhythmBaseline.fit(training_tunes, order)
        melodies = baseline.write(songs, seed, most_notes=max(map(len, training_tunes)))
        by_name = dict(zip(song_names(len(melodies)), melodies, strict=True))
        evaluation = evaluate_songs(baseline.name, by_name, reference, options, first_notes=first_notes)
        scores = dict(evaluation.set_scores)
        for split, tunes in held_out.items():
            scored = [tune for tune in tunes if baseline.can_spell(tune)]
            bits, name = baseline.bits_per_note(scored), split.name.lower()
            scores[f"pitch_bits_per_note/{name}"] = bits.pitch
            scores[f"rhythm_bits_per_note/{name}"] = bits.rhythm
            scores[f"bits_per_note_with_rhythm/{name}"] = bits.total
            scores[f"unscored_tunes/{name}"] = float(len(tunes) - len(scored))
        written[baseline.name] = RhythmBaselineSongs(by_name, replace(evaluation, set_scores=scores))
    return written


def in_order(names: Iterable[str]) -> list[str]:
    """Names of reference sets in the order of reading: baselines, openings, whole tunes.

    Unknown names come last, in the given order.

    >>> in_order(["test", "mine", "openings", "bigram", "uniform"])
    ['uniform', 'bigram', 'openings', 'test', 'mine']
    """
    rhythmic = map(rhythm_baseline_name, RHYTHM_BASELINE_ORDERS)
    order = [*(baseline.name for baseline in BASELINES), *rhythmic, OPENINGS, *(split.name.lower() for split in Split)]
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))
