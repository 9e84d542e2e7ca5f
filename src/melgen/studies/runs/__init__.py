"""The finished runs of a study: read, and selected for its tables and figures."""
