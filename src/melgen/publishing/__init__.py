"""Runs on W&B: their upload, and the workspace that shows them."""
