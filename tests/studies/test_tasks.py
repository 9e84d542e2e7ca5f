"""Tasks are done once, and again after a change. The manifest always matches the files."""

import json
import subprocess
import sys

import pytest

from melgen.studies.tasks import Task, Workbench
from tests.commands.calling import files_below
from tests.runs.test_files import left_behind

SOFTWARE = {"melgen": "1", "numpy": "2.0", "git": None}


def bench(path, **software):
    return Workbench(path, SOFTWARE | software)


def writes(folder, name, *files, counted=None, **inputs):
    """A task that writes its inputs into files."""

    def make():
        if counted is not None:
            counted.append(name)
        for file in files:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{inputs}")
            yield path

    return Task(name, inputs, make)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_a_task_is_done_once_for_its_inputs(tmp_path):
    done = []
    for inputs, expected in [({"a": 1}, 1), ({"a": 1}, 1), ({"a": 2}, 2), ({"a": 2}, 2), ({"a": 1}, 3)]:
        bench(tmp_path).do([writes(tmp_path, "s/x", "f/x.txt", counted=done, **inputs)], ["s/"])
        assert len(done) == expected
        assert (tmp_path / "f/x.txt").read_text() == f"{inputs}"


@pytest.mark.parametrize("change", ["edit", "delete", "same size"])
def test_a_file_that_was_changed_by_hand_is_made_again(tmp_path, change):
    task = writes(tmp_path, "s/x", "f/x.txt", "f/y.txt", a=1)
    other = writes(tmp_path, "s/z", "f/z.txt", a=1)
    bench(tmp_path).do([task, other], ["s/"])
    before = files_below(tmp_path)
    path = tmp_path / "f/y.txt"
    if change == "delete":
        path.unlink()
    else:
        path.write_text("x" * (path.stat().st_size if change == "same size" else 3))
    assert bench(tmp_path).do([task, other], ["s/"]) == 1
    assert files_below(tmp_path) == before


def test_nothing_is_written_when_there_is_nothing_to_do(tmp_path):
    task = writes(tmp_path, "s/x", "x.txt", a=[1.5, None])
    one = bench(tmp_path)
    one.do([task], ["s/"])
    one.describe(corpus={"fingerprint": "f"})
    one.save()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    two = bench(tmp_path)
    assert two.do([task], ["s/"]) == 0
    two.describe(corpus={"fingerprint": "f"})
    two.save()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before


def test_files_that_are_made_no_longer_vanish(tmp_path):
    """Outputs are removed if a task makes fewer files or has left the stage; other stages keep theirs."""
    bench(tmp_path).do([writes(tmp_path, "t/o", "other/o.txt")], ["t/"])
    bench(tmp_path).do([writes(tmp_path, "s/x", "x/1", "x/2", a=1), writes(tmp_path, "s/y", "y/1", a=1)], ["s/"])
    (tmp_path / "x" / "mine").write_text("kept")
    bench(tmp_path).do([writes(tmp_path, "s/x", "x/1", a=2)], ["s/"])
    assert sorted(files_below(tmp_path)) == ["manifest.json", "other/o.txt", "x/1", "x/mine"]
    assert not (tmp_path / "y").exists()
    record = manifest(tmp_path)
    assert list(record["tasks"]) == ["s/x", "t/o"]
    assert list(record["tasks"]["s/x"]["outputs"]) == ["x/1"]


def test_a_failed_task_is_not_recorded_and_tasks_before_it_are(tmp_path):
    def fail():
        (tmp_path / "half").write_text("h")
        raise ValueError("no")

    tasks = [writes(tmp_path, "s/x", "x", a=1), Task("s/y", {}, fail)]
    with pytest.raises(ValueError, match="no"):
        bench(tmp_path).do(tasks, ["s/"])
    assert list(manifest(tmp_path)["tasks"]) == ["s/x"]
    assert bench(tmp_path).is_done(tasks[0])
    assert not bench(tmp_path).is_done(tasks[1])


