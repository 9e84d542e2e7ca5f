"""The sections of the page: each is one Python file and one JavaScript file of the same name in this folder.

The Python file holds ``SECTION``, a `melgen.pages.section.Section`; the JavaScript file calls
``addSection(name, draw)``. `add_folder` adds a folder with sections of one's own.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

from melgen.pages.section import Section


@dataclass(frozen=True)
class FoundSection:
    """A section with its files.

    Attributes:
        name: of both files; the key of its data in the page.
        section: its Python side.
        script: text of its JavaScript file.
    """

    name: str
    section: Section
    script: str


def add_folder(folder: str | Path) -> None:
    """Search one more folder for sections.

    Raises:
        ValueError: if it is not a folder.
    """
    place = Path(folder).expanduser().resolve()
    if not place.is_dir():
        raise ValueError(f"{folder}: not a folder with sections of a page")
    if str(place) not in __path__:
        __path__.append(str(place))
        importlib.invalidate_caches()


def find_sections() -> list[FoundSection]:
    """All sections, in the order of the page.

    Raises:
        ValueError: if one of a section's two files is missing or does not hold what it must.
    """
    found: dict[str, FoundSection] = {}
    for folder in __path__:
        for name in sorted(_names(folder, ".py") | _names(folder, ".js")):
            if name in found:
                raise ValueError(f"{folder}/{name}: another folder has a section of this name")
            found[name] = _read(Path(folder), name)
    return sorted(found.values(), key=lambda one: (one.section.position, one.name))


def _names(folder: str, ending: str) -> set[str]:
    if ending == ".py":
        return {module.name for module in pkgutil.iter_modules([folder]) if not module.name.startswith("_")}
    return {path.stem for path in Path(folder).glob(f"*{ending}")}


def _read(folder: Path, name: str) -> FoundSection:
    for ending in (".py", ".js"):
        if not (folder / f"{name}{ending}").is_file():
            raise ValueError(f"{folder}: a section is a .py and a .js file of one name; {name}{ending} is missing")
    section = getattr(importlib.import_module(f"{__name__}.{name}"), "SECTION", None)
    if not isinstance(section, Section):
        raise ValueError(f"{folder / name}.py: SECTION must be a melgen.pages.section.Section, is {section!r}")
    script = (folder / f"{name}.js").read_text(encoding="utf-8")
    if f'addSection("{name}"' not in script:
        raise ValueError(f'{folder / name}.js: must call addSection("{name}", draw)')
    return FoundSection(name, section, script)
