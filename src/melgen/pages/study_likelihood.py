"""Bits per note of a study's networks and baselines on the tunes of a split, from its files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from melgen.bit_names import BITS, BITS_OF_PITCH
from melgen.evaluation.baseline_table import in_order
from melgen.files import read_json
from melgen.pages.study_material import StudyMaterial

_LIKELIHOOD = "likelihood"
_OF_BASELINES = (Path("evaluation", "writers"), Path(_LIKELIHOOD, "baselines"))
"""Folders of the baselines that write songs, and of those that are scored as networks are."""


def bits_of_networks(study: StudyMaterial, names: Iterable[str], key: str) -> dict[str, list[float]]:
    """Bits per note of each seed, by the name of the network; nan where a run has none.

    Of runs without a study, these are the results that they have recorded.

    Args:
        names: of the networks.
        key: of the bits and the split, such as ``bits_per_note/test``.
    """
    return {name: [_number(one.get(key)) for one in _scores_of_network(study, name)] for name in names}


def bits_of_baselines(directory: Path, key: str) -> dict[str, float]:
    """Bits per note of each baseline that has them, by its name, in reading order.

    Args:
        directory: of the study.
        key: as in `bits_of_networks`.
    """
    scores: dict[str, dict[str, Any]] = {}
    for folder in _OF_BASELINES:
        for path in sorted((directory / folder).glob("*.json")):
            content = read_json(path)
            of_set = content.get("set_scores")
            scores.setdefault(path.stem, {}).update(of_set if isinstance(of_set, dict) else content)
    found = {name: _number(scores[name].get(key)) for name in in_order(scores)}
    return {name: bits for name, bits in found.items() if math.isfinite(bits)}


def compared_bits(study: StudyMaterial) -> str:
    """The bits by which all networks of a study can be compared: those of pitch if some of them write rhythm."""
    of_pitch = bits_of_networks(study, study.evaluations, f"{BITS_OF_PITCH}/test")
    return BITS_OF_PITCH if any(math.isfinite(bits) for seeds in of_pitch.values() for bits in seeds) else BITS


def _scores_of_network(study: StudyMaterial, name: str) -> list[dict[str, Any]]:
    if not study.is_study:
        return [
            {"/".join(reversed(key.split("/", 1))): value for key, value in run["values"].items()}
            for run in study.runs
            if run["name"] == name
        ]
    found = [read_json(path) for path in sorted((study.directory / _LIKELIHOOD / name).glob("*.json"))]
    return [one for one in found if one]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
