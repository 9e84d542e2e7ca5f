"""A table of all metrics of songs: their names in tables, figures and pages, and their meaning.

Metrics that are not listed, such as a user's own (``evaluation.metrics``), are shown under their own names.
This module imports nothing heavy, so that a list of names costs no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Group = Literal["tonality", "corrected", "descriptor", "originality", "rhythm"]

WITH_RHYTHM = "_with_rhythm"
"""End of the names of metrics of originality that compare note lengths, too."""


@dataclass(frozen=True)
class SongMetric:
    """The names and format of one metric.

    Attributes:
        key: its name in files.
        group: the table of a study that it belongs to.
        label: its name on a page.
        header: its name above a column of a table, with the unit if needed.
        figure: its name in a figure, with line breaks; by default the header.
        unit: its unit after the number on a page.
        meaning: its meaning in one sentence.
        decimals: the number of decimals shown.
        whole: whether its value for a song is a whole number.
    """

    key: str
    group: Group
    label: str
    header: str
    meaning: str
    unit: str = ""
    decimals: int = 3
    whole: bool = False
    figure: str = ""


METRICS = (
    SongMetric(
        "conjunct_melodic_motion",
        "tonality",
        "Conjunct motion",
        "motion",
        "Mean size of the step from note to note.",
        unit="semitones",
        decimals=2,
        figure="conjunct melodic motion\n(semitones)",
    ),
    SongMetric(
        "limited_macroharmony",
        "tonality",
        "Macroharmony",
        "macroharmony",
        "1 where every span of notes uses 5 to 8 pitches; higher the further it is from that.",
        decimals=2,
        figure="limited macroharmony",
    ),
    SongMetric(
        "centricity",
        "tonality",
        "Centricity",
        "centricity",
        "Longest run of one repeated note in a span, as a share of the span.",
    ),
    SongMetric(
        "pitch_class_macroharmony",
        "corrected",
        "Macroharmony of pitch classes",
        "macroharmony (pitch classes)",
        "The corrected reading: pitch classes instead of pitches, and both limits.",
        decimals=2,
        figure="pitch-class macroharmony",
    ),
    SongMetric(
        "frequency_centricity",
        "corrected",
        "Centricity by frequency",
        "centricity (frequency)",
        "Share of a span that its commonest pitch takes.",
        figure="frequency centricity",
    ),
    SongMetric(
        "pitch_class_centricity",
        "corrected",
        "Centricity of pitch classes",
        "centricity (pitch classes)",
        "Share of a span of its commonest pitch class.",
        figure="pitch-class centricity",
    ),
    SongMetric(
        "pitch_class_entropy",
        "descriptor",
        "Pitch-class entropy",
        "pitch-class entropy (bits)",
        "How evenly a song uses the twelve pitch classes.",
        unit="bits",
    ),
    SongMetric(
        "scale_consistency",
        "descriptor",
        "Scale consistency",
        "scale consistency",
        "Largest share of the notes that belong to one major or minor scale.",
    ),
    SongMetric(
        "pitch_range",
        "descriptor",
        "Range",
        "range (semitones)",
        "From the lowest to the highest note.",
        unit="semitones",
        decimals=2,
        whole=True,
    ),
    SongMetric(
        "n_pitches_used",
        "descriptor",
        "Pitches used",
        "pitches",
        "Number of different pitches.",
        decimals=2,
        whole=True,
        figure="pitches used",
    ),
    SongMetric(
        "n_pitch_classes_used",
        "descriptor",
        "Pitch classes used",
        "pitch classes",
        "Number of different pitch classes, of twelve.",
        decimals=2,
        whole=True,
        figure="pitch classes used",
    ),
    SongMetric("step_ratio", "descriptor", "Steps", "steps", "Share of motions by one or two semitones."),
    SongMetric("leap_ratio", "descriptor", "Leaps", "leaps", "Share of motions by more than two semitones."),
    SongMetric("repeat_ratio", "descriptor", "Repeats", "repeats", "Share of motions that stay on the same note."),
    SongMetric(
        "longest_repeated_note",
        "originality",
        "Longest repeated note",
        "longest repeated note",
        "Most times in a row that one note is heard.",
        unit="notes",
        decimals=2,
        whole=True,
        figure="longest repeated note\n(notes)",
    ),
    SongMetric(
        "longest_shared_intervals",
        "originality",
        "Longest shared passage",
        "longest shared intervals",
        "Longest passage that a training tune contains too, in any key.",
        unit="intervals",
        decimals=2,
        whole=True,
        figure="longest passage shared with a\ntraining tune (intervals)",
    ),
    SongMetric(
        "shared_{n}gram_share",
        "originality",
        "Shared {n}-grams",
        "shared {n}-gram share",
        "Share of the song's passages of {n} intervals that occur in training tunes.",
        figure="share of {n}-grams found\nin training tunes",
    ),
    SongMetric(
        "exact_copy",
        "originality",
        "Copy of a tune",
        "exact copy",
        "1 if the whole song is a passage of a training tune.",
        decimals=2,
        whole=True,
        figure="exact copies",
    ),
    SongMetric(
        f"longest_shared_intervals{WITH_RHYTHM}",
        "originality",
        "Longest shared passage with rhythm",
        "longest shared intervals (with rhythm)",
        "Longest passage that a training tune contains with the same note lengths, in any key.",
        unit="intervals",
        decimals=2,
        whole=True,
        figure="longest passage shared with a\ntraining tune, rhythm included (intervals)",
    ),
    SongMetric(
        f"shared_{{n}}gram_share{WITH_RHYTHM}",
        "originality",
        "Shared {n}-grams with rhythm",
        "shared {n}-gram share (with rhythm)",
        "Share of the song's passages of {n} intervals that occur in training tunes with the same note lengths.",
        figure="share of {n}-grams found\nin training tunes, rhythm included",
    ),
    SongMetric(
        f"exact_copy{WITH_RHYTHM}",
        "originality",
        "Copy of a tune with rhythm",
        "exact copy (with rhythm)",
        "1 if the whole song is a passage of a training tune with the same note lengths.",
        decimals=2,
        whole=True,
        figure="exact copies, rhythm included",
    ),
    SongMetric(
        "timed_macroharmony",
        "rhythm",
        "Macroharmony in time",
        "macroharmony (timed)",
        "Macroharmony in windows of 32 sixteenths instead of a number of notes.",
        decimals=2,
        figure="timed macroharmony",
    ),
    SongMetric(
        "timed_centricity",
        "rhythm",
        "Centricity in time",
        "centricity (timed)",
        "Centricity in windows of 32 sixteenths instead of a number of notes.",
        figure="timed centricity",
    ),
    SongMetric(
        "n_notes", "rhythm", "Notes", "notes in all", "Number of notes.", decimals=2, whole=True, figure="notes"
    ),
    SongMetric("n_bars", "rhythm", "Bars", "bars", "Number of bars, without a pickup.", decimals=2, whole=True),
    SongMetric(
        "n_note_lengths",
        "rhythm",
        "Note lengths",
        "note lengths",
        "Number of different note lengths.",
        decimals=2,
        whole=True,
    ),
    SongMetric(
        "mean_note_length",
        "rhythm",
        "Mean note length",
        "mean note length (quarters)",
        "Mean length of the notes.",
        unit="quarters",
        figure="mean note length (quarters)",
    ),
    SongMetric(
        "commonest_note_length_share",
        "rhythm",
        "Commonest note length",
        "commonest note length (share)",
        "Share of the notes that have the commonest length.",
        figure="share of the commonest\nnote length",
    ),
    SongMetric(
        "mean_inter_onset_interval",
        "rhythm",
        "Mean inter-onset interval",
        "mean inter-onset interval (quarters)",
        "Mean time from the beginning of a note to that of the next.",
        unit="quarters",
        figure="mean inter-onset interval\n(quarters)",
    ),
    SongMetric("silence_share", "rhythm", "Silence", "silence", "Share of the time in which no note sounds."),
    SongMetric(
        "empty_beat_rate",
        "rhythm",
        "Empty beats",
        "empty beats",
        "Share of the quarter notes in which no note sounds.",
    ),
    SongMetric(
        "groove_consistency",
        "rhythm",
        "Groove consistency",
        "groove consistency",
        "How equal the onsets of neighbouring bars are; 1 if all bars have the same.",
    ),
    SongMetric(
        "ends_on_strong_beat",
        "rhythm",
        "Ends on a strong beat",
        "ends on strong beat",
        "1 if the last note begins on a strong beat of its bar.",
        decimals=2,
        whole=True,
    ),
    SongMetric(
        "ends_on_tonic",
        "rhythm",
        "Ends on the tonic",
        "ends on tonic",
        "1 if the last note is the tonic of the key that the source states; songs of networks have no key.",
        decimals=2,
        whole=True,
    ),
)
"""In the order of tables."""

TONALITY = tuple(metric.key for metric in METRICS if metric.group == "tonality")
CORRECTED = tuple(metric.key for metric in METRICS if metric.group == "corrected")

_SHARED_NGRAMS = re.compile(r"shared_(\d+)gram_share")
_ANY_SHARED_NGRAMS = re.compile(rf"shared_(\d+)(gram_share(?:{WITH_RHYTHM})?)")
_BY_KEY = {metric.key: metric for metric in METRICS}


def song_metric(key: str) -> SongMetric:
    """The names and format of a metric; a metric that is not listed is a descriptor under its own name.

    >>> song_metric("shared_6gram_share").label, song_metric("my_own").header, song_metric("my_own").group
    ('Shared 6-grams', 'my own', 'descriptor')
    """
    if key in _BY_KEY:
        return _BY_KEY[key]
    if found := _ANY_SHARED_NGRAMS.fullmatch(key):
        one = _BY_KEY[f"shared_{{n}}{found[2]}"]
        texts = (one.label, one.header, one.meaning, one.figure)
        label, header, meaning, figure = (text.format(n=found[1]) for text in texts)
        return SongMetric(key, one.group, label, header, meaning, decimals=one.decimals, figure=figure)
    words = re.sub(r"(\d)gram", r"\1-gram", key.replace("_", " "))
    return SongMetric(key, "descriptor", words, words, "")


def shared_ngrams(metrics: Iterable[str]) -> str | None:
    """The metric that is the share of n-grams found in training tunes; its n is configurable.

    >>> shared_ngrams(["centricity", "shared_6gram_share"])
    'shared_6gram_share'
    """
    return next(filter(_SHARED_NGRAMS.fullmatch, metrics), None)
