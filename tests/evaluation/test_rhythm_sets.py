"""Sets of songs with rhythm: the measures of rhythm, and those of pitches, which are as before."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from melgen.corpora import FolkCorpus
from melgen.corpora.sources import Split
from melgen.evaluation.baseline_sets import baseline_evaluations, rhythm_baseline_evaluations
from melgen.evaluation.baseline_table import in_order
from melgen.evaluation.baselines import BigramBaseline
from melgen.evaluation.distances import RHYTHM_FEATURES
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.rhythm_baselines import RhythmBaseline
from melgen.evaluation.rhythm_descriptors import DISTRIBUTIONS, END_DESCRIPTORS, RHYTHM_DESCRIPTORS
from melgen.evaluation.song_metrics import WITH_RHYTHM, song_metric
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, evaluate_songs
from melgen.music import Melody
from melgen.music.melody import Melodies
from melgen.music.metre import Metre
from melgen.pages.wording import song_metrics
from melgen.tables.folder_report import comparison_table, distributions_table, set_scores_table
from tests.evaluation.rhythms import in_metre, melody_of

pytestmark = pytest.mark.slow

QUICK = EvaluationOptions(resamples=50)
TIMED = ["timed_macroharmony", "timed_centricity"]
SHARED = ["longest_shared_intervals_with_rhythm", "shared_8gram_share_with_rhythm", "exact_copy_with_rhythm"]
RHYTHM = [*TIMED, *RHYTHM_DESCRIPTORS, *END_DESCRIPTORS]


@pytest.fixture(scope="module")
def melodies():
    return FolkCorpus(["misc_folk"]).load(progress=False).melodies


@pytest.fixture(scope="module")
def reference(melodies):
    splits = np.arange(len(melodies)) % 3
    return ReferenceCorpus(melodies, splits.astype(np.int8))


@pytest.fixture(scope="module")
def without_rhythm(melodies):
    even = Melodies.from_list([Melody.from_pitches(tune.pitches) for tune in melodies])
    return ReferenceCorpus(even, (np.arange(len(melodies)) % 3).astype(np.int8))


@pytest.fixture
def songs(melodies):
    """A copy of a training tune, the same in equal quarters, and a tune of our own."""
    own = [(60, 12), (62, 12), (64, 24), (None, 24), (65, 24), (60, 96)]
    copy = melodies[0]
    return {
        "copy": copy,
        "even": Melody.from_pitches(copy.pitches),
        "own": melody_of(own, **in_metre(Metre(4, 4))),
        "one": Melody.from_pitches([60]),
    }


def test_rhythm_is_measured_in_addition_to_the_pitches(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK)
    pitches = evaluate_songs("mine", {name: song.pitches for name, song in songs.items()}, reference, QUICK)
    assert found.has_rhythm
    assert not pitches.has_rhythm
    assert list(found.scores) == [*pitches.scores, *SHARED, *RHYTHM]
    for metric in pitches.scores:
        np.testing.assert_equal(found.scores[metric], pitches.scores[metric])
        np.testing.assert_equal(found.summaries[metric].mean, pitches.summaries[metric].mean)
    for name, value in pitches.set_scores.items():
        np.testing.assert_equal(found.set_scores[name], value)
    others = [name for name in found.set_scores if name not in pitches.set_scores]
    assert others[:2] == ["rhythm/silent_windows", "rhythm/moved_onsets"]
    assert others[2:] == [
        f"rhythm_{measure}/{feature}" for measure in ("overlapped_area", "kl_divergence") for feature in RHYTHM_FEATURES
    ]
    assert (found.nearest, found.best, found.left_out) == (pitches.nearest, pitches.best, pitches.left_out)
    assert tuple(found.distributions) == DISTRIBUTIONS


def test_a_copy_in_another_rhythm_is_a_copy_of_the_pitches_only(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK)
    assert found.songs == ("copy", "even", "own")
    assert found.scores["exact_copy"][:2] == (1, 1)
    assert found.scores["exact_copy_with_rhythm"][:2] == (1, 0)
    assert math.isnan(found.scores["ends_on_strong_beat"][1])
    assert found.scores["ends_on_strong_beat"][2] == 1


def test_the_first_notes_are_compared_with_and_without_rhythm(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK, first_notes=10)
    shared = {metric: np.array(found.scores[metric]) for each in SHARED for metric in (each, each[: -len(WITH_RHYTHM)])}
    assert shared["longest_shared_intervals"][0] == 9
    assert shared["longest_shared_intervals_with_rhythm"][0] == 9
    for metric in SHARED:
        assert not (shared[metric] > shared[metric[: -len(WITH_RHYTHM)]]).any(), metric  # a short song has nan


def test_only_a_song_whose_source_states_a_key_is_judged_by_its_tonic(melodies):
    keyed = melodies[0]
    other = replace(keyed, key=keyed.key.transposed(1))
    found = evaluate_songs("mine", {"a": keyed, "b": other, "c": replace(keyed, key=None)}, options=QUICK)
    first, second, third = found.scores["ends_on_tonic"]
    assert {first, second} == {0, 1}
    assert math.isnan(third)
    assert found.summaries["ends_on_tonic"].mean == 0.5
    without = {"a": replace(keyed, key=None), "b": replace(melodies[1], key=None)}
    assert "ends_on_tonic" not in evaluate_songs("mine", without, options=QUICK).scores


def test_rows_of_equal_quarters_are_measured_as_pitches_are(songs, reference):
    even = {"a": songs["even"], "b": Melody.from_pitches([60, 62, 64, 62])}
    found = evaluate_songs("mine", even, reference, QUICK)
    pitches = evaluate_songs("mine", {name: song.pitches for name, song in even.items()}, reference, QUICK)
    assert json.dumps(found.to_dict()) == json.dumps(pitches.to_dict())
    assert "distributions" not in found.to_dict()


def test_there_and_back_as_plain_data(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK)
    again = SongSetEvaluation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    assert again.has_rhythm


def test_a_corpus_without_rhythm_is_compared_with_in_pitch_only(songs, without_rhythm):
    found = evaluate_songs("mine", songs, without_rhythm, QUICK)
    assert set(RHYTHM) <= found.scores.keys()
    assert set(SHARED).isdisjoint(found.scores)
    assert not any(name.startswith("rhythm_") for name in found.set_scores)
    assert not evaluate_openings(without_rhythm, 12, QUICK, with_rhythm=True).has_rhythm
    assert not any(each.has_rhythm for each in corpus_evaluations(without_rhythm, QUICK, with_rhythm=True).values())


def test_pitches_mixed_with_rhythm_are_refused(songs):
    mixed = {"own": songs["own"], "pitches": [60, 62, 64]}
    with pytest.raises(ValueError, match="mine: song pitches is a list of pitches, but other songs of the set have"):
        evaluate_songs("mine", mixed, options=QUICK)
    evaluate_songs("mine", {"even": songs["even"], "pitches": [60, 62, 64]}, options=QUICK)


def test_what_no_song_has_is_left_out():
    free = {"a": melody_of([(60, 12), (62, 24)]), "b": melody_of([(60, 12), (62, 36)])}
    found = evaluate_songs("mine", free, options=QUICK)
    assert {"n_bars", "groove_consistency", *END_DESCRIPTORS}.isdisjoint(found.scores)
    assert "silence_share" in found.scores


def test_openings_have_no_end_and_whole_tunes_have(reference, melodies):
    openings = evaluate_openings(reference, 20, QUICK, with_rhythm=True)
    plain = evaluate_openings(reference, 20, QUICK)
    assert not plain.has_rhythm
    assert list(openings.scores) == [*plain.scores, *SHARED, *RHYTHM[: -len(END_DESCRIPTORS)]]
    assert set(openings.scores["n_notes"]) == {20}
    whole = corpus_evaluations(reference, QUICK, with_rhythm=True)
    assert all(set(END_DESCRIPTORS) <= each.scores.keys() for each in whole.values())
    assert 0.5 < np.mean(whole["test"].scores["ends_on_tonic"]) < 1
    test = [tune for i, tune in enumerate(melodies) if i % 3 == Split.TEST and len(tune) >= 12]
    assert whole["test"].scores["n_notes"] == tuple(map(len, test))
    assert whole["test"].set_scores["rhythm_overlapped_area/note_length_histogram"] > 0.8, "two halves of one corpus"
    assert "rhythm_overlapped_area/note_length_histogram" not in whole["validation"].set_scores
    assert not any(each.has_rhythm or each.set_scores for each in corpus_evaluations(reference, QUICK).values())


@pytest.mark.slow
def test_baselines_write_rhythm_and_are_scored(reference, without_rhythm):
    written = rhythm_baseline_evaluations(reference, songs=8, seed=2, options=QUICK)
    assert list(written) == ["rhythm-unigram", "rhythm-bigram", "rhythm-trigram", "rhythm-ppm"]
    assert in_order(["openings", *reversed(written)]) == [*written, "openings"]
    totals = []
    for name, each in written.items():
        assert each.evaluation.name == name
        assert each.evaluation.has_rhythm
        assert "exact_copy_with_rhythm" in each.evaluation.scores
        scores = each.evaluation.set_scores
        if name == "rhythm-ppm":  # scored as networks are
            assert "pitch_bits_per_note/test" not in scores
            continue
        parts = [scores[f"{part}_bits_per_note/test"] for part in ("pitch", "rhythm")]
        assert scores["bits_per_note_with_rhythm/test"] == pytest.approx(sum(parts))
        assert 0 < scores["unscored_tunes/test"] < 60
        totals.append(scores["bits_per_note_with_rhythm/test"])
    assert totals[0] > totals[1]
    with pytest.raises(ValueError, match="the tunes of the corpus have no rhythm"):
        rhythm_baseline_evaluations(without_rhythm, songs=1)


def test_every_metric_is_in_the_table_and_on_a_page(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK)
    assert all(song_metric(metric).meaning for metric in found.scores)
    groups = {metric["key"]: metric["group"] for metric in song_metrics(found.scores)}
    assert {groups[metric] for metric in RHYTHM} == {"Rhythm"}
    assert {groups[metric] for metric in SHARED} == {"Originality"}
    assert song_metric("shared_5gram_share_with_rhythm").header == "shared 5-gram share (with rhythm)"
    headers = [song_metric(metric).header for metric in found.scores]
    assert len(set(headers)) == len(headers)


def test_tables(songs, reference):
    found = evaluate_songs("mine", songs, reference, QUICK)
    references = {"corpus-test": corpus_evaluations(reference, QUICK, with_rhythm=True)["test"]}
    rows = {row.key for row in comparison_table(found, references).rows}
    assert rows >= {*RHYTHM, *SHARED}
    assert [column.key for column in set_scores_table(found, references).columns] == ["score", "songs", "corpus-test"]
    table = distributions_table(found, references)
    assert [column.key for column in table.columns] == ["distribution", "value", "songs", "corpus-test"]
    lengths = [row for row in table.rows if row.key.startswith("note_length/")]
    assert sum(row.cells[2].value for row in lengths) == pytest.approx(1)
    assert sum(row.cells[3].value for row in lengths) == pytest.approx(1)


def test_pitches_of_the_first_notes_and_rhythm_of_whole_songs(melodies, reference):
    whole = {"long": melodies[0], "longer": melodies[1], "short": melody_of([(60, 12), (62, 24), (64, 12)])}
    found = evaluate_songs("mine", whole, reference, QUICK, first_notes=20)
    first = evaluate_songs("mine", {name: song.pitches[:20] for name, song in whole.items()}, reference, QUICK)
    all_notes = evaluate_songs("mine", whole, reference, QUICK)
    assert found.lengths == all_notes.lengths == tuple(map(len, whole.values()))
    for metric, values in first.scores.items():
        np.testing.assert_equal(found.scores[metric], values)
    for metric in RHYTHM:
        np.testing.assert_equal(found.scores.get(metric), all_notes.scores.get(metric))
    for name, value in found.set_scores.items():
        is_of_rhythm = name.startswith("rhythm")
        np.testing.assert_equal(value, (all_notes if is_of_rhythm else first).set_scores[name])
    np.testing.assert_equal(found.distances_to_openings, first.distances_to_openings)
    assert found.scores["pitch_range"] != all_notes.scores["pitch_range"]
    with pytest.raises(ValueError, match="first_notes=1: must be a whole number of at least 2"):
        evaluate_songs("mine", whole, options=QUICK, first_notes=1)


def test_baselines_are_scored_on_given_tunes(reference, melodies):
    common = {Split.TEST: [melodies[0]]}
    options = {"songs": 2, "options": QUICK, "common_tunes": common}
    written = rhythm_baseline_evaluations(reference, **options)
    expected = RhythmBaseline.fit(list(reference.melodies_of(Split.TRAIN).values()), 1).bits_per_note([melodies[0]])
    scores = written["rhythm-unigram"].evaluation.set_scores
    assert scores["rhythm_bits_per_note/test"] == pytest.approx(expected.rhythm)
    assert "rhythm_bits_per_note/validation" not in scores
    of_pitches = baseline_evaluations(reference, [62, 64], notes=8, **options)["bigram"].evaluation.set_scores
    bigram = BigramBaseline.fit(list(reference.tunes(Split.TRAIN).values()))
    assert of_pitches["pitch_bits_per_note/test"] == pytest.approx(bigram.bits_per_note([melodies[0].pitches]))
    assert of_pitches["bits_per_note/test"] != of_pitches["pitch_bits_per_note/test"]
