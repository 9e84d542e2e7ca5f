"""Scores for a page, engraved without the music font, which the page holds once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from melgen.corpora.workers import check_workers
from melgen.music.melody import Melody
from melgen.processes import end_with_parent
from melgen.resources import available_cpus

log = logging.getLogger(__name__)

SCORE_WIDTH_PX = 460
"""Three bars of quarter notes a line: large enough on a phone, and next to another score on a screen."""
WIDE_SCORE_PX = 660
"""Of a tune with so many notes to the bar that a narrow line would have only one."""
LONGEST_SCORE_NOTES = 400
"""Longer tunes are shown as piano rolls."""
_WORTH_PROCESSES = 60


class Engraver:
    """Engraves melodies, each once; without an engraving library it makes no scores, and `missing` is the reason.

    Args:
        workers: processes that engrave; by default one for each available processor.
        progress: whether to show a progress bar on a terminal.

    Raises:
        CorpusError: for a number of workers that is none.

    Attributes:
        missing: why there are no scores; empty if there are.
    """

    def __init__(self, *, workers: int | None = None, progress: bool = True):
        check_workers(workers)
        self.workers, self.progress = workers or available_cpus(), progress
        self.missing = ""
        try:
            _engrave(Melody.from_pitches([60]))
        except ImportError as error:
            self.missing = f"No scores: {error}. Piano rolls and sound are there."
            log.warning("%s", self.missing)

    def engrave(self, melodies: Sequence[Melody]) -> list[str | None]:
        """An SVG for each melody; ``None`` for what is empty, too long or cannot be engraved."""
        if self.missing:
            return [None] * len(melodies)
        if len(melodies) < _WORTH_PROCESSES or self.workers < 2:
            return self._watched(map(_try_to_engrave, melodies), len(melodies))
        from joblib import Parallel, delayed

        # loky, as multiprocessing would import the caller's program again.
        parallel = Parallel(self.workers, backend="loky", batch_size=10, return_as="generator")
        return self._watched(parallel(delayed(_engrave_in_worker)(melody) for melody in melodies), len(melodies))

    def _watched(self, scores: Iterator[str | None], total: int) -> list[str | None]:
        from tqdm import tqdm

        # None: shown on a terminal only.
        hidden = None if self.progress else True
        return list(tqdm(scores, "engraving", total, unit="score", disable=hidden, leave=False))

    @property
    def font(self) -> str:
        """The glyphs of all scores, as a hidden SVG; empty without scores."""
        if self.missing:
            return ""
        from melgen.rendering.engraving import music_font

        return music_font()


def _engrave_in_worker(melody: Melody) -> str | None:
    end_with_parent()
    return _try_to_engrave(melody)


def _try_to_engrave(melody: Melody) -> str | None:
    if not 0 < len(melody) <= LONGEST_SCORE_NOTES:
        return None
    try:
        return _engrave(melody)
    except (ValueError, RuntimeError) as error:
        log.warning("not engraved: %s (%s)", melody.title or melody.source or "a song", error)
        return None


def _engrave(melody: Melody) -> str:
    from melgen.rendering.engraving import engrave, fitting_bars_per_line

    width = SCORE_WIDTH_PX if fitting_bars_per_line(melody, SCORE_WIDTH_PX) > 1 else WIDE_SCORE_PX
    # The page shows the title itself.
    return engrave(replace(melody, title=""), width_px=width, font=False)
