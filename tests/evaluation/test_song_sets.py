import json
import math
import re
import statistics

import music_geometry_eval as library
import numpy as np
import pytest

from melgen.corpora import FolkCorpus
from melgen.data import MelodyDataModule, Split
from melgen.evaluation.baseline_sets import baseline_evaluations
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, evaluate_songs
from melgen.music import Control, Melodies, Melody
from melgen.pasting import override

METRICS = [
    "conjunct_melodic_motion", "limited_macroharmony", "centricity",
    "pitch_class_macroharmony", "frequency_centricity", "pitch_class_centricity",
    "pitch_class_entropy", "scale_consistency", "pitch_range", "n_pitches_used", "n_pitch_classes_used",
    "step_ratio", "leap_ratio", "repeat_ratio", "longest_repeated_note",
]  # fmt: skip
ORIGINALITY = ["longest_shared_intervals", "shared_8gram_share", "exact_copy"]
QUICK = EvaluationOptions(resamples=200)
PRIMER = [60, 62, 64, 62]


@pytest.fixture(scope="module")
def data():
    module = MelodyDataModule(FolkCorpus(["misc_folk"]), Control(), batch_size=1, seq_length=1, progress=False)
    module.setup()
    return module


@pytest.fixture(scope="module")
def reference(data):
    return ReferenceCorpus.of(data)


@pytest.fixture
def songs():
    """Beginnings of three training tunes, one note changed in the last, one song of one note and one of none."""
    return {
        "a": [60, 62, 64, 65, 67, 69, 71, 72, 72, 72, 60, 59],
        "b": [60, 60, 60, 60],
        "c": [60, 64, 67, 72, 67, 64, 60, 64, 67, 72, 67, 64, 60, 48],
        "one": [60],
        "none": [],
    }