def test_the_digest_of_a_task_that_has_not_been_done_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="s/x has not been done yet"):
        bench(tmp_path).outputs_digest("s/x")


def test_a_digest_of_outputs_changes_with_them(tmp_path):
    digests = set()
    for value in (1, 2, 1):
        one = bench(tmp_path)
        one.do([writes(tmp_path, "s/x", "x", a=value)], ["s/"])
        digests.add(one.outputs_digest("s/x"))
    assert len(digests) == 2


def test_another_melgen_makes_all_again_other_packages_nothing(tmp_path, caplog):
    task = writes(tmp_path, "s/x", "x", a=1)
    bench(tmp_path).do([task], ["s/"])
    newer = bench(tmp_path, numpy="2.1")
    with caplog.at_level("INFO"), newer.claimed():
        assert newer.do([task, writes(tmp_path, "s/y", "y")], ["s/"]) == 1
    assert "numpy 2.0" in caplog.text
    assert "what is done is kept" in caplog.text
    found = manifest(tmp_path)
    assert [found["software"][found["tasks"][name]["software"]]["numpy"] for name in ("s/x", "s/y")] == ["2.0", "2.1"]
    caplog.clear()
    upgraded = bench(tmp_path, melgen="2")
    with caplog.at_level("INFO"), upgraded.claimed():
        assert upgraded.do([task, writes(tmp_path, "s/y", "y")], ["s/"]) == 2
    assert "Made by melgen 1; everything except the runs is made again" in caplog.text
    assert [entry["melgen"] for entry in manifest(tmp_path)["software"].values()] == ["2"]


def test_facts_that_hold_no_longer_are_dropped_until_they_are_described_again(tmp_path):
    one = bench(tmp_path)
    one.describe(configuration={"a": 1}, command=["a=1"], corpus="c")
    one.save()
    task = writes(tmp_path, "s/x", "x", a=1)
    for asked, kept in [({"a": 1}, True), ({"a": 2}, False)]:
        two = bench(tmp_path)
        two.settings = {"configuration": asked, "command": ["a=1"]}
        two.do([], ["s/"])
        assert "configuration" in manifest(tmp_path), "no task was done"
        two.do([task], ["s/"])
        assert ("configuration" in manifest(tmp_path)) == kept
        task = writes(tmp_path, "s/x", "x", a=2)
    assert manifest(tmp_path)["corpus"] == "c"


HOLD = """
import sys, pathlib
from melgen.studies.tasks import Workbench
with Workbench(pathlib.Path(sys.argv[1]), {"melgen": "1"}).claimed():
    print("in", flush=True)
    sys.stdin.read()
"""


def test_two_at_once(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "home" / "study")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout.readline() == "in\n"
        with (
            pytest.raises(ValueError, match="another process is making this study"),
            bench(tmp_path / "home" / "study").claimed(),
        ):
            pass
        assert (tmp_path / "home" / "study").is_dir()
    finally:
        first.communicate("")
    assert first.returncode == 0
    assert not list(tmp_path.iterdir()), "the second study left nothing"


def test_a_claim_removes_the_temporary_files_of_a_killed_study(tmp_path):
    one = bench(tmp_path)
    one.do([writes(tmp_path, "s/x", "songs/a/seed0/song_001.mid")], ["s/"])
    before = files_below(tmp_path)
    for name, kind, content in (
        ("manifest.json", "tmp", ""),
        ("songs/a/seed0", "new", "song_001.mid"),
        ("songs/a", "old", "x"),
    ):
        left = left_behind(tmp_path / name, kind) / content
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("half")
    with one.claimed():
        pass
    assert files_below(tmp_path) == before
    assert not list(tmp_path.rglob("*.new"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": "mel', "damaged .* nothing was changed; removing .* makes the study again"),
        ("[]", "not the manifest of a study"),
        ('{"format": "melgen study", "format_version": 1}', "not the manifest of a study"),
        ('{"format": "melgen study", "format_version": 7, "tasks": {}}', "another version of melgen .format 7"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, content, message):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        bench(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == content
