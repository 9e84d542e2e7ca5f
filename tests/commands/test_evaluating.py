"""`melgen.evaluate`: any folder of songs, what it writes, what it refuses."""

import csv
import json
import pickle
import shutil
from pathlib import Path

import mido
import pytest

from melgen.generation.songs import write_songs
from melgen.music import Melody
from tests.builders import SONGS_METADATA, full_disk
from tests.commands.calling import call, files_below
from tests.corpora.midi_files import scale, write_midi
from tests.tiers import quick_rows

QUICK = ("corpus=misc_folk", "evaluation.resamples=100", "progress=false")
ALONE = ("corpus=none", "evaluation.resamples=100")
SONGS = [
    Melody.from_pitches([60, 62, 64, 62, 60, 62, 64, 62, 67, 67, 65, 64, 62, 60]),
    Melody.from_pitches([60, 62, 64, 62, 72, 72, 72, 72, 59, 59, 59, 59, 59, 59]),
    Melody.from_pitches([60, 62, 64, 62, 61, 70, 50, 90, 40, 66, 71, 49, 80, 60]),
]
WRITTEN = {
    "evaluation.json", "comparison.csv", "comparison.md", "songs.csv", "songs.md", "summary.csv", "summary.md",
    "set_scores.csv", "set_scores.md", "representative.mid", "smallest_sum.mid", "nearest.mid",
}  # fmt: skip


@pytest.fixture
def songs(here):
    write_songs(here / "run" / "songs", SONGS, SONGS_METADATA)
    return Path("run/songs")


def evaluate(folder, *overrides):
    answer = call("evaluate", f"songs={folder}", *overrides)
    assert answer.code == 0, answer.text
    return answer


def content_of(folder):
    return json.loads((Path(folder) / "evaluation.json").read_text())


def rows_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def pitches_of(path):
    return [m.note for track in mido.MidiFile(path).tracks for m in track if m.type == "note_on" and m.velocity]


def test_results_of_our_own_songs_are_next_to_them_and_compare_with_a_corpus(songs, here):
    before = files_below(here)
    answer = evaluate(songs, *QUICK)
    after = files_below(here)
    assert {name.removeprefix("run/songs-evaluation/") for name in after.keys() - before.keys()} == WRITTEN
    assert before.items() <= after.items(), "the songs are as they were"
    content = content_of("run/songs-evaluation")
    found = content["songs"]
    assert (found["name"], found["songs"]) == ("run/songs", ["song_001", "song_002", "song_003"])
    assert list(content["yardsticks"]) == ["openings", "corpus-train", "corpus-validation", "corpus-test"]
    assert content["corpus"]["fingerprint"]
    assert content["corpus"]["tunes"]["train"] > content["corpus"]["tunes"]["test"] > 0
    assert content["options"]["span_notes"] == 12
    assert content["software"]["numpy"]
    for part in (
        "3 songs of 14 notes",
        "conjunct_melodic_motion",
        "longest_shared_intervals",
        "openings: the first 14",
    ):
        assert part in answer.out
    assert "Results: run/songs-evaluation/evaluation.json, " in answer.out
    assert "Listen:  run/songs-evaluation/" in answer.out
    assert "run/songs-evaluation/representative.mid" in answer.out
    assert str(Path.cwd()) not in answer.out

    sums = [sum(found["scores"][metric][i] for metric in list(found["scores"])[:3]) for i in range(3)]
    assert found["best"] == sums.index(min(sums))
    best, representative = (SONGS[found[key]].pitches for key in ("best", "representative"))
    assert pitches_of("run/songs-evaluation/smallest_sum.mid") == list(best)
    assert pitches_of("run/songs-evaluation/representative.mid") == list(representative)
    table = rows_of("run/songs-evaluation/songs.csv")
    distances = [float(row["distance_to_openings"]) for row in table]
    assert distances == sorted(distances) == sorted(found["distances_to_openings"])
    assert sorted(float(row["distance_to_mean"]) for row in table) == sorted(found["distances_to_mean"])
    nearest = found["distances_to_openings"].index(min(distances))
    assert (found["nearest"], table[0]["song"]) == (nearest, found["songs"][nearest])
    assert pitches_of("run/songs-evaluation/nearest.mid") == list(SONGS[nearest].pitches)
    openings = content["yardsticks"]["openings"]["summaries"]
    expected = sum(
        abs(found["scores"][metric][nearest] - openings[metric]["mean"]) / openings[metric]["standard_deviation"]
        for metric in list(found["scores"])[:3]
    )
    assert min(distances) == pytest.approx(expected)
    for part in (
        "nearest to the openings of test tunes: song_",
        "smallest sum of the three metrics (the paper's best)",
    ):
        assert part in answer.out
    assert not Path("run/songs-evaluation/best.mid").exists()
    compared = {row["metric"]: row for row in rows_of("run/songs-evaluation/comparison.csv")}
    assert float(compared["centricity"]["songs_mean"]) == found["summaries"]["centricity"]["mean"]
    yardstick = content["yardsticks"]["corpus-test"]["summaries"]["centricity"]["mean"]
    assert float(compared["centricity"]["corpus-test_mean"]) == yardstick


