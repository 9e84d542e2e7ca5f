"""Runs on disk: what names them, what identifies them, what they leave behind."""
