"""``python -m melgen.play``: play with a trained network, in the browser of this machine.

The recipe is `play`; `main` wraps it for the command line.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from melgen.checking import check_whole, require
from melgen.checkpoint_files import find_checkpoint, run_of
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules
from melgen.hub import is_hub_reference
from melgen.model_files.archive import is_model_file

if TYPE_CHECKING:
    from melgen.pages.sources import Source

MOST_BYTES = 400_000_000
"""The largest size of all networks of a served page: one of 2048 units needs about 40 million."""

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""Linux sets one of these variables if a browser can open a window."""


def play(config: DictConfig) -> None:
    """Serve the page of a run, a study or a model file on this machine until Ctrl-C. Nothing is written next to it.

    Args:
        config: as composed from ``conf/play.yaml``.

    Raises:
        ValueError: for what has no network that a page can run, and for a port that cannot be taken.
    """
    from melgen.pages.serving import HIGHEST_PORT, PageServer

    check_whole("port", config.port, 0, HIGHEST_PORT)
    check_whole("scores", config.scores, 0)
    require(isinstance(config.browser, bool), "browser", config.browser, "true or false")
    source = find_playable(str(config.run))
    with PageServer(config.port) as server:  # a port in use is an error now, not after the page was made
        import_user_modules(config.imports)
        page = playable_page(str(config.run), source, config)
        print(f"{server.address} (only this machine can open it; Ctrl-C stops it)", flush=True)
        if config.browser:
            open_in_browser(server.address)
        with suppress(KeyboardInterrupt):
            server.serve(page)
    print("stopped")


def find_playable(run: str) -> Source:
    """The source of the page to play with.

    Args:
        run: the directory of a run, a checkpoint file in it, a study, or a model file, also ``hf:owner/name``.

    Raises:
        ValueError: if it is none of these.
        CheckpointError: for a run without a checkpoint.
    """
    from melgen.pages.sources import find_source, is_run

    place = Path(run).expanduser()
    if not is_hub_reference(run) and place.is_file() and not is_model_file(place):
        directory = run_of(place)
        if not is_run(directory):
            raise ValueError(f"run={run}: must be a model file, or a checkpoint in the directory of its run")
        return replace(find_source(directory, "run", "run"), network=place)
    source = find_source(run, "run")
    if source.kind == "run":
        find_checkpoint(source.place, "run")
    return source


def playable_page(run: str, source: Source, config: DictConfig) -> str:
    """The page, which has at least one network.

    Args:
        run: the source as the user wrote it, for errors.
        source: what the page is made of.
        config: as composed from ``conf/play.yaml``.

    Raises:
        CheckpointError: for a network that cannot be read.
        ValueError: if the page has no network, with the reasons.
    """
    from melgen.checkpoint import load_model
    from melgen.pages.writing import gather, make_page

    if source.kind == "run":
        load_model(source.network or source.place, "run")  # an error now, not after the songs were engraved
    page, content = make_page(
        partial(gather, source),
        scores=config.scores,
        cache_dir=config.cache_dir,
        workers=config.workers,
        progress=config.progress,
        network_bytes=MOST_BYTES,
    )
    if "play" not in content.data["sections"]:
        reasons = "\n".join(content.unplayable) or "a study selects networks in its stage select, from finished runs"
        raise ValueError(f"run={run}: the page has no network to play with\n{reasons}")
    return page


def open_in_browser(address: str) -> None:
    """Ask the system to open an address; without an answer, since the address is printed too."""
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in SCREENS):
        return  # a browser inside the terminal, which has no JavaScript, would take the terminal
    # Some browsers return only when they are closed.
    Thread(target=_open, args=(address,), daemon=True).start()


def _open(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="play")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("play", play, config)


def main() -> None:
    """Entry point of the command."""
    run_app("play", app)


if __name__ == "__main__":
    main()
