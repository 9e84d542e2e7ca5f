"""The stage tune: which trials there are, which rate is chosen, and what a study does with it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from melgen.errors import DivergenceError
from melgen.files import write_json
from melgen.runs.directory import RunDirectory
from melgen.runs.rate_trials import LearningRates, Purpose, RateTrial, TunedSetting
from melgen.studies.figures import learning_rates
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.rate_trials import are_as_asked, check_tuning, chosen, rates_beyond
from melgen.studies.results import StudyResults
from melgen.studies.tables.learning_rates import learning_rates_table
from tests.commands.calling import call, files_below
from tests.runs.composing import composed
from tests.studies.conftest import HOME, MINI

TINY = [*(option for option in MINI if not option.startswith(("dataset", "layers", "cell"))), "cell=lstm,indrnn"]
TUNED = [*TINY, "layers=1", "dataset=control", "tune.rates=[0.001,0.01]", "tune.max_steps=4", "tune.extensions=1"]
TRIALS = Path("multirun/tuning/misc_folk")


def found(*grids):
    settings = [
        TunedSetting("control", "lstm", 1, "", {}, tuple(RateTrial(rate, {"7": loss}) for rate, loss in grid))
        for grid in grids
    ]
    return LearningRates("val/loss", 100, (7,), tuple(settings))


@pytest.mark.parametrize(
    ("grids", "beyond"),
    [
        ([[(0.001, 2.0), (0.002, 1.0), (0.004, 2.0)]], []),
        ([[(0.001, 1.0), (0.002, 2.0), (0.004, 2.0)]], [0.0005]),
        ([[(0.001, 2.0), (0.002, 2.0), (0.004, 1.0)]], [0.008]),
        ([[(0.001, 1.0), (0.003, 2.0)], [(0.001, 2.0), (0.003, 1.0)]], [0.00033, 0.009]),
        ([[(0.001, 1.0)]], []),
    ],
)
def test_the_grid_grows_at_the_end_where_the_best_rate_is(grids, beyond):
    assert rates_beyond(found(*grids)) == beyond


GRID = [(0.001, 2.0), (0.002, 1.5), (0.004, 1.0), (0.008, 2.0)]


@pytest.mark.parametrize(
    ("changed", "answers"),
    [
        ({}, True),
        ({"rates": [0.004, 0.002, 0.001, 0.008], "extensions": 0}, True),
        ({"seeds": [8]}, False),
        ({"seeds": [7, 8]}, False),
        ({"max_steps": 200}, False),
        ({"max_steps": 50}, False),
        ({"criterion": "val/loss_pitch"}, False),
        ({"rates": [0.001, 0.002, 0.003, 0.004]}, False),
        ({"rates": [0.0005, 0.001, 0.002, 0.004]}, False),
        ({"extensions": 0}, False),  # 0.008 was added to the grid
        ({"rates": [0.001, 0.002], "extensions": 1}, False),
        ({"rates": [0.001, 0.002], "extensions": 2}, True),  # 0.004 and 0.008 are added again
        ({"rates": [0.002, 0.004, 0.008]}, False),  # 0.001 would not be tried
    ],
)
def test_rates_on_file_count_only_for_the_options_that_they_were_chosen_with(changed, answers):
    tune = {"rates": [0.001, 0.002, 0.004], "seeds": [7], "max_steps": 100, "extensions": 2} | changed
    criterion = tune.pop("criterion", "val/loss")
    settings = SimpleNamespace(criterion=criterion, config=OmegaConf.create({"tune": tune}))
    assert are_as_asked(found(GRID), settings) is answers


def test_rates_on_file_that_all_diverged_do_not_count():
    tune = {"rates": [0.1, 0.2], "seeds": [7], "max_steps": 100, "extensions": 0}
    settings = SimpleNamespace(criterion="val/loss", config=OmegaConf.create({"tune": tune}))
    lost = tuple(RateTrial(rate, {}, (7,)) for rate in (0.1, 0.2))
    rates = found([(0.1, 1.0), (0.2, 2.0)])
    assert are_as_asked(rates, settings)
    assert not are_as_asked(
        dataclasses.replace(rates, settings=(TunedSetting("control", "lstm", 1, "", {}, lost),)), settings
    )


SETTINGS = SimpleNamespace(
    criterion="val/loss", config=SimpleNamespace(tune=SimpleNamespace(max_steps=4, seeds=(7, 8)))
)
"""What `chosen` reads of a study's settings."""


