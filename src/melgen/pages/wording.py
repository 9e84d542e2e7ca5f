"""How a page calls metrics, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from melgen.evaluation.tonality import CORRECTED, Tonality
from melgen.studies.tables.metric_columns import is_descriptor, score_column, shared_ngrams

_SONGS = {
    "conjunct_melodic_motion": ("Conjunct motion", "semitones", "Mean size of the step from note to note."),
    "limited_macroharmony": (
        "Macroharmony",
        "",
        "1 where every window of notes uses 5 to 8 pitches; higher the further it is from that.",
    ),
    "centricity": ("Centricity", "", "Longest run of one repeated note in a window, as a share of the window."),
    "pitch_class_macroharmony": (
        "Macroharmony of pitch classes",
        "",
        "The corrected reading: pitch classes instead of pitches, and both limits.",
    ),
    "frequency_centricity": ("Centricity by frequency", "", "Share of a window that its commonest pitch takes."),
    "pitch_class_centricity": ("Centricity of pitch classes", "", "Share of a window of its commonest pitch class."),
    "pitch_class_entropy": ("Pitch-class entropy", "bits", "How evenly a song uses the twelve pitch classes."),
    "scale_consistency": ("Scale consistency", "", "Largest share of the notes that lie in one major or minor scale."),
    "pitch_range": ("Range", "semitones", "From the lowest to the highest note."),
    "n_pitches_used": ("Pitches used", "", "Number of different pitches."),
    "n_pitch_classes_used": ("Pitch classes used", "", "Number of different pitch classes, of twelve."),
    "step_ratio": ("Steps", "", "Share of motions by one or two semitones."),
    "leap_ratio": ("Leaps", "", "Share of motions by more than two semitones."),
    "repeat_ratio": ("Repeats", "", "Share of motions that stay on the same note."),
    "longest_repeated_note": ("Longest repeated note", "notes", "Most times in a row that one note is heard."),
    "longest_shared_intervals": (
        "Longest shared passage",
        "intervals",
        "Longest passage that also stands in a training tune, in whatever key.",
    ),
    "exact_copy": ("Copy of a tune", "", "1 if the whole song is a passage of a training tune."),
}
_SHARED_NGRAMS = (
    "Shared {n}-grams",
    "",
    "Share of the song's passages of {n} intervals that occur in training tunes.",
)

_RUNS = (
    ("val/bits_per_note", "Bits per note, validation", "bits", 3, "comparable across representations; lower is better"),
    ("test/bits_per_note", "Bits per note, test", "bits", 3, "comparable across representations; lower is better"),
    ("val/loss", "Loss, validation", "nats per token", 3, "each representation's own; lower is better"),
    ("test/loss", "Loss, test", "nats per token", 3, "each representation's own; lower is better"),
    ("val/perplexity", "Perplexity, validation", "", 2, "each representation's own; lower is better"),
    ("val/accuracy", "Accuracy, validation", "", 3, "each representation's own; higher is better"),
    ("tonality/conjunct_melodic_motion", "Conjunct motion of songs", "semitones", 2, "mean over the run's songs"),
    ("tonality/limited_macroharmony", "Macroharmony of songs", "", 2, "mean over the run's songs"),
    ("tonality/centricity", "Centricity of songs", "", 3, "mean over the run's songs"),
    ("seconds", "Training time", "seconds", 0, "includes earlier starts; lower is better"),
)
HIGHER_IS_BETTER = ("val/accuracy",)
OWN_SCALE = ("val/loss", "test/loss", "val/perplexity", "val/accuracy")
"""Metrics of a run that mean something else in each representation."""
CURVES = ("val/bits_per_note", "val/loss", "train/loss", "val/accuracy")
_CURVE_LABELS = {"train/loss": ("Loss, training", "nats per token")}


def song_metrics(names: Iterable[str]) -> list[dict[str, Any]]:
    """What a page shows of each metric of songs: key, label, unit, what it means, decimals, the group it belongs to.

    >>> [metric["label"] for metric in song_metrics(["centricity", "shared_6gram_share", "my_own"])]
    ['Centricity', 'Shared 6-grams', 'my own']
    """
    known = list(names)
    ngrams = shared_ngrams(known)
    shown = []
    for name in known:
        column = score_column(name)
        label, unit, meaning = _SONGS.get(name, (name.replace("_", " "), "", ""))
        if name == ngrams:
            length = "".join(filter(str.isdigit, name))
            label, unit, meaning = (part.format(n=length) for part in _SHARED_NGRAMS)
        decimals = 0 if column.kind == "integer" else column.decimals
        shown.append(
            {
                "key": name,
                "label": label,
                "unit": unit,
                "meaning": meaning,
                "decimals": decimals,
                "group": _group(name),
            }
        )
    return shown


def run_metrics(present: Iterable[str]) -> list[dict[str, Any]]:
    """Those metrics of finished runs that some run has, with their direction where one is better."""
    known = set(present)
    return [
        {
            "key": key,
            "label": label,
            "unit": unit,
            "decimals": decimals,
            "meaning": meaning,
            "higher": key in HIGHER_IS_BETTER,
            "own": key in OWN_SCALE,
            "neutral": key.startswith("tonality/"),
        }
        for key, label, unit, decimals, meaning in _RUNS
        if key in known
    ]


def curve_metrics(present: Iterable[str]) -> list[dict[str, str]]:
    """Those metrics that some run has a curve of."""
    known = set(present)
    labels = {key: (label, unit) for key, label, unit, *_ in _RUNS} | _CURVE_LABELS
    return [{"key": key, "label": labels[key][0], "unit": labels[key][1]} for key in CURVES if key in known]


def _group(name: str) -> str:
    if name in Tonality._fields:
        return "Tonality"
    if name in CORRECTED:
        return "Tonality, corrected readings"
    return "Descriptors" if is_descriptor(name) or name == "longest_repeated_note" else "Originality"
