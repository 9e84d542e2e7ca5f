"""The methods paragraph of a study: how its networks were trained, selected and measured, ready for a paper.

Every number comes from the study's description, which its manifest holds, and from the configuration of its runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from melgen.decimals import in_percent
from melgen.evaluation.comparing_cells.results import Comparisons
from melgen.generation.primers import OPENINGS_PRIMER
from melgen.generation.sampling import NOTES_WITHOUT_END
from melgen.generation.selection import selection_named
from melgen.plurals import counted
from melgen.runs.config import writes_rhythm
from melgen.runs.rate_trials import LearningRates
from melgen.runs.size_keys import PARAMETERS, REMEMBERED
from melgen.studies.results import Run
from melgen.tables.escaping import escape_latex

NAME = "methods"


@dataclass(frozen=True)
class TunedRates:
    """The tuned learning rates of a study.

    Attributes:
        used: the rates of the runs, at least one.
        trials: how they were found; None if the study did not tune them itself.
    """

    used: tuple[float, ...]
    trials: LearningRates | None


def methods_paragraph(
    description: Mapping[str, Any],
    training: Mapping[str, Any],
    runs: Sequence[Run],
    software: Mapping[str, Any],
    comparisons: Comparisons | None = None,
    tuned: TunedRates | None = None,
) -> str:
    """The paragraph, in sentences for a paper.

    Args:
        description: of the study, as its manifest holds it.
        training: the configuration of one of its runs; what the runs vary is stated from ``runs``.
        runs: all finished runs.
        software: versions, see `melgen.software.software`.
        comparisons: of cells, if there are any.
        tuned: the learning rates of the runs; None if they were not tuned.
    """
    asked = description["configuration"]
    return " ".join(
        (
            *_networks(runs),
            *_corpus(description),
            *_optimisation(training, runs, tuned),
            *_selection(asked["select"]),
            *_songs(asked["generate"], writes_rhythm(training) or any("rhythm" in run.variant for run in runs)),
            *_measures(asked["evaluation"]),
            *(_comparing(comparisons) if comparisons and comparisons.each else ()),
            *_versions(software),
        )
    )


def methods_files(paragraph: str) -> dict[str, str]:
    """The paragraph as text and as LaTeX, by file name."""
    return {f"{NAME}.md": paragraph + "\n", f"{NAME}.tex": escape_latex(paragraph) + "\n"}


def _networks(runs: Sequence[Run]) -> Iterable[str]:
    layers = sorted({run.layers for run in runs})
    seeds = len({run.seed for run in runs})
    yield (
        f"We trained {counted(len(runs), 'network')}: representations {_names(run.dataset for run in runs)}, "
        f"cells {_names(run.cell for run in runs)}, {_range(layers)} recurrent layer{'s' if layers != [1] else ''}, "
        f"{counted(seeds, 'seed')} for each combination."
    )
    if variants := sorted({run.variant_text for run in runs if run.variant_text}):
        yield f"Variants: {'; '.join(variants)}."
    parameters = sorted(run.parameters for run in runs if run.parameters is not None)
    yield f"They have {_span(parameters)} parameters."


def _corpus(description: Mapping[str, Any]) -> Iterable[str]:
    corpus, split = description["trained_on"]["corpus"], description["corpus"]
    parts = corpus.get("collections")
    name = str(corpus.get("_target_", "")).rpartition(".")[2]
    text = ", ".join(map(str, parts)) if parts else str(corpus.get("name") or name)
    shares = ", ".join(in_percent(share) for share in split["split_fractions"])
    yield (
        f"The corpus ({text}) was split by tune into training, validation and test tunes ({shares}; seed "
        f"{split['split_seed']}; fingerprint {str(split['fingerprint'])[:12]})."
    )


def _optimisation(training: Mapping[str, Any], runs: Sequence[Run], tuned: TunedRates | None = None) -> Iterable[str]:
    optimizer = dict(training["optimizer"])
    name = str(optimizer.pop("_target_")).rpartition(".")[2]
    rate = f" at a learning rate of {optimizer['lr']:g}" if "lr" in optimizer else ""
    if tuned is not None:
        low, high = min(tuned.used), max(tuned.used)
        rates = f"a learning rate of {low:g}" if low == high else f"learning rates of {low:g} to {high:g}"
        rate = f" at {rates}, tuned for each network"
    schedule = str(training["scheduler"]["schedule"]["_target_"]).rpartition(".")[2]
    clip = training.get("gradient_clip_norm")
    updates = sorted({int(run.result["updates"]) for run in runs if run.result.get("updates")})
    yield (
        f"Unless a variant is named, {_size(training)}; training used {name}{rate} "
        f"({schedule}), batches of {training['batch_size']} sequences of {training['seq_length']} notes, "
        f"{f'gradients clipped to a norm of {clip:g}' if clip else 'no clipping of gradients'}, and "
        f"{_span(updates)} updates."
    )
    if tuned is not None and tuned.trials is not None:
        yield _trials(tuned.trials)


def _trials(found: LearningRates) -> str:
    *rates, last = sorted({trial.rate for setting in found.settings for trial in setting.trials})
    grid = f"{', '.join(f'{rate:g}' for rate in rates)} and {last:g}" if rates else f"{last:g}"
    seeds = " and ".join(map(str, found.seeds))
    by = f"mean of seeds {seeds}" if len(found.seeds) > 1 else f"seed {seeds}"
    return (
        f"The rate of each network is the one of {grid} with the lowest {found.criterion} after trials of at most "
        f"{found.updates:,} updates ({by}, which no reported network has)."
    )


def _size(training: Mapping[str, Any]) -> str:
    if (parameters := training.get(PARAMETERS)) is not None:
        size = f"{parameters:,} parameters allow"
    elif (numbers := training.get(REMEMBERED)) is not None:
        size = f"a state of {numbers:,} numbers allows"
    else:
        return f"layers have {training['hidden_size']} units"
    return f"layers are as wide as {size} with an embedding of {training['model']['embedding_size']}"


def _selection(select: Mapping[str, Any]) -> Iterable[str]:
    if select["by"] == "layers":
        yield (
            "For each representation and cell we kept the number of layers with the lowest "
            f"{select['criterion']}, averaged over the seeds."
        )
    else:
        yield f"Of each network we kept checkpoints at about equal steps of {select['criterion']}."


def _songs(generate: Mapping[str, Any], has_rhythm: bool) -> Iterable[str]:
    notes = generate["notes"]
    length = f"of {NOTES_WITHOUT_END if notes is None else notes} notes"
    if notes is None and has_rhythm:
        length += " or, where it writes rhythm, as long as it chose"
    primer = generate["primer"]
    written = ", ".join(map(str, primer)) if isinstance(primer, list) else primer
    start = f"after the {primer} of test tunes" if primer == OPENINGS_PRIMER else f"after the primer {written}"
    if generate.get("primers"):
        start = f"after each of the primers {', '.join(generate['primers'])}"
    elif not primer:
        start = "without a primer"
    greedy = selection_named(generate["selection"]) == "greedy"
    how = "the likeliest note at each step" if greedy else f"sampling at a temperature of {generate['temperature']:g}"
    limits = "".join(f", {key.replace('_', '-')} {generate[key]}" for key in ("top_k", "top_p") if generate.get(key))
    yield (
        f"Each selected network wrote {counted(generate['songs'], 'song')} {length} {start}, by "
        f"{how}{limits} (seed {generate['seed']})."
    )


def _measures(evaluation: Mapping[str, Any]) -> Iterable[str]:
    yield (
        "Songs were measured by conjunct melodic motion, limited macroharmony and centricity (windows of "
        f"{evaluation['span_notes']} notes), and compared with openings of the test tunes of the same length; "
        f"intervals of means are {in_percent(evaluation['confidence'])} bootstrap intervals of "
        f"{evaluation['resamples']:,} resamples."
    )


def _comparing(comparisons: Comparisons) -> Iterable[str]:
    options = comparisons.options
    crossed = any(each.crossed for each in comparisons.each)
    how = "with effects of seeds and test tunes as crossed random effects" if crossed else "over seeds"
    yield (
        f"Cells were compared with {comparisons.reference} by differences of bits per note on the test tunes, paired "
        f"by seed ({in_percent(options.confidence)} t intervals, {how}); cells count as equal where the whole interval "
        f"is within {options.region_bits:g} bits of 0."
    )
    if tested := sum(not math.isnan(each.p) for each in comparisons.each):
        yield f"P-values are of two-sided sign-flip tests over seeds, adjusted by Holm's method for {tested} of them."


def _versions(software: Mapping[str, Any]) -> Iterable[str]:
    commit = (software.get("git") or {}).get("commit")
    source = f" (commit {commit[:10]})" if commit else ""
    yield (
        f"We used melgen {software['melgen']}{source} with Python {software['python']}, "
        f"PyTorch {software['torch']} and PyTorch Lightning {software['pytorch-lightning']}."
    )


def _names(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _range(values: Sequence[int]) -> str:
    """``1``, ``1 to 5`` or ``1, 3``."""
    if len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return " and ".join(map(str, values)) if len(values) < 3 else ", ".join(map(str, values))


def _span(values: Sequence[int]) -> str:
    """``5,000`` or ``4,000 to 5,000``; ``an unknown number of`` without any."""
    if not values:
        return "an unknown number of"
    return f"{values[0]:,}" if values[0] == values[-1] else f"{values[0]:,} to {values[-1]:,}"