VOCABULARY = 24


def trial(folder, cell, rate, seed, loss):
    """A trial that ended: with a loss, or by an error."""
    path = folder / f"control-{cell}-1-seed{seed}-optimizer.lr-{rate}"
    overrides = (f"cell={cell}", "layers=1", f"optimizer.lr={rate}", f"seed={seed}")
    run = RunDirectory(path)
    path.mkdir(parents=True)
    if isinstance(loss, Exception):
        run.record_failure(loss)
    else:
        write_json(path / "result.json", {"val/loss": loss})
        write_json(path / "data.json", {"vocabulary_size": VOCABULARY})
    config = composed("name=n", "run_dir=/r", *overrides)
    return PlannedRun(path, OmegaConf.create({k: v for k, v in config.items_ex(resolve=False) if k != "hydra"}))


def test_the_rate_of_each_cell_has_the_lowest_mean_over_seeds(tmp_path):
    lost = DivergenceError("the loss became nan at update 3")
    trials = [
        trial(tmp_path, cell, rate, seed, loss)
        for cell, rate, losses in [
            ("lstm", 0.001, (2.0, 2.0)),
            ("lstm", 0.002, (1.0, 2.5)),
            ("gru", 0.001, (2.0, 2.0)),
            ("gru", 0.002, (1.0, lost)),
        ]
        for seed, loss in zip((7, 8), losses, strict=True)
    ]
    rates = chosen(SETTINGS, trials, [PlannedRun(tmp_path, composed("trainer.max_steps=400"))])
    assert rates.purpose == Purpose({"_target_": "melgen.corpora.FolkCorpus"}, (400,))
    assert [each.size for each in rates.settings] == [{"hidden_size": 128}] * 2
    assert {each.cell: (each.best.rate, each.edge) for each in rates.settings} == {
        "lstm": (0.002, "highest"),
        "gru": (0.001, "lowest"),
    }
    assert rates.settings[1].trials[1] == RateTrial(0.002, {"7": 1.0}, (8,))
    assert [rates.setting_of(each.config).cell for each in trials] == ["lstm"] * 4 + ["gru"] * 4
    assert rates.setting_of(composed("cell=rnn", "layers=1")) is None
    assert rates.setting_of(composed("cell=gru", "layers=2")) is None


def test_a_trial_that_failed_otherwise_stops_the_study(tmp_path):
    trials = [trial(tmp_path, "lstm", 0.001, 7, 2.0), trial(tmp_path, "lstm", 0.002, 7, OSError("no room"))]
    with pytest.raises(ValueError, match=r"optimizer.lr-0.002: a trial of the stage tune is failed: no room"):
        chosen(SETTINGS, trials)


def test_a_finished_trial_without_the_criterion_is_not_said_to_be_tried_again(tmp_path):
    trials = [trial(tmp_path, "lstm", rate, 7, 2.0) for rate in (0.001, 0.002)]
    misspelt = SimpleNamespace(criterion="val/los", config=SETTINGS.config)
    message = f"select.criterion=val/los: {trials[0].path} has no such number; it has val/loss"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        chosen(misspelt, trials)