@pytest.mark.slow
def test_again_it_writes_the_same(songs, here):
    evaluate(songs, *QUICK)
    before = files_below(here)
    evaluate(songs, *QUICK)
    assert files_below(here) == before


@pytest.mark.slow
def test_results_of_foreign_songs_are_written_to_the_current_directory(here, tmp_path_factory):
    music = tmp_path_factory.mktemp("music") / "hymns"
    write_midi(music / "b" / "long.mid", scale(60, 30))
    write_midi(music / "a.mid", scale(72, 3), [(0, 100, 40)])
    write_midi(music / "one.mid", [(0, 480, 60)])
    (music / "broken.mid").write_bytes(b"noise")
    before = files_below(music)
    answer = evaluate(music, *QUICK)
    assert files_below(music) == before
    assert {name.split("/")[0] for name in files_below(here)} == {"hymns-evaluation"}
    assert content_of("hymns-evaluation")["songs"]["songs"] == ["a", "b/long"]
    assert "2 songs of 3 to 30 notes" in answer.out
    assert "2 could not be measured" in answer.out
    assert {row["song"] for row in rows_of("hymns-evaluation/left_out.csv")} == {"broken.mid", "one"}
    assert "not a MIDI file" in answer.out
    assert "one note" in answer.out

    (music / "broken.mid").unlink()
    (music / "one.mid").unlink()
    evaluate(music, *QUICK)
    assert not Path("hymns-evaluation/left_out.csv").exists(), "the file of the earlier evaluation is removed"


@pytest.mark.slow
def test_a_representative_from_another_format_is_written(here):
    Path("tunes").mkdir()
    Path("tunes/tunes.abc").write_text("X:1\nL:1/4\nK:C\nCDEF|\n\nX:2\nL:1/4\nK:C\nGFED|\n")
    evaluate("tunes", *ALONE)
    assert pitches_of("tunes-evaluation/representative.mid") == [60, 62, 64, 65]


@pytest.mark.slow
def test_songs_with_rhythm_are_measured_in_it_too(here):
    Path("tunes").mkdir()
    dotted = "X:1\nM:3/4\nL:1/8\nK:G\nG2|B2 c>d e2|d3 c B2|A2 z2 G2|(3ABc d2 e2|G4||\n"
    Path("tunes/tunes.abc").write_text(f"{dotted}\nX:2\nM:4/4\nL:1/8\nK:C\nCDEF G2G2|A2A2 G4|\n")
    answer = evaluate("tunes", *QUICK)
    for part in ("timed_macroharmony", "silence_share", "exact_copy_with_rhythm", "distributions.csv"):
        assert part in answer.out
    content = content_of("tunes-evaluation")
    assert content["songs"]["scores"]["ends_on_strong_beat"] == [1, 1]
    assert content["songs"]["distributions"]["note_length"]["1/3"] == pytest.approx(3 / 25)
    assert "distributions" in content["yardsticks"]["corpus-test"]
    rows = rows_of("tunes-evaluation/distributions.csv")
    assert {row["distribution"] for row in rows} == set(content["songs"]["distributions"])

    Path("tunes/tunes.abc").write_text("X:1\nL:1/4\nK:C\nCDEF|\n\nX:2\nL:1/4\nK:C\nGFED|\n")
    answer = evaluate("tunes", *QUICK)
    assert "silence_share" not in answer.out
    assert "distributions" not in json.dumps(content_of("tunes-evaluation"))
    assert not Path("tunes-evaluation/distributions.csv").exists(), "the file of the earlier evaluation is removed"


