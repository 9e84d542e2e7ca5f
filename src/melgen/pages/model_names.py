"""The selected networks of a study by the names that its files and tables give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from melgen.pages.runs import choices_of
from melgen.plurals import counted


class NamedModel(NamedTuple):
    """A selected network as a page names it.

    Attributes:
        name: without its variant.
        cell, variant: of it; the variant may be empty.
        setting: the choices that it shares with networks of other cells, in words.
    """

    name: str
    cell: str
    variant: str
    setting: str


def named_models(models: Mapping[str, Mapping[str, Any]]) -> dict[str, NamedModel]:
    """The networks of ``selection.json``, by their names in files and by their titles in tables."""
    found = {}
    for name, model in models.items():
        choices = choices_of(Path(next(iter(model.get("runs", ())), name)))
        variant = str(model.get("variant", ""))
        base = [choices["dataset"], choices["cell"], str(choices["layers"])]
        setting = ", ".join(filter(None, (choices["dataset"], counted(choices["layers"], "layer"), variant)))
        named = NamedModel(" ".join(base), choices["cell"], variant, setting)
        found[name] = found[f"{'-'.join(base)} ({variant})"] = named
    return found
