"""Rich display in Jupyter: a melody with score and player, a set of songs, an evaluation, a table, a network, a page.

The classes that are shown do not know of it: they are to the left of this package. So they have no ``_repr_html_``;
IPython is told by `register` how to show them, by their names, and nothing is imported before one of them is shown.
"""

from melgen.display.dispatch import to_html, to_text
from melgen.display.formatters import register

__all__ = ["register", "to_html", "to_text"]
