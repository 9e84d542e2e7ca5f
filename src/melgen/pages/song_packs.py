"""Sets of songs for a page: notes, metrics, scores, and the training tunes that songs are nearest to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.music.melody import Melody
from melgen.pages.content import Content
from melgen.pages.plain import notes_of, short
from melgen.pages.schema import Role, ScorePack, Song, SongPack, SongSet, SummaryNumbers, Tune
from melgen.pages.tools import Tools
from melgen.pages.training_tunes import TrainingTunes, excerpt, shared_passage
from melgen.pages.wording import SHARED
from melgen.plurals import counted


def add_songs(
    entry: SongSet,
    songs: Mapping[str, Melody],
    evaluation: SongSetEvaluation | None,
    tunes: TrainingTunes | None,
    tools: Tools,
    content: Content,
) -> int:
    """Add a set of songs that can be listened to.

    Args:
        entry: the set, without its pack.
        songs: by their names.
        evaluation: of the same names; songs that it lacks have no numbers.
        tunes: among which the nearest to each song are looked up.
        tools: what makes the scores, and of how many songs at most: of the chosen ones, then in order.
        content: that the set and its packs are added to.

    Returns:
        The index of the set.
    """
    pack, excerpts = _song_pack(songs, evaluation, tunes)
    number = len(content.data["song_sets"])
    content.data["song_sets"].append({**entry, "pack": number})
    content.add_pack(f"songs-{number}", pack)
    content.add_pack(f"scores-{number}", _score_pack(pack, [*songs.values()], excerpts, tools))
    return number


def plain_set(name: str, role: Role, summaries: dict[str, SummaryNumbers]) -> SongSet:
    """A set that is known by its name only, whoever wrote its songs."""
    return {"name": name, "title": name, "label": [name], "role": role, "summaries": summaries}


def summaries_of(summaries: Mapping[str, Summary]) -> dict[str, SummaryNumbers]:
    """The summaries of metrics that have a mean."""
    return {
        key: {
            "mean": short(one.mean),
            "deviation": short(one.standard_deviation),
            "low": short(one.low),
            "high": short(one.high),
        }
        for key, one in summaries.items()
        if math.isfinite(one.mean)
    }


def openings_in_words(openings: SongSetEvaluation | None) -> str:
    """A phrase for the openings with which songs are compared; empty without any."""
    if openings is None or not openings.lengths:
        return ""
    return first_notes_in_words(openings.lengths[0], len(openings.songs))


def first_notes_in_words(notes: int, tunes: int) -> str:
    """A phrase for openings of so many notes, of so many tunes.

    >>> first_notes_in_words(34, 1)
    'the first 34 notes of 1 test tune'
    """
    return f"the first {notes} notes of {counted(tunes, 'test tune')}"


def _song_pack(
    songs: Mapping[str, Melody], evaluation: SongSetEvaluation | None, tunes: TrainingTunes | None
) -> tuple[SongPack, dict[int, Melody]]:
    """Notes and numbers; and by the index of a song the excerpt of its nearest tune."""
    names = list(songs)
    if evaluation is None:
        unmeasured: list[Song] = [{"name": name, **notes_of(melody)} for name, melody in songs.items()]
        return {"metrics": [], "chosen": {}, "most_shared": None, "songs": unmeasured, "tunes": []}, {}
    neighbours = _Neighbours(tunes)
    numbers = {name: i for i, name in enumerate(evaluation.songs)}
    entries: list[Song] = []
    excerpts: dict[int, Melody] = {}
    for index, (name, melody) in enumerate(songs.items()):
        entry: Song = {"name": name, **notes_of(melody)}
        entries.append(entry)
        if name not in numbers:
            entry["left_out"] = evaluation.left_out.get(name, "")
            continue
        number = numbers[name]
        entry["values"] = [short(values[number]) for values in evaluation.scores.values()]
        if evaluation.nearest_tunes and (tune := evaluation.nearest_tunes[number]) is not None:
            part = neighbours.describe(entry, melody, tune, evaluation.scores[SHARED][number])
            if part is not None:
                excerpts[index] = part
    pack: SongPack = {
        "metrics": list(evaluation.scores),
        "chosen": {key: names.index(evaluation.songs[index]) for key, index in evaluation.chosen.items()},
        "most_shared": _most_shared(entries, list(evaluation.scores)),
        "songs": entries,
        "tunes": neighbours.tunes,
    }
    return pack, excerpts


def _most_shared(songs: Sequence[Song], metrics: Sequence[str]) -> int | None:
    """The index of the song with the longest shared passage, the first of equals."""
    if SHARED not in metrics or not songs:
        return None
    column = metrics.index(SHARED)
    lengths = [values[column] if (values := song.get("values")) else None for song in songs]
    return max(range(len(songs)), key=lambda i: -1 if (length := lengths[i]) is None else length)


def _score_pack(pack: SongPack, melodies: Sequence[Melody], excerpts: Mapping[int, Melody], tools: Tools) -> ScorePack:
    """The scores of as many songs as wished, and of the excerpts that go with them."""
    order = dict.fromkeys([*pack["chosen"].values(), *range(len(melodies))])
    drawn = list(order)[: max(0, tools.scores)]
    with_excerpt = [index for index in drawn if index in excerpts]
    svgs = tools.engraver.engrave([melodies[index] for index in drawn] + [excerpts[index] for index in with_excerpt])
    return {
        "songs": dict(zip(map(str, drawn), svgs[: len(drawn)], strict=True)),
        "tunes": dict(zip(map(str, with_excerpt), svgs[len(drawn) :], strict=True)),
    }


class _Neighbours:
    """Training tunes that songs of one set are nearest to, each once."""

    def __init__(self, known: TrainingTunes | None):
        self.known, self.tunes = known, list[Tune]()
        self._numbers: dict[str, int] = {}

    def describe(self, entry: Song, song: Melody, name: str, shared_intervals: float) -> Melody | None:
        """Add to a song's entry the name of its nearest tune and, if that is known, what both share.

        The shared passage counts only if it is as long as was measured: another length means another corpus than the
        one that the songs were compared with.

        Returns:
            The part of the tune to show next to the song.
        """
        entry["nearest_tune"] = name
        tune = None if self.known is None else self.known.get(name)
        if tune is None:
            return None
        passage = shared_passage(song, tune)
        if passage.notes - 1 != shared_intervals:
            return None
        if name not in self._numbers:
            self._numbers[name] = len(self.tunes)
            self.tunes.append({"name": name, **notes_of(tune)})
        first, part = excerpt(tune, passage, len(song))
        entry["tune"] = self._numbers[name]
        entry["shared"] = {"in_song": passage.in_song, "in_tune": passage.in_tune, "notes": passage.notes}
        entry["excerpt"] = {"first": first, "notes": len(part)}
        return part