def test_a_network_that_diverges_at_all_rates_stops_the_study(tmp_path):
    lost = DivergenceError("the loss became nan at update 3")
    trials = [trial(tmp_path, "lstm", rate, 7, lost) for rate in (0.001, 0.002)]
    message = (
        "tune.rates: control-lstm-1 diverged at all of [0.001, 0.002]; add lower rates, such as "
        "tune.rates=[0.00025,0.0005,0.001,0.002]"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        chosen(SETTINGS, trials)
    both = [*trials, *(trial(tmp_path, "gru", rate, 7, lost) for rate in (0.001, 0.002))]
    with pytest.raises(ValueError, match="control-lstm-1 and control-gru-1 diverged at all"):
        chosen(SETTINGS, both)


@pytest.mark.parametrize(
    ("rates", "advised"),
    [([1e29, 1e30], "[0.001,0.01,1e+29,1e+30]"), ([0.1, 0.2, 0.8], "[0.0013,0.0025,0.01,0.1,0.2,0.8]")],
)
def test_rates_that_are_far_too_high_lead_to_usual_ones(tmp_path, rates, advised):
    trials = [trial(tmp_path, "lstm", rate, 7, 1e31) for rate in rates]
    with pytest.raises(ValueError, match=re.escape(f"tune.rates={advised}")):
        chosen(SETTINGS, trials)


@pytest.mark.parametrize(
    ("loss", "diverged"), [(9.9 * math.log(VOCABULARY), ()), (10.1 * math.log(VOCABULARY), (7,)), (2.8e31, (7,))]
)
def test_a_loss_far_above_that_of_a_guess_is_divergence(tmp_path, loss, diverged):
    trials = [trial(tmp_path, "lstm", 0.001, 7, 2.0), trial(tmp_path, "lstm", 0.002, 7, loss)]
    found = chosen(SETTINGS, trials)
    assert found.settings[0].trials[1] == RateTrial(0.002, {} if diverged else {"7": loss}, diverged)
    table = learning_rates_table(StudyResults((), (), {}, {}, rates=found))
    cells = [cell.value for cell in table.rows[0].cells]
    values = dict(zip([column.key for column in table.columns], cells, strict=True))
    assert (values["rate_0.002"] is None, values["diverged"]) == (bool(diverged), len(diverged))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_steps", True, "tune.max_steps=true: must be a whole number of at least 1"),
        ("extensions", True, "tune.extensions=true: must be a whole number of at least 0"),
        ("seeds", [True], "tune.seeds=[true]: must be a list of whole numbers from 0 to 2**32-1"),
        ("seeds", [2**40], "tune.seeds=[1099511627776]: must be a list of whole numbers from 0 to 2**32-1"),
        ("seeds", [2**32], "tune.seeds=[4294967296]: must be a list of whole numbers from 0 to 2**32-1"),
        ("rates", [0.1, True], "tune.rates=[0.1,true]: must be at least two different numbers above 0"),
        ("rates", [0.1, math.inf], "tune.rates=[0.1,inf]: must be at least two different numbers above 0"),
    ],
)
def test_values_that_are_not_such_numbers_are_refused(key, value, message):
    tune = {"rates": [0.001, 0.01], "seeds": [2**32 - 1], "max_steps": 1, "extensions": 0}
    hydra = {"overrides": {"task": []}, "sweeper": {"params": None}}

    def settings(tune):
        return SimpleNamespace(config=OmegaConf.create({"tune": tune, "runs": None}), hydra=OmegaConf.create(hydra))

    check_tuning(settings(tune))
    with pytest.raises(ValueError, match=re.escape(message)):
        check_tuning(settings(tune | {key: value}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["tune.rates=0.001"], "tune.rates=0.001: must be a list of at least two different numbers above 0"),
        (["tune.rates=[0.001,0.01]", "tune.seeds=7"], "tune.seeds=7: must be a list of whole numbers from 0"),
        (["tune.rates=[0.001]"], "tune.rates=[0.001]: must be at least two different numbers above 0"),
        (["tune.rates=[0.001,0.001]"], "tune.rates=[0.001,0.001]: must be at least two different numbers"),
        (["tune.rates=[0.001,-1]"], "tune.rates=[0.001,-1]: must be at least two different numbers above 0"),
        (["tune.rates=[0.001,0.01]", "tune.seeds=[1,2]"], "tune.seeds=1: must not be a seed of the sweep"),
        (["tune.rates=[0.001,0.01]", "tune.seeds=[]"], "tune.seeds=[]: must be a list of whole numbers from 0"),
        (["tune.rates=[0.001,0.01]", "tune.max_steps=0"], "tune.max_steps=0: must be a whole number of at least 1"),
        (["tune.rates=[0.001,0.01]", "tune.extensions=-1"], "tune.extensions=-1: must be a whole number of at least 0"),
        (["tune.rates=[0.001,0.01]", "optimizer.lr=0.1"], "only one of the two can set the learning rate"),
        (["tune.rates=[0.001,0.01]", "optimizer.lr=0.1,0.2"], "only one of the two can set the learning rate"),
        (["tune.rates=[0.001,0.01]", "learning_rates=f"], "only one of the two can set the learning rate"),
        (["stages=tune"], "stages=tune: needs tune.rates=[...], the learning rates to try"),
        (["tune.rates=[0.001,0.01]", "stages=sweep"], "the stage tune has not chosen learning rates for these"),
    ],
    ids=str,
)
@pytest.mark.slow
def test_refusals(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *TINY, "layers=1", "dataset=control", *options)
    assert answer.code == 1
    assert message in answer.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_study_with_tuned_rates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The state of indrnn, which nothing bounds, overflows at such a rate: the grid goes on and shows it.
    diverging = [*TUNED, "tune.rates=[0.001,0.01,1e30]", "tune.extensions=0"]
    first = call("study", *diverging, "dry_run=true")
    assert first.code == 0, first.text
    assert "First 6 trials of learning rates: 0 finished already" in first.text
    assert not HOME.exists()
    answer = call("study", *diverging)
    assert answer.code == 0, answer.text
    rates = json.loads((TRIALS / "learning_rates.json").read_text())
    assert {each["cell"]: each["chosen"] for each in rates["settings"]} == {"lstm": 0.01, "indrnn": 0.01}
    of_cell = {each["cell"]: each for each in rates["settings"]}
    assert [trial["diverged"] for trial in of_cell["indrnn"]["trials"]] == [[], [], [1000]]
    runs = sorted(path.parent.name for path in HOME.glob("*/result.json"))
    assert runs == [f"control-{cell}-1-seed{seed}-hidden_size-8-optimizer.lr-0.01"
                    for cell in ("indrnn", "lstm") for seed in (0, 1)]  # fmt: skip
    warning = "its rate may not be the best one here"
    assert not [path for path in HOME.glob("*/train.log") if warning in path.read_text()]
    used = ("cell=lstm", "layers=1", "trainer.max_steps=3", f"learning_rates={TRIALS / 'learning_rates.json'}")
    other = call("train", "corpus=misc_folk", "name=other", "hidden_size=16", "trainer.val_check_interval=3", *used)
    assert f"{warning}: hidden_size=16, tuned for 8; trainer.max_steps=3, tuned for " in other.text
    table = (HOME / "study" / "tables" / "learning_rates.csv").read_text()
    assert table.splitlines()[0].endswith("rate_0.001,rate_0.01,rate_1e+30,diverged")
    assert (HOME / "study" / "figures" / "learning_rates.png").is_file()

    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "multirun").rglob("*.ckpt")}
    again = call("study", *diverging)
    assert "4 trained already, 0 to train" in again.text
    assert "6 of 6 trials finished" in again.text
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "multirun").rglob("*.ckpt")} == stamps

    # A trial that diverged is not trained again with those that are missing or new.
    (lost,) = [path.parent for path in TRIALS.glob("*/status.json") if RunDirectory(path.parent).has_diverged]
    before = files_below(lost)
    (missing,) = TRIALS.glob("control-indrnn-*lr-0.01")
    (missing / "status.json").unlink()
    more = [*diverging, "tune.rates=[0.001,0.002,0.01,1e30]"]
    assert "First 8 trials of learning rates: 5 finished already" in call("study", *more, "dry_run=true").text
    answer = call("study", *more, "stages=tune")
    assert answer.code == 0, answer.text
    assert "5 of 8 trials finished" in answer.text
    assert "  8 of 8: " in answer.text
    assert files_below(lost) == before
    of_cell = {each["cell"]: each for each in json.loads((TRIALS / "learning_rates.json").read_text())["settings"]}
    assert [trial["diverged"] for trial in of_cell["indrnn"]["trials"]] == [[], [], [], [1000]]
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "multirun").rglob("*.ckpt")}

    # Without the file the trials are not trained again, and the same rates are chosen.
    (TRIALS / "learning_rates.json").unlink()
    assert "6 of 6 trials finished" in call("study", *diverging, "stages=[tune,sweep]").text
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "multirun").rglob("*.ckpt")} == stamps


