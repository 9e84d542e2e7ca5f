"""Short names for runs shown together, by their differences other than representation, cell, layers and seed.

The name of a run's directory contains every overridden key; among other runs, only the keys that differ between them
are of interest.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from melgen.checkpoint_files import SUFFIX
from melgen.music.rhythms import rhythm_option
from melgen.numbered_names import updates_in
from melgen.runs.config import BLOCKS, read_config
from melgen.runs.identity import RECORDED, identity_of
from melgen.runs.learning_rates import LEARNING_RATES, RATE
from melgen.runs.naming import RunName, parse_run_name, safe_name
from melgen.runs.size_keys import SOLVED, given_size

USUAL = "usual values"
"""Name of the variant that has the most common value of every key, if several keys differ."""

LONGEST_SLUG = 60
_NOT_COMPARED = frozenset({"seed", "layers", "model.layers", *RECORDED})
_BY_CELL, _BY_DATASET = ("cell.", "model.cell."), ("dataset.representation.",)
_START = "init_from"
_NEUTRAL = {  # what runs without a rhythm or a block do not record
    "rhythm._target_": "melgen.music.NoRhythm",
    "block._target_": "melgen.networks.NoBlock",
    "block._partial_": True,
}
_SOLVED = (*SOLVED, "model.hidden_size")
"""Keys that follow from ``parameters`` and the other choices of a run."""
_ABSENT = object()


@dataclass(frozen=True)
class Choices:
    """The choices of a run's configuration.

    Attributes:
        dataset, cell: representation and cell.
        settings: the other keys of its identity, flat, and ``init_from``; None if unknown. Where ``parameters`` sets
            the sizes, it takes their place: networks of equal size are no variants of each other.
        label: the user's own name for it, if any.
        stated: the rest of its directory's name, used if the settings are unknown.
        layers, seed: its own, for comparison with the run that it started from.
    """

    dataset: str
    cell: str
    settings: Mapping[str, Any] | None = None
    label: str = ""
    stated: str = ""
    layers: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Variant:
    """The name that distinguishes a run from others with the same representation, cell, layers and seed.

    Attributes:
        slug: the same for the runs of one variant, usable in a file name; empty if there is only one variant.
        text: for readers: the user's label, or else the differences: ``hidden_size 64, lr 0.01``.
    """

    slug: str = ""
    text: str = ""


@dataclass
class _Key:
    """A key whose values differ between runs."""

    name: str
    values: list[Any] = field(default_factory=list)

    def decides(self, other: _Key) -> bool:
        """Whether each value of this key occurs with only one value of the other key, which may refer to it."""
        found: dict[Any, Any] = {}
        return all(found.setdefault(mine, its) == its for mine, its in zip(self.values, other.values, strict=True))


def settings_of(run: Path) -> dict[str, Any] | None:
    """The keys of a run's configuration that belong to its identity, flat, and ``init_from``.

    Returns:
        None if the configuration is missing or damaged.
    """
    try:
        config = read_config(run)
        return _settings(config)
    except Exception:  # OmegaConf may raise anything for a damaged file
        return None


def _settings(config: DictConfig) -> dict[str, Any]:
    settings = identity_of(config, fingerprint="") | {_START: config.get(_START)}
    given = given_size(config)
    solved = {*_SOLVED} if given else set()
    if config.get(LEARNING_RATES) is not None:  # networks with the best rate of each are no variants of each other
        solved, given = solved | {RATE}, given | {LEARNING_RATES: "tuned"}
    return {key: value for key, value in settings.items() if key not in solved} | given


def label_of(config: Mapping[str, Any]) -> str:
    """The user's own name for a run, in one line; empty if there is none.

    >>> label_of({"label": " without  dropout"}), label_of({})
    ('without dropout', '')
    """
    label = config.get("label")
    return "" if label is None else " ".join(str(label).split())


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
        replace(run, settings={**_NEUTRAL, **(run.settings or {}), _START: start})
        for run, start in zip(runs, _starts(runs), strict=True)
    ]
    keys = _keys_that_differ(runs)
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
            if value is not _ABSENT and (len(keys) == 1 or value != common)
        ]
        found.append(", ".join(parts) or ("" if all(value is _ABSENT for value in row) else USUAL))
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


def choices_of(path: Path, config: DictConfig) -> Choices:
    """The choices of a run that may not have begun, from the name of its directory and its configuration."""
    settings = _settings(config)
    parsed = parse_run_name(path.name) or RunName(path.name, "", 0, 0, "")
    label = label_of(config)  # type: ignore[arg-type]  # keys of ours are text
    return Choices(parsed.dataset, parsed.cell, settings, label, parsed.variant, parsed.layers, parsed.seed)


def choices_in(path: Path, label: str | None = None) -> Choices:
    """The choices of the run in a directory, from its name and its configuration."""
    settings = settings_of(path)
    parsed = parse_run_name(path.name)
    known = settings or {}
    if parsed is None:  # a user has named the directory
        dataset, cell = str(known.get("dataset.representation._target_")), _cell_of(known)
        parsed = RunName(dataset, cell, known.get("layers", 0), known.get("seed", 0), path.name)
    if label is None:
        try:
            label = label_of(read_config(path))  # type: ignore[arg-type]  # keys of ours are text
        except ValueError:
            label = ""
    return Choices(parsed.dataset, parsed.cell, settings, label, parsed.variant, parsed.layers, parsed.seed)


def _cell_of(settings: Mapping[str, Any]) -> str:
    return repr([value for key, value in sorted(settings.items()) if key.startswith("cell.")])


def _keys_that_differ(runs: Sequence[Choices]) -> list[_Key]:
    """The keys that differ, without those that follow from them: ``model.hidden_size`` next to ``hidden_size``."""
    names = dict.fromkeys(key for run in runs for key in run.settings or ())
    differing = []
    for name in names:
        if name in _NOT_COMPARED:
            continue
        values = [_plain((run.settings or {}).get(name, _ABSENT)) for run in runs]
        by_choice: dict[str, set[Any]] = {}
        for run, value in zip(runs, values, strict=True):
            # The options of a cell belong to its name, unless two runs of this cell differ in them.
            group = run.cell if name.startswith(_BY_CELL) else run.dataset if name.startswith(_BY_DATASET) else ""
            by_choice.setdefault(group, set()).add(value)
        if any(len(found) > 1 for found in by_choice.values()):
            differing.append(_Key(name, values))
    # A class before its options, then short keys before longer ones that repeat them.
    differing.sort(key=lambda key: (not key.name.endswith("_target_"), key.name.count("."), key.name))
    kept: list[_Key] = []
    for key in differing:
        if not any(_are_related(known.name, key.name) and known.decides(key) for known in kept):
            kept.append(key)
    return sorted(kept, key=lambda key: (key.name.rpartition(".")[2], key.name))


def _are_related(first: str, second: str) -> bool:
    """Whether one key may repeat the other, or be an option of the other one's class."""
    if first.endswith("_target_"):
        return second.partition(".")[0] == first.partition(".")[0]
    return first.rpartition(".")[2] == second.rpartition(".")[2] or second.startswith(f"model.{first}.")


