"""Refusals of `melgen.train`: a message with key, value and rule, exit code 1, and nothing written."""

import os
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch

from melgen.command_line import run_app
from melgen.commands import COMMANDS
from tests.commands.calling import TINY, TINY_RUN, call, files_below
from tests.tiers import quick_rows

A_WHOLE_NUMBER = "a whole number of at least 1"

REFUSALS = {
    # unknown keys and options
    "unknown cell": (["cell=elman"], ["cell/elman", "gru", "lstm", "nas"]),
    "unknown dataset": (["dataset=chords"], ["dataset/chords", "control", "interval"]),
    "unknown corpus": (["corpus=jazz"], ["corpus/jazz", "folk", "misc_folk"]),
    "unknown experiment": (["experiment=mine"], ["experiment/mine", "paper"]),
    "misspelt key": (["layer=3"], ["layer=3: unknown key", "layers"]),
    "misspelt key as one's own": (["+layer=3"], ["layer=3: unknown key", "layers"]),
    "corpus without a name": (["corpus=muspy"], ["corpus.name: has no default", "corpus.name=..."]),
    "misspelt deeper key": (["trainer.max_step=3"], ["trainer.max_step=3: unknown key", "trainer.max_steps"]),
    "misspelt callback": (
        ["+callbacks.samplin.songs=3"],
        ["callbacks.samplin", "unknown key", "callbacks.sampling.songs"],
    ),
    "a key of another rhythm": (
        ["rhythm.steps_per_quarter=24", "rhythm=factored"],
        ["rhythm.steps_per_quarter=24: the chosen rhythm has no steps_per_quarter; rhythm=grid has it"],
    ),
    "a key of all rhythms but none": (
        ["rhythm.condition=none"],
        ["the chosen rhythm has no condition; rhythm=factored, grid, interleaved, joint, paper_pairs have it"],
    ),
    "rhythm without a name": (["rhythm=null"], ["rhythm=null: null is not an option", "none: pitches only"]),
    "list of cells": (["cell=[lstm,gru]"], ["cell=[lstm,gru]", "cell=mixed", "-m cell=lstm,gru"]),
    "list of datasets": (["dataset=[control,interval]"], ["dataset=", "-m dataset=control,interval"]),
    "list of corpora": (["corpus=[folk,essen]"], ["corpus=", "-m corpus=folk,essen"]),
    # sizes
    "no layers": (["layers=0"], ["layers=0", A_WHOLE_NUMBER]),
    "negative layers": (["layers=-1"], ["layers=-1", A_WHOLE_NUMBER]),
    "fractional layers": (["layers=1.5"], ["layers=1.5", A_WHOLE_NUMBER]),
    "a whole number with an exponent": (
        ["trainer.max_steps=1e3"],
        ["trainer.max_steps=1000.0: must be a whole number of at least 1, or -1 for no limit; write 1000"],
    ),
    "a number of layers that is not whole enough": (["layers=0.0"], [f"layers=0.0: must be {A_WHOLE_NUMBER}\n"]),
    "a name of nothing": (["name="], ['name="": must be the name of a folder: letters, digits and . _ + -\n']),
    "layers in words": (["layers=two"], ["layers=two", A_WHOLE_NUMBER]),
    "truth for a size": (["hidden_size=true"], ["hidden_size=true", A_WHOLE_NUMBER]),
    "huge hidden size": (["hidden_size=10000000"], ["hidden_size=10000000", "GiB", "can be used here"]),
    "unaddressable hidden size": (["hidden_size=99999999999999999999"], ["hidden_size", "9" * 20]),
    "huge depth": (["layers=10000000000"], ["layers=10000000000", "GiB", "can be used here"]),
    "batch too large": (
        ["batch_size=100000"],
        ["batch_size=100000 with seq_length=", "window of 5,000,000", "would fit"],
    ),
    "window too long": (["seq_length=100000"], ["seq_length=100000", "would fit"]),
    "empty batch": (["batch_size=0"], ["batch_size=0", A_WHOLE_NUMBER]),
    "stack and layers differ": (["cell=mixed", "cell.stack=[lstm,nas]", "layers=3"], ["layers", "3", "2"]),
    "stack is no list": (["cell=mixed", "cell.stack=lstm"], ["lstm", "list"]),
    "stack missing": (["cell=mixed"], ["cell.stack: has no default"]),
    "stack with an unknown cell": (["cell=mixed", "cell.stack=[elman]", "layers=1"], ["elman", "lstm"]),
    "heads that do not divide": (["cell=slstm", "cell.heads=3"], ["cell.heads=3: must be a divisor of hidden_size"]),
    # other numbers
    "no budget": (["trainer.max_steps=-1"], ["trainer.max_steps=-1", "trainer.max_epochs=-1"]),
    "empty budget": (["trainer.max_steps=0"], ["trainer.max_steps=0", A_WHOLE_NUMBER]),
    "negative seed": (["seed=-1"], ["seed=-1", "whole number from 0"]),
    "a rate that is no number": (["optimizer.lr=abc"], ["optimizer.lr=abc", "a number"]),
    "a rate of nan": (["optimizer.lr=nan"], ["optimizer.lr=nan", "a number"]),
    "an infinite rate": (["optimizer.lr=inf"], ["optimizer.lr=inf", "a number"]),
    "a decay that is no number": (["scheduler.schedule.gamma=abc"], ["scheduler.schedule.gamma=abc", "a number"]),
    "a decay that is missing": (["scheduler.schedule.gamma=null"], ["scheduler.schedule.gamma=null", "a number"]),
    "half an update": (["scheduler.schedule.step_size=0.5"], ["step_size=0.5", "a whole number"]),
    "an epsilon in words": (["+optimizer.eps=tiny"], ["optimizer.eps=tiny", "a number"]),
    "a share in words": (["+trainer.limit_val_batches=half"], ["trainer.limit_val_batches=half", "a number, or null"]),
    "less than a batch": (["+trainer.limit_val_batches=0.5"], ["limit_val_batches=0.5", "less than one batch, of 1"]),
    "unknown precision": (["precision=half"], ["precision=half", "32-true", "bf16-mixed"]),
    "a path with a comma": (["corpus=folder", "path=a,b"], ["path=a,b", "-m", "\"path='a,b'\""]),
    "several values without -m": (
        ["layers=1,2"],
        ["layers=1,2: add -m to run both: python -m melgen.train -m ", " layers=1,2\n", "\"layers='1,2'\""],
    ),
    "negative clipping": (["gradient_clip_norm=-1"], ["gradient_clip_norm=-1", "positive"]),
    "no thread": (["threads=0"], ["threads=0", A_WHOLE_NUMBER]),
    "no worker": (["workers=0"], ["workers=0"]),
    "never validated": (["trainer.val_check_interval=0"], ["trainer.val_check_interval=0"]),
    "never logged": (["trainer.log_every_n_steps=0"], ["trainer.log_every_n_steps=0"]),
    "keep nothing": (["model.input_keep_prob=0"], ["input_keep_prob", "0"]),
    "unknown initialisation": (["model.initialization=zero"], ["initialization", "zero", "paper"]),
    "splits beyond the whole": (["dataset.split_fractions=[0.8,0.1,0.2]"], ["split_fractions", "sum to 1"]),
    "no tune long enough": (["cleaning.min_length_notes=100000"], ["no tune is kept", "too short"]),
    "checkpoint never": (["callbacks.checkpoint.every_n_steps=0"], ["every_n_steps=0", "at least 1"]),
    "unknown accelerator": (["trainer.accelerator=abacus"], ["trainer.accelerator=abacus", "auto, cpu, gpu"]),
    # primers, before any training
    "empty primer": (["primer=[]"], ["primer", "[]"]),
    "primer out of MIDI range": (["primer=[60,200]"], ["primer", "200", "127"]),
    "primer below MIDI range": (["primer=[-1,60]"], ["primer", "-1"]),
    "primer never trained on": (["primer=[1,2,3]"], ["primer", "1"]),
    "primer of fractions": (["primer=[60.5]"], ["primer", "60.5"]),
    "primer that is no list": (["primer=60"], ["primer", "60"]),
    # corpora
    "no path": (["corpus=folder"], ["corpus=folder: path=... is needed"]),
    "missing folder": (["corpus=folder", "path=missing"], ["path=", "missing", "no such file or folder"]),
    "missing pickles": (["corpus=pickles", "path=missing.p"], ["path=", "missing.p"]),
    "unknown muspy dataset": (["corpus=muspy", "corpus.name=Mine", "corpus.root=."], ["name=Mine"]),
    # weights to start from
    "no weights": (["init_from=missing"], ["init_from", "missing", "no such file or directory"]),
    "a directory without weights": (["init_from=."], ["init_from", "contains no checkpoint"]),
}