@pytest.mark.slow
def test_the_grid_grows_until_the_limit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *TUNED, "stages=tune")
    assert answer.code == 0, answer.text
    assert "is at an end of the grid: 0.1 added" in answer.text
    rates = LearningRates.from_dict(json.loads((TRIALS / "learning_rates.json").read_text()))
    assert [trial.rate for trial in rates.settings[0].trials] == [0.001, 0.01, 0.1]

    # Other options need other trials, which the study announces; until they are done there are no rates.
    for options, announced in [
        ([], None),
        (["tune.extensions=0"], "First 4 trials of learning rates: 4 finished already"),
        (["tune.rates=[0.001,0.01,0.02]"], "First 6 trials of learning rates: 4 finished already"),
    ]:
        text = call("study", *TUNED, *options, "dry_run=true").text
        assert ("First" in text) == (announced is not None), text
        assert (announced or "") in text
    stale = call("study", *TUNED, "tune.seeds=[1001]", "stages=[sweep,select]")
    assert stale.code == 1
    assert "the stage tune has not chosen learning rates for these settings" in stale.text

    # Rates that were tried with more updates are not compared with others that are tried with fewer.
    before = files_below(TRIALS)
    fewer = call("study", *TUNED, "stages=tune", "tune.rates=[0.001,0.01,0.02]", "tune.max_steps=2")
    assert fewer.code == 1
    assert f"{TRIALS}: 4 of 6 runs have made more updates than planned" in fewer.text
    assert "4 updates, planned: tune.max_steps=2\n" in fewer.text
    assert "tune.max_steps=4 gives all runs the same budget" in fewer.text
    assert files_below(TRIALS) == before


