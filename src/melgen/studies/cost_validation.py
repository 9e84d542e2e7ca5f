"""Check whether cross-entropy is a fair cost: songs of several stages of a training against the loss at each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import compress
from pathlib import PurePosixPath

from melgen.evaluation.correlation import RankCorrelation, rank_correlation
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.tonality import Tonality
from melgen.studies.results import StudyResults
from melgen.tables.table import Cell, Column, Row, Table, Value, row

NAME = "cost_validation"
"""The name of its table and of its figure."""

DISTANCE, OVERLAP = "distance", "overlapped_area"
_OVERLAP_PREFIX = "overlapped_area/"
_PHASES = {False: "up to the best", True: "after the best"}
_BEYOND = (
    " Stages after the best checkpoint have a phase of their own, since a network that overfits has losses that the "
    "young network had too; the correlations leave them out."
)

_OF_EACH = " Each training has correlations of its own, since losses of different vocabularies are not comparable."


@dataclass(frozen=True)
class CostValidation:
    """Measures of the songs and the loss, stage by stage, and how the one follows the other.

    Stages after the best checkpoint are a phase of their own: there a network that overfits returns to losses that
    the young network had, so that one loss belongs to two networks. They are shown, and left out of the correlations.

    Attributes:
        names: of the models, one for each stage.
        trainings: the run that each stage is of.
        beyond_best: whether a stage is after the best checkpoint of its training.
        updates: made up to each stage.
        losses: the criterion at each stage, nats per token for ``val/loss``.
        measures: means of the tonality metrics, ``distance`` (of the three from the openings' own, in their
            deviations; see the table ``tonality``) and ``overlapped_area`` (mean over all features); a value for
            each stage.
        references: the openings' own value of a measure.
        correlations: by training, Spearman's rank correlation of each measure with the loss, over its stages up to the
            best. Losses of different trainings are not ranked together: they may be per token of other vocabularies.
    """

    names: tuple[str, ...]
    trainings: tuple[str, ...]
    beyond_best: tuple[bool, ...]
    updates: tuple[int, ...]
    losses: tuple[float, ...]
    measures: dict[str, tuple[float, ...]]
    references: dict[str, float]
    correlations: dict[str, dict[str, RankCorrelation]]

    @classmethod
    def of(cls, results: StudyResults, tonality: Table, criterion: str, options: EvaluationOptions) -> CostValidation:
        """Gather it from a study by checkpoints.

        Args:
            tonality: the study's table of that name.
            criterion: what the checkpoints were chosen by.
        """
        songs = [results.songs[model.name] for model in results.models]
        measures = {metric: tuple(one.summaries[metric].mean for one in songs) for metric in Tonality._fields}
        measures[DISTANCE] = tuple(_distance(tonality, model.name) for model in results.models)
        measures[OVERLAP] = tuple(map(_mean_overlap, songs))
        measures = {key: values for key, values in measures.items() if not all(map(math.isnan, values))}
        references = {}
        if results.openings is not None:
            references = {metric: results.openings.summaries[metric].mean for metric in Tonality._fields}
            references[OVERLAP] = _mean_overlap(results.openings)
        losses = tuple(float(model.runs[0].result[criterion]) for model in results.models)
        beyond = tuple(model.runs[0].beyond_best for model in results.models)
        trainings = tuple(model.runs[0].path.as_posix() for model in results.models)
        correlations = {}
        for training in dict.fromkeys(trainings):
            chosen = [own == training and not late for own, late in zip(trainings, beyond, strict=True)]
            correlations[training] = {
                key: _correlation(tuple(compress(losses, chosen)), tuple(compress(values, chosen)), options)
                for key, values in measures.items()
            }
        return cls(
            tuple(model.name for model in results.models),
            trainings,
            beyond,
            tuple(int(model.runs[0].result["updates"]) for model in results.models),
            losses,
            measures,
            references,
            correlations,
        )

    @property
    def has_several(self) -> bool:
        """Whether the stages are of more than one training."""
        return len(self.correlations) > 1

    def table(self, results: StudyResults) -> Table:
        """A row for each stage, those after the best one below a rule, then the rank correlations with the loss."""
        columns = (
            Column("model", "stage", "text"),
            Column("phase", "phase", "text"),
            Column("updates", "updates", "integer"),
            Column("loss", "cross-entropy (nats)", decimals=3),
            *(Column(key, key.replace("_", " "), decimals=3) for key in self.measures),
        )
        rows: list[Row] = []
        order = sorted(range(len(self.names)), key=lambda number: self.beyond_best[number])
        for number in order:
            name, beyond = self.names[number], self.beyond_best[number]
            sources = (results.models[number].runs[0].path.as_posix(), results.song_folders[name])
            values = [measure[number] for measure in self.measures.values()]
            rule = beyond and bool(rows) and not any(self.beyond_best[earlier] for earlier in order[: len(rows)])
            shown: list[Value] = [
                results.models[number].title,
                _PHASES[beyond],
                self.updates[number],
                self.losses[number],
            ]
            rows.append(row(name, [*shown, *values], sources, rule=rule))
        sources_of = [made.cells[0].sources for made in rows]
        for training, correlations in self.correlations.items():
            own = [
                sources for number, sources in zip(order, sources_of, strict=True) if self.trainings[number] == training
            ]
            whole = tuple(dict.fromkeys(source for sources in own for source in sources))
            name = f" {PurePosixPath(training).name}" if self.has_several else ""
            for part in ("coefficient", "low", "high", "p_value"):
                label = {"coefficient": "rank correlation with the loss", "p_value": "p"}.get(
                    part, f"confidence interval, {part}"
                )
                label += f" ({name.strip()})" if name else ""
                values = [getattr(correlation, part) for correlation in correlations.values()]
                shown = [label, _PHASES[False], None, None, *values]
                rows.append(row(part + name, shown, whole, rule=part == "coefficient"))
        stages = "each training" if self.has_several else "one training"
        return Table(
            "Cross-entropy against tonality",
            f"Songs of stages of {stages}, nearest to equal steps of the loss up to its lowest validation value. "
            "Spearman's rank correlation of each measure with the loss over these stages, with its bootstrap interval."
            + (_OF_EACH if self.has_several else "")
            + (_BEYOND if any(self.beyond_best) else ""),
            columns,
            tuple(rows),
        )


def _correlation(losses: tuple[float, ...], values: tuple[float, ...], options: EvaluationOptions) -> RankCorrelation:
    return rank_correlation(
        losses, values, confidence=options.confidence, resamples=options.resamples, seed=options.seed
    )


def _distance(tonality: Table, name: str) -> float:
    keys = [column.key for column in tonality.columns]
    if DISTANCE not in keys:
        return math.nan
    (cell,) = (found.cells[keys.index(DISTANCE)] for found in tonality.rows if found.key == name)
    return math.nan if cell.value is None else float(_as_number(cell))


def _as_number(cell: Cell) -> float:
    assert isinstance(cell.value, int | float)
    return float(cell.value)


def _mean_overlap(songs: SongSetEvaluation) -> float:
    areas = [value for key, value in songs.set_scores.items() if key.startswith(_OVERLAP_PREFIX)]
    return sum(areas) / len(areas) if areas else math.nan
