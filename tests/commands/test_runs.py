"""One identity, one directory: what the same command does when it is run again."""

import json
import shutil
import subprocess

import pytest
import torch

from tests.commands.calling import TINY, TINY_RUN, call, command, files_below
from tests.pages.examples import read_data


@pytest.fixture
def run(trained, here):
    """A finished run that the test may change."""
    shutil.copytree(trained, here / TINY_RUN)
    return here / TINY_RUN


def test_a_run_writes_every_promised_file(trained):
    left = set(files_below(trained))
    assert left >= {
        "identity.json", "config.yaml", "status.json", "result.json", "train.log", "metrics.csv",
        "splits.tsv",
        "checkpoints/best.ckpt", "checkpoints/last.ckpt", "songs/song_001.mid", "songs/song_002.mid",
        "songs/songs.json", "tonality.json",
    }  # fmt: skip
    assert not [name for name in left if name.endswith(".tmp")]
    assert json.loads((trained / "status.json").read_text())["state"] == "finished"
    assert json.loads((trained / "result.json").read_text())["updates"] == 4


def test_nothing_is_written_outside_the_run(trained):
    root = trained.parents[2]
    assert all(name.startswith(TINY_RUN.as_posix()) for name in files_below(root)), files_below(root).keys()


def test_finished_it_prints_its_result_again(run):
    untouched = {name: content for name, content in files_below(run).items() if name != "status.json"}
    answer = call("train", *TINY)
    assert answer.code == 0
    assert "Already finished" in answer.text
    result = json.loads((run / "result.json").read_text())
    assert f"val {result['val/loss']:.3f} nats" in answer.text
    after = files_below(run)
    del after["status.json"]
    assert after == untouched


def test_a_finished_run_keeps_the_configuration_that_made_it(run):
    """The label only names it."""
    before = (run / "config.yaml").read_text()
    asked = ("callbacks.sampling.songs=5", "primer=[67,69,71]", "trainer.max_steps=3")
    answer = call("train", *TINY, *asked, "threads=1", "label=short")
    assert answer.code == 0, answer.text
    (line,) = [line for line in answer.text.splitlines() if "Already finished, and not changed by " in line]
    assert all(override in line for override in asked), line
    assert "threads" not in line, "it changes no result"
    assert "songs=2" not in line, "of several overrides for one key the last counts"
    assert (run / "config.yaml").read_text() == before.replace("label: null", "label: short")
    assert len(list((run / "songs").glob("*.mid"))) == 2


@pytest.mark.slow
def test_the_page_of_a_finished_run_shows_its_new_label(run):
    with_page = TINY[:-1]
    for label in ("the first", "the second"):
        assert call("train", *with_page, f"label={label}").code == 0
        assert {"name": "Label", "value": label} in read_data((run / "report.html").read_text())["facts"]
    made = (run / "report.html").stat().st_mtime_ns
    assert call("train", *with_page, "label=the second").code == 0
    assert (run / "report.html").stat().st_mtime_ns == made, "it is not made again without need"


@pytest.mark.slow
def test_a_training_that_a_callback_stops_is_finished(here):
    stopping = (
        "+callbacks.stop._target_=pytorch_lightning.callbacks.EarlyStopping",
        *("+callbacks.stop.monitor=val/loss", "+callbacks.stop.patience=1", "+callbacks.stop.min_delta=9"),
        *("trainer.max_steps=20", "trainer.val_check_interval=2"),
    )
    assert call("train", *TINY, *stopping).code == 0
    before = files_below(TINY_RUN)
    result = json.loads(before["result.json"])
    assert (result["updates"], result["stopped_by"], result["budget"]["max_steps"]) == (4, "callback", 20)
    answer = call("train", *TINY, *stopping)
    assert "Already finished;" in answer.text
    after = files_below(TINY_RUN)
    assert after | {"status.json": b""} == before | {"status.json": b""}
    assert call("train", *TINY, *stopping, "trainer.max_steps=40").code == 0
    assert json.loads((TINY_RUN / "result.json").read_text())["updates"] > 4


@pytest.mark.slow
def test_a_run_that_was_interrupted_after_a_larger_budget_gets_the_result_of_its_weights(run):
    earlier = (run / "result.json").read_bytes()
    assert call("train", *TINY, "trainer.max_steps=9").code == 0
    (run / "result.json").write_bytes(earlier)
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    refused = call("train", *TINY)
    assert refused.code == 1
    assert "trainer.max_steps=4: must be at least 9, the update that " in refused.text
    assert json.loads((run / "status.json").read_text())["state"] == "interrupted"
    assert call("train", *TINY, "trainer.max_steps=9").code == 0
    assert json.loads((run / "result.json").read_text())["updates"] == 9