@pytest.mark.slow
def test_without_a_corpus(songs):
    answer = evaluate(songs, *ALONE, "out=results")
    content = content_of("results")
    assert content["corpus"] is None
    assert content["yardsticks"] == {}
    assert "exact_copy" not in content["songs"]["scores"]
    assert "corpus=folk" in answer.out


@pytest.mark.slow
def test_a_single_song(here):
    write_midi(here / "tune.mid", scale(60, 20))
    answer = evaluate("tune.mid", *QUICK)
    summary = content_of("tune-evaluation")["songs"]["summaries"]["centricity"]
    assert (summary["count"], summary["standard_deviation"], summary["low"]) == (1, None, None)
    assert "nan" not in answer.text


@pytest.mark.slow
def test_songs_longer_than_any_held_out_tune(here):
    write_midi(
        here / "long" / "a.mid", scale(30, 90) * 1 + [(90 * 240 + i * 240, 240, 60 + i % 7) for i in range(3000)]
    )
    answer = evaluate("long", *QUICK)
    assert "No test tune has 3090 notes" in answer.text
    assert "openings" not in content_of("long-evaluation")["yardsticks"]


@pytest.mark.slow
def test_seeds_below_one_folder_are_one_set(here):
    for seed in (0, 1):
        write_songs(here / "model" / f"seed{seed}", SONGS, SONGS_METADATA)
    evaluate("model", *ALONE)
    assert content_of("model-evaluation")["songs"]["songs"] == [
        f"seed{seed}/song_00{number}" for seed in (0, 1) for number in (1, 2, 3)
    ]


@pytest.mark.slow
def test_a_users_own_metric(songs, here, monkeypatch):
    (here / "my_metrics.py").write_text("def highest(pitches):\n    return max(pitches)\n")
    monkeypatch.syspath_prepend(str(here))
    evaluate(songs, *ALONE, "+evaluation.metrics.highest=my_metrics.highest")
    content = content_of("run/songs-evaluation")
    assert content["songs"]["scores"]["highest"] == [67, 72, 90]
    assert content["options"]["metrics"] == {"highest": "my_metrics.highest"}


class TestTheCorpusOfTheTraining:
    @pytest.mark.slow
    def test_another_corpus_is_reported(self, trained, here):
        shutil.copytree(trained, here / "run")
        answer = evaluate("run/songs", *QUICK)
        assert "not compared with the corpus" not in answer.text
        answer = evaluate("run/songs", *QUICK, "cleaning.min_length_notes=60")
        assert "not compared with the corpus that their network was trained on" in answer.text
        answer = evaluate("run/songs", *QUICK, "split_seed=1")
        assert "trained with split_seed=0" in answer.text


