"""Compare the cells of a study: which pairs of networks, the bits of each tune, and the tasks of the stage evaluate."""
