"""The data module of a configuration, read and encoded."""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from melgen.data.module import MelodyDataModule
from melgen.data.seen_tunes import SeenTunes
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.representations import AbstractRepresentation, representation_named
from melgen.music.rhythms import rhythm_from
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary

SHARED_BYTES = 1_000_000_000
"""The memory that the data modules of a sweep may take together in one process: those used last are kept.

One takes between 1 MB and 60 MB for the 187,000 notes of ``corpus=airds``, so that a sweep of such a corpus keeps all
14 of our representations with our rhythms, 0.2 GB.
"""

_shared: dict[str, MelodyDataModule] = {}


def build_data(
    config: DictConfig,
    base_vocabulary: Vocabulary | TuneVocabulary | None = None,
    tunes_of_start: SeenTunes | None = None,
    *,
    sweep: str | None = None,
) -> MelodyDataModule:
    """The data module of a configuration, read and encoded.

    Args:
        config: of a training.
        base_vocabulary: values to keep besides those of the training tunes.
        tunes_of_start: the tunes that the network was trained on before, if it was.
        sweep: jobs of the sweep of this name share the data module in one process if their data are configured alike.
            It holds neither of the two above. `SHARED_BYTES` limits how many are kept.

    Raises:
        CorpusError: if the corpus cannot be read.
        ValueError: for a representation or rhythm that a checkpoint could not name, or for too few tunes.
    """
    is_shared = sweep is not None and base_vocabulary is None and tunes_of_start is None
    key = f"{sweep}{OmegaConf.to_yaml(config.dataset, resolve=True)}"
    if is_shared and key in _shared:
        _shared[key] = _shared.pop(key)  # the one used last comes last
        return _shared[key]
    data = instantiate(config.dataset)
    _check_name(data.representation, representation_named(data.representation.name))
    _check_name(data.rhythm, rhythm_from(data.rhythm.describe()))
    data.base_vocabulary, data.tunes_of_start = base_vocabulary, tunes_of_start
    data.setup()
    if is_shared:
        _shared[key] = data
        while len(_shared) > 1 and sum(each.nbytes for each in _shared.values()) > SHARED_BYTES:
            del _shared[next(iter(_shared))]
    return data


def _check_name(used: AbstractRepresentation | AbstractRhythm, named: AbstractRepresentation | AbstractRhythm) -> None:
    """Refuse a class whose name a checkpoint would read back as another class.

    Args:
        used: the representation or rhythm of the training.
        named: that of the same name.
    """
    if type(used) is not type(named):
        own, other = (f"{type(each).__module__}.{type(each).__qualname__}" for each in (used, named))
        raise ValueError(
            f'name="{used.name}" of {own}: must differ from the name of {other}, '
            "because a checkpoint keeps only the name; choose another one"
        )