class TestSongs:
    def test_the_arithmetic_of_the_original(self, songs):
        """The library measures each song; the rules of its scripts choose among the songs."""
        found = evaluate_songs("mine", songs, options=QUICK)
        assert found.songs == ("a", "b", "c")
        assert found.lengths == (12, 4, 14)
        assert list(found.scores) == METRICS
        rows = [
            (
                library.calculate_conjunct_melodic_motion(songs[name]),
                library.calculate_limited_macroharmony(songs[name], 12),
                library.calculate_centricity(songs[name], 12),
            )
            for name in found.songs
        ]
        for column, metric in enumerate(METRICS[:3]):
            values = [row[column] for row in rows]
            assert found.scores[metric] == pytest.approx(values, abs=1e-12)
            summary = found.summaries[metric]
            assert summary.mean == pytest.approx(statistics.mean(values), abs=1e-12)
            assert summary.variance == pytest.approx(statistics.variance(values), abs=1e-12)
            assert summary.standard_deviation == pytest.approx(statistics.stdev(values), abs=1e-12)
            assert summary.count == 3
        means = [statistics.mean(column) for column in zip(*rows, strict=True)]
        distances = [math.dist(row, means) for row in rows]
        assert found.distances_to_mean == pytest.approx(distances, abs=1e-12)
        assert found.representative == distances.index(min(distances))
        sums = [sum(row) for row in rows]
        assert found.best == sums.index(min(sums))

    def test_songs_that_cannot_be_measured_are_left_out_with_a_reason(self, songs):
        found = evaluate_songs("mine", songs, options=QUICK)
        assert found.left_out == {"one": "one note, no motion to measure", "none": "no notes"}

    def test_without_a_corpus_the_result_does_not_mention_one(self, songs):
        found = evaluate_songs("mine", songs, options=QUICK)
        assert found.nearest_tunes == ()
        assert found.set_scores
        assert all(name.startswith("diversity/") for name in found.set_scores)

    def test_a_single_song_has_no_deviation(self, songs, reference):
        found = evaluate_songs("mine", {"a": songs["a"]}, reference, QUICK)
        for metric in METRICS:
            summary = found.summaries[metric]
            assert summary.mean == found.scores[metric][0]
            assert math.isnan(summary.standard_deviation)
            assert math.isnan(summary.low)
        assert found.best == found.representative == 0
        assert math.isnan(found.set_scores["overlapped_area/pitch_range"])

    @pytest.mark.parametrize("nothing", [{}, {"one": [60], "two": [62]}, {"none": []}])
    def test_nothing_to_measure_is_an_error(self, nothing):
        with pytest.raises(ValueError, match="mine: no song can be measured"):
            evaluate_songs("mine", nothing)

    @pytest.mark.parametrize("pitches", [[60.5, 62.0], [[60, 62]], ["C4", "D4"]])
    def test_pitches_are_whole_numbers(self, pitches):
        with pytest.raises(ValueError, match="mine: song x must be a list of whole numbers"):
            evaluate_songs("mine", {"x": pitches})

    @pytest.mark.parametrize("pitch", [-1, 128])
    def test_pitches_are_midi_numbers(self, pitch):
        with pytest.raises(ValueError, match=f"mine: song x: the pitch {pitch} must be a MIDI number from 0 to 127"):
            evaluate_songs("mine", {"good": [60, 62], "x": [60, pitch]})

    def test_a_training_tune_is_found_out_in_any_key(self, data, reference, songs):
        tune = data.tunes_of(Split.TRAIN)[7]
        found = evaluate_songs("mine", songs | {"copied": (tune + 1).tolist()}, reference, QUICK)
        assert list(found.scores) == METRICS + ORIGINALITY
        copied = found.songs.index("copied")
        assert found.scores["exact_copy"][copied] == 1
        assert found.scores["shared_8gram_share"][copied] == 1
        assert found.scores["longest_shared_intervals"][copied] == len(tune) - 1
        number = np.flatnonzero(data.splits == Split.TRAIN)[7]
        assert data.melodies.sources[number] in found.nearest_tunes[copied]
        assert data.melodies.titles[number] in found.nearest_tunes[copied]
        assert math.isnan(found.scores["shared_8gram_share"][found.songs.index("b")]), "three intervals have no 8-gram"
        assert found.summaries["shared_8gram_share"].count == 3

    def test_a_song_that_shares_nothing_has_no_nearest_tune(self):
        tunes = Melodies.from_list([Melody.from_pitches([60, 62, 64])] * 3)
        corpus = ReferenceCorpus(tunes, np.array([Split.TRAIN, Split.VALIDATION, Split.TEST]))
        assert evaluate_songs("mine", {"a": [60, 65], "b": [60, 62]}, corpus, QUICK).nearest_tunes == (
            None,
            "tune_00001",
        )

    def test_human_tunes_are_nearer_to_human_tunes_than_noise(self, data, reference):
        human = {str(i): tune[:30] for i, tune in enumerate(data.tunes_of(Split.VALIDATION)) if len(tune) >= 30}
        generator = np.random.default_rng(0)
        noise = {name: generator.integers(40, 90, 30) for name in human}
        near, far = (evaluate_songs("set", each, reference, QUICK).set_scores for each in (human, noise))
        for feature in ("pitch_class_histogram", "interval_histogram", "average_pitch_interval"):
            assert near[f"overlapped_area/{feature}"] > far[f"overlapped_area/{feature}"]

    def test_the_same_again_to_the_last_bit(self, songs, reference):
        first, second = (evaluate_songs("mine", songs, reference, QUICK) for _ in range(2))
        assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())
        assert json.dumps(SongSetEvaluation.from_dict(first.to_dict()).to_dict()) == json.dumps(first.to_dict())

    def test_each_option_has_its_effect(self, songs, reference):
        wide = evaluate_songs("mine", songs, reference, EvaluationOptions(span_notes=5, resamples=200, ngram=3))
        assert wide.scores["centricity"][0] == pytest.approx(library.calculate_centricity(songs["a"], 5), abs=1e-12)
        assert "shared_3gram_share" in wide.scores
        narrow = evaluate_songs("mine", songs, reference, EvaluationOptions(resamples=200, confidence=0.5))
        default = evaluate_songs("mine", songs, reference, QUICK)
        for metric in METRICS[:3]:
            assert narrow.summaries[metric].low > default.summaries[metric].low


