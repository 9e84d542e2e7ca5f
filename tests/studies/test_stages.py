"""A whole tiny study: a second start changes nothing, and a changed input repeats what depends on it."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from melgen.evaluation.baselines import UnigramBaseline
from melgen.generation.songs import pitches_by_song
from melgen.studies.stages import figures
from melgen.studies.tasks import Workbench
from tests.commands.calling import call, files_below
from tests.pages.examples import read_data, read_pack
from tests.studies.conftest import HOME, MINI, STUDY

pytestmark = pytest.mark.slow

NUMBERS = "stages=select,generate,evaluate"
"""The stages that compute. Tables and figures depend on them and take most of the time."""
RUN = "{}-seed{}-hidden_size-8"


def study(*arguments, code=0):
    answer = call("study", *MINI, *arguments)
    assert answer.code == code, answer.text
    assert "Traceback" not in answer.text
    return answer.text


def manifest():
    return json.loads((STUDY / "manifest.json").read_text())


def redone(before):
    """The tasks whose record differs from that of an earlier manifest, without seed and layer count."""
    now, earlier = manifest()["tasks"], before["tasks"]
    assert now.keys() == earlier.keys()
    return {name for name in now if now[name] != earlier[name]}


def test_the_files_of_a_finished_study(finished):
    """Every file is in the manifest with its hash, and every table cell names sources that exist."""
    folder = finished / STUDY
    found = json.loads((folder / "manifest.json").read_text())
    outputs = {name: digest for task in found["tasks"].values() for name, digest in task["outputs"].items()}
    bench = Workbench(folder, {"melgen": "any"})
    assert {name: bench.digest_of_file(folder / name) for name in outputs} == outputs
    assert set(files_below(folder)) - set(outputs) == {"manifest.json", "sweep.log"}
    assert found["stages_done"] == ["sweep", "select", "generate", "evaluate", "tables", "figures", "report"]
    assert sorted(found["command"]) == sorted(MINI[:-1])
    assert found["seeds"] == {"runs": [0, 1], "generate": 0, "evaluation": 0}
    identity = json.loads((finished / HOME / RUN.format("control-lstm-1", 0) / "identity.json").read_text())
    assert found["corpus"]["fingerprint"] == identity["corpus.fingerprint"]
    for table in found["cells"].values():
        for source in _strings(table):
            assert (folder / source).exists(), source


def _strings(node):
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _strings(item)


def test_the_chosen_layer_count_is_that_of_the_lowest_mean_loss(finished):
    for dataset in ("control", "interval"):
        losses = {}
        for layers in (1, 2):
            runs = [finished / HOME / RUN.format(f"{dataset}-lstm-{layers}", seed) for seed in (0, 1)]
            losses[layers] = sum(json.loads((run / "result.json").read_text())["val/loss"] for run in runs) / 2
        best = min(losses, key=losses.get)
        selection = json.loads((finished / STUDY / "selection.json").read_text())["models"]
        assert selection[f"{dataset}-lstm-{best}"]["val/loss"] == losses[best]
        assert (finished / STUDY / "songs" / f"{dataset}-lstm-{best}" / "seed1" / "song_003.mid").exists()


def written(folder):
    """Every file with its content and its time of writing, except the lock, which is empty."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_again_nothing_is_done_and_no_byte_changes(mini):
    before = written(STUDY)
    text = study()
    assert "8 of 8 runs finished" in text
    after = written(STUDY)
    assert after == before
    assert "Not done" not in text
    assert "See:" in text


def test_the_former_name_of_a_selection_makes_no_song_again(mini):
    """The tasks of a study from before ``sample`` had its name were recorded with ``roulette``."""
    before = manifest()
    options = [task["inputs"]["options"] for name, task in before["tasks"].items() if name.startswith("generate/")]
    assert {each["selection"] for each in options} == {"roulette"}, "as an older melgen recorded it"
    study("generate.selection=roulette")
    assert redone(before) <= {"report"}, "the page shows the configuration as it was typed"


OF_SONGS = ("generate/", "evaluate/control", "evaluate/interval", "evaluate/writers", "probe/memorization")


