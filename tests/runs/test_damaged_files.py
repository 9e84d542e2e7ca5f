"""Damaged or hostile files of a run: the findings of the fuzzer, reduced to small examples."""

from __future__ import annotations

import json
import socket
import time

import pytest

from melgen.errors import IdentityError
from melgen.files import read_json
from melgen.runs.config import plain_config, read_config
from melgen.runs.directory import RunDirectory
from melgen.runs.history import read_history
from melgen.runs.search import statuses_below
from melgen.runs.status import status_of
from melgen.sweeps.table import table_row

NESTED = "[" * 100_000
CONFIG = "batch_size: 2\nseq_length: 4\ntrainer: {max_steps: 100, max_epochs: null}\n"


@pytest.fixture
def run(tmp_path):
    """A run that was interrupted after 8 of 100 updates, at 2 updates a second."""
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    write(directory, "status.json", {"state": "running", "host": socket.gethostname(), "pid": 2**22 + 1})
    write(directory, "data.json", {"updates_per_epoch": 10})
    (directory.path / "config.yaml").write_text(CONFIG)
    (directory.path / "metrics.csv").write_text("step,train/tokens_per_second\n8,16\n")
    return directory


def write(run, name, content):
    (run.path / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_undamaged_run_has_the_expected_status(run):
    status = status_of(run)
    assert (status.state, status.updates, status.total, status.seconds_left) == ("interrupted", 8, 100, 46)


def test_the_time_left_counts_the_several_tokens_of_a_note_with_rhythm(run):
    write(run, "data.json", {"updates_per_epoch": 10, "training_tokens_per_epoch": 240})  # three times 2 x 4 notes
    assert status_of(run).seconds_left == 3 * 46


@pytest.mark.parametrize("pid", [-1, 0, 2**70, 1e300, True, "1", None, [1]], ids=str)
def test_a_number_that_is_not_a_process_is_not_alive(run, pid):
    write(run, "status.json", {"state": "running", "host": socket.gethostname(), "pid": pid})
    assert status_of(run).state == "interrupted"


@pytest.mark.parametrize("state", [["finished"], "runni<g", 1, {}], ids=str)
def test_an_unknown_state_is_a_failure_that_names_the_file(run, state):
    write(run, "status.json", {"state": state})
    status = status_of(run)
    assert status.state == "failed"
    assert str(run.path / "status.json") in status.reason


@pytest.mark.parametrize(
    "content", [NESTED, "[]", "{", '{"updates": "many"}', '{"updates": 1e999}'], ids=lambda text: text[:9]
)
def test_a_damaged_result_counts_the_logged_updates(run, content):
    write(run, "status.json", {"state": "finished"})
    write(run, "result.json", content)
    assert (status_of(run).state, status_of(run).updates) == ("finished", 8)


@pytest.mark.parametrize(
    "history",
    [
        "step,train/tokens_per_second\nnan,16\n",
        "step,train/tokens_per_second\n1e999,16\n",
        "step,train/tokens_per_second\n0.5,16\n",
        "step,train/tokens_per_second\n,16\n",
        "step,train/tokens_per_second\n8,16,3,4\n",
        "step,train/tokens_per_second\n8,fast\n",
        'step,x\n8,"' + "9" * 200_000 + '"\n',
        "step,x\n8,\udcff\n",
    ],
    ids=["nan", "infinite", "half", "no step", "too many cells", "a word", "a long cell", "not UTF-8"],
)
def test_a_damaged_history_is_refused_by_name_and_line_and_the_state_is_still_read(run, history):
    path = run.path / "metrics.csv"
    path.write_bytes(history.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"metrics\.csv, line [0-3]: not a table of metrics") as refusal:
        read_history(path)
    assert len(str(refusal.value)) < 500
    assert (status_of(run).state, status_of(run).updates) == ("interrupted", 0)


@pytest.mark.parametrize("speed", ["nan", "inf", "0", "-1"])
def test_an_impossible_speed_gives_no_remaining_time(run, speed):
    write(run, "metrics.csv", f"step,train/tokens_per_second\n8,{speed}\n")
    assert status_of(run).seconds_left is None


def test_the_aliases_of_yaml_are_not_expanded(run):
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    write(run, "config.yaml", "\n".join(["a0: &a0 [x]", *levels]))
    started = time.perf_counter()
    with pytest.raises(ValueError, match=r"config\.yaml: not a configuration \(contains YAML aliases"):
        read_config(run.path)
    assert (status_of(run).total, plain_config(run.path)) == (None, {})
    assert time.perf_counter() - started < 5, "expanded, the aliases are four hundred million words"


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[1]",
        "a: [",
        "a: \x00",
        "!!python/object/apply:os.system ['true']",
        "[" * 400,
        "trainer: 1",
        "trainer: {}",
        "a: ${a}",
    ],
    ids=lambda text: text[:9],
)
def test_a_damaged_configuration_gives_no_total(run, config):
    write(run, "config.yaml", config)
    assert status_of(run).total is None


@pytest.mark.parametrize("key", ["seq_length", "max_steps"])
def test_a_number_of_four_hundred_digits_gives_no_remaining_time(run, key):
    sizes = {"seq_length": "4", "max_steps": "100"} | {key: "9" * 400}
    steps = f"trainer: {{max_steps: {sizes['max_steps']}, max_epochs: null}}"
    write(run, "config.yaml", f"batch_size: 2\nseq_length: {sizes['seq_length']}\n{steps}\n")
    assert (status_of(run).state, status_of(run).seconds_left) == ("interrupted", None)


@pytest.mark.parametrize("per_epoch", ["x" * 100, 1.5, None, True], ids=repr)
def test_a_damaged_number_of_updates_per_epoch_gives_no_total(run, per_epoch):
    write(run, "data.json", {"updates_per_epoch": per_epoch})
    assert status_of(run).total is None


def test_a_star_in_a_value_is_not_an_alias(run):
    write(run, "config.yaml", "pattern: '*_song_list.p'\n")
    assert plain_config(run.path) == {"pattern": "*_song_list.p"}


@pytest.mark.parametrize("name", ["status.json", "result.json"])
def test_deeply_nested_brackets_make_only_one_row_of_a_table_fail(run, name):
    write(run, "status.json", {"state": "finished"})
    write(run, name, NESTED)
    assert read_json(run.path / name) == {}
    row = table_row(run)
    assert row["state"] == "failed"
    assert str(run.path / name) in row["error"]


@pytest.mark.parametrize("software", [3, [1, 2], "torch"], ids=str)
def test_software_without_names_is_damage(run, software):
    write(run, "identity.json", {"software": software})
    with pytest.raises(IdentityError, match=r"identity\.json: damaged"):
        _ = run.identity_file.software


def test_names_with_superscript_digits_are_sorted(run):
    run.path.rename(run.path.with_name("run\u00b22"))
    (status,) = statuses_below(run.path.parent)
    assert status.state == "interrupted"


def test_a_configuration_is_read_as_its_file_is_at_that_time(run):
    read_config(run.path).trainer.max_steps = 1
    assert read_config(run.path).trainer.max_steps == 100
    write(run, "config.yaml", CONFIG.replace("100", "200"))
    assert read_config(run.path).trainer.max_steps == 200
