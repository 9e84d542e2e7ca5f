"""The tunes that a network was trained on, to be shown with the songs that are nearest to them."""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from collections.abc import Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from melgen.corpora import AbstractCorpus, Cleaning
from melgen.corpora.sources import Split
from melgen.data.recorded_splits import NO_SPLIT, read_splits
from melgen.evaluation.reference import ReferenceCorpus
from melgen.music.melody import Melody
from melgen.music.metre import MetreChange
from melgen.old_targets import present_path
from melgen.pasting import override, shell_line
from melgen.rendering.bar_lines import lay_bars

_NOTES_AFTER = 4


class SharedPassage(NamedTuple):
    """A passage that a song and a tune have in common, in whatever key: where it starts in either, and its notes."""

    in_song: int
    in_tune: int
    notes: int


class TrainingTunes:
    """The training tunes of a corpus by the names that evaluations give them.

    Args:
        reference: the corpus.
    """

    def __init__(self, reference: ReferenceCorpus):
        self.reference = reference
        numbers = np.flatnonzero(reference.splits == Split.TRAIN).tolist()
        self._numbers = dict(zip(reference.index.names, numbers, strict=True))

    @classmethod
    def read(
        cls,
        config: Mapping[str, Any],
        splits: Path | None = None,
        *,
        cache_dir: str | None = None,
        progress: bool = True,
    ) -> TrainingTunes:
        """Read the corpus that a configuration names, without an import or a download that it asks for.

        The directory may be a stranger's. Its ``cache_dir`` is therefore read, but nothing is written there.

        Args:
            config: of a run or a study, as plain data.
            splits: the run's ``splits.tsv``; without one every tune may have been trained on. Tunes that it does
                not name are left out.
            cache_dir: where the corpus is cached; by default the user's cache directory.
            progress: whether to show a progress bar on a terminal.

        Raises:
            ValueError: if the corpus cannot be read, or does not hold pitches of tunes.
        """
        corpus = _corpus(config["corpus"])
        cleaning = {key: value for key, value in config["cleaning"].items() if key != "_target_"}
        named = config.get("cache_dir")
        imported = corpus.load(
            Cleaning(**cleaning),
            cache_dir=cache_dir,
            progress=progress,
            read_only_cache=Path(os.path.expanduser(named)) if isinstance(named, str) else None,
        )
        if imported.encoded_as not in (None, "control"):
            raise ValueError(
                f"{corpus.description} is an encoded stream of {imported.encoded_as} and does not contain tunes"
            )
        chosen = np.zeros(len(imported.melodies), np.int8) if splits is None else read_splits(splits, imported.melodies)
        if chosen is None:
            raise ValueError(
                f"{corpus.description} now contains none of the tunes that it had at the training ({splits})"
            )
        return cls(ReferenceCorpus(imported.melodies, chosen))

    @property
    def unknown(self) -> int:
        """Number of tunes of the corpus that the run's splits do not name."""
        return int(np.count_nonzero(self.reference.splits == NO_SPLIT))

    def get(self, name: str | None) -> Melody | None:
        """The tune of this name in evaluations; ``None`` if there is none."""
        number = self._numbers.get(name or "")
        return None if number is None else self.reference.melodies[number]


def shared_passage(song: Melody, tune: Melody) -> SharedPassage:
    """The longest passage of intervals that both have; the first of equals.

    >>> song, tune = Melody.from_pitches([60, 72, 74, 76]), Melody.from_pitches([50, 50, 52, 54])
    >>> shared_passage(song, tune)
    SharedPassage(in_song=1, in_tune=1, notes=3)
    """
    matcher = SequenceMatcher(a=_intervals(song), b=_intervals(tune), autojunk=False)
    start, start_in_tune, intervals = matcher.find_longest_match()
    return SharedPassage(start, start_in_tune, intervals + 1 if intervals else 0)


def excerpt(tune: Melody, passage: SharedPassage, notes: int) -> tuple[int, Melody]:
    """A part of a tune around a passage, from the start of the bar before it, of `notes` notes or more.

    Returns:
        The number of the first note in the tune, and the part, moved to the start.

    >>> tune = Melody.from_pitches(range(48, 78))
    >>> first, part = excerpt(tune, SharedPassage(0, 13, 6), notes=8)
    >>> first, part.pitches[0], part.onsets[0], len(part)
    (8, 56, 0, 15)
    """
    bars = lay_bars(tune)
    bar = bisect_right([each.start for each in bars], tune.onsets[passage.in_tune]) - 1
    beginning = bars[max(0, bar - 1)]
    start = beginning.start
    first = next(i for i, onset in enumerate(tune.onsets) if onset >= start)
    end = min(len(tune), max(first + notes, passage.in_tune + passage.notes + _NOTES_AFTER))
    part = slice(first, end)
    onsets = tuple(onset - start for onset in tune.onsets[part])
    # The metres and bars of the whole tune, counted from the beginning of the part.
    known: dict[str, Any] = {"pickup": tune.pickup if start == 0 else beginning.length if beginning.offset else 0}
    if tune.metres:
        later = [MetreChange(step - start, metre) for step, metre in tune.metres if step > start]
        known["metres"] = (MetreChange(0, beginning.metre), *later)
    if tune.bars:
        known["bars"] = tuple(step - start for step in tune.bars if step >= start)
    return first, Melody(
        tune.pitches[part], onsets, tune.durations[part], tune.title, tune.source, key=tune.key, **known
    )


def _corpus(config: Mapping[str, Any]) -> AbstractCorpus:
    """A corpus of a class that is imported already: a directory from a stranger cannot choose what runs."""
    module, _, name = present_path(str(config.get("_target_"))).rpartition(".")
    kind = getattr(sys.modules.get(module), name, None)
    if not (isinstance(kind, type) and issubclass(kind, AbstractCorpus)):
        own = shell_line(override("imports", [module or "my_module"]))
        raise ValueError(f"the corpus {config.get('_target_')} is not known; {own} imports its module")
    options = {key: value for key, value in config.items() if key != "_target_"}
    if "download" in options:
        options["download"] = False  # a page is made without the network
    return kind(**options)


def _intervals(melody: Melody) -> list[int]:
    return np.diff(melody.pitches).tolist()
