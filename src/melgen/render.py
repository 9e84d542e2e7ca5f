"""``python -m melgen.render``: songs as sound, as engraved scores, as files for other programs.

The recipe is `render`; `main` wraps it for the command line.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.errors import UNREADABLE
from melgen.files import read_json, write_json
from melgen.pasting import command

if TYPE_CHECKING:
    from melgen.generation.song_files import SongFolder
    from melgen.rendering.batch import RenderOptions

log = logging.getLogger(__name__)

FORMAT_VERSION = 1

_NAMED = 3  # number of songs that a message names


def render(config: DictConfig) -> Path:
    """Write songs as sound, scores and files for other programs, and print where they are.

    Args:
        config: as composed from ``conf/render.yaml``.

    Returns:
        The directory of the files.

    Raises:
        ValueError: if there is no song to render, an option is out of its range, or the files have no place.
        ImportError: if a library for one of the formats is missing, after the other formats are written.
    """
    from melgen.corpora.sources import check_exists
    from melgen.generation.results_folder import results_folder
    from melgen.generation.song_files import RENDERING_FILE, place_of_songs, read_song_folder
    from melgen.rendering.batch import RenderOptions, missing_libraries, read_formats, render_songs
    from melgen.rendering.earlier_files import kept_formats, remove_files
    from melgen.resources import available_cpus

    formats = read_formats(OmegaConf.to_object(config.to) if OmegaConf.is_list(config.to) else config.to)
    options = RenderOptions(**{each.name: config[each.name] for each in fields(RenderOptions)})
    folder = place_of_songs(config.songs)
    check_exists(folder, "songs")  # before libraries are imported that draw and sound
    missing = missing_libraries(formats, options.sound_font)
    for name, reason in missing.items():
        log.warning("to=%s: %s", name, reason)
    possible = [name for name in formats if name not in missing]
    if not possible:
        raise ImportError("none of the formats can be written; " + "; ".join(dict.fromkeys(missing.values())))
    found = read_song_folder(folder, workers=config.workers, progress=config.progress)
    out = results_folder("render", config.out, folder, found, possible)
    try:
        earlier = read_json(out / RENDERING_FILE)
        kept = kept_formats(earlier, found.songs)
        remove_files(out, earlier, kept, found.files.values())
        others = {name: its_options for name, its_options in kept.items() if name not in possible}
        write_json(out / RENDERING_FILE, _record(config.songs, possible, options, others, found))
        problems = render_songs(
            found.songs,
            out,
            possible,
            options,
            workers=config.workers or available_cpus(),
            progress=config.progress,
        )
    except OSError as error:
        reason = f"cannot write the files ({error.strerror}); choose another folder with out=DIR"
        raise OSError(error.errno, reason, str(out)) from error
    _warn("could not be read", {name: reason.removeprefix(f"{UNREADABLE}: ") for name, reason in found.unread.items()})
    _warn("could not be rendered", problems)
    rendered = len(found.songs) - len(problems)
    if not rendered:
        raise ValueError(f"songs={folder}: none of the {len(problems)} songs could be rendered")
    songs = "1 song" if rendered == 1 else f"{rendered} songs"
    print(f"{songs} as {', '.join(possible)} in {out}")
    print(f"to measure them: {command('evaluate', {'songs': folder})}")
    if missing:
        raise ImportError(f"not written: {', '.join(missing)}; " + "; ".join(dict.fromkeys(missing.values())))
    return out


def _record(
    songs: str, formats: list[str], options: RenderOptions, others: dict[str, object], found: SongFolder
) -> dict[str, object]:
    """The content of ``rendering.json``; `others` are the options of files that stay, by their formats."""
    from melgen.generation.results_folder import RESULTS
    from melgen.rendering.earlier_files import CONTENT, EARLIER_OPTIONS, content_of
    from melgen.software import software

    return {
        "format": RESULTS["render"].format,
        "format_version": FORMAT_VERSION,
        "software": software(),
        "folder": str(songs),
        "to": [*formats, *others],
        "options": asdict(options),
        EARLIER_OPTIONS: others,
        "songs": list(found.songs),
        CONTENT: content_of(found.songs),
    }


def _warn(what: str, reasons: dict[str, str]) -> None:
    if reasons:
        some = "; ".join(f"{name}: {reason}" for name, reason in list(reasons.items())[:_NAMED])
        more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
        log.warning("%d %s: %s%s", len(reasons), what, some, more)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="render")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("render", render, config)


def main() -> None:
    """Entry point of the command."""
    run_app("render", app)


if __name__ == "__main__":
    main()
