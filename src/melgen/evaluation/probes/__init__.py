"""Probes: questions about what a network does that its mean bits per note do not answer.

Pure functions of tunes, bits of notes and states. Each probe has a control in which there is no effect.
"""

COPYING, STATES, SIMILARITY, BUDGET, MEMORIZATION = PROBES = (
    "copying",
    "states",
    "similarity",
    "budget",
    "memorization",
)
"""The names of the probes, in the order to read them: in the option ``probes``, of tasks, folders and tables."""
