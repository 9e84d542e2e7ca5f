"""A sweep with W&B offline: the records of its runs on disk, its tables, and sweeps by an agent or Optuna."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from melgen.files import write_json
from melgen.publish import sync_line
from tests.commands.calling import TINY, call, spawn
from tests.training.wandb_files import offline_runs

CELLS = ("gru", "lstm", "rnn")
SWEEP_YAML = Path(__file__).parents[2] / "docs" / "wandb_sweep.yaml"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of three jobs in this process. Tests only read it."""
    folder = tmp_path_factory.mktemp("wandb_sweep")
    options = [option for option in TINY if not option.startswith(("logger", "callbacks.projection"))]
    # If the number of updates were not a multiple of an interval, there would be a second validation at the end.
    underway = (
        "trainer.val_check_interval=2",
        "callbacks.sampling.every_n_steps=2",
        "callbacks.sampling.songs_underway=1",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WANDB_SILENT", "true")
        patch.delenv("WANDB_DATA_DIR", raising=False)
        answer = call("train", "-m", *options, *underway, f"cell={','.join(CELLS)}", "name=cells", "logger=wandb")
    assert answer.code == 0, answer.text
    return folder / "multirun" / "cells"


@pytest.fixture(scope="module")
def runs(sweep):
    return offline_runs(sweep)


@pytest.mark.slow
def test_three_jobs_are_three_runs_of_one_group(sweep, runs):
    assert [run.name for run in runs] == [f"control-{cell}-1-seed0-corpus-misc_folk-hidden_size-8" for cell in CELLS]
    assert len({run.id for run in runs}) == 3
    assert {run.group for run in runs} == {"cells"}
    assert [run.exit_code for run in runs] == [0, 0, 0]
    for run, cell in zip(runs, CELLS, strict=True):
        assert run.file.is_relative_to(sweep / run.name / "wandb"), "each is below the directory of its training"
        assert run.tags == {"control", cell, "layers 1", "seed 0", "misc_folk"}


@pytest.mark.slow
def test_runs_hold_their_configuration(runs):
    for run, cell in zip(runs, CELLS, strict=True):
        assert run.config["hidden_size"] == 8
        assert run.config["choices"] == {
            "dataset": "control",
            "cell": cell,
            "rhythm": "none",
            "layers": 1,
            "seed": 0,
            "corpus": "misc_folk",
        }


@pytest.mark.slow
def test_runs_hold_their_curves_and_the_best_value(sweep, runs):
    for run in runs:
        with (sweep / run.name / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        expected = {int(row["step"]): float(row["val/loss"]) for row in rows if row["val/loss"]}
        assert run.curve("val/loss") == expected
        assert set(expected) == {2, 4}
        assert run.summary["best/val_loss"] == min(expected.values())
        assert run.metrics["val/loss"].summary.min
        assert set(run.curve("test/loss")) == {4}


@pytest.mark.slow
def test_songs_are_a_table_with_sound_score_and_metrics(sweep, runs):
    import soundfile
    from PIL import Image

    from melgen.evaluation.tonality import tonality
    from melgen.generation.songs import read_songs

    for run in runs:
        assert len(run.logged("samples")) == 3, "also before the first update, and during the training"
        columns, rows = run.table("songs")
        songs = read_songs(sweep / run.name / "songs").melodies
        assert len(rows) == len(songs) == 2
        for row, song in zip((dict(zip(columns, row, strict=True)) for row in rows), songs, strict=True):
            assert row["notes"].startswith("C4 D4 E4 D4 ")
            for metric, value in tonality(song.pitches)._asdict().items():
                assert row[metric] == pytest.approx(value)
            assert row["pitch_range"] == max(song.pitches) - min(song.pitches)
            files = run.artifacts[f"run-{run.id}-songs"]
            sound = soundfile.info(files[row["audio"]["path"]])
            # Ten quarter notes at 120 a minute, and the decay of the last one.
            assert 5 <= sound.duration < 8
            assert sound.format == "MP3"
            with Image.open(files[row["score"]["path"]]) as score:
                assert score.format == "PNG"
                assert score.width >= 400
        attached = next(files for name, files in run.artifacts.items() if name == f"songs-{run.id}")
        assert set(attached) == {"song_001.mid", "song_002.mid", "songs.json"}
        assert all(path.is_relative_to(sweep / run.name) for files in run.artifacts.values() for path in files.values())


@pytest.mark.slow
def test_the_embedding_is_a_picture_and_tables(sweep, runs):
    from PIL import Image

    for run in runs:
        with Image.open(run.path_of(run.logged("embedding")[-1])) as picture:
            picture.verify()
        names = (sweep / run.name / "embedding" / "metadata.tsv").read_text().splitlines()
        columns, rows = run.table("embedding/map")
        assert columns == ["note", "x", "y", "nearest (euclidean)", "nearest (cosine)"]
        assert [row[0] for row in rows] == names
        with (sweep / run.name / "embedding" / "neighbours.csv").open() as file:
            first = [r for r in csv.DictReader(file) if (r["note"], r["metric"]) == (names[0], "cosine")]
        assert rows[0][4].split() == [row["neighbour"] for row in first]
        columns, rows = run.table("embedding/vectors")
        assert len(columns) == 9
        assert len(rows) == len(names)


@pytest.mark.slow
def test_one_command_finds_all_offline_runs(sweep, runs):
    program = [sys.executable, "-m", "wandb", "sync", "--dry-run", *sorted(map(str, sweep.glob("*/wandb")))]
    done = subprocess.run(
        program,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"WANDB_SILENT": "false", "WANDB_MODE": "online", "WANDB_API_KEY": "0" * 40},
    )
    assert done.returncode == 0, done.stderr
    assert "3 run(s)" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("recorded", "line"),
    [
        ([], None),
        (["wandb"], "wandb sync {0}/wandb"),
        (["a-run/wandb"], "wandb sync {0}/*/wandb"),
        (["wandb", "a-run/wandb"], "wandb sync {0}/*/wandb {0}/wandb"),
    ],
)
def test_the_line_that_uploads_names_folders_that_exist(recorded, line, tmp_path):
    for place in ("wandb", "another/wandb"):  # what was recorded online leaves folders too
        (tmp_path / place).mkdir(parents=True)
    for place in recorded:
        (tmp_path / place / "offline-run-1").mkdir(parents=True)
    assert sync_line(tmp_path) == (line and line.format(tmp_path))


