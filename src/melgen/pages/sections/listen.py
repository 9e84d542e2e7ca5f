"""The opening of the page: a song, and the result in a few lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from melgen.bit_names import BITS_OF_PITCH
from melgen.evaluation.comparing_cells.results import AHEAD, BEHIND, COMPARISONS_FILE, Comparisons
from melgen.evaluation.results import CHOICES, SongSetEvaluation
from melgen.evaluation.run_metrics import bits_metric
from melgen.evaluation.song_metrics import WITH_RHYTHM
from melgen.evaluation.song_sets import distance_to_openings
from melgen.evaluation.winners import Contest, lowest_of
from melgen.files import read_json
from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.schema import Notes, Song
from melgen.pages.section import Section
from melgen.pages.study_likelihood import bits_of_baselines, bits_of_networks, compared_bits
from melgen.pages.study_material import StudyMaterial
from melgen.pages.wording import SHARED
from melgen.plurals import counted
from melgen.runs.directory import FINISHED
from melgen.runs.missing_bits import why_without_bits


class Finding(TypedDict):
    """A result in large letters; empty texts are left out."""

    label: str
    """The measured quantity."""
    value: str
    unit: str
    model: str
    """The model or song that it belongs to."""
    note: str
    """A remark on it."""
    baseline: str
    """A sentence about the best baseline."""


class OpeningSong(Notes):
    """The song that the page opens with: one of the opening set."""

    name: str
    line: str
    """The reason why it was chosen."""
    score: str | None
    """As SVG, without the music font; null if it has none."""


class Data(TypedDict):
    """Data of the section."""

    song: OpeningSong | None
    findings: list[Finding]


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """A song of the run, its bits per note, and how far its songs are from the openings."""
    findings = _predictions(run)
    if run.run["state"] == FINISHED and (reason := why_without_bits(read_json(run.directory / "data.json"))):
        content.add_notice(f"No bits per note: {reason}.")
    if run.evaluation is not None and run.openings is not None:
        distance = distance_to_openings(run.evaluation.summaries, run.openings.summaries)
        if math.isfinite(distance):
            unit = "standard deviations from the openings of test tunes, summed over the three metrics"
            findings.append(_finding("Tonality of its songs", f"{distance:.2f}", unit))
    choice = next(iter(run.evaluation.chosen), None) if run.evaluation else None
    line = f"Of {counted(len(run.songs), 'song')} the one {CHOICES[choice]}" if choice else ""
    line = line if len(run.songs) > 1 and line else "A song of this run"
    return _data(_opening_song(content, line, run.evaluation), findings)


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The song nearest to the openings, and which models are best.

    A model is named as the winner only if its seeds support it.
    """
    kind = compared_bits(study)
    key, unit = f"{kind}/test", "bits of pitch" if kind == BITS_OF_PITCH else "bits"
    bits = bits_of_networks(study, study.evaluations, key)
    compared = {} if kind == BITS_OF_PITCH else _compared(study.directory)
    findings = _contest(
        lowest_of(bits, compared=compared),
        "Predicts unseen tunes best",
        f"{unit} per note on test tunes",
        3,
        bits_of_baselines(study.directory, key),
    )
    if study.openings is not None:
        distances = {
            name: _distances(study.directory, name, one, study.openings) for name, one in study.evaluations.items()
        }
        unit = "deviations from the openings of test tunes (three metrics summed)"
        findings += _contest(lowest_of(distances), "Tonality nearest to test tunes", unit, 2)
    findings += _longest_passage(study.evaluations)
    for reason in _reasons_without_bits(study):
        content.add_notice(f"No bits per note: {reason}.")
    model = study.opening_model
    evaluation = None if model is None else study.evaluations[model]
    return _data(_opening_song(content, _why_first(study), evaluation, f", by {model}"), findings)


def _compared(directory: Path) -> dict[frozenset[str], bool]:
    """The pairs that the comparison of cells has a verdict on, so that the page does not contradict itself."""
    try:
        found = Comparisons.from_dict(read_json(directory / COMPARISONS_FILE))
    except (KeyError, TypeError, ValueError):
        return {}
    return {frozenset((each.model, each.reference)): each.verdict in (AHEAD, BEHIND) for each in found.each}


def _data(song: OpeningSong | None, findings: list[Finding]) -> Data | None:
    return {"song": song, "findings": findings} if song or findings else None


def _opening_song(
    content: Content, line: str, evaluation: SongSetEvaluation | None, writer: str = ""
) -> OpeningSong | None:
    """The first of the chosen songs of the opening set, or the first of all.

    A song that is too long for a score gives way to the nearest to the openings of those that have one.
    """
    number = content.data["opening_set"]
    if number is None:
        return None
    pack, scores = content.packs[f"songs-{number}"], content.packs[f"scores-{number}"]
    index = next(iter(pack["chosen"].values()), 0)
    if not scores["songs"].get(str(index)) and evaluation is not None and evaluation.distances_to_openings:
        distances = dict(zip(evaluation.songs, evaluation.distances_to_openings, strict=True))
        by_index = {i: distances.get(song["name"], math.nan) for i, song in enumerate(pack["songs"])}
        near = [i for i, distance in by_index.items() if math.isfinite(distance) and scores["songs"].get(str(i))]
        if near:
            index = min(near, key=by_index.__getitem__)
            line = f"Of {counted(len(near), 'song')} with a score the one {CHOICES['nearest']}{writer}"
    song: Song = pack["songs"][index]
    found: OpeningSong = {
        "pitches": song["pitches"],
        "onsets": song["onsets"],
        "durations": song["durations"],
        "name": song["name"],
        "line": line,
        "score": scores["songs"].get(str(index)),
    }
    if "bars" in song:
        found["bars"] = song["bars"]
    return found


