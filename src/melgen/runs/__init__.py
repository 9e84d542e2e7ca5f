"""Runs on disk: their names, identities, files and states."""
