"""Distance of songs from a corpus, after Yang and Lerch, *On the evaluation of generative models in music* (2018).

For each feature, each song is compared with each tune of the corpus (*inter-set* distances), and the tunes with
each other (*intra-set* distances). If songs and tunes had the same distribution, so would these distances.
`docs/evaluation.md` lists the differences from the authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.flat_notes import flatten
from melgen.evaluation.flat_rhythm import Tunes, flatten_rhythm
from melgen.evaluation.rhythm_descriptors import rhythm_table

MOST_SONGS = 500
FEWEST_SONGS = 3
FEATURES = (
    "pitch_class_histogram",
    "pitch_class_transition_matrix",
    "interval_histogram",
    "pitch_count",
    "pitch_range",
    "average_pitch_interval",
)
RHYTHM_FEATURES = (
    "note_length_histogram",
    "note_length_transition_matrix",
    "inter_onset_interval_histogram",
    "note_length_count",
    "average_inter_onset_interval",
    "silence_share",
    "note_count",
    "bar_count",
)

_PITCH_CLASSES = 12
_FEWEST_NOTES = 2
_NODES = 2048  # to which distances are binned for a density estimate
_POINTS = 1024  # per density at which two densities are compared
_MARGIN_BANDWIDTHS = 8  # a Gaussian has less than 1e-15 of its mass beyond
_SPREAD_TOLERANCE = 1e-9  # a smaller relative difference of distances is rounding

Array = NDArray[np.float64]
_Song = TypeVar("_Song")


class SetDistance(NamedTuple):
    """The inter-set distances of one feature, compared with the intra-set distances of the reference.

    Attributes:
        overlapped_area: shared area of the two densities, from 0 to 1; 1 if they are equal.
        kl_divergence: Kullback-Leibler divergence in nats, of the intra-set density p from the inter-set
            density q: ``integral of p ln(p / q)``; 0 if they are equal.
    """

    overlapped_area: float
    kl_divergence: float


_UNDEFINED = SetDistance(math.nan, math.nan)


def set_distances(
    songs: Sequence[ArrayLike], reference: Sequence[ArrayLike], *, seed: int = 0
) -> dict[str, SetDistance]:
    """Overlapped area and divergence for each of `FEATURES`.

    With N notes in a song:

    - ``pitch_class_histogram``: share of each pitch class among the N notes, ``[12]``.
    - ``pitch_class_transition_matrix``: share of each pair of neighbouring pitch classes among the N - 1
      pairs, ``[12, 12]``; all 144 shares add up to 1.
    - ``interval_histogram``: share of each interval, upward and downward separately, among the N - 1 intervals.
    - ``pitch_count``: number of different pitches.
    - ``pitch_range``: highest minus lowest pitch, in semitones.
    - ``average_pitch_interval``: mean size of the intervals, in semitones.

    Distances are Euclidean. Densities are Gaussian kernel estimates with Scott's bandwidth, as those of
    `scipy.stats.gaussian_kde`, to a relative error of about 1e-3.

    Songs of fewer than two notes are left out. Both numbers are nan if fewer than three songs or three tunes
    remain. Distances that are all equal have no density: if the others all equal the same number, the area
    is 1 and the divergence 0; otherwise the area is 0 and the divergence, which would be infinite, nan.

    Args:
        songs: pitches of each song.
        reference: pitches of each tune of the corpus.
        seed: decides which `MOST_SONGS` songs of a larger set are used.

    >>> tunes = [[60, 62, 64, 65], [60, 60, 67, 69], [64, 62, 60, 59], [60, 64, 67, 72]]
    >>> songs = [[60, 61, 60, 61], [60, 63, 61, 66], [60, 72, 60, 71]]
    >>> round(set_distances(songs, tunes)["pitch_count"].overlapped_area, 2)
    0.72
    """
    # A generator for each set, so that the draw from the reference does not depend on the songs.
    usable = [[song for song in tunes if np.size(song) >= _FEWEST_NOTES] for tunes in (songs, reference)]
    drawn = [_draw(tunes, np.random.default_rng([seed, i])) for i, tunes in enumerate(usable)]
    if min(map(len, drawn)) < FEWEST_SONGS:
        return dict.fromkeys(FEATURES, _UNDEFINED)
    return _compare_sets(_features([*drawn[0], *drawn[1]]), len(drawn[0]))


def rhythm_distances(songs: Tunes, reference: Tunes, *, seed: int = 0) -> dict[str, SetDistance]:
    """Overlapped area and divergence for each of `RHYTHM_FEATURES`, in the same way as `set_distances`.

    With N notes in a song:

    - ``note_length_histogram``: share of each duration among the N notes.
    - ``note_length_transition_matrix``: share of each pair of neighbouring durations among the N - 1 pairs; all
      shares add up to 1.
    - ``inter_onset_interval_histogram``: share of each time from onset to onset among the N - 1 of them.
    - ``note_length_count``: number of different durations.
    - ``average_inter_onset_interval``: mean time from onset to onset, in quarters.
    - ``silence_share``: share of the time in which no note sounds.
    - ``note_count``: N.
    - ``bar_count``: number of bars; songs of unknown bars are left out of this feature.

    Durations and times are equal only if they are equal to the step, 1/24 of a quarter note.

    Args:
        songs, reference: compare whole songs with whole tunes, since two features are the length of a song.
        seed: decides which `MOST_SONGS` songs of a larger set are used.

    Raises:
        ValueError: if a melody is not in order, see `melgen.evaluation.flat_rhythm.flatten_rhythm`.
    """
    usable = [[song for song in tunes if len(song) >= _FEWEST_NOTES] for tunes in (songs, reference)]
    drawn = [_draw(tunes, np.random.default_rng([seed, i])) for i, tunes in enumerate(usable)]
    if min(map(len, drawn)) < FEWEST_SONGS:
        return dict.fromkeys(RHYTHM_FEATURES, _UNDEFINED)
    return _compare_sets(_rhythm_features([*drawn[0], *drawn[1]]), len(drawn[0]))


def _compare_sets(tables: dict[str, Array], songs: int) -> dict[str, SetDistance]:
    """Compare the first songs of each table ``[songs + tunes, dimensions]`` with the tunes after them."""
    found = {}
    for feature, table in tables.items():
        parts = [part[~np.isnan(part).any(axis=1)] for part in (table[:songs], table[songs:])]
        found[feature] = _compare(*_distances(*parts)) if min(map(len, parts)) >= FEWEST_SONGS else _UNDEFINED
    return found


def _draw(usable: list[_Song], generator: np.random.Generator) -> list[_Song]:
    if len(usable) <= MOST_SONGS:
        return usable
    return [usable[i] for i in np.sort(generator.choice(len(usable), MOST_SONGS, replace=False))]


def _features(songs: Sequence[ArrayLike]) -> dict[str, Array]:
    """Each of `FEATURES` for songs of at least two notes: ``[songs, dimensions of the feature]``."""
    notes = flatten(songs)
    step = notes.steps()
    intervals = step.after - step.before
    # An interval that no song has adds nothing to a distance.
    _, interval_number = np.unique(intervals, return_inverse=True)
    pitch_classes = notes.pitch % _PITCH_CLASSES
    transitions = (step.before % _PITCH_CLASSES) * _PITCH_CLASSES + step.after % _PITCH_CLASSES
    starts = np.flatnonzero(notes.place == 0)
    pitches, pitch_number = np.unique(notes.pitch, return_inverse=True)
    values = (
        _histogram(notes.song, pitch_classes, _PITCH_CLASSES),
        _histogram(step.song, transitions, _PITCH_CLASSES**2),
        _histogram(step.song, interval_number, int(interval_number.max()) + 1),
        (_histogram(notes.song, pitch_number, len(pitches)) > 0).sum(axis=1),
        np.maximum.reduceat(notes.pitch, starts) - np.minimum.reduceat(notes.pitch, starts),
        np.bincount(step.song, np.abs(intervals)) / (notes.lengths - 1),
    )
    return {name: value.reshape(len(songs), -1).astype(float) for name, value in zip(FEATURES, values, strict=True)}


def _rhythm_features(songs: Tunes) -> dict[str, Array]:
    """Each of `RHYTHM_FEATURES` for songs of at least two notes: ``[songs, dimensions of the feature]``."""
    notes = flatten_rhythm(songs)
    later = notes.later
    _, length = np.unique(notes.duration, return_inverse=True)
    # Only pairs that occur get a column, as there are many lengths and few pairs.
    _, pair = np.unique(length[later - 1] * len(length) + length[later], return_inverse=True)
    _, interval = np.unique(notes.onset[later] - notes.onset[later - 1], return_inverse=True)
    single = rhythm_table(songs, are_whole=False)
    values = (
        *(
            _histogram(song, value, int(value.max()) + 1)
            for song, value in ((notes.song, length), (notes.song[later], pair), (notes.song[later], interval))
        ),
        single["n_note_lengths"],
        single["mean_inter_onset_interval"],
        single["silence_share"],
        single["n_notes"],
        single["n_bars"],
    )
    return {name: value.reshape(len(songs), -1) for name, value in zip(RHYTHM_FEATURES, values, strict=True)}


def _histogram(song: NDArray[np.int64], value: NDArray[np.int64], bins: int) -> Array:
    """Share of each value among those of a song: ``[songs, bins]``."""
    songs = int(song[-1]) + 1
    counts = np.bincount(song * bins + value, minlength=songs * bins).reshape(songs, bins)
    return counts / counts.sum(axis=1, keepdims=True)


def _distances(songs: Array, reference: Array) -> tuple[Array, Array]:
    """Intra-set distances of the reference, each pair twice as in the authors' code, and inter-set distances."""
    from scipy.spatial.distance import cdist

    pairs = ~np.eye(len(reference), dtype=bool)
    return cdist(reference, reference)[pairs], cdist(songs, reference).ravel()


