"""A trained network for programs and notebooks: `melgen.load` returns it.

>>> import melgen
>>> net = melgen.load("airs.melgen")  # doctest: +SKIP
>>> net.continue_("C4 D4 E4 D4", songs=10)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from melgen.bit_names import BITS, BITS_WITH_RHYTHM
from melgen.checking import check_whole
from melgen.checkpoint import TrainedModel, load_model, run_of
from melgen.corpora.licences import notice_of
from melgen.corpora.packing import interval_hashes
from melgen.exporting.origin import metrics_of
from melgen.generation.from_checkpoint import song_set_by
from melgen.generation.next_pitch import next_pitches, next_pitches_of_tune
from melgen.generation.primers import read_primer_melody
from melgen.generation.songs import SongSet
from melgen.model_files.weights import read_model_file
from melgen.music.melody import Melodies, Melody
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.runs.usual_primer import usual_primer
from melgen.scoring.likelihood import likelihood

if TYPE_CHECKING:
    from melgen.pages.report import Report

Primer = str | Melody | Sequence[int] | Sequence[str]
"""A melody, or what `melgen.generation.primers.read_primer_melody` reads: names of notes, ABC, pitches, a file."""


def load(path: str | Path) -> Network:
    """The network of a run's directory, a checkpoint, a model file, or a name: ``melgen:rhythmic``, ``hf:owner/name``.

    No code from the file is run, and nothing is imported because of it. Only a repository needs an internet
    connection, once.

    Raises:
        CheckpointError: if there is none, or it cannot be read; names the path and the reason.
    """
    return Network(load_model(path, key="path"))


class Network:
    """A trained network that writes and judges melodies.

    Args:
        trained: the network with its representation, vocabulary and rhythm.
    """

    def __init__(self, trained: TrainedModel):
        self.trained = trained

    @property
    def name(self) -> str:
        """The name of its model file, or ``<name>/<run>``."""
        return self.trained.title

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics as its training recorded them, such as ``test/bits_per_note``.

        Those of the test are there once the run is finished, unless another checkpoint than its best one was loaded.
        """
        return MappingProxyType(self.trained.metrics if self.trained.shared is not None else metrics_of(self.trained))

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of its training."""
        return MappingProxyType(self.trained.config)

    @property
    def has_rhythm(self) -> bool:
        """Whether it writes note lengths; otherwise it writes pitches only."""
        return self.trained.has_rhythm

    @property
    def licence(self) -> str | None:
        """The licence of the weights by its SPDX name; None for a run, which has none before it is exported."""
        return None if self.trained.shared is None else self.trained.shared.licence

    @property
    def notice(self) -> str:
        """The notice to print wherever these weights are shown; empty if they need none."""
        return "" if self.trained.shared is None else notice_of(self.trained.shared.corpora)

    @property
    def card(self) -> str:
        """The model card in Markdown; empty for a run, which has none before it is exported."""
        return "" if self.trained.shared is None else read_model_file(self.trained.path, key="path").card

    def continue_(
        self,
        primer: Primer = "",
        songs: int = 1,
        notes: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        selection: str = "sample",
        seed: int = 0,
        limit: int | None = None,
        metre: str | None = None,
        pickup: str | int | None = None,
    ) -> SongSet:
        """Songs that begin with a primer.

        Args:
            primer: names of notes (``C4 D4 E4 D4``), ABC, pitches, a melody, or the path of a file; without one, a
                network with rhythm begins by itself, and any other with the primer of the first paper.
            songs: number of songs.
            notes: number of notes after the primer; None for 30, or, with rhythm, until the network ends the song.
            temperature, top_k, top_p, selection: see `melgen.generation.selection.select`.
            seed: the same seed gives the same songs.
            limit: the most notes of a song, with rhythm; None for those of the longest training tune.
            metre: such as ``6/8``, with rhythm.
            pickup: length of the incomplete first bar, as a fraction of a whole note: ``1/8``; with rhythm.

        Returns:
            The songs: a sequence of melodies with the options that made them.

        Raises:
            ValueError: for a primer that the network cannot read, or an option out of range.
        """
        return song_set_by(
            self.trained,
            self._melody(primer),
            songs=songs,
            notes=notes,
            limit=limit,
            metre=metre,
            pickup=pickup,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            selection=selection,
            seed=seed,
        )

    def bits_per_note(self, melody: Primer) -> float:
        """The bits per note of a melody from its third note on: the better the network predicts it, the fewer.

        With rhythm the bits of pitch and of rhythm are added, so that the number is not comparable with that of a
        network of pitches.

        Raises:
            ValueError: for a melody of fewer than three notes, or one that the network cannot read.
        """
        tune = read_melody_of(melody)
        check_whole("notes of the melody", len(tune), 3)
        if not isinstance(self.trained.vocabulary, TuneVocabulary):
            values = self.trained.representation.encode(tune.pitches)
            self.trained.vocabulary.encode(values, strict=True)
        elif not self.trained.rhythm.is_comparable:
            raise ValueError(f"rhythm={self.trained.rhythm.name}: its bits per note cannot be compared with others")
        elif reason := self.trained.encoding.reason_against(tune):
            raise ValueError(f"melody: rhythm={self.trained.rhythm.name} cannot write it: {reason}")
        scored = likelihood(self.trained, [tune], np.array([True]))
        bits = scored[BITS_WITH_RHYTHM if self.has_rhythm else BITS]
        if np.isnan(bits):
            raise ValueError("melody: it contains what never occurred in the training of this network")
        return bits

    def probabilities(self, primer: Primer = "") -> dict[int, float]:
        """The probability of each pitch as the next note after a primer, the likeliest first.

        They are those of a next note, given that one comes: rests and the end are left out.

        Raises:
            ValueError: for a primer that the network cannot read.
        """
        trained, melody = self.trained, self._melody(primer)
        if isinstance(trained.vocabulary, TuneVocabulary):
            return next_pitches_of_tune(trained.model, trained.encoding, trained.vocabulary, melody)
        return next_pitches(trained.model, trained.representation, trained.vocabulary, melody.pitches)

    def has_seen(self, melody: Primer) -> bool:
        """Whether a melody, or a transposition of it, was among the training tunes.

        Raises:
            ValueError: if the training tunes of the network are not recorded.
        """
        if self.trained.seen is None:
            raise ValueError(f"{self.name}: its training tunes are not recorded")
        return bool(self.trained.seen.contains(interval_hashes(Melodies.from_list([read_melody_of(melody)])))[0])

    def page(self) -> Report:
        """The report page of its run or model file: songs, scores, sound, learning curves and so on.

        It is the ``report.html`` in the run's directory, or, without one, made now, which takes up to a minute. Nothing
        is written; `Report.save` does. Jupyter shows the page itself, which has megabytes.

        Raises:
            ValueError: for a checkpoint outside the directory of a run.
        """
        from melgen.pages.report import read_or_make_report  # the page of a network is seldom wanted

        return read_or_make_report(run_of(self.trained.path) if self.trained.shared is None else self.trained.path)

    def __repr__(self) -> str:
        rhythm = f", rhythm {self.trained.rhythm.name}" if self.has_rhythm else ""
        return f"Network({self.name!r}, {self.trained.representation.name}{rhythm})"

    def _melody(self, primer: Primer) -> Melody:
        return read_melody_of(primer if len(primer) else usual_primer(self.has_rhythm))


def read_melody_of(given: Primer) -> Melody:
    """A melody as it is, or read as a primer.

    Raises:
        ValueError: if it is none.
    """
    return given if isinstance(given, Melody) else read_primer_melody(given)
