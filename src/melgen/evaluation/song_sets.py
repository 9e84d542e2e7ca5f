"""The sets that are measured for `melgen.evaluate` and `melgen.study`, each in the same way.

Songs of a network (`evaluate_songs`), the corpus (`corpus_evaluations`) and openings of its test tunes
(`evaluate_openings`); those of baselines are in `melgen.evaluation.baseline_sets`. Songs given as melodies are also
measured in their rhythm, unless all of them are rows of equal quarter notes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from melgen.corpora.sources import Split
from melgen.evaluation.distances import set_distances
from melgen.evaluation.measuring import Songs, distance_scores, measure, pitches_of, rhythm_distance_scores
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, Summary
from melgen.evaluation.summaries import nearest_song, standardized_distances, summarize_scores
from melgen.evaluation.tonality import Tonality, tonality_table


def evaluate_songs(
    name: str,
    songs: Songs,
    reference: ReferenceCorpus | None = None,
    options: EvaluationOptions | None = None,
    *,
    first_notes: int | None = None,
) -> SongSetEvaluation:
    """Measure songs, singly and as a set; with a corpus, also their originality and distance to its test tunes.

    Songs of fewer than two notes are left out, with the reason. The songs are compared with openings of the test
    tunes that are as long as the median song, since most features depend on length. Their rhythm is compared with
    that of whole test tunes.

    Args:
        name: of the set.
        songs: pitches of each song by its name; or melodies, whose rhythm is also measured if any of them has one.
        reference: the corpus; without one, originality and distance are not measured. A corpus without rhythm, such
            as a list of pitches, is compared with in pitch only.
        options: how to measure.
        first_notes: measure the pitches of so many notes at the beginning of each song only, and compare only these
            notes with training tunes, since most features depend on length; by default all. Other metrics of rhythm
            are always of whole songs.

    Raises:
        ValueError: if no song has two notes, pitches are not whole numbers, some songs have a rhythm and others are
            pitches only, or a user's own metric fails.
    """
    options = options or EvaluationOptions()
    evaluation = measure(name, songs, options, reference, first_notes=first_notes)
    if reference is None:
        return evaluation
    measured = [pitches_of(songs[song])[:first_notes] for song in evaluation.songs]
    openings = list(reference.openings(Split.TEST, median_of(map(len, measured))).values())
    scores = dict(evaluation.set_scores) | distance_scores(set_distances(measured, openings, seed=options.seed))
    if evaluation.has_rhythm and reference.has_rhythm:
        tunes = reference.melodies_of(Split.TEST, options.min_corpus_notes)
        scores |= rhythm_distance_scores({song: songs[song] for song in evaluation.songs}, tunes, options)
    evaluation = replace(evaluation, set_scores=scores)
    if not openings:
        return evaluation
    table = dict(zip(Tonality._fields, tonality_table(openings, options.span_notes).T, strict=True))
    # Without intervals: only means and deviations are needed.
    return with_nearest(evaluation, summarize_scores(table, resamples=1))


def with_nearest(songs: SongSetEvaluation, openings: Mapping[str, Summary]) -> SongSetEvaluation:
    """Add the distance of each song from the openings, and the nearest song.

    Args:
        songs: the evaluation of the songs.
        openings: summaries of the three tonality metrics over the openings.
    """
    if not songs.songs or not set(Tonality._fields) <= openings.keys():
        return songs
    table = np.stack([songs.scores[metric] for metric in Tonality._fields], axis=1)
    distances = standardized_distances(table, [openings[metric] for metric in Tonality._fields])
    return replace(songs, distances_to_openings=tuple(distances.tolist()), nearest=nearest_song(distances))


def distance_to_openings(songs: Mapping[str, Summary], openings: Mapping[str, Summary]) -> float:
    """Distance of a set's means of the three tonality metrics from those of the openings (`standardized_distances`).

    nan if a metric was not measured on both, or does not vary among the openings.
    """
    if not set(Tonality._fields) <= songs.keys() & openings.keys():
        return math.nan
    means = [[songs[metric].mean for metric in Tonality._fields]]
    return float(standardized_distances(means, [openings[metric] for metric in Tonality._fields])[0])


def evaluate_openings(
    reference: ReferenceCorpus, notes: int, options: EvaluationOptions | None = None, *, with_rhythm: bool = False
) -> SongSetEvaluation:
    """Measure the openings, the first `notes` notes of the test tunes, in the same way as songs.

    The result is that of human tunes of this length. The distances are those between the openings of the validation
    tunes and of the test tunes: two samples of one corpus.

    Args:
        reference: the corpus.
        notes: number of notes of an opening.
        options: how to measure.
        with_rhythm: whether to measure the rhythm, too, if the corpus has one. Openings have no ends.

    Raises:
        ValueError: if no test tune has that many notes.
    """
    options = options or EvaluationOptions()
    openings = reference.openings(Split.TEST, notes)
    if not openings:
        raise ValueError(f"no tune of the test split has {notes} notes, so there are no openings to compare with")
    with_rhythm = with_rhythm and reference.has_rhythm
    songs = reference.openings_with_rhythm(Split.TEST, notes) if with_rhythm else openings
    evaluation = measure(OPENINGS, songs, options, reference, are_whole=False)
    others = reference.openings(Split.VALIDATION, notes)
    distances = distance_scores(set_distances(list(others.values()), list(openings.values()), seed=options.seed))
    return replace(evaluation, set_scores={**evaluation.set_scores, **distances})


def corpus_evaluations(
    reference: ReferenceCorpus, options: EvaluationOptions | None = None, *, with_rhythm: bool = False
) -> dict[str, SongSetEvaluation]:
    """Measure the tunes of each split that have at least `min_corpus_notes` notes, the original's rule.

    Only held-out tunes are compared with the training tunes. The sets as a whole are not measured, because whole
    tunes differ too much in length; see `evaluate_openings`. Their rhythm is: songs with rhythm have an end, so that
    their length is theirs. The distances of the test tunes are those between validation tunes and test tunes.

    Args:
        reference: the corpus.
        options: how to measure.
        with_rhythm: whether to measure the rhythm, too, if the corpus has one.

    Returns:
        Evaluations by split; a split whose tunes are all shorter is left out.
    """
    options = options or EvaluationOptions()
    with_rhythm = with_rhythm and reference.has_rhythm
    evaluations = {}
    for split in Split:
        tunes: Songs = (reference.melodies_of if with_rhythm else reference.tunes)(split, options.min_corpus_notes)
        if tunes:
            key = split.name.lower()
            compared = None if split is Split.TRAIN else reference
            evaluation = measure(f"corpus-{key}", tunes, options, compared, as_a_set=False)
            if evaluation.has_rhythm and split is Split.TEST:
                others = reference.melodies_of(Split.VALIDATION, options.min_corpus_notes)
                distances = rhythm_distance_scores(others, tunes, options)
                evaluation = replace(evaluation, set_scores={**evaluation.set_scores, **distances})
            evaluations[key] = evaluation
    return evaluations


def median_length(evaluation: SongSetEvaluation) -> int:
    """Number of notes of a typical song: the median, rounded down."""
    return median_of(evaluation.lengths)


def median_of(lengths: Iterable[int]) -> int:
    """The length of the openings that are compared with songs of these lengths: the median, rounded down.

    >>> median_of([34, 34, 31])
    34
    """
    return int(np.median([*lengths]))
