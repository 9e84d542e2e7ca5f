"""Songs of the baselines, measured like those of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel
from melgen.corpora.sources import Split
from melgen.evaluation import baseline_table
from melgen.evaluation.counting.network import CountingBaseline, CountingNetwork
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.rhythm_baselines import RhythmBaseline, has_events
from melgen.evaluation.song_sets import evaluate_songs
from melgen.generation.sampling import sample_melodies, select, uniform_draws
from melgen.generation.songs import song_names
from melgen.generation.tune_sampling import sample_tunes
from melgen.music.melody import Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary

_FIRST_NOTE = 2**64 - 1
"""In place of a note's number, for the random numbers of the first note of songs without a primer."""

CommonTunes = Mapping[Split, Sequence[Melody]]
"""Tunes of a split that all rhythms and representations, or all representations, can write."""


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
    sampling: Mapping[str, Any] | None = None,
    comparable_tunes: CommonTunes | None = None,
) -> dict[str, BaselineSongs]:
    """Fit the baselines that write songs on the training tunes, generate songs, and measure these like a network's.

    Besides the results of `evaluate_songs`, an evaluation of uniform, unigram and bigram has ``bits_per_note/train``,
    ``/validation`` and ``/test``: the likelihood of the tunes on which networks are scored, by the same rule. Those of
    a `CountingBaseline` follow from `melgen.scoring.likelihood`.

    Args:
        reference: the corpus.
        primer: pitches with which every song starts; or a list of pitches for each song, all equally long.
        songs: number of songs of each baseline.
        notes: number of notes after the primer.
        seed: of the random choices.
        options: how to measure.
        common_tunes: tunes that networks with rhythm are scored on; ``pitch_bits_per_note`` is over these.
        sampling: the options ``selection``, ``temperature``, ``top_k`` and ``top_p`` of
            `melgen.generation.sampling.select`.
        comparable_tunes: tunes that networks of pitches are scored on; ``bits_per_note`` is over these, by default over
            all comparable tunes of the corpus.

    Returns:
        Songs and evaluation by the name of the baseline.
    """
    training_tunes = list(reference.tunes(Split.TRAIN).values())
    sampling = sampling or {}
    scored: dict[str, list[NDArray[np.int16]]] = {}
    if comparable_tunes is None:
        scored = {f"bits_per_note/{split.name.lower()}": reference.comparable_tunes(split) for split in Split}
    for kind, given in (("bits_per_note", comparable_tunes), ("pitch_bits_per_note", common_tunes)):
        for split, tunes in (given or {}).items():
            scored[f"{kind}/{split.name.lower()}"] = [np.array(tune.pitches, np.int16) for tune in tunes]
    written = {}
    for baseline in baseline_table.BASELINES:
        if not baseline.writes_songs:
            continue
        bits = {}
        if isinstance(baseline, CountingBaseline):
            network = baseline.fit(list(reference.melodies_of(Split.TRAIN).values()))
            pitches = _pitches_by(network, songs, notes, primer, seed, sampling)
        else:
            fitted = baseline.fit(training_tunes)
            pitches = fitted.write(songs, notes, primer, seed, **sampling)
            bits = {key: fitted.bits_per_note(tunes) for key, tunes in scored.items() if tunes}
        by_name = dict(zip(song_names(len(pitches)), pitches, strict=True))
        evaluation = evaluate_songs(baseline.name, by_name, reference, options)
        written[baseline.name] = BaselineSongs(
            by_name, replace(evaluation, set_scores={**evaluation.set_scores, **bits})
        )
    return written


def _pitches_by(
    network: TrainedModel,
    songs: int,
    notes: int,
    primer: Sequence[int] | Sequence[Sequence[int]],
    seed: int,
    sampling: Mapping[str, Any],
) -> list[NDArray[np.int64]]:
    model, vocabulary = network.model, network.vocabulary
    assert isinstance(vocabulary, Vocabulary)
    assert isinstance(model, CountingNetwork)
    if not len(primer) and notes:
        draws = uniform_draws(seed, _FIRST_NOTE, songs)
        first = select(model.first(songs), **sampling, draws=draws).numpy()
        primer, notes = vocabulary.decode(first)[:, None].tolist(), notes - 1
    if not (songs and notes):
        each: Any = primer if len(primer) and isinstance(primer[0], Sequence) else [primer] * songs
        return [np.array(pitches, np.int64) for pitches in each]
    melodies = sample_melodies(model, network.representation, vocabulary, primer, songs, notes, seed=seed, **sampling)
    return [np.array(melody.pitches, np.int64) for melody in melodies]


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
    sampling: Mapping[str, Any] | None = None,
) -> dict[str, RhythmBaselineSongs]:
    """Fit baselines of notes with their lengths on the training tunes, let them write songs, and measure these.

    Songs begin without a primer and go on until their end, or to as many notes as the longest training tune has.
    Besides the results of `evaluate_songs`, an evaluation of an n-gram has for validation and test tunes, by split:
    ``pitch_bits_per_note``, ``rhythm_bits_per_note`` and ``bits_per_note_with_rhythm``, their sum, over the tunes whose
    notes and rests all occur in training with their lengths, and ``unscored_tunes``, the number of others.

    Args:
        reference: the corpus.
        songs: number of songs of each baseline.
        seed: of the random choices.
        options: how to measure.
        first_notes: see `evaluate_songs`.
        common_tunes: the tunes to score, those that networks with rhythm are scored on; by default all held-out tunes.
        sampling: as for `baseline_evaluations`.

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
    sampling, most_notes = sampling or {}, max(map(len, training_tunes))
    for baseline in baseline_table.RHYTHM_BASELINES:
        if not baseline.writes_songs:
            continue
        fitted = baseline.fit(training_tunes)
        if isinstance(fitted, RhythmBaseline):
            melodies, bits = fitted.write(songs, seed, most_notes, **sampling), _bits_of_splits(fitted, held_out)
        else:
            assert isinstance(fitted.vocabulary, TuneVocabulary)
            empty = Melody((), (), ())
            drawn = sample_tunes(
                fitted.model, fitted.encoding, fitted.vocabulary, empty, songs, limit=most_notes, seed=seed, **sampling
            )
            melodies, bits = [song.melody for song in drawn], {}
        by_name = dict(zip(song_names(len(melodies)), melodies, strict=True))
        evaluation = evaluate_songs(baseline.name, by_name, reference, options, first_notes=first_notes)
        written[baseline.name] = RhythmBaselineSongs(
            by_name, replace(evaluation, set_scores={**evaluation.set_scores, **bits})
        )
    return written


def _bits_of_splits(baseline: RhythmBaseline, held_out: CommonTunes) -> dict[str, float]:
    scores = {}
    for split, tunes in held_out.items():
        scored = [tune for tune in tunes if baseline.can_spell(tune)]
        name = split.name.lower()
        bits = baseline.bits_per_note(scored)
        scores[f"pitch_bits_per_note/{name}"] = bits.pitch
        scores[f"rhythm_bits_per_note/{name}"] = bits.rhythm
        scores[f"bits_per_note_with_rhythm/{name}"] = bits.total
        scores[f"unscored_tunes/{name}"] = float(len(tunes) - len(scored))
    return scores