def _plain(value: Any) -> Any:
    """A value that can be compared and counted."""
    return repr(value) if isinstance(value, list | dict) else value


def _majority(values: Sequence[Any]) -> Any:
    """The value of more than half of them, if there is one; else an object that equals no value."""
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else object()


def _words(keys: Sequence[_Key]) -> list[str]:
    """The last part of each key, or the whole key if two have the same last part."""
    short = [
        key.name.partition(".")[0] if key.name.endswith("_target_") else key.name.rpartition(".")[2] for key in keys
    ]
    return [word if short.count(word) == 1 else key.name for word, key in zip(short, keys, strict=True)]


def _part(word: str, value: Any) -> str:
    return str(value) if word == _START else f"{word} {_text(value)}"


def _starts(runs: Sequence[Choices]) -> list[str]:
    """The start of each run in words: only parts that distinguish the sources and differ from the run's own choices.

    >>> made = [Choices("control", "lstm", {"init_from": path}, seed=seed) for seed in (0, 1)
    ...         for path in (None, f"multirun/essen/control-lstm-0-seed{seed}/checkpoints/best.ckpt")]
    >>> _starts(made)
    ['from scratch', 'from essen', 'from scratch', 'from essen']
    """
    paths = [(run.settings or {}).get(_START) for run in runs]
    sources = [None if path is None else _source(str(path)) for path in paths]
    own = [(None, f"{run.dataset}-{run.cell}-{run.layers}", f"seed{run.seed}", run.stated, "") for run in runs]
    there = [(source, mine) for source, mine in zip(sources, own, strict=True) if source is not None]
    distinguishing = [
        i
        for i in range(len(own[0]) if own else 0)
        if len({source[i] for source, _ in there}) > 1 and any(source[i] != mine[i] for source, mine in there)
    ]
    named = [None if source is None else [source[i] for i in distinguishing if source[i]] for source in sources]
    return [
        "from scratch" if source is None else "from " + "/".join(parts or [source[0] or source[1]])
        for source, parts in zip(sources, named, strict=True)
    ]


def _source(path: str) -> tuple[str, str, str, str, str]:
    """The parts of a run or checkpoint's path: parent directory, network, seed, rest of the run's name, and update.

    >>> _source("multirun/essen/control-lstm-2-seed0/checkpoints/step-00000500.ckpt")
    ('essen', 'control-lstm-2', 'seed0', '', 'update 500')
    """
    parts = [part for part in Path(path).parts if part not in ("checkpoints", "/", "~", "..", ".")]
    file = parts.pop() if parts and parts[-1].endswith(SUFFIX) else ""
    updates = updates_in(file, SUFFIX)
    run, folder = (parts[-1] if parts else file), (parts[-2] if len(parts) > 1 else "")
    update = "" if updates is None else f"update {updates}"
    parsed = parse_run_name(run)
    if parsed is None:
        return folder, run, "", "", update
    return folder, f"{parsed.dataset}-{parsed.cell}-{parsed.layers}", f"seed{parsed.seed}", parsed.variant, update


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
