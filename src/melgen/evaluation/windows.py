"""Sliding windows over many melodies at once, for `melgen.evaluation.tonality`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Windows:
    """All windows of a batch of melodies, measured together.

    The melodies are columns side by side, so that comparing each note with the one `offset` notes earlier is one
    pass over memory, in the smallest integers that can hold the pitches. The columns of shorter melodies are padded
    with two values that are not pitches: one in `later`, another in `earlier`, so that padding never equals anything.

    Attributes:
        width: notes in a window, at most those of the longest melody.
        lengths: notes in the windows of each melody ``[S]``; less than `width` for shorter melodies.
        counts: windows of each melody ``[S]``.

    Shape:
        Measurements have a row for each window of the longest melody and a column for each melody, ``[W, S]``;
        the rows after a melody's last window are meaningless.
    """

    def __init__(self, lengths: NDArray[np.int64], notes: NDArray[np.integer], span_notes: int):
        longest = int(lengths[-1])
        self.width = min(span_notes, longest)
        self.lengths = np.minimum(lengths, self.width)
        self.counts = lengths - self.lengths + 1
        self._rows = longest - self.width + 1
        self._song_of_window = np.tile(np.arange(len(lengths)), self._rows)
        self._steps = lengths - 1
        self._count_type = np.min_scalar_type(self.width)

        codes = notes.astype(np.int64) - int(notes.min())
        filling = int(codes.max()) + 1
        songs_in_rows = np.full((len(lengths), longest), filling, np.min_scalar_type(filling + 1))
        songs_in_rows[np.arange(longest) < lengths[:, None]] = codes
        self._later = self._earlier = np.ascontiguousarray(songs_in_rows.T)
        if lengths[0] < longest:
            self._earlier = np.where(self._later == filling, filling + 1, self._later).astype(self._later.dtype)

    def motion(self) -> NDArray[np.float64]:
        """Mean step of each melody ``[S]``."""
        after, before = self._later[1:], self._later[:-1]
        sizes = np.maximum(after, before) - np.minimum(after, before)
        inside = np.arange(len(sizes))[:, None] < self._steps
        return (sizes * inside).sum(axis=0, dtype=np.int64) / self._steps

    def different_and_commonest(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Number of different values in each window, and the count of the most common one."""
        rows = self._rows
        seen = np.zeros(self._later.shape, self._count_type)  # count since `offset` notes ago
        repeated = np.zeros((rows, len(self.lengths)), self._count_type)
        most = repeated.copy()
        for offset in range(1, self.width):
            seen[offset:] += self._equal(offset)
            # Row by row: the note at this offset of the window that starts there.
            here = seen[offset : offset + rows]
            repeated += here > 0
            np.maximum(most, here, out=most)
        return self.lengths.astype(self._count_type) - repeated, most + self._count_type.type(1)

    def longest_runs(self) -> NDArray[np.integer]:
        """Length of the longest run of one value in each window."""
        rows = self._rows
        prolongs = self._equal(1).astype(self._count_type)
        run = np.zeros((rows, len(self.lengths)), self._count_type)
        longest = run.copy()
        for offset in range(1, self.width):
            run += 1
            run *= prolongs[offset - 1 : offset - 1 + rows]
            np.maximum(longest, run, out=longest)
        return longest + self._count_type.type(1)

    def mean(self, scores: NDArray) -> NDArray[np.float64]:
        """Mean over the windows of each melody ``[S]``."""
        if self.counts[0] < self._rows:
            scores = scores * (np.arange(self._rows)[:, None] < self.counts)
        # bincount adds in order, as the library does; np.sum may add in another order.
        return np.bincount(self._song_of_window, scores.ravel(), len(self.counts)) / self.counts

    def _equal(self, offset: int) -> NDArray[np.bool_]:
        return self._later[offset:] == self._earlier[:-offset]
