"""``python -m melgen``: which commands there are."""

COMMANDS = """usage: python -m melgen.<command> [key=value ...]

  prepare   read a corpus of tunes and report on it
  train     train a network, or a sweep of them with -m
  generate  let a trained network write songs
  study     sweep, select, generate, evaluate: the tables and figures of a paper
  evaluate  measure a folder of songs and compare it with a corpus
  render    songs as sound, scores and files for other programs
  publish   a sweep's and a study's tables to W&B
  report    one HTML page of a run or a study, to look at and to play
  status    how the runs of a sweep stand, while they run or after

python -m melgen.<command> --help lists all that a command can be told."""

if __name__ == "__main__":
    import sys

    from melgen.terminal import prepare_standard_streams

    prepare_standard_streams()
    print(COMMANDS)
    sys.exit(2 if sys.argv[1:] else 0)
