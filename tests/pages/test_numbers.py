"""Numbers of a page and of tables: one rule in both languages, by which only 0 prints as 0."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from melgen.decimals import with_decimals
from tests.engine.javascript import node_program

CASES = [(0.0004, 3), (-0.0002, 3), (0.0, 3), (1e-17, 3), (-1e-17, 2), (1.25, 3), (-0.0601, 2), (0.00049, 3), (2e-8, 2)]


@given(st.floats(-1e6, 1e6), st.integers(1, 5))
@example(0.00049, 3)
@example(0.00096, 3)
@example(-1e-9, 2)
def test_only_what_is_0_prints_as_0(value, decimals):
    text = with_decimals(value, decimals)
    assert (float(text) == 0) == (abs(value) < 1e-9)
    assert text.startswith("-") == (float(text) < 0)
    assert abs(float(text) - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9)
    if abs(value) > 10.0**-decimals:
        assert text == f"{value:.{decimals}f}"


def test_the_page_shows_the_same():
    script = files("melgen.pages").joinpath("assets", "numbers.js").read_text(encoding="utf-8")
    show = script.partition("function show(")[2].partition("\n}\n")[0]
    program = f"function show({show}\n}}\nconsole.log(JSON.stringify({json.dumps(CASES)}.map((each) => show(...each))))"
    answer = subprocess.run([node_program(), "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == [with_decimals(*each) for each in CASES]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_number_stays_so(value):
    assert with_decimals(value, 3) == f"{value:.3f}"
