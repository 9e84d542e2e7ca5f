"""The stages of a study, a module each: the sweep trains, every other one lists its tasks."""

STAGES = ("sweep", "select", "generate", "evaluate", "tables", "figures", "report")
"""Their names, in their order."""
