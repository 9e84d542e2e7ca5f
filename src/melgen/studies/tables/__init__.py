"""Tables: cells with their sources, as CSV, Markdown and LaTeX."""

from melgen.studies.tables.paper import paper_sources, paper_tables
from melgen.studies.tables.set_tables import build_set_tables
from melgen.studies.tables.study_tables import build_tables
from melgen.studies.tables.table import Cell, Column, Row, Table

__all__ = ["Cell", "Column", "Row", "Table", "build_set_tables", "build_tables", "paper_sources", "paper_tables"]
