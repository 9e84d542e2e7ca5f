"""Studies: many trainings as one, from sweep to tables and figures."""
