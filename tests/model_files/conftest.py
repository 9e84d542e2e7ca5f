import pytest

from melgen.exporting.writing import export_run
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM


@pytest.fixture(scope="session")
def exported(made_once):
    """Model files of two small runs, ``rhythm.melgen`` and ``pitches.melgen``. Tests only read them."""

    def export(folder):
        export_run(WITH_RHYTHM, folder / "rhythm.melgen")
        export_run(OF_PITCHES, folder / "pitches.melgen")

    return made_once("exported", export)


@pytest.fixture
def file(exported, tmp_path):
    """A model file that a test may change."""
    path = tmp_path / "net.melgen"
    path.write_bytes((exported / "rhythm.melgen").read_bytes())
    return path
