"""What a study trains: the runs that it plans, what is left of them, how long that takes, and training it."""
