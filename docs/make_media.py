"""Make the moving picture and the sounds of the documentation: the page of a run, its song, melodies for each metric.

``python docs/make_media.py`` trains a small network (about three minutes of one core), opens the page of its run in the
system's Chromium, and writes ``docs/figures/page.webp`` and ``docs/sounds/``. It prints the values that
``docs/concepts.md`` states.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from melgen.evaluation.tonality import Tonality, tonality
from melgen.generation.song_files import read_song_folder
from melgen.music import Melody
from melgen.rendering.sound import write_sound

DOCS = Path(__file__).resolve().parent
ANIMATION = DOCS / "figures" / "page.webp"
SOUNDS = DOCS / "sounds"
SONG = SOUNDS / "song.mp3"

RUN = "multirun/airds/control-lstm-2-seed0-rhythm-factored"
TRAINING = ["corpus=airds", "rhythm=factored", "trainer.max_steps=1000"]

WINDOW = {"width": 1080, "height": 1110}
WIDTH = 820  # of the animation in pixels, the width of a README
FRAME_MS = 125  # four frames a note at 120 quarter notes a minute
BEFORE_MS, FRAMES = 800, 56
CLOCK = """
    let seconds = 0;
    window.setSeconds = (now) => { seconds = now; };
    Object.defineProperty(BaseAudioContext.prototype, "currentTime", { get: () => seconds });"""
"""The page's player reads the time from here. One picture may take a second, and the melody must not run ahead."""

SONG_BIT_RATE_KBPS, EXAMPLE_BIT_RATE_KBPS = 48, 64
EXAMPLE_TEMPO_QPM = 220


class Example(NamedTuple):
    """A melody with a low or a high value of a metric; its sound is ``<name>.mp3``."""

    name: str
    metric: str
    pitches: tuple[int, ...]

    @property
    def values(self) -> Tonality:
        """All three metrics of the melody."""
        return tonality(self.pitches)

    @property
    def value(self) -> float:
        """The metric that the melody is an example of."""
        return float(getattr(self.values, self.metric))


# The first phrase of the tune that docs/concepts.md shows, in groups of four notes and a last pair.
PHRASE = (74, 78, 74, 76, 73, 69, 74, 78, 81, 79, 78, 76, 74, 78, 74, 76, 73, 69, 74, 76, 74, 74)
GROUP_NOTES, GROUP_SHIFTS = 4, (0, 2, 3, -1, -2, 2)

EXAMPLES = (
    Example(
        "motion_low",
        "conjunct_melodic_motion",
        (74, 73, 74, 76, 78, 76, 78, 81, 79, 78, 76, 74, 76, 78, 74, 73, 74, 69, 69, 74, 74, 74),
    ),
    Example(
        "motion_high",
        "conjunct_melodic_motion",
        (74, 74, 78, 74, 76, 74, 78, 69, 78, 74, 78, 73, 81, 69, 79, 74, 76, 74, 76, 73, 76, 74),
    ),
    Example("macroharmony_low", "limited_macroharmony", PHRASE),
    Example(
        "macroharmony_high",
        "limited_macroharmony",
        tuple(pitch + GROUP_SHIFTS[note // GROUP_NOTES] for note, pitch in enumerate(PHRASE)),
    ),
    Example("centricity_low", "centricity", PHRASE),
    Example(
        "centricity_high",
        "centricity",
        (69, 73, 74, 74, 74, 74, 74, 74, 74, 76, 78, 81, 79, 78, 78, 76, 76, 76, 73, 69, 78, 74),
    ),
)
"""Those of motion and centricity have the notes of the phrase, each as often, in another order."""


def main() -> None:
    """Train, take pictures, write sounds, print values."""
    subprocess.run([sys.executable, "-m", "melgen.train", *TRAINING], cwd=DOCS.parent, check=True)
    run = DOCS.parent / RUN
    SOUNDS.mkdir(exist_ok=True)
    song = film(run / "report.html")
    melody = read_song_folder(run / "songs").songs[song]
    write_sound(SONG, melody, title=f"A song of {run.name}", bit_rate_kbps=SONG_BIT_RATE_KBPS)
    print(f"{SONG.name}: {song} of {RUN}")
    write_examples()


def write_examples() -> None:
    """The sound of each example, and its three values."""
    for example in EXAMPLES:
        write_sound(
            SOUNDS / f"{example.name}.mp3",
            Melody.from_pitches(example.pitches),
            title=example.name.replace("_", " "),
            tempo_qpm=EXAMPLE_TEMPO_QPM,
            bit_rate_kbps=EXAMPLE_BIT_RATE_KBPS,
        )
        print(f"{example.name}: {', '.join(f'{name} {value:.2f}' for name, value in example.values._asdict().items())}")


def film(page: Path) -> str:
    """Write the animation: the page before and while it plays its first song.

    Returns:
        The name of the song.
    """
    sys.path.insert(0, str(DOCS.parent))
    from tests.pages.browser import Browser  # not part of the package

    browser = Browser()
    try:
        browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": CLOCK})
        browser.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.open(page, **WINDOW)
        browser.wait("return document.querySelector('#listen .score svg') && document.fonts.status === 'loaded'")
        browser.pause()
        pictures = [picture_of(browser)]
        browser.click("#listen button.primary")
        browser.wait("return !document.querySelector('#player').hidden")
        browser.run("window.scrollTo(0, 0)")
        for frame in range(FRAMES):
            browser.run("setSeconds(arguments[0])", frame * FRAME_MS / 1000)
            pictures.append(picture_of(browser))
        title = str(browser.run("return document.querySelector('.player-title').textContent"))
    finally:
        browser.quit()
    durations = [BEFORE_MS, *[FRAME_MS] * FRAMES]
    pictures[0].save(
        ANIMATION, save_all=True, append_images=pictures[1:], duration=durations, loop=0, quality=80, method=4
    )
    return title.rpartition(", ")[2]


def picture_of(browser: Any) -> Any:
    """The window as it is painted, in the size of the animation."""
    from PIL import Image

    browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    picture = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    return picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