@pytest.mark.slow
def test_publishing_a_sweep_and_a_study(sweep, tmp_path, monkeypatch):
    folder = tmp_path / "cells"
    shutil.copytree(sweep, folder, ignore=shutil.ignore_patterns("wandb", "checkpoints"))
    (folder / "study" / "tables" / "songs").mkdir(parents=True)
    (folder / "study" / "tables" / "tonality.csv").write_text("model,centricity\ncontrol-lstm-1,0.25\ncorpus,\n")
    (folder / "study" / "tables" / "tonality.tex").write_text("\\hline\n")
    (folder / "study" / "tables" / "songs" / "control-lstm-1.csv").write_text("song,pitches\n1,60 62\n")
    (folder / "study" / "manifest.json").write_text("{}")
    monkeypatch.setenv("WANDB_SILENT", "true")
    answer = call("publish", f"runs={folder}")
    assert answer.code == 0, answer.text
    assert f"wandb sync {folder}/wandb\n" in answer.text, "its runs recorded nothing"
    assert "Study: 2 tables, 0 figures" in answer.text
    study, swept = offline_runs(folder)
    assert (study.name, swept.name) == ("cells study", "cells sweep")
    assert {run.group for run in (study, swept)} == {"cells"}
    assert (study.job_type, swept.job_type) == ("study", "sweep")
    columns, rows = swept.table("sweep")
    assert [row[columns.index("cell")] for row in rows] == list(CELLS)
    with (sweep / "sweep.csv").open() as file:
        losses = {row["run"]: float(row["val_loss"]) for row in csv.DictReader(file)}
    assert {row[columns.index("run")]: row[columns.index("val_loss")] for row in rows} == losses
    kept = swept.artifacts["cells-sweep"]["sweep.csv"].read_text()
    assert {row["run"] for row in csv.DictReader(io.StringIO(kept))} == set(losses)
    assert study.table("tables/tonality") == (["model", "centricity"], [["control-lstm-1", 0.25], ["corpus", None]])
    assert study.table("tables/songs/control-lstm-1")[1] == [[1, "60 62"]]
    assert set(study.artifacts["cells-study"]) == {
        "tables/tonality.csv",
        "tables/tonality.tex",
        "tables/songs/control-lstm-1.csv",
        "manifest.json",
    }


