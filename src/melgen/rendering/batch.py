"""Rendering many songs into files, on all CPUs."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgen.checking import check_one_of, check_whole
from melgen.files import write_text
from melgen.music.melody import Melody
from melgen.music.metre import Metre
from melgen.processes import end_with_parent

log = logging.getLogger(__name__)

FORMATS = ("wav", "mp3", "ogg", "svg", "png", "pdf", "musicxml", "abc")

_SOUND = ("wav", "mp3", "ogg")
_LIBRARIES: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(_SOUND, (("soundfile", "soundfile"),)),
    "svg": (("verovio", "verovio"),),
    "png": (("verovio", "verovio"), ("resvg_py", "resvg-py")),
    "pdf": (("verovio", "verovio"), ("fpdf", "fpdf2")),
}
"""The module that a format needs, and the package that contains it."""

AUTO = "auto"

_SONGS_PER_TASK = 4
_FEW_SONGS = 8  # for so few, starting processes would take longer than the work
_SECONDS_BETWEEN_LINES = 15.0


@dataclass(frozen=True)
class RenderOptions:
    """The options of rendering songs.

    Attributes:
        width: of a PNG image in pixels; of an SVG image, its nominal width.
        paper: of a PDF: a4 or letter.
        metre: of the bars, such as ``3/4``; auto: each song's own, or 4/4 if it has none.
        tempo_qpm: quarter notes per minute.
        sample_rate: of sound, in Hz.
        bit_rate_kbps: of MP3.
        sound_font: file of a sound font, which FluidSynth plays; None for the built-in voice.
        program: of the sound font.

    Raises:
        ValueError: if a value is out of range, or a program is given without a sound font.
    """

    width: int = 1200
    paper: str = "a4"
    metre: str = AUTO
    tempo_qpm: float = 120
    sample_rate: int = 44_100
    bit_rate_kbps: int = 128
    sound_font: str | None = None
    program: int = 0

    def __post_init__(self) -> None:
        from melgen.rendering.engraving import PAPER_MM
        from melgen.rendering.sound import (
            check_bit_rate,
            check_program,
            check_sample_rate,
            check_tempo,
        )

        check_whole("width", self.width, 50, 20_000)
        check_one_of("paper", self.paper, PAPER_MM)
        _read_metre(self.metre)
        check_tempo(self.tempo_qpm)
        check_sample_rate(self.sample_rate)
        check_bit_rate(self.bit_rate_kbps)
        check_program(self.program, self.sound_font)
        if self.sound_font is not None and not Path(self.sound_font).expanduser().is_file():
            raise ValueError(f"sound_font={self.sound_font}: no such file")


def _read_metre(text: str) -> Metre | None:
    """The metre that the user gave; None for each song's own."""
    return None if text == AUTO else Metre.parse(str(text))


def read_formats(to: Any) -> tuple[str, ...]:
    """The formats that the user gave: a list of names, or one name.

    Raises:
        ValueError: for an unknown format, or none.

    >>> read_formats(["MP3", "png", "mp3"]), read_formats("abc")
    (('mp3', 'png'), ('abc',))
    """
    names = [to] if isinstance(to, str) else list(to or ())
    formats = tuple(dict.fromkeys(str(name).lower().removeprefix(".") for name in names))
    if not formats or (unknown := [name for name in formats if name not in FORMATS]):
        wrong = unknown[0] if formats else "nothing"
        raise ValueError(f"to={to}: {wrong} is not a format that melgen writes; choose among {', '.join(FORMATS)}")
    return formats


def missing_libraries(formats: Sequence[str], sound_font: str | None = None) -> dict[str, str]:
    """The formats that cannot be written on this machine, with what to install."""
    from melgen.rendering.sound import import_fluidsynth

    missing = {}
    for name in formats:
        for module, package in _LIBRARIES.get(name, ()):
            try:
                importlib.import_module(module)
            except (ImportError, OSError) as error:  # OSError: a library in C that it needs
                missing[name] = f"cannot import {module} ({error}); install it with: pip install {package}"
                break
        else:
            if name in _SOUND and sound_font is not None:
                try:
                    import_fluidsynth()
                except ImportError as error:
                    missing[name] = str(error)
    return missing


