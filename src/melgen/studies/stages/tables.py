"""The stage tables: every table as CSV, Markdown and LaTeX, the LaTeX lines of the papers, and a methods paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from melgen.files import write_text
from melgen.runs.learning_rates import LEARNING_RATES
from melgen.studies import cost_validation
from melgen.studies.cost_validation import CostValidation
from melgen.studies.embedding_fits import EMBEDDING_GEOMETRY, fits_digest, fits_table
from melgen.studies.methods import TunedRates, methods_files, methods_paragraph
from melgen.studies.runs.reader import config_of
from melgen.studies.study import Study
from melgen.studies.tables.original_paper import PAPERS, paper_sources, paper_tables
from melgen.studies.tables.study_tables import build_tables
from melgen.studies.tasks import Task
from melgen.tables.table import Table


def tasks(study: Study) -> Iterator[Task]:
    """One task, which writes all tables."""
    folder = study.directory / "tables"

    def make() -> Iterable[Path]:
        sources: dict[str, Any] = {}
        for name, table in _all_tables(study).items():
            for ending, text in (("csv", table.to_csv()), ("md", table.to_markdown()), ("tex", table.to_latex())):
                path = folder / f"{name}.{ending}"
                write_text(path, text)
                yield path
            sources[f"tables/{name}"] = table.sources()
        for paper in PAPERS:
            for name, text in paper_tables(study.results, paper).items():
                write_text(folder / paper.folder / name, text)
                yield folder / paper.folder / name
            found = paper_sources(study.results, paper)
            sources |= {f"tables/{paper.folder}/{name}": cells for name, cells in found.items()}
        for name, text in methods_files(_methods(study)).items():
            write_text(folder / name, text)
            yield folder / name
        study.bench.describe(cells=sources)

    fits = fits_digest(study.names, study.bench, study.runs.of_models())
    yield Task("tables", study.inputs_of_results | {"embeddings": fits}, make)


def _methods(study: Study) -> str:
    configs = [config_of(run) for run in study.runs.finished]
    training = OmegaConf.to_container(configs[0], resolve=True)
    assert isinstance(training, dict)
    named = {str(key): value for key, value in training.items()}
    used = tuple(float(config.optimizer.lr) for config in configs if config.get(LEARNING_RATES) is not None)
    return methods_paragraph(
        study.description,
        named,
        study.runs.finished,
        study.bench.software,
        study.results.comparisons,
        TunedRates(used, study.results.rates) if used else None,
    )


def _all_tables(study: Study) -> dict[str, Table]:
    made = build_tables(study.results)
    made[EMBEDDING_GEOMETRY] = fits_table(study.names, study.runs)
    if study.settings.is_by_checkpoints:
        found = CostValidation.of(study.results, made["tonality"], study.settings.criterion, study.settings.options)
        made[cost_validation.NAME] = found.table(study.results)
    return made
