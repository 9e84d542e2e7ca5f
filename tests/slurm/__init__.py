"""Sweeps on a real SLURM."""
