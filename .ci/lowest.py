"""Print the lowest versions that pyproject.toml allows, except torch's, as constraints for pip (`make test-matrix`)."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
LEFT_OPEN = frozenset({"torch", "melgen"})
"""`.ci/torch.txt` chooses the version of torch."""


def lowest(requirements: list[str]) -> dict[str, str]:
    """The lowest version of each package that has a lower bound.

    >>> lowest(["numpy>=1.26,<3", "torch>=2.9", "six", "plotly>=5", "plotly>=6,<8"])
    {'numpy': '1.26', 'plotly': '6'}
    """
    found: dict[str, str] = {}
    for requirement in map(Requirement, requirements):
        bounds = [bound.version for bound in requirement.specifier if bound.operator in (">=", "==", "~=")]
        if bounds and requirement.name not in LEFT_OPEN:
            found[requirement.name] = max([*bounds, found.get(requirement.name, bounds[0])], key=_as_numbers)
    return found


def _as_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def main() -> None:
    """Print the lowest versions."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    for name, version in lowest(requirements).items():
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
