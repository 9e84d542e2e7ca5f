"""Long harnesses: each a command of its own, with a short form among the slow tests."""
