"""Train the networks that come with melgen, and write their model files and a table of their numbers.

``python models/make_models.py`` (`make models`) trains each network with two seeds, which takes about 40 minutes of one
shared core. Finished trainings are not repeated, and an interrupted one resumes. The files of the first seed go to
``src/melgen/models``, with a ``README.md`` that has the hash of the weights of both seeds and how much they differ.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from melgen.bundled import BUNDLED, FOLDER, PREFIX
from melgen.evaluation.run_metrics import bits_metric
from melgen.files import read_json, write_text
from melgen.model_files.weights import read_model_file, weights_bytes
from melgen.pasting import program, shell_line

ROOT = Path(__file__).resolve().parents[1]
RUNS = "multirun/models"
SEEDS = (0, 1)
"""The first one is that of the model files; the others show how much of a number is due to the seed."""

RECIPE = ["experiment=tunebooks"]
IN_RANGE = "primer=[72,74,76,74]"  # the paper's, an octave higher: C4 hardly occurs in these tunes
OF_EACH = {
    "rhythmic": ["rhythm=factored", "trainer.max_steps=2500"],
    "pitches": [IN_RANGE],
    "intervals": ["dataset=interval", IN_RANGE],
}
"""What each network changes in `RECIPE`."""

COLUMNS = (
    "network", "seed", "weights", "best update", "test bits/note", "motion", "macroharmony", "centricity",
    "longest shared passage", "copies", "seconds", "sha256 of the weights",
)  # fmt: skip
ALIGNMENT = (":--", *["--:"] * (len(COLUMNS) - 2), ":--")
TONALITY = ("conjunct_melodic_motion", "limited_macroharmony", "centricity")
HASH_DIGITS = 16
HEAD = """\
# The networks that come with melgen

{names}

`make models` wrote this file and the model files, with [models/make_models.py](../../../models/make_models.py). Each
model file is a ZIP whose `README.md`, the card, has the command of its training, the tunes that it was trained on, who
typed them in, what music21 states about them, and the licence of the weights, {licence}.

Two trainings of each network, which differ in their seed. The files are those of seed {first}; the difference between
two rows is the noise of seeds.

{rows}

- *test bits/note*: on test tunes; of `rhythmic` the bits of rhythm are in it, so that its number is not comparable with
  the others.
- *motion*, *macroharmony*, *centricity*: means over the songs of the file ([tonality](../../../docs/concepts.md)).
- *longest shared passage*: intervals that a song has in common with a training tune, on average; *copies*: songs that
  are in a training tune as a whole.
- *sha256*: the first {digits} digits. On one machine the same command gives the same hash; another CPU or another
  torch rounds differently, and its numbers differ as those of another seed do.

Trained on {cpu}, one thread, which other work shared; Python {python}, torch {torch}.
"""


class Trained(NamedTuple):
    """A finished training.

    Attributes:
        name: of the network.
        seed: of the training.
        file: its model file.
        result: its ``result.json``.
        evaluation: the ``evaluation.json`` of its songs.
    """

    name: str
    seed: int
    file: Path
    result: dict[str, Any]
    evaluation: dict[str, Any]


def main() -> None:
    """Train, export, measure, and write the table."""
    made = [make(name, seed) for seed in SEEDS for name in BUNDLED]
    write_text(FOLDER / "README.md", table(made))


def make(name: str, seed: int) -> Trained:
    """Train one network with one seed, export it, and measure its songs."""
    run, file = f"{RUNS}/{name}-seed{seed}", file_of(name, seed)
    run_command("train", *overrides(name, seed))
    run_command("export", f"run={run}", f"to={file}")
    measured = ROOT / RUNS / f"{name}-seed{seed}-evaluation"
    run_command("evaluate", f"songs={file}", "corpus=tunebooks", f"out={measured}", "progress=false")
    return Trained(
        name, seed, ROOT / file, read_json(ROOT / run / "result.json"), read_json(measured / "evaluation.json")
    )


def file_of(name: str, seed: int) -> str:
    """The model file of a seed, from the root of the repository; that of the first seed is part of the package."""
    folder = FOLDER.relative_to(ROOT) if seed == SEEDS[0] else Path(RUNS, f"seed{seed}")
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.melgen").as_posix()


def overrides(name: str, seed: int) -> list[str]:
    """What `melgen.train` is given; the card of the network states it."""
    return [
        *RECIPE,
        *OF_EACH[name],
        f"seed={seed}",
        f"run_dir={RUNS}/{name}-seed{seed}",
        "report=false",
        "progress=false",
    ]


def run_command(verb: str, *arguments: str) -> None:
    """Run a command of melgen at the root of the repository."""
    print(shell_line(*program(verb), *arguments), flush=True)
    subprocess.run([sys.executable, "-m", f"melgen.{verb}", *arguments], cwd=ROOT, check=True)


def table(made: list[Trained]) -> str:
    """The page beside the model files."""
    stated = read_model_file(made[0].file).description
    software = stated.provenance["software"]
    return HEAD.format(
        names="\n".join(f"- `{PREFIX}{name}` ({name}.melgen): {what}" for name, what in BUNDLED.items()),
        licence=stated.licence,
        first=SEEDS[0],
        rows="\n".join([line(COLUMNS), line(ALIGNMENT), *(line(cells(each)) for each in made)]),
        digits=HASH_DIGITS,
        cpu=processor(),
        python=software["python"],
        torch=software["torch"],
    )


def cells(of: Trained) -> list[str]:
    """One training, in the order of `COLUMNS`."""
    file = read_model_file(of.file)
    songs = of.evaluation["songs"]["summaries"]
    return [
        of.name,
        str(of.seed),
        f"{file.description.parameters:,}",
        f"{of.result['best_updates']:,.0f}",
        f"{of.result[bits_metric(of.result, 'test').key]:.3f}",
        *(f"{songs[key]['mean']:.2f}" for key in TONALITY),
        f"{songs['longest_shared_intervals']['mean']:.1f}",
        f"{songs['exact_copy']['mean'] * songs['exact_copy']['count']:.0f}",
        f"{of.result['seconds']:,.0f}",
        f"`{hashlib.sha256(weights_bytes(file.weights)).hexdigest()[:HASH_DIGITS]}`",
    ]


def line(of: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(of)} |"


def processor() -> str:
    """The name of this machine's CPU."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
