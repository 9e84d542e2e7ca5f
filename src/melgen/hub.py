"""Model files from a repository of the Hugging Face Hub: ``hf:owner/name``.

Only the one model file is fetched, and it is read like any other. A file that was fetched before is used without
network. The package huggingface_hub is imported only for such a reference.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

from melgen.errors import CheckpointError

PREFIX = "hf:"
_REFERENCE = re.compile(
    r"hf:(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:/(?P<file>[\w./-]+\.melgen))?(?:@(?P<revision>[\w./-]+))?", re.ASCII
)
_RULE = "hf:owner/name, hf:owner/name/FILE.melgen, or either with @REVISION"


def is_hub_reference(path: str | PathLike[str]) -> bool:
    """Whether a path names a repository.

    >>> is_hub_reference("hf:owner/name"), is_hub_reference("multirun/folk")
    (True, False)
    """
    return str(path).startswith(PREFIX)


def fetched(reference: str | PathLike[str], key: str = "checkpoint") -> Path:
    """The model file that a reference names, from the cache of the Hub or else from the internet.

    Without a file's name it is ``name.melgen`` in the repository ``owner/name``.

    Raises:
        CheckpointError: for a reference of another form, without huggingface_hub, without an internet connection, and
            for a repository, revision or file that does not exist.
    """
    if (cached := fetched_before(reference, key)) is not None:
        return cached
    import huggingface_hub
    from huggingface_hub import errors

    wanted = _wanted(reference, key)
    repository, file = wanted["repo_id"], wanted["filename"]
    try:
        return Path(huggingface_hub.hf_hub_download(**wanted, tqdm_class=_quiet()))
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(f"{key}={reference}: {repository} has no revision {wanted['revision']}") from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(f"{key}={reference}: no such repository, or it is not public") from error
    except errors.LocalEntryNotFoundError as error:  # of several bases, so it comes before the next
        raise CheckpointError(
            f"{key}={reference}: cannot be fetched, and was not fetched before; no internet connection?"
        ) from error
    except errors.EntryNotFoundError as error:
        raise CheckpointError(f"{key}={reference}: {repository} has no file {file}; {_RULE}") from error
    except Exception as error:  # its library of HTTP has errors of its own
        raise _not_fetched(reference, key, error) from error


def fetched_before(reference: str | PathLike[str], key: str = "checkpoint") -> Path | None:
    """The model file that a reference names if it is in the cache of the Hub; the internet is not used.

    Raises:
        CheckpointError: for a reference of another form, and without huggingface_hub.
    """
    wanted = _wanted(reference, key)
    try:
        import huggingface_hub
        import huggingface_hub.utils.logging as hub_logging
    except ImportError as error:
        raise CheckpointError(
            f"{key}={reference}: needs the package huggingface_hub: pip install 'melgen[hub]'"
        ) from error
    hub_logging.set_verbosity_error()  # it would log each of its five tries
    try:
        # Not `hf_hub_download` with local files only, which asks the network for what it writes into its headers.
        cached = huggingface_hub.try_to_load_from_cache(**wanted)
    except Exception as error:  # its rules for names are stricter
        raise _not_fetched(reference, key, error) from error
    return Path(cached) if isinstance(cached, str) else None


def _wanted(reference: str | PathLike[str], key: str) -> dict[str, Any]:
    """The repository, file and revision, as the functions of the package name them."""
    parts = _REFERENCE.fullmatch(str(reference))
    if parts is None or ".." in str(reference):
        raise CheckpointError(f"{key}={reference}: must be {_RULE}")
    file = parts["file"] or f"{parts['name']}.melgen"
    return {"repo_id": f"{parts['owner']}/{parts['name']}", "filename": file, "revision": parts["revision"]}


def _not_fetched(reference: str | PathLike[str], key: str, error: Exception) -> CheckpointError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return CheckpointError(f"{key}={reference}: cannot be fetched ({reason:.300})")


def _quiet() -> Any:
    """A progress bar that shows nothing."""
    from tqdm import tqdm

    class Quiet(tqdm):
        def __init__(self, *args: Any, **options: Any):
            super().__init__(*args, **{**options, "disable": True})

    return Quiet