@quick_rows(1, "name", REFUSALS)
def test_refused_with_key_value_and_rule(name, here):
    overrides, expected = REFUSALS[name]
    given = {override.partition("=")[0] for override in overrides}
    # A group that is named twice on a command line is Hydra's own error; `layers=1` would contradict a stack.
    tiny = [o for o in TINY if o.partition("=")[0] not in given and not ("cell.stack" in given and "layers" in o)]
    answer = call("train", *tiny, *overrides)
    assert answer.code == 1
    for part in expected:
        assert part in answer.text
    assert "Traceback" not in answer.text
    assert len(answer.err.splitlines()) < 40, "a message, not a listing"
    assert files_below(here) == {}
    assert list(here.iterdir()) == [], "not even an empty directory"


@pytest.mark.slow
@pytest.mark.parametrize("chdir", ["false", "true"])
def test_a_refusal_leaves_the_folders_that_there_were(chdir, here):
    Path("mine").mkdir()
    for place in ("output_dir=mine/a/b", "run_dir=mine/c", "run_dir=d/e"):
        assert call("train", *TINY, "primer=[1]", place, f"hydra.job.chdir={chdir}").code == 1
        assert [path.name for path in here.rglob("*")] == ["mine"]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [["batch_size=5000"], ["seq_length=10000"]])
