"""The one error that a user of a corpus can meet."""


class CorpusError(ValueError):
    """A corpus cannot be read; the message names the file or key, its value and the rule it breaks."""
