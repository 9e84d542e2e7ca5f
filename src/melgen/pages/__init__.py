"""The report page: what a run or a study has left, as one HTML file to look at and to play.

`melgen.pages.writing` does it all; the other modules gather, each one kind of thing, as plain data.
"""
