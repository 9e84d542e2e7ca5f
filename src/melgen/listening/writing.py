"""Writing a listening test: its page and its key, and what to do with them."""

from __future__ import annotations

from pathlib import Path

from melgen.files import write_text
from melgen.listening.key import KEY_FILE, Key
from melgen.listening.making import ListeningTest, Settings
from melgen.listening.page import asset, build_page
from melgen.listening.planning import Assumptions, Design, plan_in_words
from melgen.pages.notes import read_notes, to_html
from melgen.pasting import command
from melgen.plurals import counted

PAGE_FILE = "listening-test.html"


def read_consent(file: str | None) -> str:
    """The text to agree to, as HTML: that of a Markdown or text file, or our own.

    Raises:
        ValueError: if the file cannot be read.
    """
    return to_html(asset("consent.md")) if file is None else read_notes(file, "consent")


def write_test(folder: Path, made: ListeningTest, consent: str) -> Path:
    """Write the page and its key.

    Returns:
        The page.

    Raises:
        ValueError: if the folder has the key of another test, which its answers still need.
    """
    if (folder / KEY_FILE).exists() and Key.read(folder).test != made.key.test:
        raise ValueError(
            f"out={folder}: contains the key of another test, without which answers to that test cannot be read; "
            "out=DIR chooses another directory"
        )
    made.key.write(folder)
    page = folder / PAGE_FILE
    write_text(page, build_page(made.content, made.key.title, consent))
    return page


def summary(page: Path, made: ListeningTest, settings: Settings, assumed: Assumptions, width: float) -> str:
    """What was made, how many judgements it needs, and what to do next; for the terminal."""
    about = made.key.about
    rhythm = "as written" if about["with_rhythm"] else "as equal notes"
    lines = [
        f"Test {made.key.test}: {counted(settings.comparisons, 'comparison')} and "
        f"{counted(settings.checks, 'attention check')} for each listener, about {counted(made.minutes, 'minute')}",
        f"Excerpts of {about['excerpt']}, {made.key.seconds:.0f} seconds, {rhythm}, after the first "
        f"{counted(about['skipped_notes'], 'note')}; {counted(settings.songs, 'song')} of each:",
    ]
    for one in made.key.conditions:
        left = [f"{one.short} too short"] if one.short else []
        left += [f"{one.repeated} equal to another"] if one.repeated else []
        lines.append(f"  {one.name} ({one.role}): of {one.songs}" + (f", {', '.join(left)}" if left else ""))
    design = Design(len(made.key.conditions), settings.songs, settings.comparisons)
    lines += ["Rules of exclusion:", *(f"  {rule}" for rule in made.key.rules.in_words)]
    lines += [f"Needs:   {plan_in_words(design, assumed, width, made.key.confidence)}"]
    lines += [f"Page:    {page} ({page.stat().st_size / 1e6:.1f} MB): send it to listeners"]
    lines += [f"Key:     {page.parent / KEY_FILE}: keep it, and show it to no listener"]
    return "\n".join([*lines, f"Next:    {command('listen', {'answers': 'received', 'test': page.parent})}"])
