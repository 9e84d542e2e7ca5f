"""The page of a study: all its runs, and the songs of the networks that were selected."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from melgen.evaluation.results import CHOICES, OPENINGS, SongSetEvaluation, set_name
from melgen.evaluation.song_sets import distance_to_openings, in_order, with_nearest
from melgen.evaluation.winners import Contest, lowest_of
from melgen.files import read_json
from melgen.generation.song_files import read_song_folder
from melgen.music.melody import Melody, pitch_name
from melgen.pages.content import Content
from melgen.pages.embedding import embedding_content
from melgen.pages.plain import short
from melgen.pages.provenance import COMMAND, software_row
from melgen.pages.runs import choices_of, curves_of, metrics_present, run_content
from melgen.pages.songs import SHARED, songs_content, summaries_of
from melgen.pages.tables import tables_content
from melgen.pages.training_tunes import TrainingTunes
from melgen.pages.wording import curve_metrics, run_metrics, song_metrics
from melgen.pasting import program, shell_line
from melgen.plurals import counted
from melgen.runs.config import plain_config
from melgen.runs.directory import FINISHED
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.naming import parse_run_name
from melgen.runs.search import find_runs
from melgen.runs.variants import variants_of

log = logging.getLogger(__name__)

BEST_CHECKPOINT = "best.ckpt"
VALIDATION = "val/loss"
PRIMER = "-primer-"
"""In the name of a set of songs that were written after another primer than the study's main one."""
WRITERS, CORPUS = "writers", "corpus"
COMPARED_BITS = "bits_per_note/test"


def gather_study(directory: Path, content: Content) -> None:
    """Put all that a study's directory holds, and the runs beside it, into a page's content."""
    manifest, selection = read_json(directory / "manifest.json"), read_json(directory / "selection.json")
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

    yardsticks = _yardsticks(directory)
    openings = yardsticks.get(OPENINGS)
    evaluations = _evaluations(directory, selection, content)
    if openings is not None:  # an earlier melgen has not looked for the nearest song
        evaluations = {name: with_nearest(one, openings.summaries) for name, one in evaluations.items()}
    likelihoods = {name: _likelihood(directory, name) for name in evaluations}
    trained_on = _trained_on(manifest, places)
    tunes = content.training_tunes(trained_on, _splits_beside(places)) if evaluations and trained_on else None
    content.core["songMetrics"] = song_metrics(
        dict.fromkeys(metric for one in evaluations.values() for metric in one.scores)
    )
    for name, evaluation in evaluations.items():
        _add_model(directory, name, evaluation, likelihoods[name], selection, tunes, content)
    for name, yardstick in yardsticks.items():
        role = "reference" if name == OPENINGS else "corpus" if yardstick.name.startswith(CORPUS) else "writer"
        content.reference_set(yardstick.name, yardstick, role)
    _add_primers(directory, manifest, evaluations, tunes, content)
    content.core["facts"] = _facts(manifest, runs, content.core["sets"], places)
    _add_findings(directory, evaluations, openings, content)
    _say_why_without_bits(places, runs, content)
    for name, model in _models(selection).items():
        _add_embedding(directory, name, model, content)
    if (directory / "tables").is_dir():
        listed, texts = tables_content(directory / "tables")
        content.core["tables"] = listed
        content.pack("tables", texts)


def _trained_on(manifest: Mapping[str, Any], places: Iterable[Path]) -> Mapping[str, Any]:
    """The corpus and cleaning of the runs: as the study has noted them, or as one of the runs itself states.

    A study's own configuration counts only if it trained its runs: for runs that existed before, it is the default.
    """
    noted = manifest.get("trained_on")
    if isinstance(noted, dict) and "corpus" in noted:
        return noted
    first = next((config for place in places if "corpus" in (config := plain_config(place))), None)
    asked = manifest.get("configuration", {})
    return first or (asked if "corpus" in asked and not asked.get("runs") else {})