def _predictions(run: RunMaterial) -> list[Finding]:
    values, found = run.run["values"], []
    for split, key in (("test", "test"), ("validation", "val")):
        metric = bits_metric(values, key)
        bits, loss = values.get(metric.key), values.get(f"{key}/loss")
        if bits is not None:
            kind = "bits per note with rhythm" if metric.key.endswith(WITH_RHYTHM) else "bits per note"
            unit = kind + ("" if loss is None else f" ({loss:.3f} nats per token)")
            found.append(_finding(f"Prediction of {split} tunes", f"{bits:.3f}", unit))
        elif loss is not None:
            found.append(_finding(f"Prediction of {split} tunes", f"{loss:.3f}", "nats per token"))
    return found


def _contest(
    contest: Contest | None, label: str, unit: str, decimals: int, baselines: Mapping[str, float] | None = None
) -> list[Finding]:
    """The best network and, if there are baselines, the best of them."""
    if contest is None:
        return []
    value = f"{contest.mean:.{decimals}f}"
    if contest.is_decided or not contest.others:
        shown = label if contest.is_decided else label.removesuffix(" best")
        finding = _finding(shown, value, unit, model=contest.lowest, note=contest.in_words())
    else:
        note = f"The lowest mean, {value} {unit}, is that of {contest.lowest}: {contest.in_words()}."
        finding = _finding(label, "undecided", "", note=note)
    if baselines:
        best = min(baselines, key=lambda name: baselines[name])
        is_ahead = baselines[best] < contest.mean
        of_it = f"{best}, {baselines[best]:.{decimals}f} {unit.partition(' on ')[0]}"
        of_all = "every network" if contest.others else "it"
        finding["baseline"] = f"Ahead of {of_all}: the baseline {of_it}." if is_ahead else f"Best baseline: {of_it}."
        if is_ahead and contest.others:
            finding["label"] = f"{label}, of the networks"
    return [finding]


def _longest_passage(evaluations: Mapping[str, SongSetEvaluation]) -> list[Finding]:
    shared = {name: one.scores[SHARED] for name, one in evaluations.items() if any(one.scores.get(SHARED, ()))}
    if not shared:
        return []
    name = max(shared, key=lambda each: max(shared[each]))
    longest = max(shared[name])
    song = evaluations[name].songs[shared[name].index(longest)]
    copies = int(sum(sum(one.scores.get("exact_copy", ())) for one in evaluations.values()))
    # Of a song with rhythm only the first notes are compared, so it need not be a copy as a whole.
    whole = "1 song is a copy" if copies == 1 else f"{copies or 'no'} songs are copies"
    label, unit = "Longest passage that a song shares with a training tune", f"intervals; {whole} in all notes compared"
    return [_finding(label, f"{longest:.0f}", unit, model=f"{name}, {song}")]


def _finding(label: str, value: str, unit: str, *, model: str = "", note: str = "") -> Finding:
    return {"label": label, "value": value, "unit": unit, "model": model, "note": note, "baseline": ""}


def _why_first(study: StudyMaterial) -> str:
    name = study.opening_model
    if name is None:
        return ""
    evaluation = study.evaluations[name]
    songs = len(evaluation.songs)
    if evaluation.nearest is not None:  # of all that can be heard
        songs = sum(len(study.evaluations[model].songs) for model in study.heard)
    choice = next(iter(evaluation.chosen))
    line = f"Of {counted(songs, 'song')} the one {CHOICES[choice]}" if songs > 1 else "The song"
    return f"{line}, by {name}"


def _reasons_without_bits(study: StudyMaterial) -> list[str]:
    finished = [place for place, run in zip(study.places, study.runs, strict=True) if run["state"] == FINISHED]
    reasons = dict.fromkeys(why_without_bits(read_json(place / "data.json")) for place in finished)
    return [reason for reason in reasons if reason]


def _distances(directory: Path, name: str, evaluation: SongSetEvaluation, openings: SongSetEvaluation) -> list[float]:
    """The distance of each seed's songs to the openings; of a model with one seed, that of its songs."""
    found = []
    for path in sorted((directory / "evaluation" / name).glob("seed*.json")):
        with suppress(KeyError, TypeError, AttributeError):
            found.append(SongSetEvaluation.from_dict(read_json(path)))
    return [distance_to_openings(one.summaries, openings.summaries) for one in found or [evaluation]]


SECTION = Section(10, Data, of_run, of_study)
