"""All measurements of a set of songs in one place, for `melgen.evaluate` and `melgen.study`.

Four kinds of sets are measured in the same way: songs of a network (`evaluate_songs`), the corpus
(`corpus_evaluations`), openings of its test tunes (`evaluate_openings`) and songs of baselines
(`baseline_evaluations`).
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
from melgen.evaluation.distances import set_distances
from melgen.evaluation.diversity import diversity
from melgen.evaluation.metrics import CORRECTED
from melgen.evaluation.originality import NGRAM_INTERVALS, TuneIndex
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS, SongSetEvaluation, Summary
from melgen.evaluation.summaries import (
    best_song,
    check_confidence,
    distances_to_mean,
    nearest_song,
    representative_song,
    standardized_distances,
    summarize_scores,
)
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, Tonality, corrected_table, tonality_table
from melgen.generation.songs import song_names

SongMetric = Callable[[list[int]], float]
"""A number about one song, given its pitches."""

Songs = Mapping[str, Sequence[int] | NDArray[np.integer]]
"""Pitches of songs by name."""

BASELINES = (UniformBaseline, UnigramBaseline, BigramBaseline)

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
    name: str, songs: Songs, reference: ReferenceCorpus | None = None, options: EvaluationOptions | None = None
) -> SongSetEvaluation:
    """Measure songs, singly and as a set; with a corpus, also their originality and distance to its test tunes.

    Songs of fewer than two notes are left out, with the reason. The songs are compared with openings of the test
    tunes that are as long as the median song, since most features depend on length.

    Args:
        name: of the set.
        songs: pitches of each song by its name.
        reference: the corpus; without one, originality and distance are not measured.
        options: how to measure.

    Raises:
        ValueError: if no song has two notes, pitches are not whole numbers, or a user's own metric fails.
    """
    options = options or EvaluationOptions()
    if reference is None:
        return _evaluate(name, songs, options)
    evaluation = _evaluate(name, songs, options, reference.index)
    openings = list(reference.openings(Split.TEST, median_length(evaluation)).values())
    measured = [songs[song] for song in evaluation.songs]
    distances = _distance_scores(measured, openings, options)
    evaluation = replace(evaluation, set_scores={**evaluation.set_scores, **distances})
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
    reference: ReferenceCorpus, notes: int, options: EvaluationOptions | None = None
) -> SongSetEvaluation:
    """Measure the openings, the first `notes` notes of the test tunes, in the same way as songs.

    The result is that of human tunes of this length. The distances are those between the openings of the validation
    tunes and of the test tunes: two samples of one corpus.

    Raises:
        ValueError: if no test tune has that many notes.
    """
    options = options or EvaluationOptions()
    openings = reference.openings(Split.TEST, notes)
    if not openings:
        raise ValueError(f"no tune of the test split has {notes} notes, so there are no openings to compare with")
    evaluation = _evaluate(OPENINGS, openings, options, reference.index)
    others = reference.openings(Split.VALIDATION, notes)
    distances = _distance_scores(list(others.values()), list(openings.values()), options)
    return replace(evaluation, set_scores={**evaluation.set_scores, **distances})


def corpus_evaluations(
    reference: ReferenceCorpus, options: EvaluationOptions | None = None
) -> dict[str, SongSetEvaluation]:
    """Measure the tunes of each split that have at least `min_corpus_notes` notes, the original's rule.

    Only held-out tunes are compared with the training tunes. The sets as a whole are not measured, because whole
    tunes differ too much in length; see `evaluate_openings`.

    Returns:
        Evaluations by split; a split whose tunes are all shorter is left out.
    """
    options = options or EvaluationOptions()
    evaluations = {}
    for split in Split:
        tunes = reference.tunes(split, options.min_corpus_notes)
        if tunes:
            key = split.name.lower()
            index = None if split is Split.TRAIN else reference.index
            evaluations[key] = _evaluate(f"corpus-{key}", tunes, options, index, as_a_set=False)
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

    Returns:
        Songs and evaluation by the name of the baseline.
    """
    training_tunes = list(reference.tunes(Split.TRAIN).values())
    scored = {f"bits_per_note/{split.name.lower()}": reference.comparable_tunes(split) for split in Split}
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


