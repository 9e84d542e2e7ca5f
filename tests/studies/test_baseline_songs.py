"""Baselines of a study are scored on the tunes that its networks are scored on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from melgen.data import Split
from melgen.evaluation.baselines import BigramBaseline
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.music.melody import Melodies, Melody
from melgen.studies import baseline_songs
from melgen.studies.primers import StudyPrimer
from melgen.studies.study_corpus import StudyCorpus


class Corpus(StudyCorpus):
    """The corpus of a study without runs: ten tunes of training, and two of each other split."""

    def __init__(self, options):
        rng = np.random.default_rng(0)
        melodies = Melodies.from_list([Melody.from_pitches(rng.integers(60, 70, 12).tolist()) for _ in range(14)])
        splits = np.array([Split.TRAIN] * 10 + [Split.VALIDATION] * 2 + [Split.TEST] * 2, np.int8)
        comparable = np.ones(len(splits), bool)
        self.settings = SimpleNamespace(options=options)
        self.data_of_runs = SimpleNamespace(melodies=melodies, splits=splits, comparable=comparable)
        self.reference = ReferenceCorpus(melodies, splits, comparable)


def test_training_tunes_are_the_sample_that_networks_are_scored_on(monkeypatch):
    sampling = {"selection": "sample", "temperature": 1.0, "top_k": None, "top_p": None}
    corpus = Corpus(EvaluationOptions(resamples=10))
    study = SimpleNamespace(
        corpus=corpus,
        runs=SimpleNamespace(write_rhythm=False),
        settings=SimpleNamespace(options=corpus.settings.options, sampling=sampling),
    )
    scores = {}

    def keep(study, evaluation, *others):
        scores[evaluation.name] = evaluation.set_scores
        return [Path(evaluation.name)]

    monkeypatch.setattr(baseline_songs, "_write_baseline", keep)
    primer = StudyPrimer("", (60, 62, 64, 62), 4, is_main=True)
    baseline_songs.evaluate_baselines(study, primer, {"songs": 3, "notes": 6, "seed": 0})

    sample = corpus.sample_of(Split.TRAIN, corpus.data_of_runs.comparable)
    assert len(sample) == 2, "as many as test tunes"
    bigram = BigramBaseline.fit(list(corpus.reference.tunes(Split.TRAIN).values()))
    of_sample = bigram.bits_per_note([tune.pitches for tune in sample])
    assert scores["bigram"]["bits_per_note/train"] == pytest.approx(of_sample)
    test = bigram.bits_per_note(corpus.reference.comparable_tunes(Split.TEST))
    assert scores["bigram"]["bits_per_note/test"] == pytest.approx(test)
