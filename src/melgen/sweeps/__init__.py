"""Sweeps: many runs from one command line; what they will do, and how each went."""