def render_song(
    melody: Melody, title: str, stem: Path, formats: Sequence[str], options: RenderOptions | None = None
) -> list[Path]:
    """Write a song in each of the formats, as ``<stem>.<format>``.

    Raises:
        ImportError: if a library is missing.
        OSError: if a file cannot be written.
        ValueError: if the song cannot be rendered.
    """
    from melgen.rendering.abc import to_abc
    from melgen.rendering.musicxml import to_musicxml

    options = options or RenderOptions()
    metre = _read_metre(options.metre)
    samples = score = None
    written = []
    for name in formats:
        path = stem.with_name(f"{stem.name}.{name}")
        if name in _SOUND:
            from melgen.rendering.sound import synthesize, write_samples

            if samples is None:
                samples = synthesize(
                    melody,
                    tempo_qpm=options.tempo_qpm,
                    sample_rate=options.sample_rate,
                    sound_font=options.sound_font,
                    program=options.program,
                )
            write_samples(path, samples, options.sample_rate, title=title, bit_rate_kbps=options.bit_rate_kbps)
        elif name in ("svg", "png"):
            from melgen.rendering.bitmap import write_png
            from melgen.rendering.engraving import engrave

            score = score or engrave(melody, title=title, metre=metre)
            if name == "png":
                write_png(score, path, options.width)
            else:
                write_text(path, _resized(score, options.width))
        elif name == "pdf":
            from melgen.rendering.bitmap import write_pdf
            from melgen.rendering.engraving import engrave_pages

            write_pdf(engrave_pages(melody, title=title, paper=options.paper, metre=metre), path)
        elif name == "musicxml":
            write_text(path, to_musicxml(melody, title, metre=metre, tempo_qpm=options.tempo_qpm))
        else:
            write_text(path, to_abc(melody, title, metre=metre, tempo_qpm=options.tempo_qpm))
        written.append(path)
    return written


def render_songs(
    songs: Mapping[str, Melody],
    folder: Path,
    formats: Sequence[str],
    options: RenderOptions | None = None,
    *,
    workers: int = 1,
    progress: bool = True,
) -> dict[str, str]:
    """Render songs into a folder, under their names.

    Args:
        songs: melodies by name; a name may contain folders.
        folder: where to write.
        formats: see `read_formats`.
        options: how to render.
        workers: number of processes.
        progress: whether to show a bar on a terminal, and otherwise a line from time to time.

    Returns:
        The reason for each song that could not be rendered, by its name; empty if all were rendered.

    Raises:
        OSError: if a file cannot be written.
    """
    options = options or RenderOptions()
    folder = folder.absolute()  # joblib keeps its processes, which may have begun in another current directory
    jobs = [(name, melody, _title(name, melody), folder / name) for name, melody in songs.items()]
    batches = [jobs[first : first + _SONGS_PER_TASK] for first in range(0, len(jobs), _SONGS_PER_TASK)]
    results: Iterator[dict[str, str]]
    if workers == 1 or len(jobs) <= _FEW_SONGS:
        results = (_render_batch(batch, formats, options) for batch in batches)
    else:
        from joblib import Parallel, delayed

        # Not multiprocessing, whose workers would import the command again; loky's do not.
        parallel = Parallel(n_jobs=min(workers, len(batches)), backend="loky", batch_size=1, return_as="generator")
        results = parallel(delayed(_render_in_worker)(batch, formats, options) for batch in batches)
    problems: dict[str, str] = {}
    with _shown(len(jobs), progress) as show:
        for batch, found in zip(batches, results, strict=True):
            problems |= found
            show(len(batch))
    return problems


def _render_in_worker(*arguments: Any) -> dict[str, str]:
    end_with_parent()
    return _render_batch(*arguments)


def _render_batch(
    jobs: Sequence[tuple[str, Melody, str, Path]], formats: Sequence[str], options: RenderOptions
) -> dict[str, str]:
    problems = {}
    for name, melody, title, stem in jobs:
        try:
            render_song(melody, title, stem, formats, options)
        except (ValueError, RuntimeError, MemoryError) as error:
            problems[name] = str(error) or type(error).__name__
    return problems


def _title(name: str, melody: Melody) -> str:
    return melody.title or name.rpartition("/")[2].replace("_", " ")


def _resized(svg: str, width: int) -> str:
    """The same image with another nominal size."""
    from melgen.rendering.bitmap import size_of

    before_width, before_height = size_of(svg)
    height = round(before_height * width / before_width)
    opening, closing = svg.split(">", 1)
    for key, value in (("width", width), ("height", height)):
        opening = re.sub(rf'(\s{key}=)"[^"]*"', rf'\g<1>"{value}"', opening, count=1)
    return f"{opening}>{closing}"


class _shown:  # noqa: N801 - reads as a phrase where it is used
    """Shows progress through a number of songs: a bar on a terminal, otherwise a line from time to time."""

    def __init__(self, total: int, progress: bool):
        self._total, self._done, self._progress = total, 0, progress
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Callable[[int], None]:
        from tqdm import tqdm

        on_terminal = self._progress and sys.stderr.isatty()
        self._bar = tqdm(total=self._total, desc="rendering", unit="song", disable=not on_terminal)
        self._says_lines = self._progress and not on_terminal
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def _advance(self, songs: int) -> None:
        self._bar.update(songs)
        self._done += songs
        now = time.monotonic()
        if self._says_lines and now - self._told >= _SECONDS_BETWEEN_LINES and self._done < self._total:
            self._told = now
            left = (now - self._began) / self._done * (self._total - self._done)
            log.info("%d of %d songs, about %.0f s left", self._done, self._total, left)
