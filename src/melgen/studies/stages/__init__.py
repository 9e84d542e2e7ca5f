"""The stages of a study, a module each: tune and sweep train, every other one lists its tasks."""

STAGES = ("tune", "sweep", "select", "generate", "evaluate", "tables", "figures", "report")
"""Their names, in their order."""
