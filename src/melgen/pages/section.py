"""A section of the page: what its Python file must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.study_material import StudyMaterial


@dataclass(frozen=True)
class Section:
    """The Python side of a section; `melgen.pages.sections` pairs it with a JavaScript file of the same name.

    Attributes:
        position: sections are shown by rising position, equal ones by name.
        data: the ``TypedDict`` of what its JavaScript is given.
        of_run: makes that data from a run, and adds packs and notices to the content; ``None`` leaves the section out.
        of_study: the same from a study. A section without this function is on no page of a study.
        packs: types of the packs that it adds, by name; a name that ends in ``-N`` has a number there.
        uses_plotly: whether it draws with Plotly, which is then put into the page.
    """

    position: int
    data: type
    of_run: Callable[[RunMaterial, Content], Any] | None = None
    of_study: Callable[[StudyMaterial, Content], Any] | None = None
    packs: Mapping[str, Any] = field(default_factory=dict)
    uses_plotly: bool = False
