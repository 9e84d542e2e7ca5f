"""Compare cells with one reference cell, seeds paired: the numbers, the comparison, its results and its words."""