def _say_why_without_bits(places: Iterable[Path], runs: Iterable[Mapping[str, Any]], content: Content) -> None:
    without = [place for place, run in zip(places, runs, strict=True) if run["state"] == FINISHED]
    reasons = dict.fromkeys(why_without_bits(read_json(place / "data.json")) for place in without)
    for reason in filter(None, reasons):
        content.notice(f"No bits per note: {reason}.")


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
    failed = [run for run in runs if run["state"] != FINISHED]
    away = [place.name for place in places if not place.is_dir()]
    if away:
        are = "run is" if len(places) == 1 else "runs are"
        content.notice(
            f"{len(away)} of {len(places)} {are} not where the study left them; the curves of these are missing."
        )
    if failed and len(failed) > len(away):
        named = "; ".join(f"{run['name']} is {run['state']} {run['error']}".strip() for run in failed[:3])
        are = "run is" if len(runs) == 1 else "runs are"
        content.notice(f"{len(failed)} of {len(runs)} {are} not finished: {named}", strong=True)


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
    """Means over the seeds of a model, of what every seed has."""
    found = _likelihoods(directory, name)
    keys = [key for key in (found[0] if found else ()) if all(isinstance(one.get(key), int | float) for one in found)]
    return {key: sum(one[key] for one in found) / len(found) for key in keys}


def _likelihoods(directory: Path, name: str) -> list[dict[str, Any]]:
    """What was counted on each seed of a model."""
    found = [read_json(path) for path in sorted((directory / "likelihood" / name).glob("*.json"))]
    return [one for one in found if one]


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
        what = "song that was measured is" if len(lacking) == 1 else "songs that were measured are"
        content.notice(f"{name}: {len(lacking)} {what} no longer there, and none is shown.")
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

    >>> _primer_text([60, 62]), _primer_text("openings")
    ('C4 D4', 'openings of test tunes')
    """
    if isinstance(primer, list) and all(isinstance(pitch, int) for pitch in primer):
        return " ".join(map(pitch_name, primer))
    return "openings of test tunes" if primer == "openings" else str(primer)


def _yardsticks(directory: Path) -> dict[str, SongSetEvaluation]:
    """What the models are compared with, by name, in the order to read it in: baselines, openings, whole tunes."""
    found = {}
    for role in (WRITERS, CORPUS):
        for path in (directory / "evaluation" / role).glob("*.json"):
            if PRIMER in path.stem:  # beside the main one; see `_add_primers`
                continue
            with suppress(KeyError, TypeError, AttributeError):
                found[set_name(path.stem)] = SongSetEvaluation.from_dict(read_json(path))
    return {name: found[name] for name in in_order(sorted(found))}


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
        ("Networks", f"{len(runs):,}"),
        ("Representations", distinct("dataset")),
        ("Cells", distinct("cell")),
        ("Layers", distinct("layers")),
        ("Seeds", ", ".join(map(str, seeds)) if len(seeds) > 1 else ""),
        ("Corpus", f"{corpus}, {counted(tunes, 'tune')}" if corpus and tunes else str(corpus or "")),
        ("Updates each", " to ".join(f"{one:,}" for one in dict.fromkeys(updates[:1] + updates[-1:]))),
        ("Songs to hear", f"{songs:,}" if songs else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _add_findings(
    directory: Path,
    evaluations: Mapping[str, SongSetEvaluation],
    openings: SongSetEvaluation | None,
    content: Content,
) -> None:
    """The study in a few lines, and the song that the page opens with.

    A model is named as the winner only if its seeds support it.
    """
    bits = {name: [_number(one.get(COMPARED_BITS)) for one in _likelihoods(directory, name)] for name in evaluations}
    _add_contest(lowest_of(bits), "Predicts unseen tunes best", "bits per note on test tunes", 3, content)
    if openings is not None:
        distances = {name: _distances(directory, name, one, openings) for name, one in evaluations.items()}
        unit = "deviations from the openings of test tunes (three metrics summed)"
        _add_contest(lowest_of(distances), "Tonality nearest to test tunes", unit, 2, content)
    shared = {name: one.scores[SHARED] for name, one in evaluations.items() if any(one.scores.get(SHARED, ()))}
    if shared:
        name = max(shared, key=lambda each: max(shared[each]))
        song = evaluations[name].songs[shared[name].index(max(shared[name]))]
        copies = int(sum(sum(one.scores.get("exact_copy", ())) for one in evaluations.values()))
        whole = "1 song is a copy" if copies == 1 else f"{copies or 'no'} songs are copies"
        content.finding(
            "Longest passage that a song shares with a training tune",
            f"{max(shared[name]):.0f}",
            f"intervals; {whole} as a whole",
            model=f"{name}, {song}",
        )
    _add_hero(evaluations, content)


def _add_contest(contest: Contest | None, label: str, unit: str, decimals: int, content: Content) -> None:
    if contest is None:
        return
    value = f"{contest.mean:.{decimals}f}"
    if contest.is_decided:
        content.finding(label, value, unit, model=contest.lowest, note=contest.in_words())
    elif not contest.others:
        content.finding(label.removesuffix(" best"), value, unit, model=contest.lowest, note=contest.in_words())
    else:
        note = f"The lowest mean, {value} {unit}, is that of {contest.lowest}: {contest.in_words()}."
        content.finding(label, "undecided", "", note=note)


def _distances(directory: Path, name: str, evaluation: SongSetEvaluation, openings: SongSetEvaluation) -> list[float]:
    """The distance of each seed's songs to the openings; of a model with one seed, that of its songs."""
    found = []
    for path in sorted((directory / "evaluation" / name).glob("seed*.json")):
        with suppress(KeyError, TypeError, AttributeError):
            found.append(SongSetEvaluation.from_dict(read_json(path)))
    return [distance_to_openings(one.summaries, openings.summaries) for one in found or [evaluation]]


