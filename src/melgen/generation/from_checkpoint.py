"""Generating songs with the network of a checkpoint, and recording their origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from melgen.checkpoint import TrainedModel, run_of, run_title
from melgen.generation.sampling import sample_melodies, selection_named
from melgen.generation.songs import READER, write_songs
from melgen.music.melody import Melody


def write_songs_by(
    trained: TrainedModel,
    folder: Path,
    primer: Sequence[int] | Sequence[Sequence[int]],
    options: Mapping[str, Any],
    device: str = "auto",
    reader: int | None = None,
) -> list[Melody]:
    """Generate songs with a trained network and write them into a folder.

    Args:
        trained: the network.
        folder: the folder of the songs, see `write_songs`.
        primer: pitches; or a list of pitches for each song, all equally long.
        options: the options of `sample_melodies`: songs, notes, selection, temperature, top_k, top_p, seed.
        device: ``auto`` for a GPU if there is one.
        reader: the version of the reader that read the network's training tunes; None if unknown.

    Raises:
        ValueError: for a primer that the network cannot read, a number out of range, or a device that torch does
            not have.
    """
    songs = sample_melodies(
        on_device(trained, device).model, trained.representation, trained.vocabulary, primer, **options
    )
    model = {
        "model": run_title(run_of(trained.path)),
        "checkpoint": trained.path.name,
        "updates": trained.updates,
    }
    kept = {key: value for key, value in options.items() if key != "songs"}
    if "selection" in kept:
        kept["selection"] = selection_named(kept["selection"])
    origin = {} if reader is None else {READER: reader}
    write_songs(folder, songs, model | {"primer": list(primer)} | kept | origin)
    return songs


def on_device(trained: TrainedModel, device: str) -> TrainedModel:
    """Move a network to a device: ``auto`` for a GPU if there is one.

    Raises:
        ValueError: for a device that torch does not have on this machine.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        trained.model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises one or the other
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device}: must be auto, cpu or a device that torch finds ({reason})") from error
    return trained
