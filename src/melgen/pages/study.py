"""The page of a study: all its runs, and the songs of the networks that were selected."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.evaluation.evaluating import EXCERPTS
from melgen.evaluation.results import SongSetEvaluation, Summary
from melgen.evaluation.tonality import Tonality
from melgen.files import read_json
from melgen.generation.song_files import read_song_folder
from melgen.music.melody import Melody, pitch_name
from melgen.pages.content import Content
from melgen.pages.embedding import embedding_content
from melgen.pages.plain import short
from melgen.pages.runs import choices_of, curves_of, metrics_present, run_content
from melgen.pages.songs import SHARED, songs_content, summaries_of
from melgen.pages.tables import tables_content
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import curve_metrics, run_metrics, song_metrics
from melgen.runs.configuration import plain_config
from melgen.runs.naming import parse_run_name
from melgen.runs.variants import variants_of
from melgen.sweeps.report import find_runs

log = logging.getLogger(__name__)

BEST_CHECKPOINT = "best.ckpt"
VALIDATION = "val/loss"
PRIMER = "-primer-"
"""In the name of a set of songs that were written after another primer than the study's main one."""
WRITERS, CORPUS = "writers", "corpus"
_YARDSTICKS = ("uniform", "unigram", "bigram", EXCERPTS, "train", "validation", "test")
COMPARED_BITS = "bits_per_note/test"


def gather_study(directory: Path, content: Content) -> None:
    """Put all that a study's directory holds, and the runs beside it, into a page's content."""
    manifest, selection = read_json(directory / "manifest.json"), read_json(directory / "selection.json")
    config = manifest.get("configuration", {})
    places = _run_places(directory, manifest)
    runs, curves = _runs(places, manifest, selection)
    content.core |= {
        "kind": "study",
        "title": directory.resolve().parent.name if directory.name == "study" else directory.resolve().name,
        "above": "",
        "runs": runs,
        "runMetrics": run_metrics(metrics_present(runs)),
        "curveMetrics": curve_metrics({metric for curve in curves.values() for metric in curve}),
        "provenance": _provenance(manifest),
    }
    content.pack("curves", curves)
    _say_what_is_missing(places, runs, manifest, selection, content)

    evaluations = _evaluations(directory, selection, content)
    likelihoods = {name: _likelihood(directory, name) for name in evaluations}
    first = next((plain_config(place) for place in places if plain_config(place)), {})
    trained_on = config if "corpus" in config else first
    tunes = content.training_tunes(trained_on, _splits_beside(places)) if evaluations and trained_on else None
    content.core["songMetrics"] = song_metrics(
        dict.fromkeys(metric for one in evaluations.values() for metric in one.scores)
    )
    for name, evaluation in evaluations.items():
        _add_model(directory, name, evaluation, likelihoods[name], selection, tunes, content)
    yardsticks = _yardsticks(directory, content)
    _add_primers(directory, manifest, evaluations, tunes, content)
    content.core["facts"] = _facts(manifest, runs, content.core["sets"], places)
    _add_findings(evaluations, likelihoods, yardsticks.get(EXCERPTS), content)
    for name, model in _models(selection).items():
        _add_embedding(directory, name, model, content)
    if (directory / "tables").is_dir():
        listed, texts = tables_content(directory / "tables")
        content.core["tables"] = listed
        content.pack("tables", texts)


