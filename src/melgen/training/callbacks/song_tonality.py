"""The tonality of sampled songs, compared with that of the first notes of the test tunes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from melgen.data import MelodyDataModule, Split
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS
from melgen.evaluation.song_sets import median_of
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, TonalitySummary, summarize
from melgen.files import write_json
from melgen.music.melody import Melody
from melgen.music.rhythms import NoRhythm
from melgen.training.failures import contained, of_the_end
from melgen.training.module import MelodyModule

log = logging.getLogger(__name__)

MIN_NOTES_FOR_TONALITY = 2
NOTES_OF_PAPER = 34
"""Notes of a song of the paper, primer included; of a song with rhythm only so many are measured."""


class SongTonality(pl.Callback):
    """Measures the paper's three metrics on sampled songs and on openings, mean and deviation of each.

    Openings are the first notes of the test tunes, as many as the median song has.

    Writes ``tonality.json`` for the songs of the end.

    Args:
        directory: the directory of the run.
        span_notes: notes in a span.
    """

    def __init__(self, directory: str | Path, *, span_notes: int = 12):
        self.directory, self.span_notes = Path(directory), span_notes

    def on_songs(self, trainer: pl.Trainer, module: MelodyModule, songs: Sequence[Melody], final: bool) -> None:
        """Measure sampled songs."""
        with of_the_end("measuring the final songs") if final else contained("measuring tonality"):
            # Songs that end by themselves differ in length; the paper's have so many notes.
            notes = None if isinstance(module.rhythm, NoRhythm) else NOTES_OF_PAPER
            measured = [song.pitches[:notes] for song in songs if len(song) >= MIN_NOTES_FOR_TONALITY]
            if not measured:  # a network with rhythm may end every song at once
                log.warning("no song has %d notes: their tonality is not measured", MIN_NOTES_FOR_TONALITY)
                if final:
                    (self.directory / "tonality.json").unlink(missing_ok=True)
                return
            summary = summarize(measured, self.span_notes)
            means = {f"tonality/{key}": value for key, value in summary.mean._asdict().items()}
            # Lightning accepts monitored values only between the first update and the test.
            module.publish(means, monitored=not final and trainer.global_step > 0)
            if final:
                write_json(
                    self.directory / "tonality.json",
                    {
                        "span_notes": self.span_notes,
                        "songs": as_dict(summary),
                        "songs_too_short_to_measure": len(songs) - len(measured),
                        OPENINGS: self._openings(trainer, median_of(map(len, measured))),
                    },
                )

    def _openings(self, trainer: pl.Trainer, notes: int) -> dict[str, Any] | None:
        """The same metrics of the openings; ``None`` if no test tune is so long, or tunes have no pitches."""
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, MelodyDataModule):
            return None
        try:
            openings = ReferenceCorpus.of(data).openings(Split.TEST, notes)
        except ValueError:  # an encoded stream of intervals
            return None
        if not openings:
            return None
        return {**as_dict(summarize([*openings.values()], self.span_notes)), "notes": notes}


def span_of(trainer: pl.Trainer) -> int:
    """Notes in a span, the sliding window in which songs are measured."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    return next((each.span_notes for each in callbacks if isinstance(each, SongTonality)), DEFAULT_SPAN_NOTES)


def as_dict(summary: TonalitySummary) -> dict[str, Any]:
    """Mean and deviation of each metric, and the number of songs, as plain data."""
    return {
        "mean": summary.mean._asdict(),
        "standard_deviation": summary.deviation._asdict(),
        "count": summary.songs,
    }
