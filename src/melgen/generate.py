"""``python -m melgen.generate``: let a trained network write songs.

The recipe is `generate`; `main` wraps it for the command line.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

from melgen.checking import check_one_of, check_whole, require
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules
from melgen.pasting import command
from melgen.plurals import counted

if TYPE_CHECKING:
    from melgen.music import Melody

log = logging.getLogger(__name__)

WAYS_TO_SHOW = ("names", "abc", "none")
SAMPLING_OPTIONS = ("notes", "selection", "temperature", "top_k", "top_p", "seed")
RHYTHM_OPTIONS = ("limit", "metre", "pickup")


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
    from melgen.checkpoint_files import find_checkpoint, run_of

    check_showing(config.show, config.shown)
    file = find_checkpoint(config.checkpoint)  # before torch is imported: a refusal is quick
    from melgen.checkpoint import load_model
    from melgen.generation.from_checkpoint import reader_of, write_songs_by
    from melgen.generation.primers import note_of, read_primer_melody
    from melgen.runs.usual_primer import usual_primer

    import_user_modules(config.imports)
    trained = load_model(file)
    run = None if trained.shared is not None else run_of(trained.path)
    if run is None:  # a model file may be in a cache or a folder of downloads
        default_folder = Path(f"{trained.title}-songs")
    else:  # the songs that the run is judged by, and that its page shows, stay as they are
        default_folder = run / ("generated" if (run / "songs").exists() else "songs")
    out = Path(config.out).expanduser() if config.out else default_folder
    options = {key: config[key] for key in ("songs", *SAMPLING_OPTIONS, *RHYTHM_OPTIONS)}
    check_until(config.until, config.notes, config.limit, trained.has_rhythm)
    primer = read_primer_melody(usual_primer(trained.has_rhythm) if config.primer is None else config.primer)
    earlier = len([*out.glob("song_*.mid")])
    songs = write_songs_by(trained, out, primer, options, config.device, reader_of(trained))
    if run is not None and (note := note_of(primer.pitches, run, trained.representation.name)):
        log.warning("%s", note)
    show_songs(songs[: config.shown], config.show, trained.title)
    replaced = f", in place of {counted(earlier, 'earlier song')}" if earlier else ""
    log.info("%s by %s in %s%s", counted(len(songs), "song"), trained.title, out, replaced)
    log.info("to see and hear them: %s", command("render", {"songs": out}))
    return out


def check_showing(show: Any, shown: Any) -> None:
    """Refuse a way to show songs that we do not know, before a network is loaded.

    Raises:
        ValueError: naming the key, its value and the rule.
    """
    check_one_of("show", show, WAYS_TO_SHOW)
    check_whole("shown", shown, 0)


def check_until(until: Any, notes: Any, limit: Any, has_rhythm: bool) -> None:
    """Refuse a way to stop songs that the network does not have.

    Raises:
        ValueError: naming the key, its value and the rule.
    """
    from melgen.generation.composing import check_limit

    if has_rhythm:
        check_limit(limit, notes)
    if until is None:
        return
    check_one_of("until", until, ("end",))
    require(has_rhythm, "until", until, "left out: this network writes pitches only and never ends a song")
    require(notes is None, "until", until, f"left out with notes={notes}, which stops each song after so many notes")


def show_songs(songs: Sequence[Melody], show: str, title: str) -> None:
    """Print songs: a line of note names each, or ABC that other programs read."""
    from melgen.music import note_text
    from melgen.rendering.abc import to_abc

    for number, song in enumerate(songs, 1):
        if show == "names":
            log.info("song %d: %s", number, note_text(song))
        elif show == "abc":
            # Not through the log, which may put something before each line.
            print(to_abc(song, f"Song {number} by {title}", number=number))


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="generate")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("generate", generate, config)


def main() -> None:
    """Entry point of the command."""
    run_app("generate", app)


if __name__ == "__main__":
    main()