@pytest.mark.slow
def test_tables_that_cannot_be_sent_are_recorded_offline_with_the_line_that_uploads_them(tmp_path, monkeypatch):
    import wandb

    start = wandb.init

    def without_connection(*, mode, **options):
        if mode == "online":
            raise ConnectionError("no route to host")
        return start(mode=mode, **options)

    folder = tmp_path / "cells"
    write_json(folder / "control-lstm-1-seed0" / "status.json", {"state": "finished"})
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(wandb, "init", without_connection)
    answer = call("publish", f"runs={folder}")
    assert answer.code == 0, answer.text
    assert "W&B cannot be reached, recording offline: ConnectionError: no route to host" in answer.text
    assert f"wandb sync {folder}/wandb\n" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("runs=nowhere",), "runs=nowhere: no such directory"),
        (("runs=.", "workspace=true"), "workspace=true: a dashboard is saved on W&B's server"),
        (("runs=.", "study=typo"), "study=typo: typo holds no tables of a study"),
        (("runs=.", "offline=no"), "offline=no: must be true, false or null"),
        (("runs=.", "workspace=1"), "workspace=1: must be true or false"),
    ],
)
def test_publishing_refuses(here, overrides, message):
    answer = call("publish", *overrides)
    assert answer.code == 1
    assert message in answer.err
    assert not list(here.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")  # of wandb-workspaces itself
@pytest.mark.filterwarnings("ignore:Valid config keys have changed:UserWarning")
def test_the_dashboard_uses_recorded_values(sweep, runs):
    text = dashboard_of(sweep)
    recorded = {key for run in runs for row in run.history for key in row}
    for key in ("val/loss", "val/bits_per_note", "train/loss", "best/val_loss", "tonality/centricity", "embedding"):
        assert f'"{key}"' in text or f":{key}" in text
        assert key in recorded
    for choice in ("dataset", "cell", "layers"):
        assert f"choices.value.{choice}" in text
        assert choice in runs[0].config["choices"]


@pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")  # of wandb-workspaces itself
@pytest.mark.filterwarnings("ignore:Valid config keys have changed:UserWarning")
@pytest.mark.parametrize(
    ("rhythms", "expected"),
    [
        (["NoRhythm"], {"bits_per_note"}),
        (["Joint"], {"pitch_bits_per_note", "rhythm_bits_per_note", "bits_per_note_with_rhythm"}),
        (["NoRhythm", "Joint"], {"bits_per_note", *(f"{part}_bits_per_note" for part in ("pitch", "rhythm"))}
         | {"bits_per_note_with_rhythm"}),
        (["PaperPairs"], set()),
    ],
)  # fmt: skip
def test_the_dashboard_has_the_panels_of_its_networks(tmp_path, rhythms, expected):
    for number, rhythm in enumerate(rhythms):
        run = tmp_path / "sweep" / f"control-lstm-{number}-seed0"
        write_json(run / "status.json", {"state": "finished"})
        write_json(run / "config.yaml", {"rhythm": {"_target_": f"melgen.music.{rhythm}"}})  # JSON is YAML
        write_json(run / "data.json", {"rhythm_without_bits_per_note": "paper_pairs"} if rhythm == "PaperPairs" else {})
    text = dashboard_of(tmp_path / "sweep")
    assert set(re.findall(r'"val/(\w*bits_per_note\w*)"', text)) == expected
    assert {f"test/{kind}" in text for kind in expected} <= {True}
    assert ("choices.value.rhythm" in text) == (rhythms != ["NoRhythm"])


def dashboard_of(folder):
    """The dashboard of a sweep as JSON."""
    pytest.importorskip("wandb_workspaces")
    from melgen.publishing.result_tables import Target
    from melgen.publishing.workspace import build

    return (
        build(Target("melgen", "somebody"), folder)._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)
    )


def command_of_agent(monkeypatch, arguments):
    """The command line that a W&B agent builds from our sweep and the values chosen for one run."""
    from wandb import wandb_agent

    sweep = yaml.safe_load(SWEEP_YAML.read_text(encoding="utf-8"))
    monkeypatch.setattr(wandb_agent, "AgentProcess", lambda command, **options: type("P", (), {"command": command})())
    monkeypatch.setenv("WANDB_RUN_ID", "r1")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", "")
    agent = object.__new__(wandb_agent.Agent)
    agent._in_jupyter, agent._function, agent._forward_signals = False, None, False
    agent._sweep_command, agent._run_processes = sweep["command"], {}
    agent._command_run(
        {"run_id": "r1", "program": sweep["program"], "args": {key: {"value": v} for key, v in arguments.items()}}
    )
    return agent._run_processes["r1"].command


