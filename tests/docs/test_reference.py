"""The keys in the reference are generated from the configuration, and must be generated again when it changes."""

from pathlib import Path

from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.reference import read_reference
from tests.builders import load_script
from tests.docs.documents import ROOT


def test_the_reference_is_current():
    current = (ROOT / "docs/reference.md").read_text()
    assert load_script("docs/make_reference.py").with_keys(current) == current, "python docs/make_reference.py"


def test_it_names_every_file_of_the_configuration():
    text = (ROOT / "docs/reference.md").read_text()
    for file in Path(CONF_DIR).rglob("*.yaml"):
        place = file.relative_to(CONF_DIR)
        if place.parent.name in ("hydra_logging", "job_logging"):
            continue
        if place.parent == Path():
            assert f"`conf/{place}`" in text
        else:
            section = text.partition(f"### Group `{place.parent.as_posix()}`")[2].partition("\n### ")[0]
            assert f"**`{file.stem}`**" in section


def test_the_table_of_groups_names_every_experiment():
    lines = (ROOT / "docs/training.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("| `experiment` |")]
    for file in Path(CONF_DIR, "experiment").glob("*.yaml"):
        assert f"`{file.stem}`" in row


def test_a_line_is_key_default_and_meaning():
    opening, examples, rows = read_reference(
        "# What\n# it is.\n# Example: a=[3] b.c=# # three\n"
        'a: [1, 2] # one # two\nb:\n  c: "#" # hash\n  d:\n  - x\nhydra:\n  e: 1\n'
    )
    assert opening == "What it is."
    assert examples == [("a=[3] b.c=#", "three")]
    assert rows == [("a", "[1, 2]", "one # two", ""), ("b.c", '"#"', "hash", "")]
