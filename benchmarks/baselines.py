"""Bits per note of all baselines on held-out tunes, and the time that they take; see docs/results.md.

python benchmarks/baselines.py airds ryans             # collections of folk tunes; folk for all
python benchmarks/baselines.py folk --split validation
python benchmarks/baselines.py airds --rhythm          # baselines that write rhythm
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial

import numpy as np

from melgen.corpora import FolkCorpus
from melgen.data import MelodyDataModule, Split
from melgen.data.rhythm_tunes import common_tunes
from melgen.evaluation.baseline_table import BASELINES, RHYTHM_BASELINES
from melgen.evaluation.counting.network import CountingBaseline
from melgen.evaluation.counting.ppm import Ppm
from melgen.evaluation.rhythm_baselines import RhythmBaseline, has_events
from melgen.music import Control
from melgen.music.melody import Melody
from melgen.music.rhythms import Interleaved
from melgen.scoring.likelihood import likelihood

IDYOM = {"order_bound": None, "recent_order_bound": None, "combination": "geometric", "bias": 7}
"""Contexts without a bound, and the combination with which IDyOM begins."""
VARIANTS = (
    *(CountingBaseline(f"ppm-ltm, order {n}", partial(Ppm, memory="ltm", order_bound=n)) for n in (2, 3, 4, 5)),
    CountingBaseline("ppm*-ltm", partial(Ppm, memory="ltm", order_bound=None)),
    CountingBaseline("ppm*-stm", partial(Ppm, memory="stm", recent_order_bound=None)),
    CountingBaseline("ppm*, geometric mean, bias 7", partial(Ppm, **IDYOM)),
)
RHYTHM_VARIANTS = (
    CountingBaseline("rhythm-ppm-ltm", partial(Ppm, memory="ltm"), rhythm=Interleaved()),
    CountingBaseline("rhythm-ppm-stm", partial(Ppm, memory="stm"), rhythm=Interleaved()),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpora", nargs="+", help="collections of music21, or folk")
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--rhythm", action="store_true")
    arguments = parser.parse_args()
    options = Split[arguments.split.upper()], arguments.split_seed, arguments.rhythm
    measured = {name: dict(rows(name, *options)) for name in arguments.corpora}
    print(f"| baseline | {' | '.join(f'{name}, bits | s' for name in measured)} |")
    print("|:--|" + "--:|--:|" * len(measured))
    for baseline in next(iter(measured.values())):
        cells = [f"{bits} | {seconds:.1f}" for bits, seconds in (found[baseline] for found in measured.values())]
        print(f"| {baseline} | {' | '.join(cells)} |")


def rows(corpus: str, split: Split, split_seed: int, with_rhythm: bool) -> Iterator[tuple[str, tuple[str, float]]]:
    """Bits per note by baseline, with the processor time of fitting and scoring."""
    tunes = FolkCorpus(None if corpus == "folk" else [corpus])
    data = MelodyDataModule(tunes, Control(), progress=False, split_seed=split_seed)
    data.setup()
    chosen = common_tunes(data.melodies, data.splits) if with_rhythm else data.comparable
    training = [data.melodies[int(i)] for i in np.flatnonzero(data.splits == Split.TRAIN)]
    held_out = [data.melodies[int(i)] for i in np.flatnonzero((data.splits == split) & chosen)]
    for baseline in (*RHYTHM_BASELINES, *RHYTHM_VARIANTS) if with_rhythm else (*BASELINES, *VARIANTS):
        began = time.process_time()
        yield baseline.name, (bits_of(baseline, training, held_out), time.process_time() - began)


def bits_of(baseline: object, training: list[Melody], held_out: list[Melody]) -> str:
    """Bits per note of held-out tunes; with rhythm those of pitch and of rhythm, too."""
    if isinstance(baseline, CountingBaseline):
        scores = likelihood(baseline.fit(training), held_out, np.ones(len(held_out), bool))
        if not baseline.writes_rhythm:
            return f"{scores['bits_per_note']:.3f}"
        parts = scores["pitch_bits_per_note"], scores["rhythm_bits_per_note"]
    elif hasattr(baseline, "order"):
        model: RhythmBaseline = baseline.fit(list(filter(has_events, training)))
        parts = tuple(model.bits_per_note(held_out))
    else:
        markov = baseline.fit([tune.pitches for tune in training])
        return f"{markov.bits_per_note([tune.pitches for tune in held_out]):.3f}"
    return f"{sum(parts):.3f} = {parts[0]:.3f} + {parts[1]:.3f}"


if __name__ == "__main__":
    main()
