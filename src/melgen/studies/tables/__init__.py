"""The tables of a study, and those of the two papers."""

from melgen.studies.tables.original_paper import PAPERS, SECOND, paper_sources, paper_tables
from melgen.studies.tables.study_tables import build_tables

__all__ = ["PAPERS", "SECOND", "build_tables", "paper_sources", "paper_tables"]