def test_the_advice_of_too_little_data_works(overrides, here):
    answer = call("train", *TINY, *overrides)
    advice = re.search(r"(batch_size|seq_length)=(\d+)(?: with batch_size=\d+)?(?:,| would)", answer.text)
    key, number = advice[1], int(advice[2])
    kept = [override for override in overrides if not override.startswith(key)]
    assert call("train", *TINY, *kept, f"{key}={number}").code == 0
    if not kept:
        assert call("train", *TINY, f"{key}={number + 1}").code == 1, "a larger value does not work"


@pytest.mark.slow
def test_a_refusal_leaves_an_earlier_run_untouched(trained, here):
    """Also with ``force=true``: a training that cannot start is refused before the old run is deleted."""
    shutil.copytree(trained, here / TINY_RUN)
    before = files_below(here)
    for override in (
        "primer=[1,2,3]",
        "callbacks.checkpoint.keep=0",
        "+callbacks.samplin.songs=3",
        "threads=0",
    ):
        for force in ("false", "true"):
            answer = call("train", *TINY, "trainer.max_steps=6", override, f"force={force}")
            assert answer.code == 1, override
            assert files_below(here) == before, override


class TestFolders:
    @pytest.mark.slow
    def test_empty(self, here):
        (here / "tunes").mkdir()
        self.refused(here, f"path={here / 'tunes'}: nothing to read", "no files", ".mid")

    @pytest.mark.slow
    def test_of_other_things(self, here):
        (here / "tunes").mkdir()
        (here / "tunes" / "cover.png").write_bytes(b"\x89PNG")
        self.refused(here, f"path={here / 'tunes'}: nothing to read", "1 .png")

    @pytest.mark.slow
    def test_full_of_broken_files(self, here):
        (here / "tunes" / "deeper").mkdir(parents=True)
        for name, content in {
            "zero.mid": b"",
            "noise.mid": os.urandom(500),
            "text.mid": b"not a MIDI file at all",
            "header.mid": b"MThd\x00\x00\x00\x06\x00\x01\x00\x02\x01\xe0MTrk\x00\x00\xff\xff",
            "broken.xml": b"<score-partwise><part>",
            "zip.mxl": b"PK\x03\x04 and nothing more",
            "empty.krn": b"",
        }.items():
            (here / "tunes" / "deeper" / name).write_bytes(content)
        self.refused(here, "no tune is kept", "files found", "noise.mid")

    def refused(self, here, *expected):
        before = files_below(here)
        for verb in ("train", "prepare"):
            tiny = [override for override in TINY if "corpus" not in override] if verb == "train" else []
            answer = call(verb, *tiny, "corpus=folder", f"path={here / 'tunes'}")
            assert answer.code == 1
            for part in (str(here / "tunes"), *expected):
                assert part in answer.text
            assert "Traceback" not in answer.text
            assert files_below(here) == before


class TestPickles:
    class Attack:
        def __reduce__(self):
            return os.system, ("touch executed",)

    @quick_rows(1, "protocol", [0, 2, 5])
    def test_hostile_pickles_are_refused_and_run_nothing(self, protocol, here):
        (here / "tunes_song_list.p").write_bytes(pickle.dumps([self.Attack()], protocol))
        before = files_below(here)
        tiny = [override for override in TINY if "corpus" not in override]
        answer = call("train", *tiny, "corpus=pickles", f"path={here / 'tunes_song_list.p'}")
        assert answer.code == 1
        assert "tunes_song_list.p" in answer.text
        assert "system" in answer.text, "the message names the requested function"
        assert "Traceback" not in answer.text
        assert files_below(here) == before


