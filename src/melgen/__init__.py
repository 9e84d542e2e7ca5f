"""melgen: train, compare and hear recurrent networks that write melodies."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from melgen.old_targets import former_names

__version__ = "0.1.0"


def load(path: Any) -> Any:
    """The network of a run's directory, a checkpoint, a model file, or a name: ``melgen:rhythmic``, ``hf:owner/name``.

    Returns:
        A `melgen.network.Network`.

    Raises:
        CheckpointError: if there is none, or it cannot be read; names the path and the reason.
    """
    # Imported here, because it needs torch: `import melgen` takes no time.
    return import_module("melgen.network").load(path)


def measure(songs: Any, name: str = "", options: Any = None) -> Any:
    """The metrics of songs that need no corpus: tonality, descriptors, rhythm, diversity.

    Args:
        songs: what `load(...).continue_(...)` returns, melodies, lists of pitches, or a folder of songs.
        name: of the set; by default that of the network or folder.
        options: a `melgen.evaluation.options.EvaluationOptions`.

    Returns:
        A `melgen.evaluation.results.SongSetEvaluation`; its ``to_pandas()`` has a row for each song.

    Raises:
        ValueError: if no song has two notes, or there is no such folder.
    """
    return import_module("melgen.evaluation.given_songs").measure_songs(songs, name, options)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext melgen``: show melgen's objects richly in this shell, see `melgen.display`."""
    import_module("melgen.display").register(shell)


if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)

# A notebook shows melodies, songs and so on richly without being asked. This costs nothing: classes are known by name.
if "IPython" in sys.modules:
    import_module("melgen.display").register()
