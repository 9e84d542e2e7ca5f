"""The order of the files of tests."""

from pathlib import Path

from tests.tiers import LONGEST_FILES, longest_first


class Item:
    def __init__(self, nodeid):
        self.nodeid = nodeid


def test_the_longest_files_come_first():
    items = [Item("tests/test_a.py::test_one"), Item(f"{LONGEST_FILES[1]}::test_two[x::y]"), Item(LONGEST_FILES[0])]
    assert sorted(items, key=longest_first) == [items[2], items[1], items[0]]


def test_they_exist():
    assert [name for name in LONGEST_FILES if not (Path(__file__).parents[1] / name).is_file()] == []
