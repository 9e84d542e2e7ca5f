"""The report page: what a run or a study has left, as one HTML file to look at and to play.

`writing` makes it: `run_material` or `study_material` reads what there is, each module of `sections` makes the data of
a section from it, and `page` puts these data and the JavaScript into HTML. `schema` describes the data.
"""
