"""Tables: cells with their sources, as CSV, Markdown and LaTeX."""

from melgen.tables.set_tables import build_set_tables
from melgen.tables.table import Cell, Column, Row, Table

__all__ = ["Cell", "Column", "Row", "Table", "build_set_tables"]
