"""``python -m melgen.generate``: let a trained network write songs.

The recipe is `generate`; `main` wraps it for the command line.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from melgen.command_line import run_app, run_job
from melgen.conf_dir import CONF_DIR

log = logging.getLogger(__name__)

SONGS_SHOWN = 3


def generate(config: DictConfig) -> Path:
    """Write songs with the network of a checkpoint, as numbered MIDI files and one ``songs.json``.

    Args:
        config: as composed from ``conf/generate.yaml``.

    Returns:
        The directory they are in.

    Raises:
        ValueError: for a checkpoint that is none, a primer that the network cannot read, or a number out
            of its range.
    """
    import torch

    from melgen.generation.sampling import sample_melodies
    from melgen.generation.songs import write_songs
    from melgen.music import note_text
    from melgen.trained import load_model, run_of, run_title

    import_own_parts(config.imports)
    trained = load_model(config.checkpoint)
    primer = read_primer(config.primer)
    options = {key: config[key] for key in ("notes", "selection", "temperature", "top_k", "top_p", "seed")}
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        network = trained.model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch says it in either way
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device}: must be auto, cpu or a device that torch has here ({reason})") from error
    songs = sample_melodies(
        network,
        trained.representation,
        trained.vocabulary,
        primer,
        songs=config.songs,
        **options,
    )
    run = run_of(trained.path)
    out = Path(config.out).expanduser() if config.out else run / "songs"
    model = {
        "model": run_title(run),
        "checkpoint": trained.path.name,
        "updates": trained.updates,
    }
    write_songs(out, songs, model | {"primer": primer} | options)
    for number, song in enumerate(songs[:SONGS_SHOWN], 1):
        log.info("song %d: %s", number, note_text(song))
    log.info("%d songs by %s in %s", len(songs), model["model"], out)
    return out


def import_own_parts(modules: Sequence[str]) -> None:
    """Import the modules that define cells or representations of one's own; checkpoints may then name them.

    Raises:
        ValueError: for a module that cannot be found.
    """
    sys.path.insert(0, os.getcwd())
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(f"imports={list(modules)}: cannot import {module} ({error})") from error


def read_primer(primer: Any) -> list[int]:
    """The pitches of a primer: given as such, or as the path of a MIDI file.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(primer, str):
        from melgen.corpora import read_melody

        return list(read_melody(primer).pitches)
    if OmegaConf.is_list(primer) or isinstance(primer, Sequence):
        pitches = list(primer)
        if all(isinstance(pitch, int) for pitch in pitches):
            return pitches
    raise ValueError(f"primer={primer}: must be a list of pitches like [60,62,64,62], or the path of a MIDI file")


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="generate")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("generate", generate, config)


def main() -> None:
    """Entry point of the command."""
    run_app("generate", app)


if __name__ == "__main__":
    main()
