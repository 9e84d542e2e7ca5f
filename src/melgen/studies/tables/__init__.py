"""The tables of a study, and the paper's."""

from melgen.studies.tables.original_paper import paper_sources, paper_tables
from melgen.studies.tables.study_tables import build_tables

__all__ = ["build_tables", "paper_sources", "paper_tables"]
