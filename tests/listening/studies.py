"""A small study on disk, with the songs of two networks and of a baseline, and a corpus of tunes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from melgen.corpora import Cleaning, FolderCorpus
from melgen.files import write_json, write_text
from melgen.generation.songs import write_songs
from melgen.music import Melody

NETWORKS = ("control-lstm-2", "db12-gru-1")
TUNES = 14
TITLE = "The Blackbird's Farewell"
"""The beginning of the title of every tune."""
PRIMER = [60, 62, 64, 62]
_SCALE = np.array([60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79])
_NAMES = dict(zip(_SCALE.tolist(), "CDEFGABcdefg", strict=True))
_LENGTHS = {12: "1/2", 24: "", 36: "3/2", 48: "2"}


def song(seed: int, notes: int = 40, *, with_rhythm: bool = False, primer: tuple[int, ...] = ()) -> Melody:
    """A random melody in C major."""
    generator = np.random.default_rng(seed)
    pitches = [*primer, *generator.choice(_SCALE, notes).tolist()]
    if not with_rhythm:
        return Melody.from_pitches(pitches)
    durations = generator.choice(list(_LENGTHS), len(pitches)).tolist()
    onsets = np.concatenate([[0], np.cumsum(durations)[:-1]]).tolist()
    return Melody(tuple(pitches), tuple(onsets), tuple(durations))


def make_study(home: Path, rhythms: tuple[bool, bool] = (False, False), songs: int = 12) -> Path:
    """A study with as many songs of each network.

    Args:
        home: the directory of the runs.
        rhythms: whether either network writes rhythm.
        songs: of each network, and of each baseline.
    """
    study, runs = home / "study", []
    corpus = {"_target_": "melgen.corpora.FolderCorpus", "path": str(home / "tunes")}
    cleaning = {"_target_": "melgen.corpora.Cleaning", "min_length_notes": 12}
    tunes = [
        f"X:{i}\nT:{TITLE} {i}\nM:4/4\nL:1/4\nK:C\n{_abc(song(500 + i, 60, with_rhythm=True))}|\n" for i in range(TUNES)
    ]
    write_text(home / "tunes" / "tunes.abc", "\n".join(tunes))
    models = {}
    for number, (name, with_rhythm) in enumerate(zip(NETWORKS, rhythms, strict=True)):
        run = home / f"{name}-seed0"
        rhythm = "Factored" if with_rhythm else "NoRhythm"
        config = {"corpus": corpus, "cleaning": cleaning, "rhythm": {"_target_": f"melgen.music.{rhythm}"}}
        write_json(run / "config.yaml", config)  # JSON is YAML
        _write_splits(run / "splits.tsv", home / "tunes")
        primer = () if with_rhythm else tuple(PRIMER)
        written = [song(100 * number + i, with_rhythm=with_rhythm, primer=primer) for i in range(songs)]
        _write_set(study / "songs" / name / "seed0", written, primer)
        models[name] = {"runs": [f"../{run.name}"]}
        runs.append(f"../{run.name}")
    for number, (name, with_rhythm) in enumerate({"bigram": False, "rhythm-bigram": True}.items()):
        primer = () if with_rhythm else tuple(PRIMER)
        written = [song(900 + 100 * number + i, with_rhythm=with_rhythm, primer=primer) for i in range(songs)]
        _write_set(study / "songs" / name, written, primer)
        write_json(study / "evaluation" / "writers" / f"{name}.json", {})
    write_json(study / "selection.json", {"models": models})
    manifest = {"format": "melgen study", "runs": runs, "trained_on": {"corpus": corpus, "cleaning": cleaning}}
    write_json(study / "manifest.json", manifest)
    return study


def _write_set(folder: Path, songs: list[Melody], primer: tuple[int, ...]) -> None:
    write_songs(folder, songs, {"model": "m", "primer": list(primer), "selection": "sample", "seed": 0})


def _write_splits(path: Path, tunes: Path) -> None:
    """Every tune but the first two is a test tune."""
    melodies = FolderCorpus(path=str(tunes)).load(Cleaning(min_length_notes=12), progress=False).melodies
    lines = [
        f"{'train' if i < 2 else 'test'}\t{source}\t{title}"
        for i, (source, title) in enumerate(zip(melodies.sources, melodies.titles, strict=True))
    ]
    write_text(path, "\n".join(["split\tsource\ttitle", *lines, ""]))


def _abc(melody: Melody) -> str:
    notes = zip(melody.pitches, melody.durations, strict=True)
    return " ".join(f"{_NAMES[pitch]}{_LENGTHS[duration]}" for pitch, duration in notes)
