"""The table: the content of its three forms, which no title of a tune can break."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.evaluation.results import Summary
from melgen.tables import Cell, Column, Row, Table
from melgen.tables.escaping import printable
from melgen.tables.table import LONGEST_TABULAR, row

COLUMNS = (
    Column("song", "song", "text"),
    Column("notes", "notes", "integer"),
    Column("loss", "loss (nats)", decimals=3),
    Column("chosen", "chosen", "flag"),
    Column("motion", "motion", "summary"),
)
THIRD = Summary(1 / 3, 0.25, 0.5, -0.25, 1.0, 9)
TABLE = Table(
    "Songs & tunes",
    "Losses in nats.",
    COLUMNS,
    (
        row("a", ["a_1", 34, 2 / 3, True, THIRD], ("runs/a",)),
        row("b", ["50% & $5", 7.0, -1.0, False, None], rule=True),
        row("c", [None, None, math.nan, None, Summary(2.0, math.nan, math.nan, math.nan, math.nan, 1)]),
    ),
)


def test_csv_holds_every_digit_and_empty_cells_for_missing_values():
    assert TABLE.to_csv() == (
        "song,notes,loss,chosen,motion_mean,motion_sd,motion_low,motion_high\n"
        "a_1,34,0.6666666666666666,true,0.3333333333333333,0.5,-0.25,1.0\n"
        "50% & $5,7,-1.0,false,,,,\n"
        ",,,,2.0,,,\n"
    )


def test_markdown_is_aligned_and_readable():
    assert TABLE.to_markdown().replace("\N{EN DASH}", "=") == (
        "# Songs & tunes\n"
        "\n"
        "Losses in nats.\n"
        "\n"
        "| song     | notes | loss (nats) | chosen |                    motion |\n"
        "| :------- | ----: | ----------: | :----: | ------------------------: |\n"
        "| a_1      |    34 |       0.667 | yes    | 0.33 ± 0.50 [-0.25, 1.00] |\n"
        "|          |       |             |        |                           |\n"
        "| 50% & $5 |     7 |      -1.000 |        |                         = |\n"
        "| =        |     = |           = | =      |           2.00 ± = [=, =] |\n"
    )


def test_latex_is_a_booktabs_tabular():
    assert TABLE.to_latex() == (
        "% Songs & tunes\n"
        "% Losses in nats.\n"
        "\\begin{tabular}{lrrcr}\n"
        "\\toprule\n"
        "song & notes & loss (nats) & chosen & motion \\\\\n"
        "\\midrule\n"
        "a\\_1 & 34 & 0.667 & yes & 0.33 $\\pm$ 0.50 [$-$0.25, 1.00] \\\\\n"
        "\\midrule\n"
        "50\\% \\& \\$5 & 7 & $-$1.000 &  & -- \\\\\n"
        "-- & -- & -- & -- & 2.00 $\\pm$ -- [--, --] \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_a_table_longer_than_a_page_breaks_across_pages():
    columns = (Column("n", "n", "integer"),)
    for rows, environment in ((LONGEST_TABULAR, "tabular"), (LONGEST_TABULAR + 1, "longtable")):
        text = Table("Long", "", columns, tuple(row(str(n), [n]) for n in range(rows))).to_latex()
        assert f"\\begin{{{environment}}}{{r}}" in text
        assert text.count("\\bottomrule") == 1
        assert text.endswith(f"\\end{{{environment}}}\n")
        assert sum(line.endswith("\\\\") for line in text.splitlines()) == rows + 1


def test_sources_of_a_row_are_stated_once_if_its_cells_share_them():
    columns = COLUMNS[:2]
    table = Table(
        "t",
        "",
        columns,
        (
            row("shared", ["x", 1], ("runs/a", "songs/a")),
            row("mixed", [Cell("x", ("songs/a",)), 1], ("runs/a",)),
            Row("partly", (Cell("x"), Cell(1, ("runs/a",)))),
            row("none", ["x", 1]),
        ),
    )
    assert table.sources() == {
        "shared": {"*": ["runs/a", "songs/a"]},
        "mixed": {"song": ["songs/a"], "notes": ["runs/a"]},
        "partly": {"notes": ["runs/a"]},
    }


def test_numbers_of_numpy_print_as_numbers():
    table = Table("t", "", COLUMNS[1:3], (row("a", [np.int64(3), np.float64(0.5)]),))
    assert table.to_csv() == "notes,loss\n3,0.5\n"
    assert "|     3 |       0.500 |" in table.to_markdown()


def test_no_negative_zero_for_readers():
    table = Table("t", "", COLUMNS[2:3], (row("a", [-1e-17]), row("b", [-0.0001])))
    assert "| 0.000 |" in table.to_markdown().replace("  ", "")
    assert "-0.0001 |" in table.to_markdown(), "what is not 0 does not print as 0"
    assert table.to_csv().endswith("-1e-17\n-0.0001\n")


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (COLUMNS[:1] * 2, (), "column .* 'song' is there twice"),
        (COLUMNS[:1], (row("a", ["x"]), row("a", ["y"])), "row .* 'a' is there twice"),
        (COLUMNS[:2], (row("a", ["x"]),), "row 'a' .* needs 2 cells, got 1"),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(columns, rows, message):
    with pytest.raises(ValueError, match=message):
        Table("t", "", columns, rows)


def test_a_table_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE.title = "other"
    hash(TABLE)


@pytest.mark.parametrize(
    ("title", "latex"),
    [
        ('Hag\'s "Head" & Tail', "Hag's ``Head'' \\& Tail"),
        ("100% ~_^#{x}$", "100\\% \\textasciitilde{}\\_\\textasciicircum{}\\#\\{x\\}\\$"),
        ("a\\b", "a\\textbackslash{}b"),
        ("[untitled]", "{[}untitled{]}"),
        ("*", "{*}"),
        ("Lützow's wilde Jagd, Ça ira", "Lützow's wilde Jagd, Ça ira"),
        ("The\nWind\tand % rain", "The Wind and \\% rain"),
        ("broken name \udcff.mid", "broken name .mid"),
        # pdflatex fails on a letter and a separate accent, which occur in some files.
        ("Cafe\u0301", "Caf\u00e9"),
    ],
)
def test_titles_of_tunes_in_latex(title, latex):
    line = _table_of(title).to_latex().splitlines()[-3]
    assert line == rf"{latex} & 1 \\"


@given(st.text())
def test_no_title_breaks_a_table(title):
    table = _table_of(title)
    assert list(csv.reader(io.StringIO(table.to_csv(), newline=""))) == [["song", "notes"], [printable(title), "1"]]

    markdown = table.to_markdown().rstrip("\n").split("\n")
    assert len(markdown) == 4 + 3
    for line in markdown[-3:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3

    *_, line, _, _ = table.to_latex().split("\n")[:-1]
    bare = re.sub(r"\\(?:text[a-z]+\{\}|[{}$&%#_])", "", line.removesuffix(r" & 1 \\"))
    assert line.endswith(r" & 1 \\")
    assert not re.search(r"[\\$&%#_~^\"<>]", bare)
    assert re.sub(r"\{[\[\]*`]\}", "", bare).count("{") == 0


def test_links_in_titles_stay_text_in_markdown():
    table = _table_of("[here](x) [a][b] [c] _d_ e_f ~~g~~ <h>")
    assert "[here\\](x) [a\\][b] [c] \\_d\\_ e_f \\~\\~g\\~\\~ \\<h>" in table.to_markdown()


def _table_of(title: str) -> Table:
    return Table("Tunes", "Of all kinds.", COLUMNS[:2], (row("a", [title, 1]),))