class TestOwnMetrics:
    def test_a_function_or_its_name(self, songs):
        metrics = {"ambitus": lambda pitches: max(pitches) - min(pitches), "highest": "builtins.max"}
        found = evaluate_songs("mine", songs, options=EvaluationOptions(metrics=metrics, resamples=200))
        assert found.scores["ambitus"] == found.scores["pitch_range"]
        assert found.scores["highest"] == (72, 60, 72)
        assert found.summaries["highest"].mean == 68

    def test_one_that_fails_names_itself_and_the_song(self, songs):
        options = EvaluationOptions(metrics={"third_step": lambda pitches: 1 / (pitches[3] - pitches[2])})
        with pytest.raises(ValueError, match="third_step fails on song b: ZeroDivisionError: division by zero"):
            evaluate_songs("mine", songs, options=options)

    def test_one_that_does_not_return_a_number(self, songs):
        with pytest.raises(ValueError, match="sorted fails on song a: TypeError"):
            evaluate_songs("mine", songs, options=EvaluationOptions(metrics={"sorted": sorted}))

    def test_names_that_are_taken(self, songs):
        with pytest.raises(ValueError, match="metrics: centricity is the name of a built-in metric"):
            evaluate_songs("mine", songs, options=EvaluationOptions(metrics={"centricity": max}))

    @pytest.mark.parametrize("place", ["no_such_module.function", "builtins.nothing", "max", "math.pi", ""])
    def test_names_that_are_not_of_a_function(self, place):
        with pytest.raises(ValueError, match=f"metrics.mine={place}"):
            EvaluationOptions(metrics={"mine": place})


@pytest.mark.parametrize(
    "wrong",
    [
        {"span_notes": 0}, {"span_notes": 1.5}, {"span_notes": True}, {"confidence": 0}, {"confidence": 1},
        {"confidence": "high"}, {"resamples": 0}, {"seed": -1}, {"ngram": 0}, {"min_corpus_notes": 1},
        {"metrics": ["max"]},
    ],
)  # fmt: skip
def test_options_out_of_range(wrong):
    ((key, value),) = wrong.items()
    with pytest.raises(ValueError, match=re.escape(f"{override(key, value)}: must")):
        EvaluationOptions(**wrong)


def test_options_as_plain_data():
    found = EvaluationOptions(metrics={"highest": max}).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["metrics"] == {"highest": "builtins.max"}
    assert found["span_notes"] == 12


class TestCorpus:
    def test_each_split_by_the_rule_of_the_original(self, data, reference):
        found = corpus_evaluations(reference, EvaluationOptions(min_corpus_notes=40, resamples=200))
        assert list(found) == ["train", "validation", "test"]
        for split in Split:
            tunes = [tune.tolist() for tune in data.tunes_of(split) if len(tune) >= 40]
            evaluation = found[split.name.lower()]
            assert evaluation.name == f"corpus-{split.name.lower()}"
            assert len(evaluation.songs) == len(tunes)
            motion = statistics.mean(map(library.calculate_conjunct_melodic_motion, tunes))
            assert evaluation.summaries["conjunct_melodic_motion"].mean == pytest.approx(motion, abs=1e-12)
            assert ("exact_copy" in evaluation.scores) == (split != Split.TRAIN)
            assert not evaluation.set_scores
        assert found["test"].songs[0] in data.melodies.sources

    def test_a_split_of_short_tunes_is_missing(self):
        tunes = Melodies.from_list([Melody.from_pitches(range(60, 60 + notes)) for notes in (12, 12, 11)])
        corpus = ReferenceCorpus(tunes, np.array([Split.TRAIN, Split.VALIDATION, Split.TEST]))
        assert list(corpus_evaluations(corpus, QUICK)) == ["train", "validation"]

    def test_excerpts_are_measured_as_songs_are(self, data, reference):
        excerpts = {
            data.melodies.sources[i]: data.melodies.pitches_of(i)[:34].tolist()
            for i in np.flatnonzero((data.splits == Split.TEST) & (data.melodies.lengths >= 34)).tolist()
        }
        found = evaluate_openings(reference, 34, QUICK)
        expected = evaluate_songs("openings", excerpts, reference, QUICK)
        assert set(found.lengths) == {34}
        assert (found.scores, found.songs) == (expected.scores, expected.songs)
        assert found.set_scores["diversity/distinct_songs"] == expected.set_scores["diversity/distinct_songs"]
        area = "overlapped_area/pitch_class_histogram"
        assert found.set_scores[area] < expected.set_scores[area], "excerpts are not compared with their own tunes"

    def test_no_excerpt_of_that_length(self, reference):
        with pytest.raises(ValueError, match="no tune of the test split has 100000 notes"):
            evaluate_openings(reference, 100_000)

    def test_an_encoded_corpus_has_no_tunes(self, data, monkeypatch):
        monkeypatch.setattr(data, "is_encoded", True)
        assert len(ReferenceCorpus.of(data).tunes(Split.TEST)) > 0, "a stream of control holds pitches"
        monkeypatch.setattr(type(data.representation), "name", "interval")
        with pytest.raises(ValueError, match="encoded stream of dataset=interval"):
            ReferenceCorpus.of(data)


