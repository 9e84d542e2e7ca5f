"""``python -m melgen``: which commands there are."""

COMMANDS = """usage: python -m melgen.<command> [key=value ...]

  prepare   read a corpus of tunes and report on it
  train     train a network, or a sweep of them with -m
  generate  let a trained network write songs

python -m melgen.<command> --help lists all that a command can be told."""

if __name__ == "__main__":
    import sys

    print(COMMANDS)
    sys.exit(2 if sys.argv[1:] else 0)
