"""Songs that a network wrote during its training, update after update."""

from __future__ import annotations

from typing import TypedDict

from melgen.pages.content import Content
from melgen.pages.plain import notes_of
from melgen.pages.run_material import RunMaterial, read_stages
from melgen.pages.runs import VALIDATION_LOSS
from melgen.pages.schema import Curve, Notes
from melgen.pages.section import Section

SONGS_OF_STAGE = 5


class StageSong(Notes):
    """A song of a stage."""

    score: str | None
    """As SVG, without the music font; null if it has none."""


class Stage(TypedDict):
    """The songs after one number of updates."""

    updates: int
    validation_loss: float | None
    """Last one until then, in nats per token."""
    songs: list[StageSong]


class Data(TypedDict):
    """Data of the section: what it shows is in its pack."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The songs of each stage in the pack ``stages``, those of the end among them."""
    found = read_stages(run.directory, content)
    if not found:
        return None
    if run.songs and (best := run.run["values"].get("best_updates")) is not None:
        found.append((int(best), [*run.songs.values()]))
    stages = sorted(((updates, songs[:SONGS_OF_STAGE]) for updates, songs in found), key=lambda stage: stage[0])
    scores = iter(run.tools.engraver.engrave([song for _, songs in stages for song in songs]))
    losses = run.curves.get(run.run["name"], {}).get(VALIDATION_LOSS)
    pack: list[Stage] = [
        {
            "updates": updates,
            "validation_loss": _value_at(updates, losses),
            "songs": [{**notes_of(song), "score": next(scores)} for song in songs],
        }
        for updates, songs in stages
    ]
    content.add_pack("stages", pack)
    return {}


def _value_at(updates: int, curve: Curve | None) -> float | None:
    """The last value of a curve until an update; ``None`` before its first.

    >>> _value_at(25, {"updates": [10, 20, 30], "values": [3.0, 2.5, 2.0]})
    2.5
    """
    points = [] if curve is None else zip(curve["updates"], curve["values"], strict=True)
    return next((value for step, value in reversed([*points]) if step <= updates), None)


SECTION = Section(40, Data, of_run, packs={"stages": list[Stage]})
