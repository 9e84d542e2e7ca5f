"""Make the fixtures of ``test_formats.py`` in today's formats. Make each once for a format; never change an old one.

python tests/formats/make_fixture.py            # version<FORMAT_VERSION>/, a sweep of a finished and an interrupted run
python tests/formats/make_fixture.py --rhythm   # rhythm<FORMAT_VERSION>/, a run of a network with rhythm
python tests/formats/make_fixture.py --model    # model<FORMAT_VERSION>.melgen, that network as a model file
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from melgen.files import write_json
from melgen.runs.directory import RunDirectory
from melgen.runs.identity_file import FORMAT_VERSION
from tests.commands.calling import spawn

SMALL = (
    "corpus=misc_folk", "hidden_size=4", "layers=1", "batch_size=20", "seq_length=20",
    "trainer.log_every_n_steps=2", "trainer.val_check_interval=4", "callbacks.checkpoint.every_n_steps=4",
    "callbacks.sampling.songs=2", "callbacks.sampling.notes=6", "callbacks.sampling.every_n_steps=null",
    "logger=csv", "report=false", "progress=false", "cell=gru,lstm", "hydra.mode=MULTIRUN",
)  # fmt: skip
UPDATES, UNTIL = 8, 4
RHYTHM = (
    *(key for key in SMALL if not key.startswith(("cell=", "hydra.mode", "callbacks.sampling.notes"))),
    "rhythm=factored", f"trainer.max_steps={UPDATES}",
)  # fmt: skip
LEFT_OUT = ("train.log", ".lock", "embedding.png", "multirun.yaml")
"""Files that nobody reads, or that name the machine of their origin."""


def run_of(cell: str) -> str:
    return f"control-{cell}-1-seed0-batch_size-20-hidden_size-4-seq_length-20"


def main() -> None:
    kept = Path(__file__).parent / f"version{FORMAT_VERSION}"
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for steps in (UNTIL, UPDATES):
            answer = spawn("train", *SMALL, f"trainer.max_steps={steps}", cwd=here)
            assert answer.code == 0, answer.text
            if steps == UNTIL:
                shutil.copytree(here / "multirun/misc_folk" / run_of("lstm"), here / "halfway")
        shutil.copytree(here / "multirun/misc_folk", kept, ignore=shutil.ignore_patterns(*LEFT_OUT))
        expected = RunDirectory(here / "multirun/misc_folk" / run_of("lstm")).result
        write_json(kept / "expected.json", expected)
        # The files are as after a kill that follows the last checkpoint.
        shutil.rmtree(kept / run_of("lstm"))
        shutil.copytree(here / "halfway", kept / run_of("lstm"), ignore=shutil.ignore_patterns(*LEFT_OUT))
        for name in ("result.json", "tonality.json"):
            (kept / run_of("lstm") / name).unlink()
        for name in ("songs", "embedding"):
            shutil.rmtree(kept / run_of("lstm") / name)
    for cell, state in (("lstm", "running"), ("gru", "finished")):
        file = kept / run_of(cell) / "status.json"
        write_json(file, json.loads(file.read_text()) | {"state": state, "host": "elsewhere", "time": 0})


def make_rhythm() -> None:
    from melgen.checkpoint import FORMAT_VERSION

    with tempfile.TemporaryDirectory() as folder:
        answer = spawn("train", *RHYTHM, cwd=Path(folder))
        assert answer.code == 0, answer.text
        kept = Path(__file__).parent / f"rhythm{FORMAT_VERSION}"
        shutil.copytree(Path(folder) / "multirun/misc_folk", kept, ignore=shutil.ignore_patterns(*LEFT_OUT))


def make_model() -> None:
    from melgen.exporting.writing import export_run
    from melgen.model_files.description import FORMAT_VERSION

    here = Path(__file__).parent
    (run,) = sorted(here.glob("rhythm*"))[-1].iterdir()
    export_run(run, here / f"model{FORMAT_VERSION}.melgen")


if __name__ == "__main__":
    make_rhythm() if "--rhythm" in sys.argv else make_model() if "--model" in sys.argv else main()
