"""Probe the networks of a study: tasks, measuring one network, results and what they show in words."""
