"""Tables of a study as the page shows them: no number loses digits that somebody chose."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files

import pytest

from melgen.tables.table import Column, Table, row
from tests.engine.javascript import node_program


def shown(csv: str) -> list[list[str]]:
    """The cells of a table as texts, without thousands in groups."""
    assets = files("melgen.pages").joinpath("assets")
    show = (
        assets.joinpath("numbers.js").read_text(encoding="utf-8").partition("function show(")[2].partition("\n}\n")[0]
    )
    is_summary = "const isSummary = (cell) => cell !== null && typeof cell === 'object';"
    program = f"""{assets.joinpath("csv_table.js").read_text(encoding="utf-8")}
    {is_summary} function show({show}\n}}
    const {{ columns, rows }} = readTable({json.dumps(csv)});
    const text = (cell, c) => (isSummary(cell) ? show(cell.mean, columns[c].decimals)
      : typeof cell === "number" ? show(cell, columns[c].decimals) : cell === null ? "" : cell);
    console.log(JSON.stringify(rows.map((cells) => cells.map(text))));"""
    answer = subprocess.run([node_program(), "-e", program], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("0.00025", "0.0015", "0.0005"), ["0.00025", "0.00150", "0.00050"]),
        (("1e-05", "0.01"), ["0.00001", "0.01000"]),
        (("0.5", "", "-0.25"), ["0.50", "", "-0.25"]),
        (("10.5", "9.25"), ["10.50", "9.25"]),
        (("3", "4.0"), ["3", "4"]),
        (("2.3456789", "0.0004"), ["2.346", "0.0004"]),
        (("123.456789", "1.5"), ["123.5", "1.5"]),
        (("0.00123456", "0.0007"), ["0.00123", "0.00070"]),
        (("2.0000000001e-12",), ["0.00000000"]),
        (("constructor", "true", "false", "toString"), ["constructor", "yes", "", "toString"]),
    ],
)
def test_decimals_and_flags(cells, expected):
    assert [
        cell for (cell,) in shown("a\n" + "".join(f"{cell}\n" for cell in cells).replace("\n\n", '\n""\n'))
    ] == expected


@pytest.mark.parametrize("rates", [(0.0001, 0.00025, 0.0015), (3e-4, 1e-2)])
def test_rates_are_those_of_the_readable_table(rates):
    columns = (Column("chosen", "chosen rate", "text"), Column("bits", "bits", decimals=3))
    table = Table("", "", columns, tuple(row(f"{rate}", (f"{rate:g}", 2.123456)) for rate in rates))
    assert [float(chosen) for chosen, _ in shown(table.to_csv())] == [*rates]
    assert {bits for _, bits in shown(table.to_csv())} == {"2.123"}