class TestStartingWeights:
    @pytest.mark.slow
    def test_from_another_representation(self, trained, here):
        self.refused(here, [f"init_from={trained}", "dataset=interval"], "dataset=control", "dataset=interval")

    def test_of_another_size(self, trained, here):
        self.refused(here, [f"init_from={trained}", "hidden_size=9"], "hidden_size: 8 there, 9 now")

    @pytest.mark.slow
    def test_of_another_cell(self, trained, here):
        self.refused(here, [f"init_from={trained}", "cell=gru"], "lstm", "gru")

    @pytest.mark.slow
    @pytest.mark.parametrize("kept", [0, 10, 1000, -10])
    def test_truncated(self, kept, trained, here):
        whole = (trained / "checkpoints" / "best.ckpt").read_bytes()
        (here / "cut.ckpt").write_bytes(whole[:kept])
        self.refused(here, ["init_from=cut.ckpt"], "init_from=cut.ckpt")

    @pytest.mark.slow
    def test_that_ask_for_more_than_plain_data(self, here):
        torch.save({"melgen": TestPickles.Attack()}, here / "evil.ckpt")
        self.refused(here, ["init_from=evil.ckpt"], "init_from=evil.ckpt", "plain data")

    @pytest.mark.slow
    def test_that_are_not_ours(self, here):
        torch.save({"state_dict": {}}, here / "foreign.ckpt")
        self.refused(here, ["init_from=foreign.ckpt"], "init_from=foreign.ckpt", "melgen")

    def refused(self, here, overrides, *expected):
        before = files_below(here)
        answer = call("train", *TINY, *overrides)
        assert answer.code == 1
        for part in ("init_from", *expected):
            assert part in answer.text
        assert "Traceback" not in answer.text
        assert files_below(here) == before


class TestPlacesThatCannotBeWritten:
    @pytest.mark.slow
    def test_a_file_where_the_directory_should_be(self, here):
        Path("results").write_text("mine")
        answer = call("train", *TINY, "output_dir=results")
        assert answer.code == 1
        assert "results" in answer.text
        assert "Traceback" not in answer.text
        assert files_below(here) == {"results": b"mine"}

    @pytest.mark.slow
    def test_a_file_where_the_run_should_be(self, here):
        TINY_RUN.parent.mkdir(parents=True)
        TINY_RUN.write_text("mine")
        answer = call("train", *TINY)
        assert answer.code == 1
        assert str(TINY_RUN) in answer.text
        assert "Traceback" not in answer.text
        assert files_below(here) == {TINY_RUN.as_posix(): b"mine"}

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_without_permission(self, here):
        Path("results").mkdir(mode=0o500)
        answer = call("train", *TINY, "output_dir=results")
        assert answer.code == 1
        assert "results" in answer.text
        assert "ermission" in answer.text
        assert "Traceback" not in answer.text
        assert files_below(here) == {}

    @pytest.mark.slow
    def test_where_the_system_denies_permission_to_every_user(self, here, monkeypatch):
        """Root may write everywhere, so the refusal of the system is simulated."""
        monkeypatch.setattr(os, "access", lambda path, mode, **_: False)
        answer = call("train", *TINY)
        assert answer.code == 1
        assert f"{TINY_RUN}: no permission" in answer.text
        assert "Traceback" not in answer.text
        assert files_below(here) == {}


@pytest.mark.parametrize(
    ("flag", "error"),
    [("--verbose", "--verbose: unknown flag"), ("-q", "-q: unknown flag")],
)
def test_a_flag_that_hydra_does_not_have_is_refused_in_one_line(flag, error, here):
    answer = call("train", "layers=2", flag)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"melgen.train: error: {error}; python -m melgen.train --help lists the flags\n"


@pytest.mark.parametrize("verb", COMMANDS)
def test_ctrl_c_promises_what_the_command_does(verb, capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", [f"melgen.{verb}"])
    with pytest.raises(SystemExit, match="130"):
        run_app(verb, interrupted)
    message = capsys.readouterr().err
    assert message.startswith("interrupted; ")
    assert ("last checkpoint" in message) == (verb in ("train", "study"))
    assert ("starts again" in message) == (verb not in ("train", "study", "render", "publish"))


def test_the_value_of_a_flag_is_not_read_as_options():
    assert call("train", "--cfg", "hydra").code == 0


def test_a_job_that_a_cluster_has_lost_is_reported_in_a_short_message(capsys, monkeypatch):
    """The message of submitit is a page long and does not mention the other jobs."""
    errors = pytest.importorskip("submitit.core.utils")
    lost = errors.UncompletedJobError(
        "Job 7_0 (task: 0) with path x.pkl\nhas not produced any output (state: CANCELLED)\n"
        "Error stream produced:\n----\nTraceback of what it did last"
    )

    def submit():
        raise lost

    monkeypatch.setattr("sys.argv", ["melgen.train"])
    with pytest.raises(SystemExit, match="1"):
        run_app("train", submit)
    error = capsys.readouterr().err
    assert "melgen.train: error: Job 7_0 (task: 0) with path x.pkl has not produced any output" in error
    assert "melgen.status shows their progress" in error
    assert "Traceback" not in error