def in_order(names: Iterable[str]) -> list[str]:
    """Names of reference sets in the order of reading: baselines, openings, whole tunes.

    Unknown names come last, in the given order.

    >>> in_order(["test", "mine", "openings", "bigram", "uniform"])
    ['uniform', 'bigram', 'openings', 'test', 'mine']
    """
    order = [*(baseline.name for baseline in BASELINES), OPENINGS, *(split.name.lower() for split in Split)]
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
    name: str, songs: Songs, options: EvaluationOptions, index: TuneIndex | None = None, as_a_set: bool = True
) -> SongSetEvaluation:
    measured, left_out = _measurable(name, songs)
    pitches = list(measured.values())
    tonality = tonality_table(pitches, options.span_notes)
    scores: dict[str, NDArray] = dict(zip(Tonality._fields, tonality.T, strict=True))
    scores |= dict(zip(CORRECTED, corrected_table(pitches, options.span_notes).T, strict=True))
    scores |= descriptor_table(pitches)
    nearest: tuple[str | None, ...] = ()
    if index is not None:
        originality = index.compare(pitches, options.ngram)
        scores["longest_shared_intervals"] = originality.longest_shared_intervals
        scores[f"shared_{options.ngram}gram_share"] = originality.shared_ngram_share
        scores["exact_copy"] = originality.exact_copy
        nearest = tuple(None if tune < 0 else index.names[tune] for tune in originality.nearest_tune.tolist())
    scores |= _own_scores(measured, options.metrics, taken=scores)
    return SongSetEvaluation(
        name=name,
        songs=tuple(measured),
        lengths=tuple(map(len, pitches)),
        scores={metric: tuple(values.astype(float).tolist()) for metric, values in scores.items()},
        summaries=summarize_scores(
            scores, confidence=options.confidence, resamples=options.resamples, seed=options.seed
        ),
        distances_to_mean=tuple(distances_to_mean(tonality).tolist()),
        best=best_song(tonality),
        representative=representative_song(tonality),
        set_scores={f"diversity/{key}": value for key, value in diversity(pitches).items()} if as_a_set else {},
        nearest_tunes=nearest,
        left_out=left_out,
    )


def _measurable(name: str, songs: Songs) -> tuple[dict[str, NDArray[np.int64]], dict[str, str]]:
    """The songs that can be measured, and the reason for each that cannot."""
    measured: dict[str, NDArray[np.int64]] = {}
    left_out: dict[str, str] = {}
    for song, given in songs.items():
        pitches = np.asarray(given)
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


def _own_scores(songs: Songs, metrics: Mapping[str, SongMetric], taken: Iterable[str]) -> dict[str, NDArray]:
    """The user's own metrics, a value for each song."""
    if known := sorted(set(metrics) & set(taken)):
        raise ValueError(f"metrics: {known[0]} is the name of a built-in metric; choose another name")
    scores = {}
    for metric, function in metrics.items():
        values = []
        for song, pitches in songs.items():
            try:
                values.append(float(function(np.asarray(pitches).tolist())))
            except Exception as error:  # a user's function may raise anything; its name helps most
                raise ValueError(f"metrics: {metric} fails on song {song}: {type(error).__name__}: {error}") from error
        scores[metric] = np.array(values)
    return scores


def _distance_scores(
    songs: Sequence[Sequence[int] | NDArray], tunes: Sequence[NDArray], options: EvaluationOptions
) -> dict[str, float]:
    """Distances between two sets by name; nan for sets that are too small."""
    found = set_distances(songs, tunes, seed=options.seed)
    scores = {f"overlapped_area/{feature}": distance.overlapped_area for feature, distance in found.items()}
    return scores | {f"kl_divergence/{feature}": distance.kl_divergence for feature, distance in found.items()}


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