@pytest.mark.slow
def test_the_command_of_a_sweep_agent_is_one_that_hydra_understands(here, monkeypatch):
    from hydra import compose, initialize_config_dir

    from melgen.configuration.conf_dir import CONF_DIR

    sweep = yaml.safe_load(SWEEP_YAML.read_text(encoding="utf-8"))
    chosen = {key: p.get("value", (p.get("values") or [p.get("min")])[0]) for key, p in sweep["parameters"].items()}
    chosen |= {"dataset": "interval", "cell": "gru", "layers": 3, "optimizer.lr": 1.2345e-05}
    command = command_of_agent(monkeypatch, chosen)
    assert command[:4] == ["/usr/bin/env", "python", "-m", "melgen.train"]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", overrides=command[4:])
    assert config.dataset.representation._target_.endswith("Interval")
    assert config.cell._target_.endswith("GRU")
    assert (config.layers, config.optimizer.lr, config.trainer.max_steps) == (3, 1.2345e-05, 500)
    assert "wandb" in config.logger
    assert sweep["metric"] == {"name": "best/val_loss", "goal": "minimize"}


@pytest.mark.slow
def test_a_run_of_a_sweep_agent_keeps_the_name_that_the_agent_gave_it(tmp_path, monkeypatch):
    from melgen.training.loggers.wandb import WandbLogger

    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_RUN_ID", "fromagent")
    logger = WandbLogger("melgen", tmp_path)
    logger.log_metrics({"val/loss": 1.0}, step=1)
    logger.close(failed=False)
    (run,) = offline_runs(tmp_path)
    assert run.id == "fromagent"


@pytest.mark.slow
def test_optuna_minimises_the_returned_value(tmp_path):
    pytest.importorskip("optuna")
    answer = spawn(
        "train",
        "-m",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=3",
        "hydra.sweeper.n_jobs=1",
        "hydra.sweeper.sampler.seed=0",
        "layers=choice(1,2)",
        "optimizer.lr=tag(log,interval(0.0005,0.02))",
        *(option for option in TINY if not option.startswith("layers")),
        "name=tuned",
        cwd=tmp_path,
    )
    assert answer.code == 0, answer.text
    assert "Sweep of 3 trials" in answer.text
    with (tmp_path / "multirun" / "tuned" / "sweep.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 3
    best = yaml.safe_load((tmp_path / "multirun" / "tuned" / "optimization_results.yaml").read_text())
    assert best["best_value"] == min(losses)
    assert set(best["best_params"]) == {"layers", "optimizer.lr"}


@pytest.mark.slow
@pytest.mark.parametrize(("rates", "best"), [("-1,0.002", "0.002"), ("-1,1e38", None)])
def test_optuna_goes_on_after_trials_that_fail_or_diverge(tmp_path, rates, best):
    pytest.importorskip("optuna")
    answer = spawn(
        "train",
        "-m",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.sampler.seed=0",
        f"optimizer.lr=choice({rates})",
        "gradient_clip_norm=null",
        *TINY,
        "name=tuned",
        cwd=tmp_path,
    )
    assert answer.code == 1, answer.text
    assert "Traceback" not in answer.text
    folder = tmp_path / "multirun" / "tuned"
    with (folder / "sweep.csv").open() as file:
        states = {row["run"]: row["state"] for row in csv.DictReader(file)}
    assert sorted(states.values()) == ["failed", "failed" if best is None else "finished"]
    found = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    if best is None:
        assert found == {"name": "optuna", "best_params": None, "best_value": None}
        assert "no trial has come to a result" in answer.text
    else:
        assert found["best_params"] == {"optimizer.lr": float(best)}
        assert 0 < found["best_value"] < 10


KEY = "5ec3e7" * 6 + "abcd"


@pytest.mark.slow
def test_a_key_is_written_nowhere(tmp_path):
    """A key of the environment or a netrc file is not in logs, configurations, checkpoints, W&B's files or the page."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    where = {
        "HOME": str(home),
        "WANDB_CACHE_DIR": str(home),
        "WANDB_CONFIG_DIR": str(home),
        "WANDB_DATA_DIR": str(home),
    }
    tiny = [option for option in TINY if not option.startswith(("logger", "report"))]
    answer = spawn("train", *tiny, "logger=wandb", cwd=tmp_path, WANDB_API_KEY=KEY, WANDB_SILENT="false", **where)
    assert answer.code == 0, answer.text
    assert KEY not in answer.text
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".netrc"]
    assert {".ckpt", ".yaml", ".html", ".wandb", ".log"} <= {path.suffix for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("override", ["+hydra.job.env_set.WANDB_API_KEY", "logger.wandb.api_key", "++my.password"])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(override, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for mode in ([], ["-m"]):
        answer = call("train", *mode, *TINY, f"{override}={KEY}")
        assert answer.code == 1
        assert "secret" in answer.text
        assert KEY not in answer.text
    assert not list(tmp_path.iterdir())
