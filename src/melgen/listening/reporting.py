"""Writing the results of a listening test, and the text for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from melgen.decimals import in_percent
from melgen.files import read_json, write_json
from melgen.listening.analysis import FORMAT, Analysis
from melgen.listening.figure import preferences
from melgen.listening.tables import TABLES, preferences_table, tables_of
from melgen.plurals import counted
from melgen.studies.figures.style import save
from melgen.tables import Table
from melgen.tables.writing import write_tables

RESULTS_FILE = "results.json"
_FORMS = {"csv": Table.to_csv, "md": Table.to_markdown, "tex": Table.to_latex}


def write_results(out: Path, analysis: Analysis) -> list[Path]:
    """Write ``results.json``, the tables and the figure; remove tables of earlier results that are absent now.

    Returns:
        The written files.
    """
    file = out / RESULTS_FILE
    is_again = read_json(file).get("format") == FORMAT  # otherwise a file of that name is the user's own
    write_json(file, analysis.to_dict())
    tables = write_tables(out, tables_of(analysis), _FORMS, earlier=TABLES if is_again else ())
    return [file, *tables, *save(preferences(analysis), out / "preferences")]


def report_text(analysis: Analysis, width: float, written: list[Path]) -> str:
    """The main results, for a terminal."""
    return "\n".join(_lines(analysis, width, written))


def _lines(analysis: Analysis, width: float, written: list[Path]) -> Iterator[str]:
    kept = analysis.kept
    trainings = ", ".join(f"{count} {name}" for name, count in analysis.trainings.items())
    yield f"{counted(len(kept.listeners), 'listener')} (musical training: {trainings})"
    for line in analysis.received.repeated:
        yield f"  counted once: {line}"
    if analysis.received.unread:
        yield f"  not read, since the names do not end in .json: {', '.join(analysis.received.unread)}"
    yield "Rules of exclusion, fixed before the test:"
    yield from (f"  {rule}" for rule in analysis.key.rules.in_words)
    if kept.excluded:
        yield f"{len(kept.excluded)} left out by the rules:"
        yield from (f"  {code}: {reason}" for code, reason in kept.excluded.items())
    for_first = analysis.first_preferred  # nan if no listener heard a difference
    others = f"; of the others {for_first:.0%} for tune A" if math.isfinite(for_first) else ""
    yield (
        f"{counted(len(kept.judgements), 'judgement')}, {analysis.all_listeners.ties:.0%} without a difference{others}"
    )
    if kept.known:
        yield f"{counted(kept.known, 'judgement')} of tunes that the listener knew left out"
    yield f"\n{preferences_table(analysis).to_markdown(heading=False)}"
    confidence = in_percent(analysis.key.confidence)
    yield f"Ability: log odds against the held-out tunes; {confidence} intervals over listeners and songs"
    yield "Preferred to the reference: how probable that is, with half of the answers that hear no difference"
    if analysis.all_listeners.parts is None:
        reason = analysis.all_listeners.without_intervals
        yield f"There are no intervals: {reason}; without them nothing can be concluded"
    else:
        yield _needed(analysis, width)
    yield f"\nResults: {', '.join(str(path) for path in written)}"


def _needed(analysis: Analysis, width: float) -> str:
    if analysis.all_listeners.ties == 1:
        return "Nobody heard a difference, so that the number of judgements that an interval needs is not known"
    needed, there = analysis.judgements_needed(width), len(analysis.kept.judgements)
    wished = f"an interval of a preference that is {width:g} wide at even odds"
    if needed is None:
        return f"No number of judgements gives {wished}: the songs differ too much; another test with more songs= can"
    if needed <= there:
        return f"Enough judgements for {wished} ({needed:,} needed)"
    more = needed - there
    listeners = max(1, round(more * len(analysis.kept.listeners) / there))
    return (
        f"About {counted(more, 'more judgement')} of {counted(listeners, 'more listener')} for {wished}, if listeners "
        "and songs vary as in these answers"
    )
