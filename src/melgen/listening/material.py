"""The songs of a study for a listening test, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from melgen.corpora.sources import Split, natural_key
from melgen.files import read_json
from melgen.generation.songs import SONGS_FILE, read_songs, song_names
from melgen.listening.excerpts import ANCHOR, RHYTHM_ANCHOR, is_of_equal_notes
from melgen.music.melody import Melody
from melgen.pages.sources import find_source
from melgen.pages.study_material import recorded_splits, run_places, trained_on
from melgen.pages.training_tunes import TrainingTunes
from melgen.runs.config import plain_config, writes_rhythm

Songs = dict[str, Melody]
"""Songs by their path in the study."""


@dataclass(frozen=True)
class Material:
    """What a test is made of.

    Attributes:
        networks: the songs of each network, by its name.
        tunes: held-out tunes, by their names in the corpus.
        baseline: songs of the baseline.
        baseline_name: its name.
        with_rhythm: whether songs are played as written.
        primer_notes: the most notes that a song was begun with.
    """

    networks: dict[str, Songs]
    tunes: Songs
    baseline: Songs
    baseline_name: str
    with_rhythm: bool
    primer_notes: int


def read_material(
    study: str | Path,
    networks: Sequence[str] | None = None,
    anchor: str | None = None,
    *,
    equal_notes: bool = False,
    cache_dir: str | None = None,
    progress: bool = True,
) -> Material:
    """Read the songs of a study, its baseline's, and the test tunes of its corpus.

    Args:
        study: the directory of a study, or of its runs.
        networks: names of selected networks; by default all.
        anchor: the name of a baseline; by default a bigram, with rhythm where the songs have it.
        equal_notes: whether songs with rhythm are played as equal notes too; otherwise all networks must write rhythm,
            or none of them.
        cache_dir: of the corpus.
        progress: whether to show progress bars on a terminal.

    Raises:
        ValueError: for a directory that is not of a study with songs, an unknown network or baseline, networks with
            and without rhythm, or a corpus that cannot be read.
    """
    directory = find_source(study, "study", "study").place
    manifest, models = read_json(directory / "manifest.json"), read_json(directory / "selection.json").get("models")
    if not isinstance(models, dict) or not models:
        raise ValueError(f"study={study}: no network was selected yet; the study's stage select does it")
    chosen = [*models] if networks is None else _checked([*models], networks)
    songs, primers = {}, []
    for name in chosen:
        songs[name], primer = _read_set(directory, name, "the study's stage generate writes them")
        primers.append(primer)
    flat = [name for name in chosen if not _writes_rhythm(directory, models[name])]
    with_rhythm = not equal_notes and _write_rhythm(chosen, flat)
    baseline_name = anchor or (RHYTHM_ANCHOR if with_rhythm else ANCHOR)
    known = sorted(path.stem for path in (directory / "evaluation" / "writers").glob("*.json"))
    if anchor is not None and known and anchor not in known:
        raise ValueError(f"anchor={anchor}: must be a baseline of the study: {', '.join(known)}")
    baseline, primer = _read_set(directory, baseline_name, "the study's stage evaluate writes those of baselines")
    if with_rhythm and is_of_equal_notes(baseline.values()):
        raise ValueError(f"anchor={baseline_name}: writes no rhythm, and the networks do; {RHYTHM_ANCHOR} does")
    tunes = _read_tunes(directory, manifest, cache_dir, progress)
    return Material(songs, tunes, baseline, baseline_name, with_rhythm, max([*primers, primer]))


def _checked(known: Sequence[str], networks: Sequence[str]) -> list[str]:
    for name in networks:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"networks: {name} was not selected by the study; it has {', '.join(known)}{hint}")
    if not networks or len(set(networks)) < len(networks):
        raise ValueError(f"networks=[{','.join(networks)}]: must be one or more different networks")
    return [*networks]


def _read_set(directory: Path, name: str, who: str) -> tuple[Songs, int]:
    """All songs of a set, and the number of notes of its primer."""
    lists = sorted((directory / "songs" / name).rglob(SONGS_FILE), key=lambda path: natural_key(path.as_posix()))
    songs: Songs = {}
    primer_notes = 0
    for file in lists:
        found = read_songs(file)
        place = file.parent.relative_to(directory).as_posix()
        songs |= {
            f"{place}/{song}": melody for song, melody in zip(song_names(len(found)), found.melodies, strict=True)
        }
        primer_notes = max(primer_notes, _primer_notes(found.metadata.get("primer")))
    if not songs:
        raise ValueError(f"{directory / 'songs' / name}: contains no songs; {who}")
    return songs, primer_notes


def _primer_notes(primer: object) -> int:
    """The notes of a primer: one for all songs, or a list of one for each."""
    if not isinstance(primer, list) or not primer:
        return 0
    return max(len(each) for each in primer) if isinstance(primer[0], list) else len(primer)


def _writes_rhythm(directory: Path, model: Mapping[str, Any]) -> bool:
    """Whether a network writes rhythm, by the configuration of its runs."""
    # Not by its songs: those of equal notes have a gap where a pitch was outside the range of MIDI.
    return any(writes_rhythm(plain_config(directory / run)) for run in model.get("runs", ()))


def _write_rhythm(networks: Sequence[str], flat: Sequence[str]) -> bool:
    """Whether all networks write rhythm; `flat` are those that write pitches only.

    Raises:
        ValueError: if some do and some do not.
    """
    if flat and len(flat) < len(networks):
        other = next(name for name in networks if name not in flat)
        raise ValueError(
            f"networks: {flat[0]} writes pitches, {other} writes rhythm, and a listener would know one from the other; "
            "networks=[...] chooses those of one kind, equal_notes=true plays all as equal notes"
        )
    return not flat


def _read_tunes(directory: Path, manifest: Mapping[str, Any], cache_dir: str | None, progress: bool) -> Songs:
    """The tunes of the test split."""
    places = run_places(directory, manifest)
    config, splits = trained_on(manifest, places), recorded_splits(places)
    if not config or splits is None:
        raise ValueError(
            f"{directory}: names neither its corpus nor the split of its tunes; its runs were moved or deleted"
        )
    try:
        reference = TrainingTunes.read(config, splits, cache_dir=cache_dir, progress=progress).reference
    except (TypeError, KeyError) as error:
        raise ValueError(f"the held-out tunes of {directory} cannot be read: {error}") from error
    tunes = reference.melodies_of(Split.TEST)
    if not tunes:
        raise ValueError(f"{splits}: names no test tune that the corpus still has")
    return tunes
