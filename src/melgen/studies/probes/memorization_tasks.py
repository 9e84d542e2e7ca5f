"""Search songs for memorized passages: tasks of the stage evaluate, see `melgen.evaluation.probes.memorization`.

The songs are those that each training has written underway, below ``samples/`` in the directory of the run, and those
that the study has written by the selected weights. No network is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from melgen.data import Split
from melgen.evaluation.probes import MEMORIZATION
from melgen.evaluation.probes.memorization import HELD_OUT_PARTS, MOST_PARTS, Memorized, SeenAndUnseen
from melgen.files import write_json
from melgen.generation.songs import SONGS_FILE, pitches_by_song, read_songs
from melgen.numbered_names import numbered_in
from melgen.studies.names import MEMORIZING_BASELINES
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task


def tasks(study: Study, songs_of_baselines: Mapping[str, Any]) -> Iterator[Task]:
    """A task for the baselines and one for each run of each selected network.

    Args:
        songs_of_baselines: inputs of the task that writes their songs.
    """
    names, options = study.names, study.settings.options
    common = {
        "corpus": study.corpus.inputs,
        "dealt_by": options.seed,
        "ngram": options.ngram,
        "parts": [HELD_OUT_PARTS, MOST_PARTS],
    }
    searched = _Search(study)
    inputs = common | {"songs_of_baselines": songs_of_baselines, "baselines": list(MEMORIZING_BASELINES)}
    yield Task(names.probe_task(MEMORIZATION), inputs, searched.search_baselines)
    for model, run in study.runs.of_models():
        inputs = common | {
            "songs": study.bench.outputs_digest(names.generate_task(model, run)),
            "underway": {
                str(updates): study.bench.digest_of_file(folder / SONGS_FILE)
                for updates, folder in songs_underway(run.path).items()
            },
        }
        yield Task(names.probe_task(MEMORIZATION, model, run), inputs, partial(searched.search_songs, model, run))


def songs_underway(run: Path) -> dict[int, Path]:
    """The folders of the songs that a training has written underway, by rising updates; empty if it wrote none.

    Args:
        run: its directory.
    """
    found = numbered_in(run / "samples")
    return {updates: folder for updates, folder in found if (folder / SONGS_FILE).exists()}


class _Search:
    """The search of a study's songs; the tunes are prepared once, when they are first needed."""

    def __init__(self, study: Study):
        self.study = study

    @cached_property
    def tunes(self) -> SeenAndUnseen | None:
        """The tunes that songs are compared with; None for a corpus without pitches."""
        reference = self.study.corpus.reference
        if reference is None:
            return None
        unseen = [*reference.tunes(Split.VALIDATION).values(), *reference.tunes(Split.TEST).values()]
        training = list(reference.tunes(Split.TRAIN).values())
        return SeenAndUnseen(training, unseen, self.study.settings.options.seed, reference.index)

    def search_baselines(self) -> Iterable[Path]:
        """Search the songs of the baselines."""
        for name in MEMORIZING_BASELINES:
            folder = self.study.names.set_folder(name)
            if self.tunes is not None and (folder / SONGS_FILE).is_file():
                path = self.study.names.probe_of_baseline_file(MEMORIZATION, name)
                yield self._write(path, self.tunes, {}, folder)

    def search_songs(self, model: Model, run: Run) -> Iterable[Path]:
        """Search the songs of a run."""
        if self.tunes is not None:
            path = self.study.names.probe_file(MEMORIZATION, model, run)
            songs = self.study.names.songs_folder(model, run)
            yield self._write(path, self.tunes, songs_underway(run.path), songs)

    def _write(self, path: Path, tunes: SeenAndUnseen, underway: Mapping[int, Path], selected: Path) -> Path:
        found = {
            "underway": [[updates, self._measured(tunes, folder)] for updates, folder in underway.items()],
            "selected": self._measured(tunes, selected),
            "updates": int(read_songs(selected).metadata.get("updates") or 0),
            "part_notes": tunes.part_notes,
            "training_notes": tunes.training_notes,
            "ngram": self.study.settings.options.ngram,
        }
        write_json(path, found)
        return path

    def _measured(self, tunes: SeenAndUnseen, folder: Path) -> dict[str, Any] | None:
        songs = [*pitches_by_song(folder).values()]
        found: Memorized | None = tunes.measure(songs, self.study.settings.options.ngram)
        return None if found is None else found.to_dict()