MARKOV = ("uniform", "unigram", "bigram")


@pytest.fixture(scope="module")
def written(reference):
    return baseline_evaluations(reference, PRIMER, songs=20, notes=30, seed=3, options=QUICK)


class TestWriters:
    def test_songs_as_long_as_those_of_networks(self, written):
        assert list(written) == ["uniform", "unigram", "bigram", "ppm"]
        for name, each in written.items():
            assert each.evaluation.name == name
            assert list(each.songs) == list(each.evaluation.songs)
            assert each.evaluation.songs[0] == "song_001"
            assert set(each.evaluation.lengths) == {34}
            assert all(song[:4].tolist() == PRIMER for song in each.songs.values())

    def test_bits_per_note_over_the_tunes_that_networks_are_scored_on(self, data, written):
        vocabulary = np.unique(np.concatenate(data.tunes_of(Split.TRAIN)))
        for split in ("train", "validation", "test"):
            bits = {name: written[name].evaluation.set_scores[f"bits_per_note/{split}"] for name in MARKOV}
            assert bits["uniform"] == pytest.approx(math.log2(len(vocabulary)))
            assert bits["uniform"] > bits["unigram"] > bits["bigram"] > 0

    def test_more_seen_more_like_the_corpus(self, written):
        motion = {name: each.evaluation.summaries["conjunct_melodic_motion"].mean for name, each in written.items()}
        assert motion["uniform"] > motion["unigram"] > motion["bigram"]

    @pytest.mark.slow
    def test_a_seed_is_a_choice(self, reference, written):
        again = baseline_evaluations(reference, PRIMER, songs=20, notes=30, seed=3, options=QUICK)
        other = baseline_evaluations(reference, PRIMER, songs=20, notes=30, seed=4, options=QUICK)
        for name, each in written.items():
            assert again[name].evaluation == each.evaluation
            assert other[name].evaluation.scores != each.evaluation.scores

    @pytest.mark.slow
    def test_songs_are_drawn_with_the_options_and_primers_of_networks(self, reference):
        greedy = baseline_evaluations(reference, PRIMER, 3, 6, options=QUICK, sampling={"selection": "greedy"})
        for each in greedy.values():
            assert len({tuple(song.tolist()) for song in each.songs.values()}) == 1
        primers = [[62, 64], [67, 69], [71, 69]]
        after = baseline_evaluations(reference, primers, 3, 6, options=QUICK)
        for each in after.values():
            assert [song[:2].tolist() for song in each.songs.values()] == primers
        for notes in (2, 6):
            without = baseline_evaluations(reference, [], 3, notes, options=QUICK)
            assert {len(song) for each in without.values() for song in each.songs.values()} == {notes}
