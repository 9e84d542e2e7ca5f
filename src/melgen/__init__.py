"""melgen: train, compare and hear recurrent networks that write melodies."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from melgen.old_targets import former_names

__version__ = "0.1.0"


def load(path: Any) -> Any:
    """The network of a run's directory, a checkpoint, a model file, or a repository (``hf:owner/name``).

    Returns:
        A `melgen.network.Network`.

    Raises:
        CheckpointError: if there is none, or it cannot be read; names the path and the reason.
    """
    # Imported here, because it needs torch: `import melgen` takes no time.
    return import_module("melgen.network").load(path)


if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)
