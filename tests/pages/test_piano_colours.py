"""The letters on the keys of the piano are legible at every share."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest


def luminance(rgb):
    parts = [part / 255 for part in rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def rgb(text):
    text = text if len(text) == 6 else "".join(2 * digit for digit in text)
    return [int(text[at : at + 2], 16) for at in (0, 2, 4)]


@pytest.mark.parametrize("key", [r"\.piano-key", r"\.piano-key\.black"])
def test_letters_have_the_contrast_of_level_aa(key):
    style = files("melgen.pages").joinpath("assets", "play.css").read_text(encoding="utf-8")
    rule = re.search(rf"^{key} \{{(.*?)\}}", style, re.DOTALL | re.MULTILINE)[1]
    ink = luminance(rgb(re.search(r"[ ;]color: #(\w+)", rule)[1]))
    mix = r"color-mix\(in srgb, #(\w+) calc\(var\(--share, 0\) \* (\d+)%\), #(\w+)\)"
    most, percent, least = re.search(mix, rule).groups()
    for step in range(101):
        share = step / 100 * int(percent) / 100
        ground = luminance([share * a + (1 - share) * b for a, b in zip(rgb(most), rgb(least), strict=True)])
        dark, light = sorted([ink, ground])
        assert (light + 0.05) / (dark + 0.05) >= 4.5
