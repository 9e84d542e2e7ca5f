"""What goes into a page: a core that is there at once, and packs that are unfolded when they are needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from melgen.evaluation.results import CHOICES, OPENINGS, SongSetEvaluation
from melgen.pages.scores import Engraver
from melgen.pages.songs import summaries_of
from melgen.pages.training_tunes import TrainingTunes
from melgen.plurals import counted

log = logging.getLogger(__name__)


class Content:
    """The content of one page while it is gathered.

    Args:
        engraver: makes the scores.
        scores: of how many songs of a set at most.
        cache_dir, progress: for reading a corpus.

    Attributes:
        core: plain data that the page needs at once.
        packs: plain data by name, each unfolded by itself.
    """

    def __init__(self, engraver: Engraver, *, scores: int = 100, cache_dir: str | None = None, progress: bool = True):
        self.engraver, self.scores = engraver, scores
        self._reading: dict[str, Any] = {"cache_dir": cache_dir, "progress": progress}
        self.core: dict[str, Any] = {
            "kind": "run",
            "title": "",
            "above": "",
            "facts": [],
            "findings": [],
            "notices": [],
            "runs": [],
            "runMetrics": [],
            "curveMetrics": [],
            "songMetrics": [],
            "choices": CHOICES,
            "openings": "",
            "sets": [],
            "embeddings": [],
            "tables": [],
        }
        self.packs: dict[str, Any] = {}
        if engraver.missing:
            self.notice(engraver.missing)

    def notice(self, text: str, *, strong: bool = False) -> None:
        """Say something at the top of the page, strong things first."""
        entry = {"text": text, "strong": strong}
        if strong:
            self.core["notices"].insert(0, entry)
        else:
            self.core["notices"].append(entry)

    def finding(self, label: str, value: str, unit: str, *, model: str = "", note: str = "") -> None:
        """Add one of the few lines that the page opens with.

        Args:
            label: what was found out.
            value, unit: the number.
            model: whose it is, if one model or song is named.
            note: what else is to be known of it.
        """
        self.core["findings"].append({"label": label, "value": value, "unit": unit, "model": model, "note": note})

    def pack(self, name: str, data: Any) -> None:
        """Add what is unfolded when it is needed."""
        self.packs[name] = data

    def song_set(
        self,
        name: str,
        role: str,
        shown: dict[str, Any],
        scores: dict[str, Any],
        summaries: dict[str, Any],
        facts: Mapping[str, Any],
    ) -> None:
        """Add a set of songs that can be listened to."""
        number = len(self.core["sets"])
        self.pack(f"songs-{number}", shown)
        self.pack(f"scores-{number}", scores)
        self.core["sets"].append(
            {
                "name": name,
                "role": role,
                "songs": len(shown["songs"]),
                "pack": number,
                "summaries": summaries,
                **facts,
            }
        )

    def reference_set(self, name: str, evaluation: SongSetEvaluation, role: str) -> None:
        """Add a set that songs are compared with; what the openings are is said once, for all parts of the page."""
        self.core["sets"].append({"name": name, "role": role, "summaries": summaries_of(evaluation.summaries)})
        if name == OPENINGS and evaluation.lengths:
            tunes = counted(len(evaluation.songs), "test tune")
            self.core["openings"] = f"the first {evaluation.lengths[0]} notes of {tunes}"

    def hero(self, number: int, line: str) -> None:
        """Open the page with the first of a set's chosen songs, or the first of all."""
        songs, scores = self.packs[f"songs-{number}"], self.packs[f"scores-{number}"]
        index = next(iter(songs["chosen"].values()), 0)
        song = songs["songs"][index]
        self.core["hero"] = {
            "set": number,
            "index": index,
            "line": line,
            **{key: song[key] for key in ("name", "p", "o", "d", "b") if key in song},
            "svg": scores["songs"].get(str(index)),
        }

    def embedding(self, name: str, read: Callable[[], dict[str, Any] | None]) -> None:
        """Add the map of a network's values, if there is one."""
        try:
            found = read()
        except (ValueError, OSError) as error:
            self.notice(f"The embedding of {name} cannot be read: {error}")
            return
        if found is not None:
            self.pack(f"embedding-{len(self.core['embeddings'])}", found)
            self.core["embeddings"].append(name)

    def training_tunes(self, config: Mapping[str, Any], splits: Path | None) -> TrainingTunes | None:
        """The corpus of a run, or ``None`` and a notice."""
        try:
            tunes = TrainingTunes.read(config, splits, **self._reading)
        except (ValueError, TypeError, KeyError, OSError, ImportError) as error:
            self.notice(f"Training tunes cannot be shown beside the songs: {str(error) or type(error).__name__}")
            return None
        if tunes.unknown:
            self.notice(
                f"The corpus has changed since the training: {tunes.unknown:,} of its {len(tunes.reference.splits):,} "
                "tunes were not there, or have other names, and the songs are not compared with them."
            )
        return tunes
