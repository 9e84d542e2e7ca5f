"""Sets of songs for a page: notes, metrics, scores, and the training tunes that songs are nearest to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.music.melody import Melody
from melgen.pages.plain import notes_of, short
from melgen.pages.scores import Engraver
from melgen.pages.training_tunes import SharedPassage, TrainingTunes, excerpt, shared_passage

SHARED = "longest_shared_intervals"


def songs_content(
    songs: Mapping[str, Melody],
    evaluation: SongSetEvaluation | None,
    tunes: TrainingTunes | None,
    engraver: Engraver,
    scores: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a page shows of a set of songs, in two parts: notes and numbers, and the scores.

    Args:
        songs: by their names.
        evaluation: of the same names; songs that it lacks have no numbers.
        tunes: among which the nearest to each song are looked up.
        engraver: makes the scores.
        scores: of how many songs at most: of the chosen ones, then in order.

    Returns:
        ``{"metrics", "chosen", "songs", "tunes"}`` and ``{"songs", "tunes"}``: by the song's index its score, and
        that of a part of the tune beside it. ``chosen``: indices by the keys of `CHOICES`.
    """
    numbers = {} if evaluation is None else {name: i for i, name in enumerate(evaluation.songs)}
    shown = []
    shared_with = _Neighbours(tunes)
    for name, melody in songs.items():
        entry: dict[str, Any] = {"name": name, **notes_of(melody)}
        if evaluation is not None and name in numbers:
            number = numbers[name]
            entry["m"] = [short(values[number]) for values in evaluation.scores.values()]
            if evaluation.nearest_tunes and (tune := evaluation.nearest_tunes[number]) is not None:
                entry |= shared_with.describe(melody, tune, evaluation.scores[SHARED][number])
        elif evaluation is not None:
            entry["why"] = evaluation.left_out.get(name, "")
        shown.append(entry)
    names = list(songs)
    chosen = (
        {}
        if evaluation is None
        else {key: names.index(evaluation.songs[index]) for key, index in evaluation.chosen.items()}
    )
    drawn = list(dict.fromkeys([*chosen.values(), *range(len(names))]))[: max(0, scores)]
    content = {
        "metrics": [] if evaluation is None else list(evaluation.scores),
        "chosen": chosen,
        "songs": shown,
        "tunes": shared_with.tunes,
    }
    beside = [i for i in drawn if "tune" in shown[i]]
    parts = []
    melodies = list(songs.values())
    for i in beside:
        tune_melody = shared_with.melodies[shown[i]["tune"]]
        start, part = excerpt(tune_melody, SharedPassage(*shown[i]["shared"]), len(melodies[i]))
        shown[i]["from"] = [start, len(part)]
        parts.append(part)
    svgs = engraver.engrave([melodies[i] for i in drawn] + parts)
    return content, {
        "songs": dict(zip(map(str, drawn), svgs[: len(drawn)], strict=True)),
        "tunes": dict(zip(map(str, beside), svgs[len(drawn) :], strict=True)),
    }


class _Neighbours:
    """Training tunes that songs of one set are nearest to, each once."""

    def __init__(self, known: TrainingTunes | None):
        self.known, self.melodies, self.tunes = known, list[Melody](), list[dict[str, Any]]()
        self._numbers: dict[str, int] = {}

    def describe(self, song: Melody, name: str, shared_intervals: float) -> dict[str, Any]:
        """The tune's name; its number and the shared passage only if that is as long as was measured.

        Another length means another corpus than the one that the songs were compared with.
        """
        tune = None if self.known is None else self.known.get(name)
        if tune is None:
            return {"near": name}
        passage = shared_passage(song, tune)
        if passage.notes - 1 != shared_intervals:
            return {"near": name}
        if name not in self._numbers:
            self._numbers[name] = len(self.melodies)
            self.melodies.append(tune)
            self.tunes.append({"name": name, **notes_of(tune)})
        return {"near": name, "tune": self._numbers[name], "shared": [*passage]}


def summaries_of(summaries: Mapping[str, Summary]) -> dict[str, list[Any]]:
    """``[mean, deviation, low, high, count]`` of each metric."""
    return {
        key: [short(x) for x in (one.mean, one.standard_deviation, one.low, one.high, one.count)]
        for key, one in summaries.items()
        if math.isfinite(one.mean)
    }