def _compare(intra: Array, inter: Array) -> SetDistance:
    from scipy.integrate import trapezoid

    constant = [_is_constant(distances) for distances in (intra, inter)]
    if any(constant):
        same = all(constant) and _is_constant(np.append(intra, inter))
        return SetDistance(1.0, 0.0) if same else SetDistance(0.0, math.nan)
    # Points for both, so that a density much narrower than the other also gets enough points.
    points = np.unique(np.concatenate([_support(intra), _support(inter)]))
    # Logarithms, so that the divergence also counts densities too small for a float.
    log_p, log_q = (_log_density(distances, points) for distances in (intra, inter))
    p, q = np.exp(log_p), np.exp(log_q)
    area = trapezoid(np.minimum(p, q), points)
    divergence = trapezoid(p * (log_p - log_q), points)
    return SetDistance(min(float(area), 1.0), max(float(divergence), 0.0))


def _is_constant(distances: Array) -> bool:
    return bool(np.ptp(distances) <= _SPREAD_TOLERANCE * distances.max())


def _bandwidth(distances: Array) -> float:
    """Scott's rule in one dimension."""
    return float(len(distances) ** -0.2 * distances.std(ddof=1))


def _support(distances: Array) -> Array:
    margin = _MARGIN_BANDWIDTHS * _bandwidth(distances)
    return np.linspace(distances.min() - margin, distances.max() + margin, _POINTS)


def _log_density(distances: Array, points: Array) -> Array:
    """Logarithm of the kernel density estimate at each point: ``[points]``.

    Up to a quarter of a million distances are binned to `_NODES` equally spaced nodes; each distance is divided
    between its two neighbours in proportion (linear binning).
    """
    bandwidth = _bandwidth(distances)
    nodes, spacing = np.linspace(distances.min(), distances.max(), _NODES, retstep=True)
    place = np.clip((distances - nodes[0]) / spacing, 0, _NODES - 1)
    left = np.minimum(place.astype(np.int64), _NODES - 2)
    weights = np.bincount(left, 1 - (place - left), _NODES) + np.bincount(left + 1, place - left, _NODES)
    used = weights > 0
    log_weights = np.log(weights[used] / len(distances))
    density = []
    for block in np.array_split(points, 16):
        exponents = log_weights - ((block[:, None] - nodes[used]) / bandwidth) ** 2 / 2
        largest = exponents.max(axis=1)
        density.append(largest + np.log(np.exp(exponents - largest[:, None]).sum(axis=1)))
    return np.concatenate(density) - math.log(bandwidth * math.sqrt(2 * math.pi))