@pytest.mark.slow
def test_the_same_value_is_returned_again(here):
    from hydra import compose, initialize_config_dir

    from melgen.configuration.conf_dir import CONF_DIR
    from melgen.train import train

    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", [*TINY, "name=by_hand", f"run_dir={here / 'run'}"])
        first = train(config)
        assert isinstance(first, float)
        assert train(config) == first


@pytest.mark.slow
def test_a_larger_budget_goes_on_and_equals_one_long_run(run, here):
    assert call("train", *TINY, "trainer.max_steps=9").code == 0
    assert json.loads((run / "result.json").read_text())["updates"] == 9
    log = (run / "train.log").read_text()
    assert "Resuming at update 4" in log
    assert call("train", *TINY, "trainer.max_steps=9", "output_dir=at_once").code == 0
    weights = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (run, here / "at_once" / TINY_RUN.relative_to("multirun"))
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.slow
def test_a_smaller_budget_has_nothing_to_do(run):
    answer = call("train", *TINY, "trainer.max_steps=2")
    assert answer.code == 0
    assert "Already finished" in answer.text


@pytest.mark.slow
def test_another_identity_is_refused_by_the_keys_that_differ(run, here):
    before = files_below(here)
    answer = call("train", *TINY, "optimizer.lr=0.01", f"run_dir={run}")
    assert answer.code == 1
    assert str(run) in answer.text
    assert "optimizer.lr: 0.002 there, 0.01 now" in answer.text
    assert "force=true" in answer.text
    assert "hidden_size:" not in answer.text, "equal keys are not named"
    assert "Traceback" not in answer.text
    assert files_below(here) == before


@pytest.mark.slow
def test_force_starts_from_the_beginning(run):
    (run / "samples").mkdir(exist_ok=True)
    (run / "samples" / "old.txt").write_text("of the old run")
    answer = call("train", *TINY, "optimizer.lr=0.01", f"run_dir={run}", "force=true")
    assert answer.code == 0
    assert not (run / "samples" / "old.txt").exists()
    assert json.loads((run / "identity.json").read_text())["optimizer.lr"] == 0.01
    assert (run / "metrics.csv").read_text().count("\n") < 6, "the old history is gone"


@pytest.mark.slow
def test_force_deletes_nothing_when_slurm_queues_the_job_again(run, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    assert call("train", *TINY, "force=true").code == 0
    assert "Already finished" not in call("train", *TINY, "force=true").text, "a second command in the same job"
    (run / "mark").touch()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    answer = call("train", *TINY, "force=true")
    assert "Already finished" in answer.text
    assert (run / "mark").exists()
    monkeypatch.setenv("SLURM_JOB_ID", "78")
    assert "Already finished" not in call("train", *TINY, "force=true").text, "the first start did not come this far"
    assert not (run / "mark").exists()


@pytest.mark.slow
def test_force_throws_away_runs_only(here):
    TINY_RUN.mkdir(parents=True)
    (TINY_RUN / "thesis.tex").write_text("years of work")
    answer = call("train", *TINY, "force=true")
    assert answer.code == 1
    assert "thesis.tex" in answer.text
    assert files_below(here) == {(TINY_RUN / "thesis.tex").as_posix(): b"years of work"}


@pytest.mark.slow
def test_keys_outside_the_identity_may_change(run):
    for override in ("threads=2", "progress=false", "primer=[67,69,71]", "logger=tensorboard"):
        answer = call("train", *(o for o in TINY if not o.startswith(override.split("=")[0])), override)
        assert answer.code == 0
        assert "Already finished" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["identity.json", "status.json", "result.json"])
def test_a_damaged_record_is_named(name, run):
    (run / name).write_text('{"state": "fin')
    answer = call("train", *TINY)
    # A file that only reports, such as the status, is written again. A file that decides is not guessed.
    assert answer.code == 0 or name in answer.text
    assert "Traceback" not in answer.text
    assert call("train", *TINY, "force=true").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_as_configured(threads, here):
    before = torch.get_num_threads()
    try:
        assert call("train", *TINY, f"threads={threads}").code == 0
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_a_module_run_as_a_program_does_the_same(trained, tmp_path):
    """Run the command once in a new interpreter, as a user does. The other tests call its function or fork."""
    done = subprocess.run(command("train", *TINY), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result, expected = (json.loads((folder / "result.json").read_text()) for folder in (tmp_path / TINY_RUN, trained))
    assert result["val/loss"] == expected["val/loss"]
    assert "Listen:" in done.stdout + done.stderr