REFUSALS = {
    "not named": ([], ["songs"]),
    "missing": (["songs=missing"], ["songs=missing", "no such file or folder"]),
    "no path": (["songs=null"], ["songs=null", "path of a file or folder"]),
    "a number": (["songs=5"], ["songs=5", "no such file or folder"]),
    "empty": (["songs=empty"], ["songs=empty", "no songs", "no files"]),
    "texts only": (["songs=texts"], ["songs=texts", "1 .tex"]),
    "a text": (["songs=texts/thesis.tex"], ["songs=texts/thesis.tex", "must be a folder, or a file"]),
    "nothing readable": (["songs=broken"], ["songs=broken", "a.mid", "not a MIDI file"]),
    "one note each": (["songs=single"], ["single", "no song can be measured", "fewer than 2 notes"]),
    "a file for results": (["songs=good", "out=texts/thesis.tex"], ["out=texts/thesis.tex", "is a file"]),
    "results among others' files": (["songs=good", "out=texts"], ["out=texts", "choose another folder"]),
    "results among the songs": (["songs=good", "out=good"], ["out=good", "choose another folder"]),
    "no window": (["songs=good", "evaluation.span_notes=0"], ["span_notes=0", "at least 1"]),
    "certainty": (["songs=good", "evaluation.confidence=1"], ["confidence=1", "above 0 and below 1"]),
    "misspelt key": (["songs=good", "evaluation.span=3"], ["evaluation.span=3", "evaluation.span_notes"]),
    "an unknown metric": (["songs=good", "+evaluation.metrics.mine=no.such"], ["metrics.mine=no.such"]),
    "a metric that fails": (["songs=good", "+evaluation.metrics.mine=builtins.chr"], ["mine fails on song a"]),
    "an unknown module": (["songs=good", "imports=[no_such]"], ["imports=['no_such']"]),
    "no workers": (["songs=good", "workers=0"], ["workers=0"]),
    "unknown corpus": (["songs=good", "corpus=jazz"], ["corpus/jazz", "misc_folk"]),
    "a corpus without a path": (["songs=good", "corpus=folder"], ["corpus=folder: path=... is needed"]),
    "a stream of intervals": (
        ["songs=good", "corpus=pickles", "path=train_intervals_final_cleaned.p"],
        ["encoded stream of dataset=interval", "corpus=none"],
    ),
    "a sweep": (["-m", "songs=good,broken"], ["-m", "one thing at a time"]),
}


@quick_rows(1, "name", REFUSALS)
def test_refused_with_key_value_and_rule(name, here):
    overrides, expected = REFUSALS[name]
    for folder in ("empty", "texts", "broken"):
        Path(folder).mkdir()
    Path("texts/thesis.tex").write_text("mine")
    Path("broken/a.mid").write_bytes(b"noise")
    write_midi(Path("single/a.mid"), [(0, 480, 60)])
    write_midi(Path("good/a.mid"), scale())
    stream = {"notes_dict": {"values": [2, 0]}, "x": [0, 1], "y": [1, 0]}
    Path("train_intervals_final_cleaned.p").write_bytes(pickle.dumps(stream))
    given = {override.partition("=")[0] for override in overrides}
    defaults = [override for override in ALONE if override.partition("=")[0] not in given]
    before = files_below(here)
    answer = call("evaluate", *overrides, *defaults)
    assert answer.code == 1
    for part in expected:
        assert part in answer.text
    assert "Traceback" not in answer.text
    assert files_below(here) == before


@pytest.mark.slow
def test_a_place_that_cannot_be_written(songs, monkeypatch):
    """Root may write everywhere, so the refusal of the system is simulated."""
    monkeypatch.setattr("os.access", lambda path, mode, **_: False)
    answer = call("evaluate", f"songs={songs}", *ALONE)
    assert answer.code == 1
    assert "songs-evaluation: no permission" in answer.text
    assert "out=DIR" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.slow
def test_a_disk_that_is_full(songs, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("melgen.tables.writing.write_text", full_disk)
        answer = call("evaluate", f"songs={songs}", *ALONE)
    assert answer.code == 1
    assert "No space left on device" in answer.text
    assert "out=DIR" in answer.text
    evaluate(songs, *ALONE)
    assert {path.name for path in Path("run/songs-evaluation").iterdir()} == WRITTEN - {"nearest.mid"}


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_preparing_and_training_without_a_corpus_are_refused(verb, here):
    answer = call(verb, "corpus=none")
    assert answer.code == 1
    assert "corpus=none: there is nothing to read" in answer.text
    assert "Traceback" not in answer.text
    assert not files_below(here)
