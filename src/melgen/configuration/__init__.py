"""The configuration of a command: where its files are, which keys it knows, and what it refuses."""
