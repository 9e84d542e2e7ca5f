"""``python -m melgen.study`` as a user runs it: killed, interrupted, started twice, and with the user's own parts."""

import json
import os
import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from melgen.commands import after_ctrl_c
from melgen.pages.page import unpacked
from tests.commands.calling import files_below, spawn, start
from tests.commands.mishap import mishap
from tests.commands.test_own_parts import mine  # noqa: F401

STUDY = (
    "corpus=misc_folk",
    "dataset=control,interval",
    "cell=lstm",
    "layers=1",
    "hidden_size=8",
    "trainer.max_steps=60",
    "trainer.val_check_interval=20",
    "callbacks.checkpoint.every_n_steps=5",
    "callbacks.sampling=null",
    "callbacks.projection=null",
    "logger=csv",
    "generate.songs=4",
    "evaluation.resamples=50",
)
HOME = Path("multirun/misc_folk")
FOLDER = HOME / "study"
PATIENCE_SECONDS = 200.0
TIMED = {"manifest.json", "sweep.log", "report.html", "tables/runs.csv", "tables/runs.md", "tables/runs.tex"}
"""Files that hold the duration of something, or the hash of such a file."""


@contextmanager
def started(cwd, *arguments):
    """A running study in a new process group, as in a terminal."""
    process = start("study", *arguments, cwd=cwd)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(process, ready):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    assert ready()


def at_work_in(folder):
    """Processes whose current directory is a folder (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == folder and b"melgen" in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue  # it has ended, or is another user's
    return found


def without_times(path):
    """The content of a file without durations and hashes that depend on them."""
    text = path.read_text()
    if path.name == "report.html":
        text = unfolded(text)
    if path.name == "manifest.json":
        return re.sub(r'"[0-9a-f]{64}"', '""', re.sub(r'"seconds": [\d.]+', "", text))
    seconds = {json.loads(run.read_text())["seconds"] for run in path.parents[2].glob("*/result.json")}
    for number in sorted({f"{value:.{places}f}" for value in seconds for places in (0, 1)}, key=len, reverse=True):
        text = text.replace(number, "?")
    return re.sub(r"[?\d.]+", "?", re.sub(r"[ -]+", " ", text))


def unfolded(page):
    """The page of a study with its compressed parts as text, except Plotly, and without its hashes."""
    packs = re.findall(r'<script type="application/gzip" id="pack-(\S+)">(.*?)</script>', page, re.DOTALL)
    texts = [json.dumps(unpacked(text)) for name, text in packs if name != "plotly"]
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)
    assert len(texts) > 3
    return re.sub(r"[0-9a-f]{64}", "", "\n".join([data, *texts]))


@pytest.mark.slow
@pytest.mark.timeout(900)  # five studies, one after the other
def test_killed_at_three_moments_it_ends_in_the_same_files(tmp_path):
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
    study = [option for option in STUDY if not option.startswith("dataset")] + ["dataset=control"]
    calm = spawn("study", *study, cwd=tmp_path / "calm")
    assert calm.code == 0, calm.text
    here = tmp_path / "killed"
    moments = {
        "while it trains": lambda: len(list((here / HOME).glob("*/checkpoints/last.ckpt"))) >= 1,
        "while songs are written": lambda: bool(list((here / FOLDER).glob("songs/*/*"))),
        "while figures are drawn": lambda: bool(list((here / FOLDER).glob("figures/*.png"))),
    }
    for moment, ready in moments.items():
        with started(here, *study) as process:
            wait_for(process, ready)
            process.send_signal(signal.SIGKILL)
            process.wait()
        deadline = time.monotonic() + 10
        while at_work_in(here) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not at_work_in(here), f"killed {moment}, and something goes on"
    answer = spawn("study", *study, cwd=here)
    assert answer.code == 0, answer.text

    expected, found = files_below(tmp_path / "calm" / FOLDER), files_below(here / FOLDER)
    assert found.keys() == expected.keys()
    assert {name for name in found if found[name] != expected[name]} <= TIMED
    for name in TIMED - {"sweep.log"}:
        assert without_times(here / FOLDER / name) == without_times(tmp_path / "calm" / FOLDER / name), name


@pytest.mark.slow
def test_ctrl_c_two_at_once_and_errors_of_a_sweep(tmp_path):
    folder = tmp_path / HOME
    long = [option for option in STUDY if not option.startswith("trainer.max")] + ["trainer.max_steps=100000"]
    with started(tmp_path, *long) as process:
        wait_for(process, lambda: bool(list(folder.glob("*/checkpoints/last.ckpt"))))
        second = spawn("study", *long, cwd=tmp_path)
        assert second.code == 1
        assert "another process is making this study" in second.text
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert output.strip().splitlines()[-1] == after_ctrl_c("study")
    assert not at_work_in(tmp_path)

    line = (*STUDY, mishap("lstm"), "name=failing")
    failing = spawn("study", *line, cwd=tmp_path, PYTHONPATH=str(Path(__file__).parents[2]))
    assert failing.code == 1
    assert "failed: a mishap" in failing.text
    assert "no finished run at all: control-lstm, interval-lstm" in failing.text
    assert "Traceback" not in failing.text
    unstartable = spawn("study", *STUDY, "hydra.launcher.n_jobs=0", "name=unstartable", cwd=tmp_path)
    assert unstartable.code == 1
    assert "the sweep did not start" in unstartable.text


@pytest.mark.slow
def test_a_users_own_parts(mine):  # noqa: F811
    """A cell and a corpus are found with --config-dir. Single stages find them too; runs=... needs imports=[module]."""
    options = [
        "--config-dir=conf",
        "corpus=village",
        "cell=lstm,forgetful",
        "dataset=control",
        "layers=1",
        "hidden_size=8",
        "batch_size=2",
        "seq_length=10",
        "trainer.max_steps=4",
        "callbacks.sampling=null",
        "logger=csv",
        "primer=[60,62]",
        "generate.songs=2",
        "generate.notes=6",
        "evaluation.resamples=10",
    ]
    answer = spawn("study", *options, cwd=mine)
    assert answer.code == 0, answer.text
    assert "fontTools" not in answer.text
    assert "subset" not in answer.text
    assert (mine / "multirun/village/study/representative/control-forgetful-1-smallest_sum.mid").exists()
    alone = spawn("study", *options, "stages=tables,figures", cwd=mine)
    assert alone.code == 0, alone.text
    there = ["runs=multirun/village", "folder=other", "generate.songs=2", "generate.primer=[60,62]", "stages=select"]
    answer = spawn("study", *there, cwd=mine)
    assert answer.code == 1
    assert "imports=[module]" in answer.text
    answer = spawn("study", *there, "imports=[my_cells]", cwd=mine)
    assert answer.code == 0, answer.text


@pytest.mark.slow
def test_help_names_the_stages(tmp_path):
    answer = spawn("study", "--help", cwd=tmp_path)
    assert answer.code == 0
    for word in ("stages", "select", "generate", "runs", "folder", "experiment"):
        assert word in answer.out
