"""``python -m melgen.play``: play with a trained network, in the browser of this machine.

The recipe is `play`; `main` wraps it for the command line.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from melgen.bundled import PAGES, REFERENCES
from melgen.checking import check_whole, require
from melgen.checkpoint_files import find_checkpoint, run_of
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules
from melgen.model_files.archive import is_model_file
from melgen.references import is_reference

if TYPE_CHECKING:
    from melgen.pages.content import Content
    from melgen.pages.sources import Source
    from melgen.pages.tools import Tools

MOST_BYTES = 400_000_000
"""The largest size of all networks of a served page: one of 2048 units needs about 40 million."""

SCORES, SCORES_OF_BUNDLED = 100, 3
"""Engraved scores of each set of songs at most: of a run, and of the networks that come with melgen, whose page must
open within seconds."""

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""Linux sets one of these variables if a browser can open a window."""


def play(config: DictConfig) -> None:
    """Serve the page of a run, a study or a model file on this machine until Ctrl-C. Nothing is written next to it.

    Without a run it is the page of the networks that come with melgen.

    Args:
        config: as composed from ``conf/play.yaml``.

    Raises:
        ValueError: for what has no network that a page can run, and for a port that cannot be taken.
    """
    from melgen.corpora.workers import check_workers
    from melgen.pages.serving import HIGHEST_PORT, PageServer

    check_whole("port", config.port, 0, HIGHEST_PORT)
    if config.scores is not None:
        check_whole("scores", config.scores, 0)
    check_workers(config.workers)
    require(isinstance(config.browser, bool), "browser", config.browser, "true or false")
    source = None if config.run is None else find_playable(str(config.run))
    with PageServer(config.port) as server:  # a port in use is an error now, not after the page was made
        import_user_modules(config.imports)
        page = page_of_bundled(config) if source is None else playable_page(str(config.run), source, config)
        print(f"{server.address} (only this machine can open it; Ctrl-C stops it)", flush=True)
        if config.browser:
            open_in_browser(f"{server.address}#play")  # the section with the piano
        with suppress(KeyboardInterrupt):
            server.serve(page)
    print("stopped")


def find_playable(run: str) -> Source:
    """The source of the page to play with.

    Args:
        run: the directory of a run, a checkpoint file in it, a study, or a model file, also by name:
            ``melgen:rhythmic``, ``hf:owner/name``.

    Raises:
        ValueError: if it is none of these.
        CheckpointError: for a run without a checkpoint.
    """
    from melgen.pages.sources import find_source, is_run

    place = Path(run).expanduser()
    if not is_reference(run) and place.is_file() and not is_model_file(place):
        directory = run_of(place)
        if not is_run(directory):
            raise ValueError(f"run={run}: must be a model file, or a checkpoint in the directory of its run")
        return replace(find_source(directory, "run", "run"), network=place)
    source = find_source(run, "run")
    if source.kind == "run":
        find_checkpoint(source.place, "run")
    return source


def page_of_bundled(config: DictConfig) -> str:
    """The page of the networks that come with melgen: the page that comes with them, or another one for other options.

    Args:
        config: as composed from ``conf/play.yaml``.

    Raises:
        CheckpointError: for an installation without their files.
    """
    from melgen.pages.sources import find_run
    from melgen.pages.writing import gather_runs

    if config.scores is None and not config.imports and (ready := ready_page()) is not None:
        return ready
    files = [find_run(reference, "run") for reference in REFERENCES]
    page, _ = _page(partial(gather_runs, files), config, SCORES_OF_BUNDLED)
    return page


def ready_page() -> str | None:
    """The page that comes with melgen; None in a checkout if the code of pages has changed since it was made."""
    from melgen.pages.fingerprint import is_of_this_code

    of_package, of_checkout = PAGES
    if of_package.is_file():
        return of_package.read_text(encoding="utf-8")
    if not of_checkout.is_file():
        return None
    page = of_checkout.read_text(encoding="utf-8")
    return page if is_of_this_code(page) else None


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
    from melgen.pages.writing import gather

    if source.kind == "run":
        load_model(source.network or source.place, "run")  # an error now, not after the songs were engraved
    page, content = _page(partial(gather, source), config, SCORES)
    if "play" not in content.data["sections"]:
        reasons = "\n".join(content.unplayable) or "a study selects networks in its stage select, from finished runs"
        raise ValueError(f"run={run}: the page has no network to play with\n{reasons}")
    return page


def _page(make: Callable[[Tools], Content], config: DictConfig, scores: int) -> tuple[str, Content]:
    """The page as text, and its content; with ``scores`` scores of each set of songs, unless the user gave a number."""
    from melgen.pages.writing import make_page

    return make_page(
        make,
        scores=scores if config.scores is None else config.scores,
        cache_dir=config.cache_dir,
        workers=config.workers,
        progress=config.progress,
        network_bytes=MOST_BYTES,
    )


def open_in_browser(address: str) -> None:
    """Ask the system to open an address. Failures are ignored, since the address is printed too."""
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
