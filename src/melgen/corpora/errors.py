"""The errors that a user of a corpus can meet."""


class CorpusError(ValueError):
    """A corpus cannot be read; the message names the file or key, its value and the rule it breaks."""


class EncodedOtherwiseError(CorpusError):
    """The corpus is a ready stream of values in another representation than the one asked for."""
