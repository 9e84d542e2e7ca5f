"""``melgen``: one program for all commands, and its tab completion."""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import melgen
from melgen.__main__ import main
from melgen.commands import COMMANDS
from melgen.configuration.completion import completions
from melgen.configuration.composition import refuse_unknown_keys
from melgen.configuration.packaged import (
    CONF_DIR,
    commands,
    default_options,
    options_of,
    primary_files,
    primary_of,
    verb_of,
)
from melgen.configuration.reference import read_reference
from tests.commands.calling import call
from tests.tiers import quick_rows

ROOT = Path(__file__).parents[2]
TORCH_AND_FRIENDS = {
    *("torch", "pytorch_lightning", "lightning", "wandb", "matplotlib", "scipy"),
    *("music21", "muspy", "symusic", "plotly", "verovio"),
}


@pytest.fixture
def one(monkeypatch, capsys):
    """Run ``melgen ...`` in this process: exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["melgen", *arguments])
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def bin_dir(tmp_path):
    """A directory with the script that an installation makes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "melgen"
    start = "import sys; from melgen.__main__ import main; sys.exit(main())"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{start}" "$@"\n')
    script.chmod(0o755)
    return folder


def test_the_package_installs_it():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["melgen"].partition(":")
    assert getattr(importlib.import_module(module), function) is main


def test_it_knows_every_command():
    assert {*COMMANDS} == {verb_of(each) for each in commands()}


def test_alone_it_lists_them(one):
    for arguments in ((), ("--help",)):
        code, out, err = one(*arguments)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        for name, what in COMMANDS.items():
            assert sum(line.split(maxsplit=1) == [name, what] for line in lines) == 1
        assert max(map(len, lines)) <= 80


def test_its_version_is_ours(one):
    assert one("--version") == (0, f"melgen {melgen.__version__}\n", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("trian", "did you mean train?"),
        ("melgen.render", "did you mean render?"),
        ("xyz", "Commands: prepare, train"),
        ("layers=3", "the command comes first"),
        ("-m", "the command comes first"),
    ],
)
def test_an_unknown_command(one, given, expected):
    code, out, err = one(given, "cell=gru")
    assert (code, out) == (2, "")
    assert err.startswith(f"melgen: error: {given}: ")
    assert expected in err


@pytest.mark.slow
def test_it_gives_the_same_output_as_the_module(one, here):
    """The output and the exit code are the same, for valid and invalid commands."""
    for verb, *rest in (("status", "dir=missing"), ("train", "lr=0.5"), ("train", "-m", "layers=2", "--cfg", "job")):
        code, out, err = one(verb, *rest)
        same = call(verb, *rest)
        assert (code or 0, out, err) == (same.code, same.out, same.err)


# --- refusals


@quick_rows(
    1,
    ("verb", "given"),
    [
        ("train", ["lr=0.5"]),
        ("train", ["layers=0"]),
        ("train", ["-m", "layers=0,1"]),
        ("train", ["cell=lstmm"]),
        ("train", ["optimizer.lr=-1"]),
        ("generate", ["checkpoint=missing"]),
        ("generate", ["checkpoint=missing", "show=all"]),
        ("study", ["stages=[sweeep]"]),
        ("study", ["select.checkpoints=0"]),
        ("evaluate", ["songs=missing"]),
        ("render", ["songs=missing"]),
        ("report", ["run=missing"]),
        ("play", ["run=missing"]),
        ("listen", ["study=missing"]),
        ("listen", ["answers=missing"]),
        ("status", ["dir=missing"]),
        ("publish", ["runs=missing"]),
    ],
)
def test_a_refusal_imports_nothing_heavy(verb, given, tmp_path):
    look = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('IMPORTED', *sys.modules))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    line = [sys.executable, "-c", look, f"melgen.{verb}", *given]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"melgen.{verb}: error: " in done.stderr
    imported = {name.partition(".")[0] for name in done.stdout.partition("IMPORTED")[2].split()}
    assert "hydra" in imported, "the list of imports is parsed correctly"
    assert not imported & TORCH_AND_FRIENDS


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("train", ["+new=1", "new=2"]),
        ("train", ["cell=mixed", "cell.stack=[lstm,nas]"]),
        ("train", ["model.cell.any=1"]),
        ("train", ["~scheduler", "hydra.verbose=true", "hydra/launcher=local"]),
        ("train", ["epochs_per_dataset.control=3"]),
        ("train", ["--config-dir=conf", "mine=1"]),
        ("train", ["hydra.searchpath=[file://conf]", "mine=1"]),
        ("study", ["generate.songs=3", "evaluation.span_notes=8"]),
    ],
)
def test_keys_that_other_files_may_set_are_left_to_hydra(verb, line):
    refuse_unknown_keys(line, primary_of(verb))


def test_an_unknown_key_is_refused_before_hydra_composes():
    """Fails if a plugin of Hydra is installed that is not listed as a plugin without configuration files."""
    with pytest.raises(ValueError, match=r"layer=3: unknown key; did you mean layers\?"):
        refuse_unknown_keys(["layer=3"], "config")


