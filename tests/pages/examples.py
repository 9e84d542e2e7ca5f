"""A small run and a small study on disk, as trainings and studies write them, with hostile names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from melgen.corpora import Cleaning, FolderCorpus
from melgen.evaluation.embeddings import write_projector
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, evaluate_songs
from melgen.files import write_json, write_text
from melgen.generation.songs import write_songs
from melgen.music import Control, Melody, NoRhythm, pitch_name
from melgen.studies.tables.learning_rates import NAME, learning_rates_table
from melgen.studies.tables.probes import PROBE_TABLES
from melgen.tables.table import Table
from tests.builders import untrained, write_checkpoint
from tests.studies.comparisons_examples import comparisons
from tests.studies.probes_examples import probed, tuned
from tests.studies.tables_examples import evaluation, tonality_scores
from tests.studies.tables_examples import study as study_of_songs

MISCHIEF = "</script><img src=x onerror=\"document.title='taken'\"> & 'quotes' \u2028 `${1}`"
"""A hostile title, which any file of tunes may contain."""
COPIED = [60, 62, 64, 65, 67, 69, 67, 65, 64, 62, 60, 72]
METADATA = {"model": "m", "updates": 100, "primer": [60, 62, 64, 62], "selection": "sample", "seed": 0}
_LETTERS = {0: "C", 2: "D", 4: "E", 5: "F", 7: "G", 9: "A", 11: "B"}
_C_MAJOR = np.array([48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83])


def walk(notes: int, seed: int) -> list[int]:
    """A melody in C major, by small steps."""
    steps = np.random.default_rng(seed).integers(-2, 3, notes)
    return [int(_C_MAJOR[i]) for i in np.clip(9 + np.cumsum(steps), 0, len(_C_MAJOR) - 1)]


def make_corpus(folder: Path) -> dict:
    """A file of tunes, and the part of a configuration that names it."""
    tunes = [(MISCHIEF.replace("\u2028", " "), [*COPIED, *walk(150, 99)])]
    tunes += [(f"Tune {number}", walk(40, number)) for number in range(1, 12)]
    parts = [
        f"X:{number}\nT:{title}\nM:4/4\nL:1/4\nK:C\n{' '.join(map(_abc, pitches))}|\n"
        for number, (title, pitches) in enumerate(tunes, 1)
    ]
    folder.mkdir(parents=True)
    (folder / "tunes.abc").write_text("\n".join(parts), encoding="utf-8")
    return {
        "corpus": {"_target_": "melgen.corpora.FolderCorpus", "path": str(folder)},
        "cleaning": {"_target_": "melgen.corpora.Cleaning", "min_length_notes": 12},
    }


def make_run(
    path: Path, config: dict, *, songs: list[Melody] | None = None, stages: int = 3, network: bool = False
) -> Path:
    """A finished run; its songs are walks, the first of them a copy of the tune with the hostile title.

    Args:
        path: directory of the run.
        config: of its corpus.
        songs: its songs.
        stages: how often it wrote songs on the way.
        network: whether it has a checkpoint, so that its page can be played with; a page then takes a second more.
    """
    reference = read_corpus(config)
    state = {"state": "finished", "time": 0.0, "host": "h", "pid": 1, "sweep": None}
    write_json(path / "status.json", state)
    write_json(path / "config.yaml", {"hidden_size": 8, "seed": 0, "layers": 1, **config})  # JSON is YAML
    result = {"melgen": "0", "updates": 100, "best_updates": 100, "seconds": 3.0}
    losses = {"val/loss": 2.0, "val/bits_per_note": 2.5, "test/bits_per_note": 2.6, "val/perplexity": 7.4}
    write_json(path / "result.json", result | losses | {"tonality/centricity": 0.2})
    write_json(path / "data.json", {"train_tunes": 9, "import": {"corpus": "folder", "tunes_kept": 12}})
    rows = [f"{step},{3 - step / 100},{3.1 - step / 100},{3.5 - step / 100}" for step in range(10, 101, 10)]
    write_text(path / "metrics.csv", "\n".join(["step,train/loss,val/loss,val/bits_per_note", *rows, ""]))
    names = ("train", "validation", "test")
    sources = zip(reference.splits.tolist(), reference.melodies.sources, reference.melodies.titles, strict=True)
    lines = [f"{names[split]}\t{source}\t{' '.join(title.split())}\n" for split, source, title in sources]
    write_text(path / "splits.tsv", "split\tsource\ttitle\n" + "".join(lines))
    write_songs(path / "songs", songs or some_songs(), METADATA)
    for stage in range(1, stages + 1):
        melodies = [Melody.from_pitches(walk(16, 50 * stage + number)) for number in range(2)]
        write_songs(path / "samples" / f"step-{stage * 30:08d}", melodies, METADATA)
    weights = np.random.default_rng(0).normal(size=(24, 8))
    write_projector(path / "embedding", weights, [pitch_name(pitch) for pitch in range(55, 79)])
    if network:
        write_checkpoint(path / "checkpoints" / "best.ckpt", untrained(Control(), NoRhythm(), [*reference.melodies]))
    return path


def make_study(home: Path, config: dict) -> Path:
    """A study of six runs, one of them failed, with two models; `home` is the directory of the runs."""
    reference = read_corpus(config)
    study, models, unfinished = home / "study", {}, {}
    for dataset in ("control", "db12"):
        for layers in (1, 2, 3):
            run = make_run(home / f"{dataset}-lstm-{layers}-seed0", config, stages=0, network=layers == 1)
            if (dataset, layers) == ("db12", 3):
                write_json(run / "status.json", {"state": "failed", "error": "it broke <b>off</b>"})
                unfinished[run.name] = "failed: it broke off"
        name = f"{dataset}-lstm-1"
        models[name] = {"layers": 1, "runs": [f"../{name}-seed0"], "checkpoints": ["best.ckpt"]}
        songs = some_songs(len(models))
        write_songs(study / "songs" / name / "seed0", songs, METADATA)
        pitches = {f"seed0/song_{number:03d}": song.pitches for number, song in enumerate(songs, 1)}
        evaluation = evaluate_songs(name, pitches, reference, EvaluationOptions(resamples=50))
        write_json(study / "evaluation" / f"{name}.json", evaluation.to_dict())
        write_json(study / "likelihood" / name / "seed0.json", {"bits_per_note/test": 2.0 + len(models)})
    for name, bits in (("ppm", 1.25), ("kn-bigram", 3.5), ("ppm-ltm", 30.0)):
        write_json(study / "likelihood" / "baselines" / f"{name}.json", {"bits_per_note/test": bits})
    options = EvaluationOptions(resamples=50)
    held_out = evaluate_openings(reference, 34, options)
    write_json(study / "evaluation" / "corpus" / "openings.json", held_out.to_dict())
    for name, evaluation in corpus_evaluations(reference, options).items():
        write_json(study / "evaluation" / "corpus" / f"{name}.json", evaluation.to_dict())
    write_json(study / "comparisons.json", comparisons(3, ("control", MISCHIEF)).to_dict())
    write_json(study / "selection.json", {"criterion": "val/loss", "models": models})
    finished = sorted(f"../{path.parent.name}" for path in home.glob("*/status.json"))
    manifest = {
        "format": "melgen study",
        "format_version": 1,
        "tasks": {},
        "configuration": config | {"select": {"criterion": "val/loss"}},
        "command": ["experiment=tiny"],
        "corpus": {"fingerprint": "f00d"},
        "seeds": {"runs": [0]},
        "runs": [name for name in finished if Path(name).name not in unfinished],
        "unfinished": unfinished,
        "software": {"k": {"melgen": "0.1.0", "git": {"commit": "0123456789abcdef", "modified": False}}},
    }
    write_json(study / "manifest.json", manifest)
    write_table(study / "tables" / "runs", "Runs", "Every run.", "run,val_loss\nb,10.5\na,9.25\nc,\n")
    tricky = f'set,x_mean,x_sd,x_low,x_high,tune\nm,1.5,0.5,1.0,2.0,"{MISCHIEF.replace(chr(34), chr(34) * 2)}"\n'
    write_table(study / "tables" / "tonality", "Tonality", "Means.", tricky)
    write_text(study / "tables" / "paper" / "mean.tex", "control & 1.00 \\\\\n")
    for name, table in probe_tables([*models]).items():
        write_text(study / "tables" / f"{name}.csv", table.to_csv())
        write_text(study / "tables" / f"{name}.md", table.to_markdown())
    return study


def probe_tables(names: list[str]) -> dict[str, Table]:
    """The tables of the probes and of the learning rates of a study with two models of these names."""
    songs = {}
    for name in names:
        dataset, cell, *_ = name.split("-")
        songs[dataset, cell] = evaluation(name, tonality_scores((1.0, 2.0, 0.5)))
    found = probed(tuned(study_of_songs(songs, layers=1)))
    made = {NAME: learning_rates_table(found)} | {name: make(found) for name, make in PROBE_TABLES.items()}
    return {name: table for name, table in made.items() if table is not None}


def write_table(path: Path, title: str, caption: str, csv: str) -> None:
    write_text(path.with_suffix(".csv"), csv)
    write_text(path.with_suffix(".md"), f"# {title}\n\n{caption}\n\n| a |\n")
    write_text(path.with_suffix(".tex"), f"% {title}\n\\begin{{tabular}}{{l}}\n\\end{{tabular}}\n")


def some_songs(seed: int = 1) -> list[Melody]:
    """Walks, behind a song that copies a passage a fifth higher."""
    copy = [60, 62, 64, 62, *(pitch + 7 for pitch in COPIED)]
    return [Melody.from_pitches(pitches) for pitches in [copy, *(walk(34, seed * 1000 + n) for n in range(13))]]


def read_corpus(config: dict) -> ReferenceCorpus:
    """The corpus of `make_corpus`, the first nine tunes for training."""
    melodies = (
        FolderCorpus(config["corpus"]["path"]).load(Cleaning(min_length_notes=12), workers=1, progress=False).melodies
    )
    return ReferenceCorpus(melodies, np.array([0] * 9 + [1] + [2] * (len(melodies) - 10), np.int8))


def read_data(page: str) -> dict:
    """The data that a page needs when it opens."""
    return json.loads(page.partition('id="page-data">')[2].partition("</script>")[0])


def read_pack(page: str, name: str):
    """The data of one compressed part of a page."""
    from melgen.pages.page import unpacked

    return unpacked(page.partition(f'id="pack-{name}">')[2].partition("</script>")[0])


def write_section(folder: Path, name: str = "greeting") -> None:
    """Write a user's own section: a Python and a JavaScript file with the same name."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(
        f'''
from typing import TypedDict
from melgen.pages.section import Section

class Data(TypedDict):
    text: str

def of_run(run, content):
    content.add_pack("{name}", [len(run.songs)])
    return {{"text": f"{{len(run.songs)}} songs"}}

SECTION = Section(15, Data, of_run, packs={{"{name}": list[int]}})
'''
    )
    (folder / f"{name}.js").write_text(
        f"""const greet = (text) => h("p", {{ class: "greeting" }}, text);
addSection("{name}", (data) => {{ section("{name}", "Greeting", null, greet(data.text)); }});
"""
    )


def _abc(pitch: int) -> str:
    octave, pitch_class = divmod(pitch - 60, 12)
    letter = _LETTERS[pitch_class]
    return letter + "," * -octave if octave < 1 else letter.lower() + "'" * (octave - 1)
