"""The table of likelihood: bits per note of networks and baselines on each split."""

from __future__ import annotations

from melgen.studies.results import StudyResults
from melgen.studies.tables.set_comparison import set_table
from melgen.studies.tables.song_sets import baseline_sets, model_sets
from melgen.tables.measured_set import MeasuredSet
from melgen.tables.table import Cell, Column, Table

_ABOUT_COUNTING = (
    " kn: n-grams with modified Kneser-Ney smoothing. ppm: prediction by partial matching of variable order; ltm "
    "counts in the training tunes, stm in the tune so far, and ppm does both."
)
_ABOUT_PARTS = (
    "Pitch: bits of the pitch of notes 3 to N, given that a note begins. Rhythm: bits of all else, which is whether a "
    "note, a rest or the end comes next, and how long it lasts. Both are per note, over the tunes that all rhythms and "
    "representations can write. "
)
_NOT_COMPARABLE = (
    "Networks with rhythm predict more, so that their bits per note are not comparable with those of networks of "
    "pitches; bits of pitch are. "
)


def likelihood_table(results: StudyResults) -> Table | None:
    """Bits per note of the corpus's splits; of networks with rhythm, bits of pitch and of rhythm."""
    splits = ("train", "validation", "test")
    names = [f"bits_per_note/{split}" for split in splits]
    of_parts: list[str] = []
    columns: list[Column] = []
    caption = ""
    has_pitches_only = not all(model.writes_rhythm for model in results.models)
    if has_pitches_only or not results.has_rhythm:
        columns = [Column(name, name.removeprefix("bits_per_note/"), decimals=3) for name in names]
        columns.append(Column("gap", "gap (test - train)", decimals=3))
        caption = (
            "Bits per note of the corpus's tunes, given all notes before: notes 3 to N of each tune in its own key. "
        )
    if results.has_rhythm:
        of_parts = [f"{part}_bits_per_note/{split}" for part in ("pitch", "rhythm") for split in splits]
        of_parts.append("bits_per_note_with_rhythm/test")
        headers = [*(f"{part}, {split}" for part in ("pitch", "rhythm") for split in splits), "both, test"]
        columns += [Column(name, header, decimals=3) for name, header in zip(of_parts, headers, strict=True)]
        caption += _ABOUT_PARTS
        if has_pitches_only:
            caption += _NOT_COMPARABLE
    caption += "Below the rule: the baselines, fitted on the training tunes, by the same count."
    caption += _ABOUT_COUNTING if "ppm" in results.baselines else ""
    if results.without_bits:
        caption += f" Missing values: {results.without_bits}."

    def values(songs: MeasuredSet) -> list[Cell]:
        bits = {name: songs.set_score(name) for name in (*names, *of_parts)}
        bits["gap"] = bits[names[2]] - bits[names[0]]
        return [Cell(bits[column.key], songs.run_sources or songs.sources) for column in columns]

    groups = [model_sets(results), baseline_sets(results)]
    return set_table("Likelihood", caption, columns, groups, values, [*names, *of_parts], counted=False)