CELLS = ["lstm", "gru", "rnn", "ugrnn", "nas", "mingru", "rglru", "lru", "indrnn", "hgrn2", "slstm"]


def drawn(worst, cells=CELLS):
    """The figure of a grid in which the last cell reaches ``worst`` with the highest rate."""
    losses = {rate: 1.8 + 0.05 * index for index, rate in enumerate((0.001, 0.002, 0.004))}
    settings = [
        TunedSetting(
            "control",
            cell,
            2,
            "",
            {},
            tuple(
                RateTrial(rate, {"7": worst if rate == 0.004 and cell == cells[-1] else loss})
                for rate, loss in losses.items()
            ),
        )
        for cell in cells
    ]
    return learning_rates(StudyResults((), (), {}, {}, rates=LearningRates("val/loss", 100, (7,), tuple(settings))))


def test_a_value_far_above_the_others_is_a_number_at_the_edge_of_the_figure():
    axes = drawn(11.7).axes[0]
    assert axes.get_ylim()[1] < 3
    assert [text.get_text() for text in axes.texts if "11.7" in text.get_text()]
    ordinary = drawn(1.95).axes[0]
    assert ordinary.get_ylim()[1] > 1.95
    assert not [text for text in ordinary.texts if "." in text.get_text()]


def with_crosses(count):
    """The figure of a grid in which the first cells diverge at the highest rate, and the last is far above there."""
    lost, far = RateTrial(0.004, {}, (7,)), RateTrial(0.004, {"7": 11.7})
    reached = tuple(RateTrial(rate, {"7": loss}) for rate, loss in ((0.0005, 1.9), (0.001, 1.8), (0.002, 1.85)))
    settings = [
        TunedSetting("control", cell, 2, "", {}, (*reached, lost if number < count else far))
        for number, cell in enumerate(CELLS)
    ]
    figure = learning_rates(StudyResults((), (), {}, {}, rates=LearningRates("val/loss", 100, (7,), tuple(settings))))
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_crosses_and_numbers_at_one_rate_do_not_cover_each_other(count):
    figure = with_crosses(count)
    axes = figure.axes[0]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert len(crosses) == count
    assert len({line.get_color() for line in crosses}) == count
    boxes = [line.get_window_extent() for line in crosses]
    numbers = [text for text in axes.texts if "11.7" in text.get_text()]
    assert len(numbers) == len(CELLS) - count
    boxes += [text.get_window_extent() for text in numbers]
    middles = [((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in boxes]
    apart = 5 * figure.dpi / 72  # the size of a cross
    for one, other in itertools.combinations(middles, 2):
        assert math.dist(one, other) > apart
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == CELLS + (["diverged"] if count else [])


@pytest.mark.parametrize("count", [2, 7, 8, 11])
def test_the_legend_of_the_figure_is_inside_it(count):
    figure = drawn(1.9, CELLS[:count])
    figure.draw_without_rendering()
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert box.x0 >= page.x0
    assert box.x1 <= page.x1
    assert box.y0 >= page.y0
    assert box.y1 <= page.y1
