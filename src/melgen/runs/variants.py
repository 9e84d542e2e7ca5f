"""Short names for runs shown together, by their differences other than representation, cell, layers and seed.

The name of a run's directory contains every overridden key; among other runs, only the keys that differ between them
are of interest.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from melgen.music.rhythms import rhythm_option
from melgen.runs.choices import START, Choices, choices_in
from melgen.runs.config import BLOCKS
from melgen.runs.differing_keys import ABSENT, Key, keys_that_differ
from melgen.runs.naming import parse_run_name, safe_name
from melgen.runs.start_names import start_names

USUAL = "usual values"
"""Name of the variant that has the most common value of every key, if several keys differ."""

LONGEST_SLUG = 60
_NEUTRAL = {  # what runs without a rhythm or a block do not record
    "rhythm._target_": "melgen.music.NoRhythm",
    "block._target_": "melgen.networks.NoBlock",
    "block._partial_": True,
}


@dataclass(frozen=True)
class Variant:
    """The name that distinguishes a run from others with the same representation, cell, layers and seed.

    Attributes:
        slug: the same for the runs of one variant, usable in a file name; empty if there is only one variant.
        text: for readers: the user's label, or else the differences: ``hidden_size 64, lr 0.01``.
    """

    slug: str = ""
    text: str = ""


def variants_in(runs: Sequence[Choices]) -> list[Variant]:
    """A variant for each of several runs that are shown together, by their differences.

    If one key differs, each variant states its value. If several keys differ, a variant states the keys in which it
    differs from most variants.

    >>> sizes = [Choices("control", "lstm", {"hidden_size": size, "model.hidden_size": size}) for size in (64, 128)]
    >>> [variant.text for variant in variants_in(sizes)]
    ['hidden_size 64', 'hidden_size 128']
    >>> [variant.slug for variant in variants_in(sizes)]
    ['hidden_size-64', 'hidden_size-128']
    >>> variants_in(sizes[:1])
    [Variant(slug='', text='')]
    """
    if any(run.settings is None for run in runs):
        return _labelled(runs, _as_stated(runs))
    runs = [
        replace(run, settings={**_NEUTRAL, **(run.settings or {}), START: start})
        for run, start in zip(runs, start_names(runs), strict=True)
    ]
    keys = keys_that_differ(runs)
    alike: dict[Any, str] = {}
    for i, run in enumerate(runs):
        which = (run.dataset, run.cell, run.layers, run.seed, *(key.values[i] for key in keys))
        if alike.setdefault(which, run.stated) != run.stated:  # a copy with another name
            return _labelled(runs, _as_stated(runs))
    if not keys:
        return _labelled(runs, [Variant() for _ in runs])
    words = _words(keys)
    rows = list(zip(*(key.values for key in keys), strict=True))
    commonest = [_majority([row[i] for row in dict.fromkeys(rows)]) for i in range(len(keys))]
    found = []
    for row in rows:
        parts = [
            _part(word, value)
            for word, value, common in zip(words, row, commonest, strict=True)
            if value is not ABSENT and (len(keys) == 1 or value != common)
        ]
        found.append(", ".join(parts) or ("" if all(value is ABSENT for value in row) else USUAL))
    if len(set(found)) < len(set(rows)):  # two different values have the same text
        found = [f"{text} {_hash(repr(row))}" for text, row in zip(found, rows, strict=True)]
    return _labelled(runs, [Variant(slug_of(text), text) for text in found])


def _as_stated(runs: Sequence[Choices]) -> list[Variant]:
    """Variants by the names of the directories, for configurations that do not distinguish them."""
    several = len({run.stated for run in runs}) > 1
    return [Variant(slug_of(run.stated), run.stated) if several else Variant() for run in runs]


def variants_of(paths: Sequence[Path], labels: Mapping[Path, str] | None = None) -> list[Variant]:
    """`variants_in` for the directories of runs.

    Args:
        paths: the directories of the runs.
        labels: names of runs that replace those in their configurations.
    """
    return variants_in([choices_in(path, (labels or {}).get(path)) for path in paths])


def names_in(paths: Sequence[Path], variants: Sequence[Variant]) -> list[str]:
    """A name for each of several runs: its choices, and its variant.

    Runs in several directories have these before their names; a run whose directory a user named keeps that name.

    >>> names_in([Path("m/a/control-lstm-1-seed0-hidden_size-8")], [Variant("hidden_size-8", "hidden_size 8")])
    ['control-lstm-1-seed0 hidden_size 8']
    """
    several = len({path.parent for path in paths}) > 1
    names = []
    for path, variant in zip(paths, variants, strict=True):
        parsed = parse_run_name(path.name)
        name = f"{parsed.dataset}-{parsed.cell}-{parsed.layers}-seed{parsed.seed}" if parsed else path.name
        if variant.text:
            name += f" ({variant.text})" if "," in variant.text else f" {variant.text}"
        names.append(f"{path.parent.name}/{name}" if several else name)
    return names


def _majority(values: Sequence[Any]) -> Any:
    """The value of more than half of them, if there is one; else an object that equals no value."""
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else object()


def _words(keys: Sequence[Key]) -> list[str]:
    """The last part of each key, or the whole key if two have the same last part."""
    short = [
        key.name.partition(".")[0] if key.name.endswith("_target_") else key.name.rpartition(".")[2] for key in keys
    ]
    return [word if short.count(word) == 1 else key.name for word, key in zip(short, keys, strict=True)]


def _part(word: str, value: Any) -> str:
    return str(value) if word == START else f"{word} {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    text = str(value)
    if targets := re.findall(r"'_target_': '[\w.]*?(\w+)'", text):
        return "+".join(targets)
    if re.fullmatch(r"\w+(\.\w+)+", text):  # the dotted path of a class
        return BLOCKS.get(text) or rhythm_option(text)
    return "+".join(re.split(r",\s*", text.strip("[]").replace("'", "")))


def _labelled(runs: Sequence[Choices], variants: Sequence[Variant]) -> list[Variant]:
    """Replace the text of a variant by the user's label; a label of several variants is put before the text.

    A label that all runs have does not distinguish models, and is left out if there are several models.
    """
    of_label: dict[str, set[str]] = {}
    for run, variant in zip(runs, variants, strict=True):
        of_label.setdefault(run.label, set()).add(variant.slug)
    models = {(run.dataset, run.cell, variant.slug) for run, variant in zip(runs, variants, strict=True)}
    if len(of_label) == 1 and len(models) > 1:
        return list(variants)
    labelled = []
    for run, variant in zip(runs, variants, strict=True):
        shared = len(of_label[run.label]) > 1
        text = ", ".join(filter(None, (run.label, variant.text if shared else ""))) if run.label else variant.text
        labelled.append(Variant(variant.slug, text))
    return labelled


def slug_of(text: str) -> str:
    """The text of a variant as a part of a file name.

    >>> slug_of("hidden_size 64, lr 0.01")
    'hidden_size-64-lr-0.01'
    """
    slug = safe_name(re.sub(r"[\s,/]+", "-", text))
    return slug if len(slug) <= LONGEST_SLUG else f"{slug[: LONGEST_SLUG - 9]}-{_hash(slug)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
