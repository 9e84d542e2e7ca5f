"""Melodies for tests: random walks, which are similar enough to tunes for these tests."""

from __future__ import annotations

import pickle

import numpy as np

from melgen.music import Melody


def walk(rng, notes, lowest=55, highest=79):
    """Pitches that move by up to four semitones at a time."""
    pitches = [int(rng.integers(lowest, highest + 1))]
    while len(pitches) < notes:
        step = int(rng.integers(-4, 5))
        if lowest <= pitches[-1] + step <= highest:
            pitches.append(pitches[-1] + step)
    return pitches


def walks(count, seed=0, shortest=12, longest=24):
    """Pitch lists."""
    rng = np.random.default_rng(seed)
    return [walk(rng, int(rng.integers(shortest, longest + 1))) for _ in range(count)]


def melodies(songs):
    return [Melody.from_pitches(song) for song in songs]


def write_songs(path, songs):
    """A song list as the paper published them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(songs, protocol=2))
    return path


def stream_of(songs):
    """An encoded stream as the paper published them."""
    values = sorted({value for song in songs for value in song})
    return {
        "notes_dict": dict(enumerate(values)),
        "x": [value for song in songs for value in song[:-1]],
        "y": [value for song in songs for value in song[1:]],
    }
