"""Tables of a study on W&B: which columns are numbers."""

import pytest

from melgen.publishing.result_tables import read_table


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2.5", "1e-05"], [1.0, -2.5, 1e-05]),
        (["0", "", "0.25"], [0.0, None, 0.25]),
        (["001", "002"], ["001", "002"]),
        (["1_2", "10_3"], ["1_2", "10_3"]),
        (["1", "lstm"], ["1", "lstm"]),
        (["nan", "2"], ["nan", 2.0]),
    ],
)
def test_columns_of_numbers(cells, expected, tmp_path):
    (tmp_path / "table.csv").write_text("\n".join(["name,value", *(f"a,{cell}" for cell in cells)]), encoding="utf-8")
    header, rows = read_table(tmp_path / "table.csv")
    assert header == ["name", "value"]
    found = [value for _, value in rows]
    assert [str(each) if each != each else each for each in found] == expected
