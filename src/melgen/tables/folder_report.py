"""The output of an evaluation of a folder of songs: tables, copies of a few songs, a few lines to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from melgen.evaluation.results import CHOICES, OPENINGS, SongSetEvaluation
from melgen.evaluation.song_metrics import song_metric
from melgen.evaluation.song_sets import median_length
from melgen.files import write_json
from melgen.generation.song_files import EVALUATION_FILE, SongFolder, copy_song
from melgen.music.melody import Melody
from melgen.music.note_names import note_text
from melgen.pasting import program, shell_line
from melgen.plurals import counted
from melgen.tables import Column, Table, build_set_tables
from melgen.tables.table import row
from melgen.tables.writing import write_tables

EARLIER_BEST = "best.mid"
"""The name that an earlier melgen gave the song of the smallest sum."""

_TABLES = ("comparison", "summary", "songs", "set_scores", "distributions", "left_out")
_FORMS = {"csv": Table.to_csv, "md": Table.to_markdown}
_WHOLE_TUNES = "corpus-test"
_COMPARED = (OPENINGS, _WHOLE_TUNES)
_REASONS_SHOWN = 5
_LINE_WIDTH = 100


def write_report(
    out: Path,
    content: Mapping[str, Any],
    songs: SongSetEvaluation,
    references: Mapping[str, SongSetEvaluation],
    found: SongFolder,
) -> None:
    """Write the JSON, which marks the folder as one of melgen, then tables and copies of the chosen songs.

    Args:
        content: of the JSON.
        references: what the songs are compared with, by name.
        found: the folder of the songs.
    """
    write_json(out / EVALUATION_FILE, content)
    tables = build_set_tables(songs) | {
        "comparison": comparison_table(songs, references),
        "set_scores": set_scores_table(songs, references),
    }
    if songs.has_rhythm:
        tables["distributions"] = distributions_table(songs, references)
    write_tables(out, tables, _FORMS, earlier=_TABLES)
    for choice in CHOICES:
        if choice in songs.chosen:
            copy_song(found, songs.songs[songs.chosen[choice]], chosen_file(out, choice))
        else:
            chosen_file(out, choice).unlink(missing_ok=True)
    (out / EARLIER_BEST).unlink(missing_ok=True)


def chosen_file(out: Path, choice: str) -> Path:
    """The copy of a chosen song in a folder of results."""
    return out / f"{choice}.mid"


def comparison_table(songs: SongSetEvaluation, references: Mapping[str, SongSetEvaluation]) -> Table:
    """Every metric of the songs, and of human tunes: openings as long as the songs, and whole tunes."""
    sets = {"songs": songs} | {name: references[name] for name in _COMPARED if name in references}
    columns = (Column("metric", "metric", "text"), *(Column(name, name, "summary", 3) for name in sets))
    rows = [row(metric, [metric, *(each.summaries.get(metric) for each in sets.values())]) for metric in songs.scores]
    caption = "Mean ± standard deviation [confidence interval of the mean] of each metric."
    if OPENINGS in sets:
        caption += f" {OPENINGS.capitalize()}: the first {median_length(songs)} notes of the test tunes."
    return Table(f"Metrics of {songs.name}", caption, columns, tuple(rows))


def set_scores_table(songs: SongSetEvaluation, references: Mapping[str, SongSetEvaluation]) -> Table:
    """Numbers about the songs as a set, with those of the openings."""
    # Whole tunes have numbers as a set only where the rhythm was measured.
    compared = [name for name in _COMPARED if name in references and references[name].set_scores]
    sets = {"songs": songs} | {name: references[name] for name in compared}
    columns = (Column("score", "score", "text"), *(Column(name, name, decimals=3) for name in sets))
    rows = [row(score, [score, *(each.set_scores.get(score) for each in sets.values())]) for score in songs.set_scores]
    caption = (
        "Diversity of the set, and its distance to the openings, the first notes of the test tunes, as many as the "
        "songs have. Next to it are the openings themselves, with their distance to those of the validation tunes: two "
        "samples of one corpus."
    )
    if _WHOLE_TUNES in sets:
        caption += (
            " The rhythm of the songs is compared with whole test tunes, and that of these with validation tunes."
        )
    return Table(f"{songs.name} as a set", caption if references else "Diversity of the set.", columns, tuple(rows))


def distributions_table(songs: SongSetEvaluation, references: Mapping[str, SongSetEvaluation]) -> Table:
    """Note lengths, their transitions, inter-onset intervals and sizes of the songs, with those of whole tunes."""
    sets = {"songs": songs} | {name: references[name] for name in (_WHOLE_TUNES,) if name in references}
    columns = (
        Column("distribution", "distribution", "text"),
        Column("value", "value", "text"),
        *(Column(name, name, decimals=3) for name in sets),
    )
    rows = []
    for distribution in songs.distributions:
        shares = [each.distributions.get(distribution, {}) for each in sets.values()]
        values = sorted({value for each in shares for value in each}, key=lambda value: [*map(Fraction, value.split())])
        rows += [
            row(f"{distribution}/{value}", [distribution, value, *(each.get(value, 0.0) for each in shares)])
            for value in values
        ]
    caption = (
        "Shares of each distribution, all notes of a set together. Lengths and times are in quarter notes; a "
        "transition is from the length of a note to that of the next; notes and bars are the numbers of a song."
    )
    return Table(f"Rhythm of {songs.name}", caption, columns, tuple(rows))


def report_text(
    songs: SongSetEvaluation, references: Mapping[str, SongSetEvaluation], found: SongFolder, out: Path
) -> str:
    """The main results, for a terminal."""
    return "\n".join(_lines(songs, references, found, out))


def _lines(
    songs: SongSetEvaluation, references: Mapping[str, SongSetEvaluation], found: SongFolder, out: Path
) -> Iterator[str]:
    shortest, longest = min(songs.lengths), max(songs.lengths)
    notes = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    yield f"{songs.name}: {counted(len(songs.songs), 'song')} of {notes} notes"
    if songs.left_out:
        yield f"{len(songs.left_out):,} could not be measured:"
        yield from (f"  {song}: {reason}" for song, reason in list(songs.left_out.items())[:_REASONS_SHOWN])
        if len(songs.left_out) > _REASONS_SHOWN:
            yield f"  and {len(songs.left_out) - _REASONS_SHOWN:,} more, see {out / 'left_out.csv'}"
    table = comparison_table(songs, references)
    rows = tuple(row for row in table.rows if _is_shown(row.key))
    yield f"\n{Table(table.title, '', table.columns, rows).to_markdown(heading=False)}"
    if OPENINGS in references:
        tunes = counted(len(references[OPENINGS].songs), "test tune")
        yield f"{OPENINGS}: the first {median_length(songs)} notes of {tunes}; corpus-test: whole tunes"
    for choice, index in songs.chosen.items():
        what = CHOICES[choice]
        text = note_text(Melody.from_pitches(found.songs[songs.songs[index]].pitches))  # rests would fill the line
        yield textwrap.shorten(f"{what}: {songs.songs[index]}: {text}", _LINE_WIDTH, placeholder=" ...")
    yield f"\nResults: {out / EVALUATION_FILE}, {', '.join(sorted(path.name for path in out.glob('*.csv')))}"
    yield "         all metrics, with those of the corpus, as CSV (all digits) and Markdown (to read)"
    yield f"Listen:  {', '.join(str(chosen_file(out, choice)) for choice in songs.chosen)}"
    if references:
        line = shell_line(*program("study"), "--help")
        yield f"Next:    {line}  # every network of a sweep measured so, side by side"
    else:
        yield "Next:    the same with corpus=folk, or any other, compares these with human tunes"


def _is_shown(metric: str) -> bool:
    return song_metric(metric).group in ("tonality", "originality", "rhythm") or song_metric(metric).meaning == ""
