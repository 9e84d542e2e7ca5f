"""Generating songs with the network of a checkpoint, and recording their origin."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from melgen.checking import is_whole
from melgen.checkpoint import TrainedModel, run_of
from melgen.generation.composing import Composer, check_limit
from melgen.generation.selection import selection_named
from melgen.generation.songs import READER, SongSet, write_songs
from melgen.music.melody import Melody
from melgen.plurals import counted
from melgen.runs.search import run_around

log = logging.getLogger(__name__)


def write_songs_by(
    trained: TrainedModel,
    folder: Path,
    primer: Melody | Sequence[int] | Sequence[Sequence[int]],
    options: Mapping[str, Any],
    device: str = "auto",
    reader: int | None = None,
) -> list[Melody]:
    """Generate songs with a trained network and write them into a folder.

    Args:
        trained: the network.
        folder: the folder of the songs, see `write_songs`.
        primer: a melody; pitches of equal notes; or a list of pitches for each song, all equally long.
        options: the options of `Composer.compose`: songs, notes, selection, temperature, top_k, top_p, seed, and for
            networks with rhythm limit, metre and pickup.
        device: ``auto`` for a GPU if there is one.
        reader: the version of the reader that read the network's training tunes; None if unknown.

    Raises:
        ValueError: for a primer that the network cannot read, a number out of range, or a device that torch does
            not have.
    """
    composer = Composer(on_device(trained, device).model, trained.representation, trained.vocabulary, trained.rhythm)
    songs, metadata = composer.compose(primer, **options)
    model = {
        "model": trained.title,
        "checkpoint": trained.path.name,
        "updates": trained.updates,
    }
    kept = {key: value for key, value in metadata.items() if key != "songs"}
    if "selection" in kept:
        kept["selection"] = selection_named(kept["selection"])
    origin = {} if reader is None else {READER: reader}
    write_songs(folder, songs, model | kept | origin)
    if note := composer.note_of_primer(primer):
        log.warning("%s", note)
    if note := composer.note_of_header(primer, options.get("metre"), options.get("pickup")):
        log.warning("%s", note)
    if unended := metadata.get("songs_stopped_at_limit"):
        stopped = "it was" if unended == 1 else "they were"
        log.warning(
            "%d of %s did not end: %s stopped at the limit, %s after the primer",
            unended,
            counted(len(songs), "song"),
            stopped,
            counted(metadata["limit"], "note"),
        )
    return songs


def song_set_by(
    trained: TrainedModel,
    primer: Melody,
    *,
    songs: int,
    notes: int | None = None,
    limit: int | None = None,
    metre: str | None = None,
    pickup: str | int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    selection: str = "sample",
    seed: int = 0,
) -> SongSet:
    """Generate songs with a trained network, where it is, and write nothing.

    Args:
        trained: the network.
        primer: the beginning of each song.
        songs, notes, limit, metre, pickup, temperature, top_k, top_p, selection, seed: see `Composer.compose`.

    Raises:
        ValueError: for a primer that the network cannot read, or an option out of range.
    """
    if trained.has_rhythm:  # other networks refuse a limit with their own reason
        check_limit(limit, notes)
    composer = Composer(trained.model, trained.representation, trained.vocabulary, trained.rhythm)
    melodies, used = composer.compose(
        primer,
        songs=songs,
        notes=notes,
        limit=limit,
        metre=metre,
        pickup=pickup,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        selection=selection,
        seed=seed,
    )
    origin = {"model": trained.title, "updates": trained.updates}
    return SongSet(melodies, origin | {key: value for key, value in used.items() if key != "songs"})


def reader_of(trained: TrainedModel) -> int | None:
    """The version of the reader that read a network's training tunes; None if unknown."""
    if trained.shared is not None:
        stated = trained.shared.provenance.get(READER)
        return stated if is_whole(stated) else None
    recorded = run_around(run_of(trained.path))
    return None if recorded is None else recorded.recorded_reader


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
    if trained.model.output.weight.is_cuda:  # as in a training; cuDNN's loops would round to TF32
        torch.backends.cudnn.allow_tf32 = torch.get_float32_matmul_precision() != "highest"
    return trained
