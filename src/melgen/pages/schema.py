"""The data that a page is given, key by key: what Python writes and JavaScript reads.

`PageData` is read when the page opens. Packs are compressed, each by itself, and read when a part that needs them comes
near; `PACKS` gives their types by name. What only one section reads is typed in the file of that section. Every number
is finite or null. Times of notes are in steps of 1/24 quarter (``STEPS_PER_QUARTER`` in ``sound.js``).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Kind = Literal["run", "study"]
Role = Literal["model", "reference", "corpus", "baseline"]


class Fact(TypedDict):
    """A name and a value in the head of the page."""

    name: str
    value: str


class Notice(TypedDict):
    """A line above the sections: what is missing, or needs the reader's attention."""

    text: str
    strong: bool
    """Whether it is shown as a warning."""


class Run(TypedDict):
    """A training."""

    name: str
    """Name of its directory; a key of the pack of curves."""
    dataset: str
    """Representation."""
    cell: str
    layers: int
    seed: int
    variant: str
    """Its differences from the other runs, apart from representation, cell, layers and seed; may be empty."""
    state: str
    """``finished``, ``running``, ``failed``, ..."""
    error: str
    """First line of the error; empty if there is none."""
    values: dict[str, int | float | None]
    """Results by the key of a run's metric; empty unless it is finished."""
    is_selected: bool
    """Whether the study selected it for the networks whose songs it compares."""
    validations: int
    """Points of the curve of the validation loss."""


class SongMetricText(TypedDict):
    """The names of a metric of songs and its form on a page: a row of `melgen.evaluation.song_metrics.METRICS`."""

    key: str
    label: str
    unit: str
    """May be empty."""
    meaning: str
    """A sentence; may be empty."""
    decimals: int
    """Shown of one song."""
    mean_decimals: int
    """Shown of a mean over songs."""
    group: str
    """Title of the group that it is shown in."""
    leads: bool
    """Whether it is among the few that are shown first."""
    is_listed: bool
    """Whether it is a column of the list of songs."""


class SummaryNumbers(TypedDict):
    """A metric over the songs of a set, in the unit of the metric."""

    mean: float
    deviation: float | None
    """Standard deviation over n - 1."""
    low: float | None
    """Lower end of the interval of the mean."""
    high: float | None
    """Upper end of it."""


class SongSet(TypedDict):
    """A set of songs, or one that songs are compared with."""

    name: str
    """Of its folder or file."""
    title: str
    """Its name for readers, which no other set has."""
    label: list[str]
    """A shorter name for drawings: parts that each begin a line."""
    role: Role
    """``reference``: what songs are compared with first; ``corpus``: whole tunes; ``baseline``: another writer
    of songs."""
    summaries: dict[str, SummaryNumbers]
    """By the key of a metric."""
    pack: NotRequired[int]
    """Number of its packs ``songs-N`` and ``scores-N``; absent if its songs cannot be heard."""
    dataset: NotRequired[str]
    """Representation of the model."""
    variant: NotRequired[str]
    """Of the model, as in `Run`."""
    is_after_other_primer: NotRequired[bool]
    """Whether its songs continue another primer than the study's main one; absent if the study has only one."""


class PageData(TypedDict):
    """The data that a page needs when it opens."""

    kind: Kind
    what: str
    """The subject of the page in words, such as ``a run`` or ``2 runs``."""
    title: str
    above: str
    """Name of the directory above that of a run; empty for a study."""
    facts: list[Fact]
    notices: list[Notice]
    runs: list[Run]
    song_metrics: list[SongMetricText]
    """Of all sets of songs, in the order to show them in."""
    song_sets: list[SongSet]
    opening_set: int | None
    """Index of the set whose song the page opens with."""
    sections: dict[str, Any]
    """Data of each section by its name, in the order of the page; a section that is not here is not shown."""


class Notes(TypedDict):
    """A melody."""

    pitches: list[int]
    """MIDI numbers, ``[notes]``."""
    onsets: list[int]
    """In steps, ``[notes]``."""
    durations: list[int]
    """In steps, ``[notes]``."""
    bars: NotRequired[list[int]]
    """The steps at which bars begin, ``[bars]``; absent if the melody does not state its bars."""
    metre: NotRequired[list[int]]
    """Beats and beat type; absent if no metre holds throughout."""
    pickup: NotRequired[int]
    """Length in steps of the incomplete first bar; absent if that bar is complete."""


class Passage(TypedDict):
    """A passage that a song and a tune have in common, in whatever key."""

    in_song: int
    """Index of its first note in the song."""
    in_tune: int
    """Index of its first note in the tune."""
    notes: int
    """Its length."""


class Excerpt(TypedDict):
    """The part of a tune that its score shows."""

    first: int
    """Index of its first note in the tune."""
    notes: int
    """Its length."""


class Song(Notes):
    """A song of a set."""

    name: str
    values: NotRequired[list[float | None]]
    """A value for each of the pack's metrics; absent if the song was not measured."""
    left_out: NotRequired[str]
    """The reason why it was not measured."""
    nearest_tune: NotRequired[str]
    """Name of the training tune with which it shares its longest passage."""
    tune: NotRequired[int]
    """Index of that tune in the pack; absent if its notes are not at hand."""
    shared: NotRequired[Passage]
    """The passage that both share; present with `tune`."""
    excerpt: NotRequired[Excerpt]
    """The part of the tune whose score is shown next to that of the song; present with `tune`."""


class Tune(Notes):
    """A training tune."""

    name: str


class SongPack(TypedDict):
    """Pack ``songs-N``: the songs of a set."""

    metrics: list[str]
    """Keys of the metrics that songs were measured with."""
    chosen: dict[str, int]
    """Index of the song for each choice (`melgen.evaluation.results.CHOICES`), the song to hear first at first."""
    most_shared: int | None
    """Index of the song that has most in common with a training tune; null where none was compared."""
    songs: list[Song]
    tunes: list[Tune]
    """Training tunes that songs are nearest to, each once."""


class ScorePack(TypedDict):
    """Pack ``scores-N``: engraved scores as SVG, without the music font; null for what cannot be engraved."""

    songs: dict[str, str | None]
    """By the index of the song."""
    tunes: dict[str, str | None]
    """By the index of the song next to which the excerpt of the tune is shown."""


class Curve(TypedDict):
    """A learning curve."""

    updates: list[int]
    """``[points]``"""
    values: list[float]
    """In the unit of the metric, ``[points]``."""


CurvePack = dict[str, dict[str, Curve]]
"""Pack ``curves``: by the name of a run and the key of a metric."""

PACKS: dict[str, Any] = {"songs-N": SongPack, "scores-N": ScorePack, "curves": CurvePack}
"""Types of the packs that several sections read, by name; N is a number."""
