"""Every measurement of a set of songs, by `melgen.evaluation.song_sets` and `melgen.evaluation.baseline_sets`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_whole
from melgen.evaluation.descriptors import descriptor_table
from melgen.evaluation.distances import SetDistance, rhythm_distances
from melgen.evaluation.diversity import diversity
from melgen.evaluation.flat_rhythm import has_rhythm
from melgen.evaluation.options import LEAST_NOTES, EvaluationOptions, SongMetric
from melgen.evaluation.originality import Originality
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.rhythm_descriptors import beginning, rhythm_distributions, rhythm_table
from melgen.evaluation.song_metrics import CORRECTED, WITH_RHYTHM
from melgen.evaluation.summaries import best_song, distances_to_mean, representative_song, summarize_scores
from melgen.evaluation.timed_tonality import timed_tonality
from melgen.evaluation.tonality import Tonality, corrected_table, tonality_table
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, Melody

Song = Sequence[int] | NDArray[np.integer] | Melody
"""The pitches of a song, or the song with its rhythm."""

Songs = Mapping[str, Song]
"""Songs by name."""


def measure(
    name: str,
    songs: Songs,
    options: EvaluationOptions,
    reference: ReferenceCorpus | None = None,
    *,
    as_a_set: bool = True,
    are_whole: bool = True,
    first_notes: int | None = None,
) -> SongSetEvaluation:
    """Measure songs.

    Args:
        reference: the corpus whose training tunes the songs are compared with.
        as_a_set: whether to measure the diversity of the set.
        are_whole: whether the songs have their ends.
        first_notes: see `evaluate_songs`.
    """
    if first_notes is not None:
        check_whole("first_notes", first_notes, LEAST_NOTES)
    whole, left_out = _measurable(name, songs)
    measured = {song: pitches[:first_notes] for song, pitches in whole.items()}
    pitches = list(measured.values())
    tonality = tonality_table(pitches, options.span_notes)
    scores: dict[str, NDArray] = dict(zip(Tonality._fields, tonality.T, strict=True))
    scores |= dict(zip(CORRECTED, corrected_table(pitches, options.span_notes).T, strict=True))
    scores |= descriptor_table(pitches)
    nearest: tuple[str | None, ...] = ()
    if reference is not None:
        index = reference.index
        originality = index.compare(pitches, options.ngram)
        scores |= _originality_scores(originality, options)
        nearest = tuple(None if tune < 0 else index.names[tune] for tune in originality.nearest_tune.tolist())
    set_scores = {f"diversity/{key}": value for key, value in diversity(pitches).items()} if as_a_set else {}
    distributions: dict[str, dict[str, float]] = {}
    if melodies := _with_rhythm(name, {song: songs[song] for song in measured}):
        rhythm_scores, counts = _rhythm_scores(melodies, are_whole)
        if reference is not None and reference.has_rhythm:
            compared = [beginning(melody, first_notes) for melody in melodies] if first_notes else melodies
            found = reference.rhythm_index.compare(compared, options.ngram)
            scores |= {f"{key}{WITH_RHYTHM}": value for key, value in _originality_scores(found, options).items()}
        scores |= rhythm_scores
        set_scores |= counts
        distributions = rhythm_distributions(melodies)
    scores |= _own_scores(measured, options.metrics, taken=scores)
    return SongSetEvaluation(
        name=name,
        songs=tuple(measured),
        lengths=tuple(map(len, whole.values())),
        scores={metric: tuple(values.astype(float).tolist()) for metric, values in scores.items()},
        summaries=summarize_scores(
            scores, confidence=options.confidence, resamples=options.resamples, seed=options.seed
        ),
        distances_to_mean=tuple(distances_to_mean(tonality).tolist()),
        best=best_song(tonality),
        representative=representative_song(tonality),
        set_scores=set_scores,
        nearest_tunes=nearest,
        left_out=left_out,
        distributions=distributions,
    )


def distance_scores(found: Mapping[str, SetDistance], prefix: str = "") -> dict[str, float]:
    """Distances between two sets by name; nan for sets that are too small."""
    scores = {f"{prefix}overlapped_area/{feature}": distance.overlapped_area for feature, distance in found.items()}
    return scores | {f"{prefix}kl_divergence/{feature}": distance.kl_divergence for feature, distance in found.items()}


def rhythm_distance_scores(songs: Songs, tunes: Songs, options: EvaluationOptions) -> dict[str, float]:
    """Distances between the rhythms of two sets; their own names keep them out of a mean over those of pitch."""
    melodies = [[song for song in each.values() if isinstance(song, Melody)] for each in (songs, tunes)]
    return distance_scores(rhythm_distances(*melodies, seed=options.seed), "rhythm_")


def _originality_scores(found: Originality, options: EvaluationOptions) -> dict[str, NDArray]:
    return {
        "longest_shared_intervals": found.longest_shared_intervals,
        f"shared_{options.ngram}gram_share": found.shared_ngram_share,
        "exact_copy": found.exact_copy,
    }


def _with_rhythm(name: str, songs: Songs) -> list[Melody]:
    """The songs as melodies if any of them has a rhythm; otherwise none.

    Raises:
        ValueError: if some have a rhythm and others are pitches only.
    """
    melodies = {song: given for song, given in songs.items() if isinstance(given, Melody)}
    if not has_rhythm(list(melodies.values())):
        return []
    if pitches_only := [song for song in songs if song not in melodies]:
        raise ValueError(
            f"{name}: song {pitches_only[0]} is a list of pitches, but other songs of the set have a rhythm; "
            "give all songs as melodies, or the pitches of all"
        )
    return list(melodies.values())


def _rhythm_scores(melodies: list[Melody], are_whole: bool) -> tuple[dict[str, NDArray], dict[str, float]]:
    """Values for each song, and counts of the set. A metric that is undefined for all songs is left out."""
    timed = timed_tonality(melodies)
    scores = {"timed_macroharmony": timed.timed_macroharmony, "timed_centricity": timed.timed_centricity}
    scores |= rhythm_table(melodies, are_whole)
    counts = {
        "rhythm/silent_windows": float(timed.silent_windows.sum()),
        "rhythm/moved_onsets": float(timed.moved_onsets.sum()),
    }
    return {metric: values for metric, values in scores.items() if not np.isnan(values).all()}, counts


def pitches_of(song: Song) -> Sequence[int] | NDArray[np.integer]:
    """The pitches of a song."""
    return song.pitches if isinstance(song, Melody) else song


def _measurable(name: str, songs: Songs) -> tuple[dict[str, NDArray[np.int64]], dict[str, str]]:
    """The songs that can be measured, and the reason for each that cannot."""
    measured: dict[str, NDArray[np.int64]] = {}
    left_out: dict[str, str] = {}
    for song, given in songs.items():
        pitches = np.asarray(pitches_of(given))
        if pitches.ndim != 1 or (pitches.size and not np.issubdtype(pitches.dtype, np.integer)):
            raise ValueError(f"{name}: song {song} must be a list of whole numbers, the pitches, got {given!r:.60}")
        if pitches.size and (pitches.min() < LOWEST_PITCH or pitches.max() > HIGHEST_PITCH):
            wrong = pitches.min() if pitches.min() < LOWEST_PITCH else pitches.max()
            raise ValueError(
                f"{name}: song {song}: the pitch {wrong} must be a MIDI number from {LOWEST_PITCH} to {HIGHEST_PITCH}"
            )
        if len(pitches) < LEAST_NOTES:
            left_out[song] = "one note, no motion to measure" if len(pitches) else "no notes"
        else:
            measured[song] = pitches.astype(np.int64)
    if not measured:
        why = f"each of the {len(songs)} has fewer than {LEAST_NOTES} notes" if songs else "the set is empty"
        raise ValueError(f"{name}: no song can be measured: {why}")
    return measured, left_out


def _own_scores(
    songs: Mapping[str, NDArray[np.int64]], metrics: Mapping[str, SongMetric], taken: Iterable[str]
) -> dict[str, NDArray]:
    """The user's own metrics, a value for each song."""
    if known := sorted(set(metrics) & set(taken)):
        raise ValueError(f"metrics: {known[0]} is the name of a built-in metric; choose another name")
    scores = {}
    for metric, function in metrics.items():
        values = []
        for song, pitches in songs.items():
            try:
                values.append(float(function(pitches.tolist())))
            except Exception as error:  # a user's function may raise anything; its name helps most
                raise ValueError(f"metrics: {metric} fails on song {song}: {type(error).__name__}: {error}") from error
        scores[metric] = np.array(values)
    return scores
