"""The results of an evaluation as plain data: made by `melgen.evaluation.song_sets`, shown by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from melgen.data_frames import data_frame

OPENINGS = "openings"
"""Name of the set that songs are compared with: the first notes of the test tunes, as many as the songs have."""

CHOICES = {
    "nearest": "nearest to the openings of test tunes",
    "representative": "most representative (nearest to the mean of its set)",
    "smallest_sum": "smallest sum of the three metrics (the paper's best)",
}
"""The ways to choose a song from a set, in the order in which to listen to the songs."""

_EARLIER_NAMES = {"held-out": OPENINGS}


def set_name(name: str) -> str:
    """The present name of a set, given the name that an earlier melgen wrote.

    >>> set_name("held-out"), set_name("corpus-test")
    ('openings', 'corpus-test')
    """
    return _EARLIER_NAMES.get(name, name)


@dataclass(frozen=True)
class Summary:
    """One metric over several songs, or over several seeds.

    Attributes:
        mean: arithmetic mean.
        variance, standard_deviation: over n - 1; nan for a single value.
        low, high: confidence interval of the mean; nan for a single value.
        count: number of values.
    """

    mean: float
    variance: float
    standard_deviation: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class SongSetEvaluation:
    """All measurements of one set of songs.

    Attributes:
        name: of the model or set: ``control-lstm-2``, ``corpus-test``, ``bigram``.
        songs: name of each song, a path below the set's folder without its suffix: ``song_001``,
            ``seed1/song_001``.
        lengths: notes of each song.
        scores: a value per song for each metric, in the order of `songs`; nan where undefined. The first three
            are those of `melgen.evaluation.tonality.Tonality`.
        summaries: each metric over all songs where it is defined.
        distances_to_mean: Euclidean distance of each song to the mean, in the space of the three tonality metrics.
        best: index of the song with the smallest sum of the three metrics, the paper's best; the first of equals.
        representative: index of the song nearest to the mean of the three metrics; the first of equals.
        distances_to_openings: for each song the distances of its three metrics to the means of the openings, in
            standard deviations of the openings, summed; empty without openings.
        nearest: index of the song with the smallest of these distances, the first of equals; ``None`` without them.
        set_scores: numbers about the set as a whole: diversity, distances to the corpus, likelihood.
        nearest_tunes: title and source of the training tune with which each song shares its longest
            passage; empty without a training corpus, ``None`` for a song that shares nothing.
        left_out: why songs were not measured, by song name.
        distributions: of songs with rhythm the shares of note lengths and so on, by name and category, see
            `melgen.evaluation.rhythm_descriptors.rhythm_distributions`; empty for songs without rhythm.
    """

    name: str
    songs: tuple[str, ...]
    lengths: tuple[int, ...]
    scores: Mapping[str, tuple[float, ...]]
    summaries: Mapping[str, Summary]
    distances_to_mean: tuple[float, ...]
    best: int
    representative: int
    set_scores: Mapping[str, float] = field(default_factory=dict)
    nearest_tunes: tuple[str | None, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    distances_to_openings: tuple[float, ...] = ()
    nearest: int | None = None
    distributions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def has_rhythm(self) -> bool:
        """Whether the rhythm of the songs was measured."""
        return bool(self.distributions)

    @property
    def first(self) -> int:
        """Index of the song to hear first: the nearest to the openings, else the most representative."""
        return self.representative if self.nearest is None else self.nearest

    @property
    def chosen(self) -> dict[str, int]:
        """The songs to hear first, by the reason for choosing them: a key of `CHOICES` and an index each."""
        found = {"nearest": self.nearest, "representative": self.representative, "smallest_sum": self.best}
        return {key: index for key, index in found.items() if index is not None}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; without ``distributions`` if there are none, as an earlier melgen wrote it."""
        content = asdict(self)
        return content if self.has_rhythm else {key: content[key] for key in content if key != "distributions"}

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a row for each measured song, by its name.

        The columns are ``notes``, the metrics under their names, and, after a comparison with a corpus,
        ``distance_to_openings`` and ``nearest_tune``. Undefined values are nan.

        Raises:
            ImportError: if pandas is not installed.
        """
        columns: dict[str, Any] = {"notes": self.lengths} | dict(self.scores)
        if self.distances_to_openings:
            columns["distance_to_openings"] = self.distances_to_openings
        if self.nearest_tunes:
            columns["nearest_tune"] = self.nearest_tunes
        return data_frame(columns, index=self.songs, index_name="song")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SongSetEvaluation:
        """The inverse of `to_dict`, also after the data was stored as JSON, which has no nan.

        >>> summary = Summary(1.0, 0.0, 0.0, 1.0, 1.0, 2)
        >>> one = SongSetEvaluation("a", ("x",), (3,), {"m": (1.0,)}, {"m": summary}, (0.0,), 0, 0)
        >>> SongSetEvaluation.from_dict(one.to_dict()) == one
        True
        """
        return cls(
            name=set_name(data["name"]),
            songs=tuple(data["songs"]),
            lengths=tuple(data["lengths"]),
            scores={key: tuple(map(_number, values)) for key, values in data["scores"].items()},
            summaries={
                key: Summary(**{name: _number(value) for name, value in summary.items()})
                for key, summary in data["summaries"].items()
            },
            distances_to_mean=tuple(map(_number, data["distances_to_mean"])),
            best=data["best"],
            representative=data["representative"],
            set_scores={key: _number(value) for key, value in data["set_scores"].items()},
            nearest_tunes=tuple(data["nearest_tunes"]),
            left_out=dict(data["left_out"]),
            distances_to_openings=tuple(map(_number, data.get("distances_to_openings", ()))),
            nearest=data.get("nearest"),
            distributions={name: dict(shares) for name, shares in data.get("distributions", {}).items()},
        )


def _number(value: Any) -> Any:
    return float("nan") if value is None else value
