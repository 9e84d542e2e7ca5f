"""Remarks on primers whose pitches are rare in the training tunes: songs would start where little was learnt."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from hydra.utils import get_object

from melgen.data import MelodyDataModule, Split
from melgen.generation.primers import fit_of, note_of
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.primers import StudyPrimer
from melgen.studies.results import Model

log = logging.getLogger(__name__)


def remarks_on_primers(primers: Sequence[StudyPrimer], models: Sequence[Model]) -> list[str]:
    """A remark for each primer with rare pitches, in each representation, by the counts that the runs have recorded."""
    paths = {model.dataset: model.runs[0].path for model in models}
    return [
        f"{remark} (dataset={representation})"
        for primer in primers
        for representation, path in paths.items()
        if primer.pitches and (remark := note_of(primer.pitches, path, representation, primer.key))
    ]


def warn_of_rare_primers(primers: Sequence[StudyPrimer], planned: Sequence[PlannedRun], data: MelodyDataModule) -> None:
    """Log these remarks before the training, by counts of the training tunes.

    Args:
        data: the corpus, set up, in pitches; an encoded stream is not counted.
    """
    if data.is_encoded:
        return
    for primer in primers:
        kinds = {get_object(run.config.dataset.representation._target_)() for run in planned}
        for kind in sorted(kinds, key=lambda kind: kind.name) if primer.pitches is not None else ():
            tunes = data.tunes_of(Split.TRAIN)
            values = np.concatenate([version for tune in tunes for version in kind.augmentations(tune)])
            counts = dict(zip(*(column.tolist() for column in np.unique(values, return_counts=True)), strict=True))
            if remark := fit_of(primer.pitches or (), counts, kind).note(primer.key):
                log.warning("%s (dataset=%s)", remark, kind.name)
