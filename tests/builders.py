"""Builders for several test files: tunes, melodies, and small parts around them."""

from __future__ import annotations

import errno
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

import melgen
from melgen.checkpoint import TrainedModel
from melgen.corpora import Cleaning, FolkCorpus
from melgen.corpora.extraction import Rejection, Tune, extract_melody
from melgen.music import Melody, NoRhythm, Vocabulary
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.networks import MelodyModel

ROOT = Path(__file__).parents[1]

SONGS_METADATA = {"seed": 0, "model": "by hand", "primer": [60], "selection": "sample"}
"""Metadata that `write_songs` needs, for songs that were not written by a network."""


def melody_of(tune: Tune, cleaning: Cleaning, source: str = "") -> Melody | Rejection:
    """The melody of a tune, without the number of its rounded notes."""
    found = extract_melody(tune, cleaning, source)
    return found if isinstance(found, Rejection) else found[0]


def airs(count: int | None = None) -> list[Any]:
    """The pitches of Aird's first airs, of all by default."""
    tunes = FolkCorpus(["airds"]).load(progress=False).melodies
    return [tunes.pitches_of(i) for i in range(len(tunes) if count is None else count)]


def original_twelve_keys(song):
    """The original's rule, with Python 2's `/` as `//`."""
    middle = (max(song) - min(song)) // 2 + min(song)
    gap = 60 - middle
    remaining = 11 - abs(gap)
    up = down = 0
    if remaining >= 0:
        up = remaining // 2
        down = remaining - up
        if gap < 0:
            down += abs(gap)
        else:
            up += abs(gap)
    elif gap <= 0:
        down = 11
    else:
        up = 11
    lower = [[pitch - step for pitch in song] for step in range(1, down + 1)]
    higher = [[pitch + step for pitch in song] for step in range(1, up + 1)]
    return [song, *lower, *higher]


def full_disk(*args: Any, **options: Any) -> NoReturn:
    """Replaces a function that writes a file."""
    raise OSError(errno.ENOSPC, "No space left on device")


def load_script(path: str) -> Any:
    """The module of a script that is not in a package, such as ``docs/make_media.py``."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def untrained(
    representation: AbstractRepresentation, rhythm: AbstractRhythm, tunes: Sequence[Melody], **options: Any
) -> TrainedModel:
    """A network with the vocabulary of tunes and random weights, as it is read from a checkpoint.

    Args:
        representation, rhythm: how it writes.
        tunes: of its vocabulary; those that the rhythm cannot write are left out.
        options: of `melgen.networks.MelodyModel`.
    """
    vocabulary: Vocabulary | TuneVocabulary
    if isinstance(rhythm, NoRhythm):
        versions = [values for tune in tunes for values in representation.augmentations(np.array(tune.pitches))]
        vocabulary = Vocabulary.from_values(versions)
    else:
        encoding = Encoding(representation, rhythm)
        writable = [tune for tune in tunes if encoding.reason_against(tune) is None]
        vocabulary = encoding.vocabulary_of(each for tune in writable for each in encoding.augmentations(tune))
    torch.manual_seed(0)
    model = MelodyModel(**{"hidden_size": 8, "layers": 1, **vocabulary.sizes, **options}).eval()
    with torch.no_grad():  # of large weights, so that no two scores are nearly equal
        for weight in model.parameters():
            weight.mul_(4)
    return TrainedModel(model, representation, vocabulary, {}, {}, 0, Path("untrained.ckpt"), None, rhythm)


def write_checkpoint(path: Path, trained: TrainedModel) -> Path:
    """Write a network as a checkpoint without what a training needs to go on."""
    ours = {
        "format_version": 2 if trained.has_rhythm else 1,
        "version": melgen.__version__,
        "config": trained.config,
        "model": trained.model.describe(),
        "representation": trained.representation.name,
        "vocabulary": trained.vocabulary.to_dict(),
        "metrics": trained.metrics,
        "updates": trained.updates,
    }
    if trained.has_rhythm:
        ours["rhythm"] = trained.rhythm.describe()
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": weight for name, weight in trained.model.state_dict().items()}
    torch.save({"melgen": ours, "state_dict": weights}, path)
    return path
