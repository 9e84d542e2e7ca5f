"""The backends that are fastest on this machine, for the sizes of a network: what ``products=auto`` means.

`melgen.training.steps.use_products` calls `choose` before a training on a CPU. A run that goes on keeps the choice in
its ``provenance.json`` instead.

Each kind of layer is timed with each of its candidates, forwards and backwards. The result is kept in a file, so that
all trainings of a machine use the same: different libraries round in a different order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from melgen.errors import LockedError
from melgen.files import replacing
from melgen.locks import locked
from melgen.networks.backend_candidates import Part, parts_of, places, without_counts
from melgen.networks.model import MelodyModel
from melgen.networks.products.backends import BACKENDS, TORCH
from melgen.networks.products.measuring import fastest

log = logging.getLogger(__name__)

FORMAT_VERSION = 5
"""Also raised when a change of the scan makes other backends the fastest."""

Choice = Mapping[str, str]
"""The name of the backend of each part of a network that uses one: ``layer 1``, the lowest, and so on, and ``output``.

Attention and cells without a fast implementation use none."""


def choose(model: MelodyModel, batch_size: int, steps: int, file: Path) -> dict[str, str]:
    """Find the fastest backend for each part of a network: in float32, or in bfloat16 if autocast asks for it.

    Args:
        model: the network, on a CPU; it does not change.
        batch_size: B of a training window.
        steps: T of a training window.
        file: where this machine's choices are kept; a damaged file is replaced.
    """
    parts = parts_of(model, batch_size, steps)
    known = _read_file(file)
    if any(part.key not in known for part in parts):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with locked(file.with_name(f"{file.name}.lock"), wait_seconds=60.0):
                known = _measured(parts, _read_file(file))  # another process may have measured meanwhile
                _write_file(file, known)
        except (OSError, LockedError) as error:
            log.warning("%s: cannot be kept, so the next training measures the products again (%s)", file, error)
            known = _measured(parts, known)
    return {part.name: known[part.key] for part in parts}


def known_choice(model: MelodyModel, batch_size: int, steps: int, file: Path) -> dict[str, str]:
    """What `choose` would find, as far as the file has it, without measuring anything.

    Numbers of tokens and steps hardly matter to which backend is the fastest, so that the choice for a network of other
    tunes serves too. A part that the file has no choice for is left out.
    """
    chosen = _read_file(file)
    similar = {without_counts(key): name for key, name in chosen.items()}
    found = {
        part.name: chosen.get(part.key, similar.get(without_counts(part.key)))
        for part in parts_of(model, batch_size, steps)
    }
    return {part: name for part, name in found.items() if name is not None}


def _measured(parts: Iterable[Part], known: Mapping[str, str]) -> dict[str, str]:
    """What is known, and the fastest backend of the other parts."""
    found = dict(known)
    for part in parts:
        if part.key not in found:
            found[part.key] = fastest(part.candidates()).name
    return found


def file_in(cache_dir: Path) -> Path:
    """The file with the choices of this machine."""
    return cache_dir / "products.json"


def apply(model: MelodyModel, choice: Choice) -> None:
    """Use these backends from now on; torch's default for a part that is not named.

    Raises:
        ValueError: for a name that there is not.
    """
    for place in places(model):
        name = choice.get(place.name, TORCH.name)
        if name not in BACKENDS:
            raise ValueError(f"products of {place.name}: {name!r} is unknown; known are {', '.join(BACKENDS)}")
        for holder in place.holders:
            holder.backend = BACKENDS[name]


def everywhere(model: MelodyModel, backend: str) -> dict[str, str]:
    """The choice of the same backend for every part that uses one."""
    return {place.name: backend for place in places(model)}


def _read_file(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = content["products"] if content["format_version"] == FORMAT_VERSION else {}
        return {str(key): name for key, name in kept.items() if name in BACKENDS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.debug("%s: not used: %s", file, error)
        return {}


def _write_file(file: Path, known: Mapping[str, str]) -> None:
    with replacing(file) as temporary:
        text = json.dumps({"format_version": FORMAT_VERSION, "products": dict(sorted(known.items()))}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