@pytest.mark.parametrize(
    ("changed", "tasks"),
    [
        ("generate.temperature=2", OF_SONGS),
        ("evaluation.span_notes=6", ("evaluate/",)),
        ("evaluation.seed=5", ("evaluate/", "likelihood/", "probe/")),
        ("generate.seed=9", OF_SONGS),
    ],
)
def test_one_option_changed(mini, changed, tasks):
    before = manifest()
    study(changed, NUMBERS)
    assert redone(before) == {name for name in before["tasks"] if name.startswith(tasks)}
    now = manifest()
    assert changed in now["command"]
    assert now["stages_done"] == ["sweep", "select", "generate", "evaluate"]


@pytest.mark.parametrize("damage", ["edit", "delete", "empty the list"])
def test_a_song_changed_by_hand_is_restored(mini, damage):
    before = files_below(STUDY)
    folder = next((STUDY / "songs").glob("control-lstm-*/seed1"))
    if damage == "edit":
        (folder / "song_002.mid").write_bytes(b"?")
    elif damage == "delete":
        (folder / "song_002.mid").unlink()
    else:
        (folder / "songs.json").write_text("{}")
    assert "1 of 1: generate/control-lstm" in study(NUMBERS)
    assert files_below(STUDY) == before


def test_a_number_changed_by_hand_does_not_reach_a_table(mini):
    path = next((STUDY / "evaluation").glob("control-lstm-*.json"))
    path.write_text(path.read_text().replace('"mean": ', '"mean": 1'))
    text = study("stages=tables", code=1)
    assert f"stages=tables: the stage evaluate has not been done with these settings (evaluate/{path.stem} in" in text


MEASURED = ("copying", "states", "similarity", "memorization")
"""Probes that depend on the weights of a network."""


def test_other_weights_of_one_run(mini):
    before = manifest()
    model = next((STUDY / "songs").glob("control-lstm-*")).name
    run = mini / RUN.format(model, 1)
    shutil.copy(run / "checkpoints" / "step-00000002.ckpt", run / "checkpoints" / "best.ckpt")
    study(NUMBERS)
    assert redone(before) == {"select", f"evaluate/{model}"} | {
        f"{task}/{model}/seed1"
        for task in ("generate", "evaluate", "likelihood", "embedding", *(f"probe/{name}" for name in MEASURED))
    }


def test_fewer_runs_leave_nothing_of_the_others(mini):
    """With one seed and one dataset less, the songs, numbers and representative songs of the others are removed."""
    before = files_below(STUDY)
    study("seed=1", "dataset=interval", NUMBERS)
    names = {name for name in files_below(STUDY) if not name.startswith(("tables", "figures"))}
    assert not [name for name in names if "control" in name or "seed0" in name]
    assert (STUDY / "evaluation" / "corpus" / "train.json").exists()
    study(NUMBERS)
    after = files_below(STUDY)
    assert {name for name in after if after[name] != before.get(name)} == {"manifest.json"}
    assert after.keys() == before.keys()


def test_missing_runs(mini):
    gone = [RUN.format(f"control-lstm-{layers}", seed) for layers in (1, 2) for seed in (0, 1)]
    for name in gone:
        (mini / name / "result.json").unlink()
        (mini / name / "status.json").write_text('{"state": "failed", "error": "loss is nan"}')
    text = study(NUMBERS, code=1)
    assert "4 of 8 runs are not finished" in text
    assert all(f"{name}: failed: loss is nan" in text for name in gone)
    assert "no finished run at all: control-lstm" in text
    assert "select.on_missing=skip" in text
    text = study(NUMBERS, "select.on_missing=skip")
    assert "going on without them" in text
    assert manifest()["unfinished"] == dict.fromkeys(gone, "failed: loss is nan")
    assert {path.name.split("-")[0] for path in (STUDY / "songs").iterdir()} == {
        "interval",
        "uniform",
        "unigram",
        "bigram",
        "ppm",
    }
    assert all(source.startswith("../interval") for source in manifest()["runs"])


