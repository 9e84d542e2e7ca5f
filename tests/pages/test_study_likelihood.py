"""Where the bits per note of a page's networks are read from."""

from types import SimpleNamespace

import pytest

from melgen.files import write_json
from melgen.pages.study_likelihood import bits_of_networks

KEY = "bits_per_note/test"


@pytest.mark.parametrize(("is_study", "bits"), [(True, [2.5]), (False, [3.5])])
def test_a_study_has_files_of_its_own_also_before_its_manifest(tmp_path, is_study, bits):
    write_json(tmp_path / "likelihood" / "lstm" / "seed0.json", {KEY: 2.5})
    runs = [{"name": "lstm", "values": {"test/bits_per_note": 3.5}}, {"name": "gru", "values": {}}]
    material = SimpleNamespace(directory=tmp_path, is_study=is_study, manifest={}, runs=runs)
    assert bits_of_networks(material, ["lstm"], KEY) == {"lstm": bits}
