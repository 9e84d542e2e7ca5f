"""Short runs of `torture`, and tests of its own checks."""