def test_a_run_that_is_another_is_not_taken_for_ours(mini):
    """Neither the sweep, which is refused, nor a later stage alone uses it."""
    path = mini / RUN.format("control-lstm-1", 0) / "identity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"optimizer.lr": 9.0}))
    before = files_below(STUDY)
    for arguments in ((), ("select.on_missing=skip",)):
        text = study(*arguments, code=1)
        assert "belongs to another run, and nothing was changed" in text
        assert "optimizer.lr: 9.0 there, 0.002 now" in text
        assert "force=true" not in text, "a study refuses it"
    assert "belongs to another run (optimizer.lr" in study("stages=select", code=1)
    assert files_below(STUDY) == before


def test_existing_runs_do_not_meet_a_larger_budget(mini):
    text = study("trainer.max_steps=9", "stages=select", code=1)
    assert "has made 6 updates, and more are asked for" in text


def test_a_run_that_was_continued_with_a_larger_budget_is_not_compared(mini):
    swept = ("dataset", "layers", "seed", "generate", "evaluation", "hydra")
    kept = [option for option in MINI if not option.startswith(swept)]
    answer = call("train", *kept, "dataset=control", "layers=2", "seed=0", "trainer.max_steps=9")
    assert answer.code == 0, answer.text
    before = files_below(mini)
    for arguments in ((), ("select.on_missing=skip",), ("dry_run=true",), ("stages=select",)):
        text = study(*arguments, code=1)
        assert "1 of 8 runs has made more updates than planned" in text
        assert f"\n  {RUN.format('control-lstm-2', 0)}: 9 updates, planned: trainer.max_steps=6\n" in text
        assert "trainer.max_steps=9 gives all runs the same budget" in text
    assert files_below(mini) == before
    assert "1 trained already, 7 to train" in study("trainer.max_steps=9", "dry_run=true")
    assert "8 networks in other: 0 trained already" in study("name=other", "output_dir=.", "dry_run=true")


@pytest.mark.parametrize("stage", ["select", "generate", "evaluate", "tables", "figures"])
def test_a_stage_alone_in_an_empty_directory(tmp_path, monkeypatch, stage):
    monkeypatch.chdir(tmp_path)
    text = study(f"stages={stage}", code=1)
    assert "8 of 8 runs are not finished" in text
    assert "the stage sweep of the same command" in text
    assert not (tmp_path / "multirun").exists() or not files_below(tmp_path / "multirun")
    assert not (tmp_path / HOME).exists()


def test_stages_that_would_lack_one_are_refused_before_the_trainings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = study("stages=[sweep,select,tables]", code=1)
    assert "stages=sweep,select,tables: tables needs generate and evaluate too, after the trainings" in text
    assert "sweep,generate: generate needs select too" in study("stages=[sweep,generate]", code=1)
    assert not (tmp_path / "multirun").exists() or not files_below(tmp_path / "multirun")


@pytest.mark.parametrize(("stages", "missing"), [("generate", "select"), ("evaluate", "select"), ("figures", "select")])
def test_a_stage_alone_names_the_missing_earlier_stage(mini, stages, missing):
    shutil.rmtree(STUDY)
    text = study(f"stages={stages}", code=1)
    assert f"stages={stages}: the stage {missing} has not been done with these settings" in text
    study("stages=select")
    if stages != "generate":
        text = study(f"stages={stages}", code=1)
        assert f"stages={stages}: the stage generate has not been done with these settings (generate/control" in text


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("stages=nonsense", "stages=nonsense: must be one or more of tune, sweep, select"),
        ("stages=[]", "must be one or more of"),
        ("select.by=x", "select.by=x: must be layers or checkpoints"),
        ("select.on_missing=x", "select.on_missing=x: must be error or skip"),
        ("select.criterion=nope", "select.criterion=nope: "),
        ("select.checkpoints=0", "select.checkpoints=0"),
        ("folder=a/b", "folder=a/b: must be the name of a folder"),
        ("runs=/nowhere", "runs=/nowhere: no such directory"),
        ("evaluation.span_notes=0", "span_notes=0"),
        ("generate.songs=0", "songs=0: must be a whole number of at least 1"),
        ("generate.temperature=-1", "temperature=-1: must be a number above 0"),
        ("generate.primer=[]", "generate.primer=[]"),
        ("generate.primer=[1,2]", "values 1, 2 never occurred in training"),
        ("figures.span_song=nothing", "figures.span_song=nothing: no such song"),
    ],
)
def test_invalid_options_are_refused_by_name_and_change_nothing(mini, argument, message):
    before = {path: digest for path, digest in files_below(STUDY).items() if path != "manifest.json"}
    assert message in study(argument, code=1)
    assert {path: digest for path, digest in files_below(STUDY).items() if path != "manifest.json"} == before


