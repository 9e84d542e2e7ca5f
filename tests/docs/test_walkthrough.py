"""The notebook: it was executed before the commit, and its cells run from top to bottom with the current code."""

import json
import re
import subprocess
import sys

import pytest

from tests.docs.documents import ROOT

NOTEBOOK = ROOT / "docs/walkthrough.ipynb"
SHRUNK = {"UPDATES = 400": "UPDATES = 25", "trainer.max_steps=400": "trainer.max_steps=4", "songs=20": "songs=3"}


def code_cells():
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_every_cell_has_been_executed_and_none_failed():
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert {"image/svg+xml", "image/png", "text/html"} <= shown, "a score, a plot and sound"
    assert not re.search(r"/(home|root|work|tmp|Users)/", NOTEBOOK.read_text())
    html = "".join(text for output in outputs for text in output.get("data", {}).get("text/html", []))
    assert all(f'class="melgen-{kind}"' in html for kind in ("melody", "songs", "network", "evaluation"))
    assert html.count("<audio ") == 3
    assert 'class="dataframe"' in html
    assert NOTEBOOK.stat().st_size < 450_000


@pytest.mark.slow
def test_its_cells_run(tmp_path):
    pytest.importorskip("IPython", reason="the notebook shows its scores and sound with IPython")
    pytest.importorskip("pandas", reason="the notebook ends with a data frame")
    program = "\n".join("".join(cell["source"]) for cell in code_cells())
    for full, small in SHRUNK.items():
        assert full in program
        program = program.replace(full, small)
    script = tmp_path / "walkthrough.py"
    script.write_text("import matplotlib\nmatplotlib.use('agg')\n" + program)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Best weights at update 4" in done.stdout
    (page,) = tmp_path.glob("multirun/notebook/*/report.html")
    assert (page.parent / "songs/song_003.mid").exists()
    assert (tmp_path / "song.mp3").stat().st_size > 10_000
