"""Parts of one melody that a file divides by channel or program, joined again if they never sound together."""

from __future__ import annotations

import numpy as np

from melgen.corpora.extraction import Track


def join_in_order(pieces: list[Track]) -> list[Track]:
    """The channels of one track; consecutive channels that never sound together are joined."""
    sounding = [piece for piece in pieces if len(piece.notes)]
    if len(sounding) < 2:
        return sounding
    joined: list[Track] = []
    for piece in sorted(sounding, key=lambda each: int(each.notes[:, 0].min())):
        before = next((place for place, each in enumerate(joined) if _goes_on(each, piece)), None)
        if before is None:
            joined.append(piece)
        else:
            notes = np.concatenate([joined[before].notes, piece.notes])
            joined[before] = Track(notes, piece.name, piece.is_drum)
    return joined


def join_pieces(tracks: list[Track]) -> list[Track]:
    """Tracks of one name that never sound together, joined into one."""
    joined: list[Track] = []
    for track in tracks:
        if not len(track.notes):
            continue
        if joined and track.name and _goes_on(joined[-1], track):
            joined[-1] = Track(np.concatenate([joined[-1].notes, track.notes]), track.name, track.is_drum)
        else:
            joined.append(track)
    return joined


def _goes_on(before: Track, after: Track) -> bool:
    if (before.name, before.is_drum) != (after.name, after.is_drum):
        return False
    return bool((before.notes[:, 0] + before.notes[:, 1]).max() <= after.notes[:, 0].min())
