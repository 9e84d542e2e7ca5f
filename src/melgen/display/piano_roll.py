"""A melody as a piano roll in SVG: a bar for each note, where there is no engraver."""

from __future__ import annotations

from melgen.display.markup import escaped
from melgen.music.melody import Melody

_WIDTH, _ROW, _MARGIN = 700, 5, 4
_LEAST_ROWS = 12


def piano_roll(melody: Melody, title: str = "") -> str:
    """The notes from left to right by time, and upwards by pitch.

    Each note is a ``<rect data-note="12">`` with its index in the melody.
    """
    spans = list(zip(melody.pitches, melody.onsets, melody.durations, strict=True))
    last = max((onset + max(duration, 1) for _, onset, duration in spans), default=1)
    highest = max(melody.pitches, default=60)
    rows = max(highest - min(melody.pitches, default=60) + 1, _LEAST_ROWS)
    scale = (_WIDTH - 2 * _MARGIN) / last
    notes = "".join(
        f'<rect data-note="{index}" x="{_MARGIN + onset * scale:.1f}" y="{_MARGIN + (highest - pitch) * _ROW}" '
        f'width="{max(duration * scale - 0.5, 1):.1f}" height="{_ROW}"/>'
        for index, (pitch, onset, duration) in enumerate(spans)
    )
    height = rows * _ROW + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="melgen-roll" role="img" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" aria-label="{escaped(title) or "Piano roll"}">'
        f'<g fill="currentColor">{notes}</g></svg>'
    )
