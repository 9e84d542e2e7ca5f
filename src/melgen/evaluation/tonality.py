"""Tonality of a melody in three numbers, after Tymoczko, *A Geometry of Music* (2011).

The first three functions return what `music_geometry_eval` 2.0 returns, so that our figures can be compared with
published ones. Two of them do not measure what their names suggest; the three functions after them do.
`docs/evaluation.md` compares the two readings.

Windows: `span_notes` consecutive notes, moved on by one note; a melody of at most `span_notes` notes is one
window.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.batches import batches, lengths_of
from melgen.evaluation.song_metrics import CORRECTED
from melgen.evaluation.windows import Windows
from melgen.music.melody import Melodies

DEFAULT_SPAN_NOTES = 12
FEWEST_NOTES, MOST_NOTES = 5, 8
_PITCH_CLASSES = 12


class Tonality(NamedTuple):
    """The three numbers of one melody, or of a set of melodies."""

    conjunct_melodic_motion: float
    limited_macroharmony: float
    centricity: float


class TonalitySummary(NamedTuple):
    """Mean and standard deviation (over n - 1; nan for a single melody) of several melodies."""

    mean: Tonality
    deviation: Tonality
    songs: int


def conjunct_melodic_motion(pitches: ArrayLike) -> float:
    """Mean size of the steps from note to note, in semitones: 0 is one repeated note.

    ``sum(|p[i + 1] - p[i]|) / (N - 1)``

    Raises:
        ValueError: if there are fewer than two notes.

    >>> conjunct_melodic_motion([60, 62, 59])
    2.5
    """
    melody = _as_list(pitches)
    if len(melody) < 2:
        raise ValueError("melodic motion needs two notes, got one")
    steps = [abs(after - before) for before, after in pairwise(melody)]
    return sum(steps) / (len(melody) - 1)


def limited_macroharmony(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> float:
    """The distance of the number of different pitches in a window from 5 to 8: 1 is ideal, mean over windows.

    A window of ``n`` different *pitches*, C4 and C5 counting as two, scores 1 if ``5 <= n <= 8``,
    ``5 - n + 1`` below and ``n - 5 + 1`` above: the library measures an excess from the lower limit too, so
    that 9 pitches score 5. See `pitch_class_macroharmony` for the measure as Tymoczko words it.

    Raises:
        ValueError: if there is no note, or `span_notes` is below 1.

    >>> limited_macroharmony([60, 62, 64]), limited_macroharmony(range(60, 69))
    (3.0, 5.0)
    """

    def score(window: Sequence[int]) -> int:
        count = len(set(window))
        return 1 if FEWEST_NOTES <= count <= MOST_NOTES else abs(count - FEWEST_NOTES) + 1

    return _mean_over_windows(score, pitches, span_notes)


def centricity(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> float:
    """Longest run of one repeated note, as a share of its window, mean over windows.

    Not the share of the commonest note: 60 62 60 64 60 65 60 67 60 69 60 71 has 1/12, not 6/12. See
    `frequency_centricity` for that.

    Raises:
        ValueError: if there is no note, or `span_notes` is below 1.

    >>> centricity([60, 60, 62, 60])
    0.5
    """

    def score(window: Sequence[int]) -> float:
        return max(len(list(run)) for _, run in groupby(window)) / len(window)

    return _mean_over_windows(score, pitches, span_notes)


def pitch_class_macroharmony(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> float:
    """Limited macroharmony as Tymoczko words it: pitch classes, and both limits.

    A window of ``n`` different pitch classes scores 1 if ``5 <= n <= 8``, ``5 - n + 1`` below and
    ``n - 8 + 1`` above. Mean over windows.

    Raises:
        ValueError: if there is no note, or `span_notes` is below 1.

    >>> pitch_class_macroharmony([60, 62, 64, 72]), pitch_class_macroharmony(range(60, 69))
    (3.0, 2.0)
    """

    def score(window: Sequence[int]) -> int:
        count = len({pitch % _PITCH_CLASSES for pitch in window})
        return max(FEWEST_NOTES - count, 0, count - MOST_NOTES) + 1

    return _mean_over_windows(score, pitches, span_notes)


def frequency_centricity(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> float:
    """Share of the commonest pitch in its window, mean over windows.

    Raises:
        ValueError: if there is no note, or `span_notes` is below 1.

    >>> frequency_centricity([60, 62, 60, 72])
    0.5
    """

    def score(window: Sequence[int]) -> float:
        return max(Counter(window).values()) / len(window)

    return _mean_over_windows(score, pitches, span_notes)


def pitch_class_centricity(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> float:
    """Share of the commonest pitch class in its window, mean over windows.

    Raises:
        ValueError: if there is no note, or `span_notes` is below 1.

    >>> pitch_class_centricity([60, 62, 60, 72])
    0.75
    """
    return frequency_centricity([pitch % _PITCH_CLASSES for pitch in _as_list(pitches)], span_notes)


def tonality(pitches: ArrayLike, span_notes: int = DEFAULT_SPAN_NOTES) -> Tonality:
    """The three numbers of one melody, as `music_geometry_eval` defines them.

    Raises:
        ValueError: if there are fewer than two notes, or `span_notes` is below 1.

    >>> tonality([60, 62, 64, 65, 67])
    Tonality(conjunct_melodic_motion=1.75, limited_macroharmony=1.0, centricity=0.2)
    """
    return Tonality(
        conjunct_melodic_motion(pitches),
        limited_macroharmony(pitches, span_notes),
        centricity(pitches, span_notes),
    )


def tonality_table(
    melodies: Sequence[ArrayLike] | Melodies, span_notes: int = DEFAULT_SPAN_NOTES
) -> NDArray[np.float64]:
    """`tonality` of many melodies at once, equal to the last bit, fast and in little memory.

    Shape:
        ``[songs, 3]``, the columns in the order of `Tonality`.

    Raises:
        ValueError: if a melody has fewer than two notes, or `span_notes` is below 1.

    >>> tonality_table([[60, 62, 64, 65, 67], [60, 60]]).tolist()
    [[1.75, 1.0, 0.2], [0.0, 5.0, 1.0]]
    """
    _check_span(span_notes)
    lengths = lengths_of(melodies, 2, "melodic motion needs two notes")
    table = np.empty((len(lengths), len(Tonality._fields)))
    for songs, batch_lengths, notes in batches(melodies, lengths):
        windows = Windows(batch_lengths, notes, span_notes)
        different, _ = windows.different_and_commonest()
        counts = np.arange(windows.width + 1)
        in_range = (counts >= FEWEST_NOTES) & (counts <= MOST_NOTES)
        scores = np.where(in_range, 1.0, np.abs(counts - FEWEST_NOTES) + 1.0)
        table[songs, 0] = windows.motion()
        table[songs, 1] = windows.mean(scores[different])
        table[songs, 2] = windows.mean(windows.longest_runs() / windows.lengths)
    return table


def corrected_table(
    melodies: Sequence[ArrayLike] | Melodies, span_notes: int = DEFAULT_SPAN_NOTES
) -> NDArray[np.float64]:
    """The corrected readings of many melodies at once, equal to the single functions to the last bit.

    Shape:
        ``[songs, 3]``, the columns in the order of `CORRECTED`.

    Raises:
        ValueError: if a melody has no notes, or `span_notes` is below 1.

    >>> corrected_table([[60, 62, 60, 72], [60]]).tolist()
    [[4.0, 0.5, 0.75], [5.0, 1.0, 1.0]]
    """
    _check_span(span_notes)
    lengths = lengths_of(melodies, 1, "a melody without notes has no tonality")
    table = np.empty((len(lengths), len(CORRECTED)))
    for songs, batch_lengths, notes in batches(melodies, lengths):
        pitches = Windows(batch_lengths, notes, span_notes)
        pitch_classes = Windows(batch_lengths, notes % _PITCH_CLASSES, span_notes)
        _, commonest_pitch = pitches.different_and_commonest()
        different, commonest_class = pitch_classes.different_and_commonest()
        counts = np.arange(pitches.width + 1)
        scores = np.maximum(np.maximum(FEWEST_NOTES - counts, counts - MOST_NOTES), 0) + 1.0
        table[songs, 0] = pitches.mean(scores[different])
        table[songs, 1] = pitches.mean(commonest_pitch / pitches.lengths)
        table[songs, 2] = pitches.mean(commonest_class / pitches.lengths)
    return table


def span_profile(pitches: ArrayLike, spans: Iterable[int] = range(5, 30)) -> NDArray[np.float64]:
    """`tonality` of one melody for each of several window sizes, by default those of the original's graph.

    Motion does not depend on the window; every row repeats it so that a row is a `Tonality`.

    Shape:
        ``[spans, 3]``.

    Raises:
        ValueError: if there are fewer than two notes, or a span is below 1.

    >>> span_profile([60, 62, 60, 62, 64], spans=[2, 5])[:, 1].tolist()
    [4.0, 3.0]
    """
    melody = _as_list(pitches)
    rows = [tonality_table([melody], span_notes) for span_notes in spans]
    return np.concatenate([np.empty((0, len(Tonality._fields))), *rows])


def summarize(melodies: Sequence[ArrayLike] | Melodies, span_notes: int = DEFAULT_SPAN_NOTES) -> TonalitySummary:
    """Mean and deviation of `tonality` over several melodies.

    Raises:
        ValueError: if there is no melody, or one of fewer than two notes.

    >>> summarize([[60, 62], [60, 64]]).mean.conjunct_melodic_motion
    3.0
    """
    table = tonality_table(melodies, span_notes)
    if not len(table):
        raise ValueError("a summary needs at least one melody")
    deviation = table.std(axis=0, ddof=1) if len(table) > 1 else np.full(table.shape[1], math.nan)
    return TonalitySummary(Tonality(*table.mean(axis=0).tolist()), Tonality(*deviation.tolist()), len(table))


def _mean_over_windows(score: Callable[[Sequence[int]], float], pitches: ArrayLike, span_notes: int) -> float:
    # Added one by one: from Python 3.12 on, the built-in sum compensates its rounding, which would change the
    # result.
    total, count = 0.0, 0
    for window in _windows(_as_list(pitches), span_notes):
        total += score(window)
        count += 1
    return total / count


def _windows(melody: list[int], span_notes: int) -> Iterator[Sequence[int]]:
    _check_span(span_notes)
    for start in range(max(len(melody) - span_notes, 0) + 1):
        yield melody[start : start + span_notes]


def _as_list(pitches: ArrayLike) -> list[int]:
    melody = np.asarray(pitches).tolist()
    if not melody:
        raise ValueError("a melody without notes has no tonality")
    return melody


def _check_span(span_notes: int) -> None:
    check_whole("span_notes", span_notes)
