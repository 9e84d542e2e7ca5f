"""Long runs that try to break melgen: kills, full disks, hostile files, SLURM; the slow tests contain short ones."""
