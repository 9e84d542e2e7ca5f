"""The names of networks on a page: in one line, in drawings, and as in the tables of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from melgen.pages.runs import UNKNOWN, choices_of
from melgen.plurals import counted


class NamedModel(NamedTuple):
    """A network as a page names it; no two networks of a page have the same name and variant, or the same title.

    Attributes:
        name: without its variant.
        cell, variant: of it; the variant may be empty.
        setting: the choices that it shares with networks of other cells, in words.
        title: name and variant in one line, as tables have it.
    """

    name: str
    cell: str
    variant: str
    setting: str
    title: str

    @property
    def label(self) -> list[str]:
        """For a drawing: parts that each begin a line."""
        return [self.name, self.variant] if self.variant else [self.name]


def unknown_model(name: str) -> NamedModel:
    """What has a name only, such as a baseline."""
    return NamedModel(name, name, "", "", name)


def named_models(models: Mapping[str, Mapping[str, Any]]) -> dict[str, NamedModel]:
    """The networks of a page by their names in files and by their titles in tables.

    A network is called after its choices. It keeps its name in files if its choices are not known, if another network
    has the same, or if that is a name which somebody gave to it.

    Args:
        models: as in ``selection.json``. A network may state its ``dataset``, ``cell`` and ``layers`` itself; else they
            are those of its first run. ``has_own_name`` marks a given name.
    """
    named = {name: _named(name, model) for name, model in models.items()}
    repeated = Counter((each.name, each.variant) for each in named.values())
    by_title: dict[str, NamedModel] = {}
    for name, each in named.items():
        if repeated[each.name, each.variant] > 1:
            named[name] = _under_own_name(name, each)
        else:
            by_title[each.title] = each
    return by_title | named


def _named(name: str, model: Mapping[str, Any]) -> NamedModel:
    run = choices_of(Path(next(iter(model.get("runs", ())), name)))
    dataset, cell, layers = (model.get(key, run[key]) for key in ("dataset", "cell", "layers"))
    variant = str(model.get("variant", ""))
    base = (str(dataset), str(cell), str(layers))
    setting = ", ".join(filter(None, (base[0], counted(layers, "layer"), variant)))
    named = NamedModel(" ".join(base), base[1], variant, setting, f"{'-'.join(base)} ({variant})" if variant else name)
    return _under_own_name(name, named) if model.get("has_own_name") or UNKNOWN in base else named


def _under_own_name(name: str, named: NamedModel) -> NamedModel:
    return named._replace(name=name, variant="", title=name)
