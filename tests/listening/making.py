"""Tests of a made study, as small as one may be."""

from __future__ import annotations

from melgen.listening.making import ListeningTest, Settings, make_test
from melgen.listening.material import read_material
from melgen.listening.rules import Rules

SMALL = Settings(
    title="Listening test",
    question="Which tune do you like better?",
    return_to="me",
    songs=4,
    notes=12,
    quarters=12,
    skip=None,
    tempo=120,
    comparisons=12,
    checks=2,
    seed=0,
)


def small_test(study, settings: Settings = SMALL, rules: Rules | None = None, **options) -> ListeningTest:
    """A test of a study."""
    material = read_material(study, progress=False, **options)
    return make_test(material, settings, rules or Rules(), 0.95, {})
