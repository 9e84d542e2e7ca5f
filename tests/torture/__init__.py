"""Harnesses that make trouble for hours; their short forms are among the slow tests."""
