"""All measurements of a set of songs in one place, for `melgen.evaluate` and `melgen.study`.

Four kinds of sets are measured in the same way: songs of a network (`evaluate_songs`), the corpus
(`corpus_evaluations`), openings of its test tunes (`evaluate_openings`) and songs of baselines
(`baseline_evaluations`). Songs given as melodies are also measured in their rhythm, unless all of them are rows of
equal quarter notes.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_whole, require
from melgen.corpora.sources import Split
from melgen.evaluation.baselines import BigramBaseline, UniformBaseline, UnigramBaseline
from melgen.evaluation.descriptors import descriptor_table
from melgen.evaluation.distances import SetDistance, rhythm_distances, set_distances
from melgen.evaluation.diversity import diversity
from melgen.evaluation.flat_rhythm import has_rhythm
from melgen.evaluation.metrics import CORRECTED, WITH_RHYTHM
from melgen.evaluation.originality import NGRAM_INTERVALS, Originality
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, Summary
from melgen.evaluation.rhythm_baselines import RhythmBaseline, has_events, rhythm_baseline_name
from melgen.evaluation.rhythm_descriptors import rhythm_distributions, rhythm_table
from melgen.evaluation.summaries import (
    best_song,
    check_confidence,
    distances_to_mean,
    nearest_song,
    representative_song,
    standardized_distances,
    summarize_scores,
)
from melgen.evaluation.timed_tonality import timed_tonality
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, Tonality, corrected_table, tonality_table
from melgen.generation.songs import song_names
from melgen.music.melody import Melody

SongMetric = Callable[[list[int]], float]
"""A number about one song, given its pitches."""

Song = Sequence[int] | NDArray[np.integer] | Melody
"""The pitches of a song, or the song with its rhythm."""

Songs = Mapping[str, Song]
"""Songs by name."""

CommonTunes = Mapping[Split, Sequence[Melody]]
"""Tunes of a split that all rhythms and representations can write."""

BASELINES = (UniformBaseline, UnigramBaseline, BigramBaseline)

RHYTHM_BASELINE_ORDERS = (1, 2, 3)
"""The n of the n-gram models that write rhythm."""

_MIN_NOTES = 2  # one note has no motion


@dataclass(frozen=True)
class EvaluationOptions:
    """How songs are measured.

    Attributes:
        span_notes: notes in a span, the sliding window of macroharmony and centricity.
        confidence: of the bootstrap intervals of means.
        resamples: of the bootstrap.
        seed: of the bootstrap and of all other random choices.
        ngram: length in intervals of the passages that are counted as shared with training tunes.
        min_corpus_notes: shorter tunes are left out of the figures of the corpus, as in the original.
        metrics: a user's own metrics of a song by name: functions of a list of pitches, or their import paths,
            ``my_module.my_function``.

    Raises:
        ValueError: if a number is out of its range, or a metric cannot be imported.

    >>> EvaluationOptions(metrics={"highest": "builtins.max"}).metrics["highest"]([60, 64])
    64
    """

    span_notes: int = DEFAULT_SPAN_NOTES
    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0
    ngram: int = NGRAM_INTERVALS
    min_corpus_notes: int = 12
    metrics: Mapping[str, SongMetric] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lowest = {"span_notes": 1, "resamples": 1, "seed": 0, "ngram": 1, "min_corpus_notes": _MIN_NOTES}
        for key, bound in lowest.items():
            check_whole(key, getattr(self, key), bound)
        check_confidence(self.confidence)
        require(isinstance(self.metrics, Mapping), "metrics", self.metrics, "functions by their names")
        functions = {name: _function(name, function) for name, function in self.metrics.items()}
        object.__setattr__(self, "metrics", functions)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; functions are given by their import paths."""
        places = {name: f"{function.__module__}.{_name_of(function)}" for name, function in self.metrics.items()}
        return asdict(replace(self, metrics={})) | {"metrics": places}


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
        first_notes: measure the pitches of so many notes at the beginning of each song only, since most features
            depend on length; by default of all. Rhythm is always that of whole songs.

    Raises:
        ValueError: if no song has two notes, pitches are not whole numbers, some songs have a rhythm and others are
            pitches only, or a user's own metric fails.
    """
    options = options or EvaluationOptions()
    evaluation = _evaluate(name, songs, options, reference, first_notes=first_notes)
    if reference is None:
        return evaluation
    measured = [_pitches_of(songs[song])[:first_notes] for song in evaluation.songs]
    openings = list(reference.openings(Split.TEST, median_of(map(len, measured))).values())
    scores = dict(evaluation.set_scores) | _distance_scores(set_distances(measured, openings, seed=options.seed))
    if evaluation.has_rhythm and reference.has_rhythm:
        tunes = reference.melodies_of(Split.TEST, options.min_corpus_notes)
        scores |= _rhythm_distance_scores({song: songs[song] for song in evaluation.songs}, tunes, options)
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
    evaluation = _evaluate(OPENINGS, songs, options, reference, are_whole=False)
    others = reference.openings(Split.VALIDATION, notes)
    distances = _distance_scores(set_distances(list(others.values()), list(openings.values()), seed=options.seed))
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
            evaluation = _evaluate(f"corpus-{key}", tunes, options, compared, as_a_set=False)
            if evaluation.has_rhythm and split is Split.TEST:
                others = reference.melodies_of(Split.VALIDATION, options.min_corpus_notes)
                distances = _rhythm_distance_scores(others, tunes, options)
                evaluation = replace(evaluation, set_scores={**evaluation.set_scores, **distances})
            evaluations[key] = evaluation
    return evaluations


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


def median_length(evaluation: SongSetEvaluation) -> int:
    """Number of notes of a typical song: the median, rounded down."""
    return median_of(evaluation.lengths)


def median_of(lengths: Iterable[int]) -> int:
    """The length of the openings that are compared with songs of these lengths: the median, rounded down.

    >>> median_of([34, 34, 31])
    34
    """
    return int(np.median([*lengths]))


def _evaluate(
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
        check_whole("first_notes", first_notes, _MIN_NOTES)
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
            found = reference.rhythm_index.compare(melodies, options.ngram)
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


def _pitches_of(song: Song) -> Sequence[int] | NDArray[np.integer]:
    return song.pitches if isinstance(song, Melody) else song


def _measurable(name: str, songs: Songs) -> tuple[dict[str, NDArray[np.int64]], dict[str, str]]:
    """The songs that can be measured, and the reason for each that cannot."""
    measured: dict[str, NDArray[np.int64]] = {}
    left_out: dict[str, str] = {}
    for song, given in songs.items():
        pitches = np.asarray(_pitches_of(given))
        if pitches.ndim != 1 or (pitches.size and not np.issubdtype(pitches.dtype, np.integer)):
            raise ValueError(f"{name}: song {song} must be a list of whole numbers, the pitches, got {given!r:.60}")
        if len(pitches) < _MIN_NOTES:
            left_out[song] = "one note, no motion to measure" if len(pitches) else "no notes"
        else:
            measured[song] = pitches.astype(np.int64)
    if not measured:
        why = f"each of the {len(songs)} has fewer than {_MIN_NOTES} notes" if songs else "the set is empty"
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


def _distance_scores(found: Mapping[str, SetDistance], prefix: str = "") -> dict[str, float]:
    """Distances between two sets by name; nan for sets that are too small."""
    scores = {f"{prefix}overlapped_area/{feature}": distance.overlapped_area for feature, distance in found.items()}
    return scores | {f"{prefix}kl_divergence/{feature}": distance.kl_divergence for feature, distance in found.items()}


def _rhythm_distance_scores(songs: Songs, tunes: Songs, options: EvaluationOptions) -> dict[str, float]:
    # Under names of their own: a mean over the distances of pitch keeps its meaning.
    melodies = [[song for song in each.values() if isinstance(song, Melody)] for each in (songs, tunes)]
    return _distance_scores(rhythm_distances(*melodies, seed=options.seed), "rhythm_")


def _function(name: str, function: SongMetric | str) -> SongMetric:
    """A function, or the function at an import path."""
    if callable(function):
        return function
    module, _, attribute = str(function).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"metrics.{name}={function}: must be a function that can be imported ({error})") from error
    if not callable(found):
        raise ValueError(f"metrics.{name}={function}: must be a function, but is a {type(found).__name__}")
    return found


def _name_of(function: SongMetric) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
