"""The diversity of a set of songs: a network may repeat one good tune.

Songs are compared as sequences of intervals in semitones, so a tune and its transposition count as the same tune.
`docs/evaluation.md` gives the reasons for these numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.flat_notes import WORD_INTERVALS, flatten, interval_words

NGRAM_INTERVALS = 4
MOST_SONGS = 2_000


def diversity(songs: Sequence[ArrayLike], *, seed: int = 0) -> dict[str, float]:
    """Three numbers about a set of songs; compare only sets of equally many songs of about the same length.

    - ``distinct_songs``: number of different interval sequences / number of songs.
    - ``distinct_4gram_share``: distinct-n (Li et al., 2016) for n = 4: number of different interval 4-grams /
      number of interval 4-grams. Near 0 means that the same figures occur again and again, within a song or
      across songs.
    - ``mean_nearest_neighbour_similarity``: mean similarity of each song to the song most similar to it; 1 means
      that each song has a double. The similarity is the Dice coefficient over n-grams (Adamson and Boreham, 1974):
      with A and B the sets of interval 4-grams of two songs, ``2 |A & B| / (|A| + |B|)``.

    Songs of a single note are all equal. A song of fewer than five notes has no 4-gram and is left out of the
    second and third number. Undefined numbers are nan: all three without songs, the third also for a single song.

    Args:
        songs: pitches of each song.
        seed: decides which `MOST_SONGS` songs of a larger set are used for the third number.

    Raises:
        ValueError: if an interval exceeds 127 semitones.

    >>> scores = diversity([[60, 62, 64, 65, 67], [50, 52, 54, 55, 57], [60, 62, 64, 65, 67, 60]])
    >>> [round(score, 3) for score in scores.values()]
    [0.667, 0.5, 0.889]
    """
    notes = flatten(songs)
    step = notes.steps()
    intervals = step.after - step.before
    per_song = np.split(intervals, np.searchsorted(step.song, np.arange(1, len(songs))))
    distinct = len({sequence.tobytes() for sequence in per_song}) / len(songs) if len(songs) else math.nan

    starts = np.flatnonzero(notes.place < notes.lengths[notes.song] - NGRAM_INTERVALS)
    ngrams = interval_words(notes)[starts] >> np.uint64(8 * (WORD_INTERVALS - NGRAM_INTERVALS))
    different, numbers = np.unique(ngrams, return_inverse=True)
    share = len(different) / len(ngrams) if len(ngrams) else math.nan
    return {
        "distinct_songs": distinct,
        "distinct_4gram_share": share,
        "mean_nearest_neighbour_similarity": _nearest_similarity(notes.song[starts], numbers, seed),
    }


def _nearest_similarity(song: NDArray[np.int64], ngram: NDArray[np.int64], seed: int) -> float:
    """Mean over songs of the largest Dice coefficient with another song.

    Shape:
        `song` and `ngram`, the numbers of each n-gram and of the song that contains it: ``[N]``.
    """
    from scipy.sparse import csr_array

    present = np.unique(song)
    if len(present) > MOST_SONGS:
        present = np.sort(np.random.default_rng(seed).choice(present, MOST_SONGS, replace=False))
        chosen = np.isin(song, present)
        song, ngram = song[chosen], ngram[chosen]
    if len(present) < 2:
        return math.nan
    columns = int(ngram.max()) + 1
    members = np.unique(np.searchsorted(present, song) * columns + ngram)
    row, column = np.divmod(members, columns)
    table = csr_array((np.ones(len(row)), (row, column)), shape=(len(present), columns))
    in_common = (table @ table.T).toarray()
    sizes = np.bincount(row)
    similarity = 2 * in_common / (sizes[:, None] + sizes)
    np.fill_diagonal(similarity, 0)
    return float(similarity.max(axis=1).mean())
