"""The command line as users write it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from melgen.configuration.arguments import asks_for_multirun, for_hydra, overridden, quoted, readable, without_multirun
from melgen.configuration.packaged import primary_of
from tests.commands.calling import TINY, call
from tests.tiers import quick_rows


def read(override):
    return OverridesParser.create().parse_override(readable(override)).value()


@pytest.mark.parametrize(
    "value",
    [
        "läufe",
        "música/ž",
        "音楽",
        "a b",
        "a=b",
        "O'Neill",
        'say "a"',
        "a(1)/b",
        "x[1]",
        "a;b",
        "a#b",
        "a&b!",
        "C:\\x y",
        "é",
    ],
)
def test_any_value_is_taken_as_it_is(value):
    assert read(f"path={value}") == value


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_quoting_is_undone_by_hydra(text):
    assert OverridesParser.create().parse_override(f"x={quoted(text)}").value() == text


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("layers=2", 2),
        ("cell.stack=[lstm,nas]", ["lstm", "nas"]),
        ("+a={b:1}", {"b": 1}),
        ("name='a b'", "a b"),
        ("primer=null", None),
    ],
)
def test_values_in_the_grammar_of_hydra_are_left_to_it(override, value):
    assert read(override) == value
    assert readable(override) == override


@pytest.mark.parametrize("key", ["path", "output_dir", "init_from", "checkpoint", "corpus.root", "+cache_dir"])
@pytest.mark.parametrize("written", ["~/my tunes", "'~/my tunes'", '"~/my tunes"'])
def test_home(key, written, monkeypatch):
    monkeypatch.setenv("HOME", "/home/zoë")
    assert read(f"{key}={written}") == "/home/zoë/my tunes"


@pytest.mark.parametrize(
    ("verb", "typed", "expected"),
    [
        ("publish", "runs=20261128", "20261128"),
        ("play", "run=2024_01", "2024_01"),
        ("generate", "checkpoint=2024.10", "2024.10"),
        ("generate", "out=1e3", "1e3"),
        ("generate", "out=null", None),
        ("generate", "out='7'", "7"),
        ("export", "to=20261128", "20261128"),
        ("listen", "answers=12", "12"),
        ("listen", "test=12", "12"),
        ("report", "runs=[2024_01,b, 7]", ["2024_01", "b", "7"]),
        ("render", "songs=12", "12"),
        ("render", "to=[mp3]", ["mp3"]),
        ("train", "output_dir=2024_01", "2024_01"),
        ("train", "++corpus.path=12", "12"),
        # these are numbers, although elsewhere keys of their names are places
        ("generate", "songs=12", 12),
        ("train", "callbacks.sampling.songs=12", 12),
        ("train", "+corpus.songs=12", 12),
        ("study", "generate.songs=12", 12),
    ],
)
def test_a_folder_may_have_a_name_of_digits(verb, typed, expected):
    (override,) = for_hydra([typed], primary_of(verb))
    assert OverridesParser.create().parse_override(override).value() == expected


def test_folders_of_digits_in_a_sweep():
    assert for_hydra(["path=1,b,2024_01", "seed=0,1"], "config") == ["path='1',b,'2024_01'", "seed=0,1"]
    assert for_hydra(["path=range(1,3)"], "config") == ["path=range(1,3)"]


@pytest.mark.parametrize(
    ("verb", "typed"), [("publish", "runs=2026_11"), ("play", "run=2026_11"), ("generate", "checkpoint=2026_11")]
)
def test_a_folder_of_digits_is_refused_by_its_name(verb, typed, here):
    answer = call(verb, typed)
    assert answer.code == 1
    assert f"{typed}: no such" in answer.err
    assert "Traceback" not in answer.err


def test_home_in_a_sweep(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert readable("path=~/a,~/b") == "path=/home/me/a,/home/me/b"
    assert readable("~logger") == "~logger"
    assert readable("name=a~b") == "name='a~b'"


def test_a_value_that_is_opened_and_not_closed_is_left_to_hydra():
    assert readable("cell.stack=[lstm") == "cell.stack=[lstm"


@pytest.mark.parametrize(
    "line",
    [
        "layers=2 -m seed=0,1 name=x",
        "-m layers=2 seed=0,1 name=x",
        "layers=2 seed=0,1 name=x --multirun",
        "layers=2 seed=0,1 --multi name=x",
    ],
)
def test_the_multirun_flag_may_be_anywhere(line):
    made = for_hydra(line.split())
    assert made[0].startswith("-")
    assert made[1:] == ["layers=2", "seed=0,1", "name=x"]
    assert asks_for_multirun(line.split())
    assert without_multirun(line.split()) == made[1:]


def test_the_key_with_the_effect_of_the_multirun_flag():
    assert asks_for_multirun(["songs=3", "hydra.mode=MULTIRUN"])
    assert asks_for_multirun(["++hydra.mode='multirun'"])
    assert not asks_for_multirun(["hydra.mode=RUN"])
    assert without_multirun(["layers=2", "hydra.mode=MULTIRUN"]) == ["layers=2"]


def test_flags_keep_their_values():
    assert for_hydra(["a=1", "-cd", "cfg", "-m", "b=2", "--cfg=job", "--info", "c=3"]) == [
        "-cd", "cfg", "-m", "--cfg=job", "--info", "a=1", "b=2", "c=3",
    ]  # fmt: skip
    assert for_hydra(["-i", "searchpath", "a=1"]) == ["-i", "searchpath", "a=1"]


@pytest.mark.slow
def test_multirun_behind_overrides_sweeps(here):
    answer = call("train", *TINY, "-m", "seed=0,0")
    assert answer.code == 0, answer.text
    assert "1 of 2 jobs repeat another one" in answer.text
    assert "1 of 1 job finished" in answer.text
    assert call("train", *TINY, "-m", "seed=0,0").code == 0, "a second start also succeeds"


@pytest.mark.slow
def test_a_folder_at_home_with_any_name(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    tunes = here / "müsic of O'Neill"
    tunes.mkdir()
    notes = "CDEFGABc", "cBAGFEDC", "CEGcGECE", "DFAdAFDF"
    for number, part in enumerate(notes):
        (tunes / f"{number}.abc").write_text(f"X:1\nT:t\nM:4/4\nL:1/8\nK:C\n{part}|{part[::-1]}|\n")
    answer = call("prepare", "corpus=folder", f"path=~/{tunes.name}")
    assert answer.code == 0, answer.text
    assert "4" in answer.out


@pytest.mark.slow
def test_output_in_a_folder_of_any_name(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    assert call("train", *TINY, "output_dir=~/läufe = 1").code == 0
    assert list(Path(here, "läufe = 1").rglob("result.json"))


@pytest.mark.slow
def test_a_job_in_its_own_directory(here):
    answer = call("train", *TINY, "hydra.job.chdir=true", "name=c")
    assert answer.code == 0, answer.text
    (result,) = here.rglob("result.json")
    assert result.parent.parent == here / "multirun" / "c"
    assert Path(os.getcwd()) == here
    assert call("train", "-m", *TINY, "hydra.job.chdir=true", "name=c", "seed=0,1").code == 0
    assert len(list((here / "multirun" / "c").glob("*/result.json"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("off", ["logger=none", "logger=null", "logger=[]", "~logger"])
def test_loggers_off(off, here):
    tiny = [override for override in TINY if not override.startswith(("logger", "callbacks"))]
    answer = call("train", *tiny, off, "~callbacks")
    assert answer.code == 0, answer.text
    assert not list(here.rglob("tensorboard"))
    assert list(here.rglob("metrics.csv"))


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        (["layers=1", "layers=2"], ["layers=1 is overridden by layers=2, which comes later"]),
        (["a.b=1", "-m", "a.b=2"], ["a.b=1 is overridden by a.b=2, which comes later"]),
        (["+a=1", "a=2", "++a=3"], ["+a=1 and a=2 are overridden by ++a=3, which comes later"]),
        (["cell=lstm", "cell=gru"], ["cell=lstm is overridden by cell=gru, which comes later"]),
        (["cell=lstm", "+cell=gru"], []),
        (["layers=1", "layers=1"], []),
        (["~optimizer.lr", "optimizer=adam", "seed=1"], []),
    ],
)
def test_an_argument_that_another_overrides_is_named(line, warnings):
    assert overridden(line) == warnings


@pytest.mark.slow
def test_the_last_of_two_counts_with_a_warning(here):
    answer = call("train", "layers=1", "layers=0")
    assert "melgen.train: warning: layers=1 is overridden by layers=0" in answer.err
    assert "error: layers=0: must be" in answer.err


class TestValuesThatEveryJobWouldRefuse:
    @quick_rows(
        1,
        "swept",
        [
            "layers=0,1",
            "hidden_size=-1,16",
            "seed=-1,0",
            "cell=lstm,foo",
            "trainer.max_steps=abc,20",
            "optimizer.lr=-1,0.1",
            "model.initialization=paper,papr",
            "model.input_keep_prob=0,1",
            "dataset.split_fractions=[0.8,0.1,0.1],[1,1,1]",
            "gradient_clip_norm=0,1",
            "scheduler.schedule.gamma=abc,0.5",
            "precision=half,32",
            "init_from=missing,null",
        ],
    )
    def test_refused_before_anything_is_made(self, swept, here):
        key = swept.partition("=")[0]
        tiny = [override for override in TINY if not override.startswith(key)]
        answer = call("train", "-m", *tiny, swept)
        assert answer.code == 1
        assert key.rpartition(".")[2] in answer.err
        assert "Sweep of" not in answer.text
        assert not list(here.iterdir())

    @pytest.mark.slow
    def test_a_study_refuses_too(self, here):
        answer = call("study", *[o for o in TINY if not o.startswith(("layers", "report"))], "layers=0,1")
        assert answer.code == 1
        assert "layers=0" in answer.err
        assert not list(here.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("swept", "jobs"),
    [
        (["layers=1,2,1"], 2),
        ([readable("seed=0,range(0,2)")], 2),
        (["optimizer.lr=0.1,1e-1,0.10"], 1),
        (["seed=0,1", "cell=lstm,gru,lstm"], 4),
        (["dataset.split_fractions=[0.8,0.1,0.1],[0.80,0.10,0.10]"], 1),
        (["optimizer.lr=1,1.0"], 1),
        (["precision=32,32-true,16,16-mixed"], 2),
    ],
)
def test_a_run_is_one_job_in_every_spelling(swept, jobs, caplog):
    from melgen.sweeps.plan import planned_jobs
    from tests.sweeps.test_sweeps import command_line

    with command_line(*swept) as settings:
        planned = planned_jobs(settings.hydra, "config")
    assert len(planned) == jobs
    assert len({job.run.path for job in planned}) == jobs
    assert len([record for record in caplog.records if "repeat another" in record.message]) == 1