def test_an_unknown_key_is_refused_in_the_same_words_as_by_hydra(here):
    """With `--cfg` Hydra composes the configuration and refuses the key."""
    for given in ("lr=0.5", "optimizer.learning_rate=1", "foo.bar=1", "cell.units=3"):
        quick, composed = call("train", given), call("train", given, "--cfg", "job")
        assert quick.code == composed.code == 1
        assert quick.err == composed.err


# --- examples


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_examples_are_lines_that_hydra_takes(verb):
    examples = read_reference(primary_files(primary_of(verb))[-1].read_text()).examples
    assert len(examples) == 2
    groups = default_options(primary_of(verb))
    for example in examples:
        assert example.meaning
        words = shlex.split(example.line)
        refuse_unknown_keys(words, primary_of(verb))
        for key, _, value in (word.partition("=") for word in words):
            if key in groups:
                assert {*value.split(",")} <= {*options_of(key)}


# --- tab completion


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (["tr"], ["train"]),
        (["xyz", ""], []),
        (["completion", ""], ["bash", "zsh"]),
        (["train", "cell"], ["cell=", "cell."]),
        (["train", "cell=ls"], ["cell=lstm"]),
        (["train", "-m", "layers=1,2", "cell=lstm,gr"], ["cell=lstm,gru"]),
        (["train", "cell=lstm,ls"], []),
        (["train", "optimizer."], ["optimizer.lr=", "optimizer.fused="]),
        (["train", "+optimizer.l"], ["+optimizer.lr="]),
        (["train", "report="], ["report=true", "report=false"]),
        (["train", "hydra/launcher=l"], ["hydra/launcher=local"]),
        (["train", "--mul"], ["--multirun"]),
        (["generate", "--mul"], []),
        (["generate", "song"], ["songs="]),
        (["generate", "cell="], []),
        (["render", "songs=my"], ["songs=my songs/"]),
        (["render", "songs=my songs/"], ["songs=my songs/one.mid"]),
        (["train", "--config-dir", "m"], ["mine/", "my songs/"]),
        (["train", "--config-dir", "mine", "cell=own"], ["cell=own_cell"]),
    ],
)
def test_words_are_completed(line, found, here):
    (here / "my songs").mkdir()
    (here / "my songs" / "one.mid").touch()
    (here / "my songs" / ".hidden").touch()
    (here / "mine" / "cell").mkdir(parents=True)
    (here / "mine" / "cell" / "own_cell.yaml").touch()
    assert completions(["melgen", *line]) == found


def test_every_option_of_every_group_is_found():
    for verb in COMMANDS:
        for group in default_options(primary_of(verb)):
            names = {path.stem for path in Path(CONF_DIR, group).glob("*.yaml")}
            names |= {"basic"} if group == "hydra/launcher" else set()  # Hydra's own, which has no file of melgen's
            assert completions(["melgen", verb, f"{group}="]) == [f"{group}={name}" for name in sorted(names)]


BASH = """
eval "$(melgen completion bash)"
complete -p melgen >/dev/null || exit 3
IFS='|'
while read -r line; do
    COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
    _melgen_complete melgen
    echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.slow
def test_bash_completes(bin_dir, tmp_path):
    """In a word with ``=`` bash replaces the part after it. Nothing is printed, even after an error."""
    (tmp_path / "my songs").mkdir()
    lines = ["melgen tra", "melgen train cell=ls", "melgen train optimizer.l", "melgen render songs=my"]
    lines += ["melgen train 'cell=", "melgen xyz ", "melgen train foo.bar="]
    environment = os.environ | {"PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH],
        cwd=tmp_path,
        env=environment,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["train ", "lstm", "optimizer.lr=", "my\\ songs/", "", "", ""]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_reads_the_script(bin_dir, tmp_path):
    environment = os.environ | {"PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}"}
    line = 'eval "$(melgen completion zsh)"; print ${_comps[melgen]}'
    done = subprocess.run(
        ["zsh", "-f", "-i", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "_melgen_complete"


def test_completion_reads_files_only(tmp_path):
    line = [sys.executable, "-X", "importtime", "-m", "melgen", "completion", "words"]
    environment = os.environ | {"COMP_LINE": "melgen train cell="}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "cell=lstm" in done.stdout.split()
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "yaml" in imported, "the list of imports is parsed correctly"
    assert not imported & {"hydra", "omegaconf", "numpy", *TORCH_AND_FRIENDS}


def test_completion_has_a_help_too(one):
    code, out, err = one("completion", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("melgen completion: ")
    for shell in ("bash", "zsh"):
        assert f"melgen completion {shell}" in out


def test_another_shell_is_named(one):
    code, out, err = one("completion", "fish")
    assert (code, out) == (2, "")
    assert "fish: must be bash or zsh" in err
