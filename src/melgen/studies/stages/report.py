"""The stage report: the page of the study, of its selected networks, their songs, and all runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from melgen.pages.writing import write_report
from melgen.studies.study import Study
from melgen.studies.tasks import Task, digest_of


def tasks(study: Study) -> Iterator[Task]:
    """One task, which writes ``report.html``."""
    inputs = {
        "results": study.results_digest,
        "files": digest_of(study.bench.outputs_of_all(but="report")),
        "study": digest_of(study.description),
    }

    def make() -> Iterable[Path]:
        study.describe()  # the page shows, from the manifest, what was asked for and which runs it came from
        return [write_report(study.directory, kind="study", cache_dir=study.settings.config.cache_dir)]

    yield Task("report", inputs, make)