def _add_hero(evaluations: Mapping[str, SongSetEvaluation], content: Content) -> None:
    """Open with the song that is nearest to the openings, of all models; else with the first model's first choice."""
    sets = enumerate(content.core["sets"])
    numbers = {one["name"]: number for number, one in sets if "pack" in one and one["name"] in evaluations}
    if not numbers:
        return
    distances = {
        name: evaluations[name].distances_to_openings[index]
        for name in numbers
        if (index := evaluations[name].nearest) is not None
    }
    chosen = min(distances, key=lambda name: distances[name], default=next(iter(numbers)))
    songs = sum(len(evaluations[name].songs) for name in numbers)
    choice = next(iter(evaluations[chosen].chosen))
    of_all = songs if distances else len(evaluations[chosen].songs)
    line = f"Of {counted(of_all, 'song')} the one {CHOICES[choice]}" if of_all > 1 else "The song"
    content.hero(numbers[chosen], f"{line}, by {chosen}")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _add_embedding(directory: Path, name: str, model: Mapping[str, Any], content: Content) -> None:
    """The map of a model's first run; what lies there is that of its best weights."""
    runs, checkpoints = model.get("runs", []), model.get("checkpoints", [])
    if runs and (not checkpoints or checkpoints[0] == BEST_CHECKPOINT):
        content.embedding(name, lambda: embedding_content(directory / runs[0] / "embedding"))


def _provenance(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    line = [*program("study"), *map(str, manifest.get("command", []))]
    rows = [(COMMAND, shell_line(*line))] if manifest else []
    seeds = manifest.get("seeds", {})
    rows += [
        (f"Seed of {name}", ", ".join(map(str, value if isinstance(value, list) else [value])))
        for name, value in seeds.items()
    ]
    if fingerprint := manifest.get("corpus", {}).get("fingerprint"):
        rows.append(("Corpus fingerprint", fingerprint))
    return rows + [software_row(software) for software in manifest.get("software", {}).values()]