def test_options_are_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for argument in ("generate.songs=0", "evaluation.span_notes=0", "generate.primer=[]", "select.checkpoints=x"):
        study(argument, code=1)
    for tuning in ([], ["tune.rates=[0.1,0.2]"]):  # both take the lowest
        text = study("select.criterion=val/accuracy", *tuning, code=1)
        assert "select.criterion=val/accuracy: must be a metric of which a lower value is better" in text
        text = study("select.criterion=test/bits_per_note", *tuning, code=1)
        assert "select.criterion=test/bits_per_note: must not be a metric of the test tunes" in text
    kept = "callbacks.checkpoint.keep_every_n_steps"
    text = study("select.by=checkpoints", "trainer.val_check_interval=2", f"{kept}=3", code=1)
    assert f"{kept}=3: must be a multiple of trainer.val_check_interval=2" in text
    assert not (tmp_path / "multirun").exists()


def test_runs_that_exist_stages_of_their_training_and_a_second_study_of_them(mini):
    """Cost validation of existing runs in a separate folder; the first study does not change."""
    before = files_below(STUDY)
    options = [option for option in MINI if option.startswith(("generate", "evaluation"))]
    answer = call(
        "study",
        f"runs={mini}",
        "folder=stages",
        "select.by=checkpoints",
        "select.checkpoints=2",
        "stages=select,generate,evaluate,tables",
        *options,
    )
    assert answer.code == 0, answer.text
    assert files_below(STUDY) == before
    with (mini / "stages" / "tables" / "cost_validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stages = [row for row in rows if row["updates"]]
    assert len({row["model"] for row in stages}) == len(stages)
    young = [row for row in stages if row["phase"] == "up to the best"]
    later = [row for row in stages if row["phase"] == "after the best"]
    best = {}
    for path in mini.glob("*/metrics.csv"):
        with path.open(newline="") as file:
            losses = {int(row["step"]): float(row["val/loss"]) for row in csv.DictReader(file) if row["val/loss"]}
        best[path.parent.name] = min(losses, key=losses.get)
    assert len(young) == sum(2 if step > 2 else 1 for step in best.values())
    assert len(later) == sum((6 - step) // 2 for step in best.values())
    labels = [next(iter(row.values())) for row in rows]
    each = {f"rank correlation with the loss ({name})" for name in best}
    assert {label for label in labels if label.startswith("rank correlation")} == each
    noted = json.loads((mini / "stages" / "manifest.json").read_text())
    assert noted["trained_on"]["corpus"] == {
        "_target_": "melgen.corpora.FolkCorpus",
        "collections": ["misc_folk"],
    }, "the corpus of the runs, not the default of the study"
    assert "corpus" not in noted["configuration"]


def test_a_page_of_runs_that_exist_shows_tunes_of_their_corpus(mini, tmp_path):
    shutil.rmtree(STUDY)
    options = [option for option in MINI if option.startswith(("generate", "evaluation"))]
    answer = call("study", f"runs={mini}", *options, "generate.notes=30")
    assert answer.code == 0, answer.text
    page = (STUDY / "report.html").read_text(encoding="utf-8")
    assert not [one for one in read_data(page)["notices"] if "tunes" in one["text"]]
    songs = read_pack(page, "songs-0")
    assert songs["tunes"]
    assert all(tune["name"].endswith(")") and "miscFolk/" in tune["name"] for tune in songs["tunes"])


MY_FIGURE = """
from melgen.studies.figures.style import new_figure
from melgen.studies.stages.figures import FIGURES, StudyFigure

drawn = []


def draw(study):
    drawn.append([model.name for model in study.results.models])
    figure = new_figure(1, 1)
    figure.add_subplot().set_title(study.results.models[0].name)
    return figure


FIGURES += [
    StudyFigure("mine", draw, inputs=lambda study: {"songs": study.settings.sampling["songs"]}),
    StudyFigure("not_mine", draw, applies=lambda study: study.settings.is_by_checkpoints),
]
"""


def test_a_figure_that_a_module_adds_to_the_table_is_drawn_once(mini, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", list(figures.FIGURES))
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("my_figure.py").write_text(MY_FIGURE)
    before = manifest()["tasks"]
    count = 1 + sum(task.startswith("figures/") for task in before)
    text = study("imports=[my_figure]", "stages=figures")
    module = sys.modules.pop("my_figure")
    assert f"{count} of {count}: figures/" in text
    assert module.drawn == [list(json.loads((STUDY / "selection.json").read_text())["models"])]
    now = manifest()["tasks"]
    assert now.keys() - before.keys() == {"figures/mine"}
    assert now["figures/mine"]["inputs"]["songs"] == 3
    assert set(now["figures/mine"]["outputs"]) == {"figures/mine.pdf", "figures/mine.png"}
    assert all((STUDY / name).exists() for name in now["figures/mine"]["outputs"])
    assert f"{count} of {count} done already" in study()


def test_stages_that_show_results_are_done_again_if_they_are_named(mini, monkeypatch):
    """A drawing by other code of the same version has the same inputs, so that only the user knows that it is old."""
    monkeypatch.setattr(figures, "FIGURES", figures.FIGURES[:1])
    files = [
        STUDY / "evaluation/corpus/openings.json",
        STUDY / "tables/runs.csv",
        STUDY / "figures/learning_curves.pdf",
    ]
    stamps = [file.stat().st_mtime_ns for file in files]
    text = study("stages=[evaluate,tables,figures]")
    assert "1 of 1: tables" in text
    assert "1 of 1: figures/learning_curves" in text
    assert [file.stat().st_mtime_ns != stamp for file, stamp in zip(files, stamps, strict=True)] == [False, True, True]


class Mine(UnigramBaseline):
    name = "mine"


def test_a_baseline_that_is_added_is_in_every_table(mini, monkeypatch):
    monkeypatch.setattr("melgen.evaluation.baseline_table.BASELINES", (UnigramBaseline, Mine))
    call("study", *MINI, "evaluation.seed=7", "stages=select,generate,evaluate,tables")
    for table in ("tonality", "tonality_corrected", "likelihood", "descriptors", "distances", "originality"):
        with (STUDY / "tables" / f"{table}.csv").open(newline="") as file:
            sets = [row["set"] for row in csv.DictReader(file)]
        assert "mine" in sets
        assert "uniform" not in sets


def test_files_of_an_earlier_melgen_are_read(mini):
    text = (STUDY / "manifest.json").read_text()
    (STUDY / "manifest.json").write_text(text.replace("corpus/openings.json", "corpus/held-out.json"))
    (STUDY / "evaluation/corpus/openings.json").rename(STUDY / "evaluation/corpus/held-out.json")
    path = STUDY / "evaluation/corpus/held-out.json"
    path.write_text(path.read_text().replace('"openings"', '"held-out"'))
    found = manifest()
    found["tasks"]["evaluate/corpus"]["outputs"]["evaluation/corpus/held-out.json"] = Workbench(
        STUDY, {"melgen": "any"}
    ).digest_of_file(path)
    (STUDY / "manifest.json").write_text(json.dumps(found))
    assert "1 of 1: tables" in study("stages=tables")
    with (STUDY / "tables" / "tonality.csv").open(newline="") as file:
        assert "openings" in [row["set"] for row in csv.DictReader(file)]


def test_a_corpus_that_has_changed_since(mini):
    for path in mini.glob("*/identity.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"corpus.fingerprint": "other"}))
    shutil.rmtree(STUDY)
    text = study(code=1)
    assert "corpus.fingerprint: other there" in text
    answer = call("study", f"runs={mini}", "stages=select,generate,evaluate", "generate.songs=1")
    assert answer.code == 1
    assert "the corpus has changed since" in answer.text


def test_other_files_among_the_songs_do_not_change_their_names(mini):
    folder = next((STUDY / "songs").glob("control-lstm-*/seed0"))
    (folder / "a_song_of_mine.mid").write_bytes(b"")
    assert list(pitches_by_song(folder)) == ["song_001", "song_002", "song_003"]
    assert {len(pitches) for pitches in pitches_by_song(folder).values()} == {13}
