"""The table of baselines: all that studies fit, score and let write songs, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from melgen.corpora.sources import Split
from melgen.evaluation.baselines import AbstractBaseline, BigramBaseline, UniformBaseline, UnigramBaseline
from melgen.evaluation.counting.kneser_ney import KneserNey
from melgen.evaluation.counting.network import CountingBaseline
from melgen.evaluation.counting.ppm import Ppm
from melgen.evaluation.results import OPENINGS
from melgen.evaluation.rhythm_baselines import RhythmBaseline, ngram_name, rhythm_baseline_name
from melgen.music.melody import Melody
from melgen.music.representations import Interval
from melgen.music.rhythms import Interleaved


@dataclass(frozen=True)
class RhythmNgram:
    """An n-gram of events, `melgen.evaluation.rhythm_baselines.RhythmBaseline`; its songs are measured, too."""

    order: int
    writes_songs: bool = True

    @property
    def name(self) -> str:
        """Its name in tables."""
        return rhythm_baseline_name(self.order)

    def fit(self, tunes: Iterable[Melody]) -> RhythmBaseline:
        """Fit it on training tunes."""
        return RhythmBaseline.fit(list(tunes), self.order)


BASELINES: tuple[type[AbstractBaseline] | CountingBaseline, ...] = (
    UniformBaseline,
    UnigramBaseline,
    BigramBaseline,
    *(CountingBaseline(f"kn-{ngram_name(order)}", partial(KneserNey, order=order)) for order in (2, 3, 4, 5)),
    CountingBaseline("ppm-ltm", partial(Ppm, memory="ltm")),
    CountingBaseline("ppm-stm", partial(Ppm, memory="stm")),
    CountingBaseline("ppm", Ppm, writes_songs=True),
    CountingBaseline("interval-ppm", Ppm, Interval()),
)
"""Baselines of pitches."""


def _kneser_ney_of_notes(order: int) -> CountingBaseline:
    """An n-gram of notes: of the tokens of a note and of the n - 1 notes before it, two for each note or rest."""
    kind = partial(KneserNey, order=2 * order)
    return CountingBaseline(f"rhythm-kn-{ngram_name(order)}", kind, rhythm=Interleaved())


RHYTHM_BASELINES: tuple[RhythmNgram | CountingBaseline, ...] = (
    *map(RhythmNgram, (1, 2, 3)),
    *(_kneser_ney_of_notes(order) for order in (2, 3, 4, 5)),
    CountingBaseline("rhythm-ppm", Ppm, rhythm=Interleaved(), writes_songs=True),
    CountingBaseline("rhythm-interval-ppm", Ppm, Interval(), Interleaved()),
)
"""Baselines that write rhythm."""


def counting_baselines(*, with_rhythm: bool) -> list[CountingBaseline]:
    """The baselines that are scored by the code that scores networks.

    Args:
        with_rhythm: whether those that write rhythm are among them.
    """
    found = [*BASELINES, *(RHYTHM_BASELINES if with_rhythm else ())]
    return [baseline for baseline in found if isinstance(baseline, CountingBaseline)]


def is_ppm(name: str) -> bool:
    """Whether a baseline is prediction by partial matching, which also counts in the tune so far; an n-gram does not.

    >>> is_ppm("interval-ppm"), is_ppm("kn-trigram"), is_ppm("mine")
    (True, False, False)
    """
    counting = counting_baselines(with_rhythm=True)
    return name in {each.name for each in counting if getattr(each.fit_tokens, "func", each.fit_tokens) is Ppm}


def in_order(names: Iterable[str]) -> list[str]:
    """Names of reference sets in the order of reading: baselines, openings, whole tunes.

    Unknown names come last, in the given order.

    >>> in_order(["test", "mine", "openings", "ppm", "bigram", "uniform"])
    ['uniform', 'bigram', 'ppm', 'openings', 'test', 'mine']
    """
    baselines = [baseline.name for baseline in (*BASELINES, *RHYTHM_BASELINES)]
    order = [*baselines, OPENINGS, *(split.name.lower() for split in Split)]
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))