def _models(selection: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    models = selection.get("models")
    return models if isinstance(models, dict) else {}


def _run_places(directory: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """Where the runs lie: as the manifest says, and those that were not finished; else all beside the study."""
    if "runs" in manifest:
        unfinished = [f"../{name}" for name in manifest.get("unfinished", {})]
        return [directory / name for name in [*manifest["runs"], *unfinished]]
    found = find_runs(directory.resolve().parent) if directory.resolve().parent.is_dir() else []
    return [run.path for run in found if parse_run_name(run.path.name)]


def _runs(
    places: Sequence[Path], manifest: Mapping[str, Any], selection: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    selected = {Path(run).name: name for name, model in _models(selection).items() for run in model.get("runs", ())}
    reasons = manifest.get("unfinished", {})
    runs, curves = [], {}
    for place in places:
        run = run_content(place)
        run["model"] = selected.get(place.name)
        run["error"] = run["error"] or str(reasons.get(place.name, ""))
        runs.append(run)
        if found := curves_of(place):
            curves[place.name] = found
    for run, variant in zip(runs, variants_of(places), strict=True):
        run["variant"] = variant.text
        # A curve of one point is drawn as a mark, with the training loss beside it.
        run["validations"] = len(curves.get(run["name"], {}).get(VALIDATION, [[]])[0])
    return runs, curves


def _say_what_is_missing(
    places: list[Path],
    runs: list[dict[str, Any]],
    manifest: Mapping[str, Any],
    selection: Mapping[str, Any],
    content: Content,
) -> None:
    if not manifest:
        content.notice(
            "This study has only begun: it has no manifest yet. The page shows the runs so far.", strong=True
        )
    elif not _models(selection):
        content.notice("No network has been selected yet, so that there are no songs.", strong=True)
    failed = [run for run in runs if run["state"] != "finished"]
    away = [place.name for place in places if not place.is_dir()]
    if away:
        content.notice(
            f"{len(away)} of {len(places)} runs are not where the study left them; their curves are missing."
        )
    if failed and len(failed) > len(away):
        named = "; ".join(f"{run['name']} is {run['state']} {run['error']}".strip() for run in failed[:3])
        content.notice(f"{len(failed)} of {len(runs)} runs are not finished: {named}", strong=True)


def _evaluations(directory: Path, selection: Mapping[str, Any], content: Content) -> dict[str, SongSetEvaluation]:
    found = {}
    for name in _models(selection):
        path = directory / "evaluation" / f"{name}.json"
        data = read_json(path)
        try:
            found[name] = SongSetEvaluation.from_dict(data)
        except (KeyError, TypeError, AttributeError):
            content.notice(f"The songs of {name} have not been measured yet, and are not shown.")
    return found


def _likelihood(directory: Path, name: str) -> dict[str, float]:
    """Means over the seeds of a model."""
    found = [read_json(path) for path in sorted((directory / "likelihood" / name).glob("*.json"))]
    found = [one for one in found if one]
    return {key: sum(one[key] for one in found) / len(found) for key in found[0]} if found else {}


def _splits_beside(places: Iterable[Path]) -> Path | None:
    return next((place / "splits.tsv" for place in places if (place / "splits.tsv").is_file()), None)


def _add_model(
    directory: Path,
    name: str,
    evaluation: SongSetEvaluation,
    likelihood: Mapping[str, float],
    selection: Mapping[str, Any],
    tunes: TrainingTunes | None,
    content: Content,
) -> None:
    songs: dict[str, Melody] = {}
    try:
        songs = read_song_folder(directory / "songs" / name, workers=1).songs
    except (ValueError, OSError) as error:
        content.notice(f"The songs of {name} cannot be read: {error}")
    lacking = [song for song in evaluation.songs if song not in songs]
    if lacking:
        content.notice(f"{name}: {len(lacking)} songs that were measured are no longer there, and none is shown.")
        return
    shown, scores = songs_content(songs, evaluation, tunes, content.engraver, content.scores)
    model = _models(selection)[name]
    parsed = choices_of(Path(model.get("runs", [name])[0]))
    facts: dict[str, Any] = {key: parsed[key] for key in ("dataset", "cell", "layers")}
    facts["variant"] = str(model.get("variant", ""))
    facts["likelihood"] = {key: short(value) for key, value in likelihood.items()}
    content.song_set(name, "model", shown, scores, summaries_of(evaluation.summaries), facts)


def _add_primers(
    directory: Path,
    manifest: Mapping[str, Any],
    evaluations: Mapping[str, SongSetEvaluation],
    tunes: TrainingTunes | None,
    content: Content,
) -> None:
    """The songs after other primers than the main one, and all of them side by side."""
    for note in manifest.get("primer_notes", ()):
        content.notice(str(note))
    given = manifest.get("configuration", {}).get("generate", {}).get("primers")
    if not isinstance(given, Mapping) or len(given) < 2:
        return
    models = []
    facts = {one["name"]: one for one in content.core["sets"] if one["role"] == "model"}
    for name in evaluations:
        after = []
        for number, primer in enumerate(given):
            set_name = f"{name}{PRIMER}{primer}" if number else name
            try:
                found = SongSetEvaluation.from_dict(read_json(directory / "evaluation" / f"{set_name}.json"))
            except (KeyError, TypeError, AttributeError):
                continue
            shown = summaries_of(found.summaries)
            after.append({"primer": str(primer), "summaries": shown})
            if number and name in facts:
                _add_songs_after(directory, set_name, str(primer), found, facts[name], tunes, content)
        own = facts.get(name, {})
        models.append({key: own.get(key, "") for key in ("dataset", "cell", "layers", "variant")} | {"after": after})
    content.core["primers"] = {
        "names": [{"name": str(name), "notes": _primer_text(primer)} for name, primer in given.items()],
        "models": models,
    }


def _add_songs_after(
    directory: Path,
    set_name: str,
    primer: str,
    evaluation: SongSetEvaluation,
    model: Mapping[str, Any],
    tunes: TrainingTunes | None,
    content: Content,
) -> None:
    try:
        songs = read_song_folder(directory / "songs" / set_name, workers=1).songs
        shown, scores = songs_content(songs, evaluation, tunes, content.engraver, content.scores)
    except (ValueError, OSError) as error:
        content.notice(f"The songs of {set_name} cannot be read: {error}")
        return
    facts = {key: model[key] for key in ("dataset", "cell", "layers", "variant")} | {"primer": primer}
    content.song_set(set_name, "model", shown, scores, summaries_of(evaluation.summaries), facts)


def _primer_text(primer: Any) -> str:
    """A primer by the names of its notes.

    >>> _primer_text([60, 62]), _primer_text("beginnings")
    ('C4 D4', 'beginnings of held-out tunes')
    """
    if isinstance(primer, list) and all(isinstance(pitch, int) for pitch in primer):
        return " ".join(map(pitch_name, primer))
    return "beginnings of held-out tunes" if primer == "beginnings" else str(primer)


def _yardsticks(directory: Path, content: Content) -> dict[str, SongSetEvaluation]:
    found = {}
    for role in (WRITERS, CORPUS):
        files = sorted((directory / "evaluation" / role).glob("*.json"), key=lambda path: _place(path.stem))
        for path in files:
            if PRIMER in path.stem:  # beside the main one; see `_add_primers`
                continue
            try:
                evaluation = SongSetEvaluation.from_dict(read_json(path))
            except (KeyError, TypeError, AttributeError):
                continue
            found[path.stem] = evaluation
            content.core["sets"].append(
                {
                    "name": path.stem if role == WRITERS or path.stem == EXCERPTS else f"{path.stem} tunes",
                    "role": "reference" if path.stem == EXCERPTS else {WRITERS: "writer", CORPUS: "corpus"}[role],
                    "summaries": summaries_of(evaluation.summaries),
                }
            )
    return found


def _place(name: str) -> tuple[int, str]:
    return _YARDSTICKS.index(name) if name in _YARDSTICKS else len(_YARDSTICKS), name


def _facts(
    manifest: Mapping[str, Any], runs: list[dict[str, Any]], sets: list[dict[str, Any]], places: list[Path]
) -> list[tuple[str, str]]:
    def distinct(key: str) -> str:
        return ", ".join(str(value) for value in dict.fromkeys(run[key] for run in runs))

    data = next((read_json(place / "data.json") for place in places if (place / "data.json").is_file()), {})
    corpus, tunes = data.get("import", {}).get("corpus"), data.get("import", {}).get("tunes_kept")
    updates = sorted({run["values"]["updates"] for run in runs if "updates" in run["values"]})
    seeds = sorted({run["seed"] for run in runs})
    songs = sum(one.get("songs", 0) for one in sets)
    facts = [
        ("Networks", f"{len(runs)}"),
        ("Representations", distinct("dataset")),
        ("Cells", distinct("cell")),
        ("Layers", distinct("layers")),
        ("Seeds", ", ".join(map(str, seeds)) if len(seeds) > 1 else ""),
        ("Corpus", f"{corpus}, {tunes:,} tunes" if corpus and tunes else str(corpus or "")),
        ("Updates each", " to ".join(f"{one:,}" for one in dict.fromkeys(updates[:1] + updates[-1:]))),
        ("Songs to hear", f"{songs:,}" if songs else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _add_findings(
    evaluations: Mapping[str, SongSetEvaluation],
    likelihoods: Mapping[str, Mapping[str, float]],
    reference: SongSetEvaluation | None,
    content: Content,
) -> None:
    """The study in a few lines, and the song that the page opens with."""
    numbers = {one["name"]: number for number, one in enumerate(content.core["sets"]) if "pack" in one}
    findings: list[dict[str, Any]] = content.core["findings"]
    bits = {name: one[COMPARED_BITS] for name, one in likelihoods.items() if COMPARED_BITS in one}
    if bits:
        name = min(bits, key=lambda each: bits[each])
        findings.append(
            {
                "label": "Predicts unseen tunes best",
                "model": name,
                "value": f"{bits[name]:.3f}",
                "unit": "bits per note, test",
            }
        )
    distances = (
        {name: _distance(one.summaries, reference.summaries) for name, one in evaluations.items()} if reference else {}
    )
    distances = {name: value for name, value in distances.items() if name in numbers and math.isfinite(value)}
    closest = min(distances, key=lambda each: distances[each], default=None)
    if closest is not None:
        findings.append(
            {
                "label": "Tonality nearest to the corpus",
                "model": closest,
                "value": f"{distances[closest]:.2f}",
                "unit": "deviations away, all three metrics",
            }
        )
    shared = {name: max(one.scores[SHARED]) for name, one in evaluations.items() if SHARED in one.scores}
    if shared:
        name = max(shared, key=lambda each: shared[each])
        copies = sum(sum(one.scores.get("exact_copy", ())) for one in evaluations.values())
        findings.append(
            {
                "label": "Longest passage taken from a training tune",
                "model": name,
                "value": f"{shared[name]:.0f}",
                "unit": f"intervals; {copies:.0f} songs are copies as a whole",
            }
        )
    if numbers:
        chosen = closest or next(iter(numbers))
        content.hero(
            numbers[chosen],
            f"The most representative song of {chosen}" + (", nearest to the corpus" if closest else ""),
        )


def _distance(songs: Mapping[str, Summary], reference: Mapping[str, Summary]) -> float:
    """Of two sets' means, in deviations of the reference, summed over the three tonality metrics."""
    try:
        return sum(
            abs(songs[metric].mean - reference[metric].mean) / reference[metric].standard_deviation
            for metric in Tonality._fields
        )
    except (KeyError, ZeroDivisionError):
        return math.nan


def _add_embedding(directory: Path, name: str, model: Mapping[str, Any], content: Content) -> None:
    """The map of a model's first run; what lies there is that of its best weights."""
    runs, checkpoints = model.get("runs", []), model.get("checkpoints", [])
    if runs and (not checkpoints or checkpoints[0] == BEST_CHECKPOINT):
        content.embedding(name, lambda: embedding_content(directory / runs[0] / "embedding"))


def _provenance(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("Command", "python -m melgen.study " + " ".join(manifest.get("command", [])))] if manifest else []
    seeds = manifest.get("seeds", {})
    rows += [
        (f"Seed of {name}", ", ".join(map(str, value if isinstance(value, list) else [value])))
        for name, value in seeds.items()
    ]
    if fingerprint := manifest.get("corpus", {}).get("fingerprint"):
        rows.append(("Corpus fingerprint", fingerprint))
    for software in manifest.get("software", {}).values():
        versions = ", ".join(f"{name} {value}" for name, value in software.items() if isinstance(value, str))
        commit = software.get("git") or {}
        changed = " with changes" if commit.get("modified") else ""
        rows.append(
            ("Software", versions + (f"; commit {commit['commit'][:12]}{changed}" if "commit" in commit else ""))
        )
    return rows
