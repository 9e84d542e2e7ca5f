"""The figure of a listening test: what its points and lines show."""

from __future__ import annotations

import numpy as np
import pytest

from melgen.listening.analysis import analyse
from melgen.listening.answers import read_answers
from melgen.listening.figure import preferences
from tests.listening.listeners import Population, write_answers
from tests.listening.making import small_test


@pytest.fixture(scope="module")
def analysis(made, tmp_path_factory):
    folder, key = tmp_path_factory.mktemp("received"), small_test(made / "pitches").key
    write_answers(folder, key, Population(np.array([-1.0, -0.4, 0.0, -1.6]), 0.0), 12)
    return analyse(key, read_answers(folder, key))


def test_points_are_the_estimates_and_lines_their_intervals(analysis):
    found = analysis.all_listeners
    left, right = preferences(analysis).axes
    order = np.argsort(found.fitted.abilities)
    assert [label.get_text() for label in left.get_yticklabels()] == [analysis.key.conditions[i].name for i in order]
    for axes, values, ends in (
        (left, found.fitted.abilities, found.abilities),
        (right, found.fitted.scores, found.scores),
    ):
        even, *points = axes.lines
        assert set(even.get_xdata()) == {values[analysis.key.reference]}
        assert [float(point.get_xdata()[0]) for point in points] == pytest.approx(values[order].tolist())
        drawn = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
        others = [i for i in order if i != analysis.key.reference]
        assert drawn == [pytest.approx([ends.low[i], ends.high[i]]) for i in others]
