"""Writing a model file of a run."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from melgen.checking import require
from melgen.checkpoint import TrainedModel, load_model, run_of
from melgen.corpora.licences import licence_for
from melgen.exporting.card import card_of
from melgen.exporting.origin import corpora_of, metrics_of, provenance_of, public_config
from melgen.files import scratch_beside
from melgen.generation.from_checkpoint import reader_of, song_set_by
from melgen.generation.primers import read_primer_melody
from melgen.generation.songs import READER, SongSet, read_songs, write_songs
from melgen.model_files.archive import CARD, DESCRIPTION, SONGS_FOLDER, SUFFIX, WEIGHTS, has_description, write_archive
from melgen.model_files.description import NAME_RULE, Description, is_name
from melgen.model_files.weights import read_model_file, weights_bytes
from melgen.networks import count_parameters
from melgen.runs.usual_primer import usual_primer
from melgen.software import software

log = logging.getLogger(__name__)

MOST_SONGS = 100
"""Songs of a run in its model file; of a larger set the first ones."""
WRITTEN_SONGS = 10
"""Songs that the network writes if its run has none."""


def export_run(run: str | Path, to: str | Path, licence: str | None = None) -> Path:
    """Write the network of a run as a model file.

    Equal runs give equal bytes. An earlier model file at the same place is replaced.

    Args:
        run: a run's directory, whose best checkpoint is taken, or a checkpoint.
        to: the file, ``NAME.melgen``; its name becomes that of the network.
        licence: of the weights, by its SPDX name; by default what the corpus asks for.

    Returns:
        The file.

    Raises:
        CheckpointError: if there is no checkpoint.
        ValueError: for a licence that the corpus does not allow or does not imply, or a place that is not free.
    """
    path = checked_place(to)
    trained = load_model(run, key="run")
    require(trained.shared is None, "run", str(run), "a run or a checkpoint, not a model file")
    corpora = corpora_of(trained)
    description = Description(
        name=path.stem,
        model=trained.model.describe(),
        representation=trained.representation.name,
        rhythm=trained.rhythm.describe() if trained.has_rhythm else None,
        vocabulary=trained.vocabulary.to_dict(),
        config=public_config(trained.config),
        metrics=metrics_of(trained),
        updates=trained.updates,
        parameters=count_parameters(trained.model),
        provenance=provenance_of(trained, software()),
        licence=licence_for(corpora, licence),
        corpora=tuple(corpora),
        training_tunes=None if trained.seen is None else trained.seen.to_json(),
    )
    songs = songs_of(trained, path.stem)
    members = {
        CARD: card_of(description, len(songs)).encode(),
        DESCRIPTION: description.text().encode(),
        WEIGHTS: weights_bytes(trained.model.state_dict()),
        **_song_members(songs),
    }
    fresh = scratch_beside(path, "new")
    try:
        write_archive(fresh, members)
        read_model_file(fresh, key="to")  # what is written must be what the strict reader accepts
        fresh.replace(path)
    except OSError as error:
        if error.errno is not None:
            error.filename = f"to={path}"
        raise
    finally:
        fresh.unlink(missing_ok=True)
    return path


def checked_place(to: str | Path) -> Path:
    """The file to write, if it may be written.

    Raises:
        ValueError: naming the key, its value and the rule.
    """
    path = Path(to).expanduser()
    require(path.suffix == SUFFIX and path.stem != "", "to", str(to), f"the name of a file, NAME{SUFFIX}")
    require(is_name(path.stem), "to", str(to), f"NAME{SUFFIX} with a NAME of {NAME_RULE}")
    free = not path.exists() or (path.is_file() and has_description(path))
    require(free, "to", str(to), "free, or an earlier model file")
    return path


def songs_of(trained: TrainedModel, name: str) -> SongSet:
    """The songs that these weights wrote at the end of their run; a few new ones if there are none.

    Args:
        trained: the network.
        name: its name in the list of songs.
    """
    found = _songs_of_run(trained)
    if found is None:
        found = song_set_by(trained, read_primer_melody(usual_primer(trained.has_rhythm)), songs=WRITTEN_SONGS)
    reader = reader_of(trained)
    origin = {"model": name} | ({} if reader is None else {READER: reader})
    return SongSet(found.melodies[:MOST_SONGS], found.metadata | origin, reader)


def _songs_of_run(trained: TrainedModel) -> SongSet | None:
    try:
        found = read_songs(run_of(trained.path) / SONGS_FOLDER)
    except (OSError, ValueError) as error:
        log.debug("the run has no songs to export: %s", error)
        return None
    return found if len(found) and found.metadata.get("updates") == trained.updates else None


def _song_members(songs: SongSet) -> Mapping[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, SONGS_FOLDER)
        write_songs(folder, songs.melodies, songs.metadata)
        return {f"{SONGS_FOLDER}/{file.name}": file.read_bytes() for file in folder.iterdir()}
