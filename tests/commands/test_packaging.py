"""The built package can be installed and used without a checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.commands.calling import TINY, TINY_RUN

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built through the source distribution, as an index would receive it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    assert len(list(out.glob("*.tar.gz"))) == 1
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A directory that holds the installed package and nothing of the checkout."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--target", str(target), str(wheel)], check=True)
    return target


def run(installed, cwd, verb, *arguments):
    program = [sys.executable, "-m", f"melgen.{verb}", *arguments]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_wheel_has_every_file_of_the_package_and_every_yaml_but_neither_tests_nor_torture(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert {name.removeprefix("melgen/") for name in names if name.endswith(".yaml")} == written
    assert {name.split("/")[0].split("-")[0] for name in names} == {"melgen", "hydra_plugins"}
    assert {name for name in names if name.startswith("hydra_plugins/")} == {
        "hydra_plugins/melgen_sweeper.py",
        "hydra_plugins/melgen_optuna_sweeper.py",
    }, "a namespace that other plugins share"
    assert "melgen/py.typed" in names
    assert "melgen/models/page.html" in names, "in a checkout it is docs/demo.html"
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    assert {name for name in sources if "__pycache__" not in name and ".egg-info" not in name} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_package_is_the_one_that_runs(installed, tmp_path):
    program = [
        sys.executable,
        "-c",
        "import melgen, melgen.configuration.conf_dir as c; print(melgen.__file__, c.CONF_DIR)",
    ]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert all(Path(path).is_relative_to(installed) for path in done.stdout.split())


def test_the_wheel_brings_one_command(wheel, installed, tmp_path):
    (entry_points,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("entry_points.txt"))
    written = zipfile.ZipFile(wheel).read(entry_points).decode().split()
    assert written == ["[console_scripts]", "melgen", "=", "melgen.__main__:main"]
    script = installed / "bin" / "melgen"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    for arguments, expected in (
        (["--version"], "melgen "),
        (["status", "--help"], "dir="),
        (["completion", "bash"], "_melgen"),
    ):
        done = subprocess.run([script, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_it_helps_trains_and_generates_from_anywhere(installed, tmp_path):
    assert "indrnn lru [lstm]" in run(installed, tmp_path, "train", "--help").stdout
    run(installed, tmp_path, "train", *TINY)
    assert (tmp_path / TINY_RUN / "songs" / "song_002.mid").exists()
    run(installed, tmp_path, "generate", f"checkpoint={TINY_RUN}", "songs=1", "out=out")
    assert (tmp_path / "out" / "song_001.mid").exists()
    run(installed, tmp_path, "generate", "songs=1")  # by a network that comes with melgen
    assert (tmp_path / "rhythmic-songs" / "song_001.mid").exists()


def test_a_users_directory_adds_to_the_installed_configuration(installed, tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "small.yaml").write_text("# @package _global_\nlayers: 1\n")
    output = run(installed, tmp_path, "train", "--config-dir=conf", "experiment=small", "--cfg", "job").stdout
    assert "\nlayers: 1\n" in f"\n{output}"
