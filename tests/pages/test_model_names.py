"""The names of networks on a page."""

from melgen.files import write_json
from melgen.pages.model_names import named_models


def models_of(*runs, variant=""):
    return {f"model {number}": {"runs": [run], "variant": variant} for number, run in enumerate(runs)}


def test_a_network_is_called_after_its_choices():
    named = named_models(models_of("../control-lstm-1-seed0", "../db12-gru-2-seed0", variant="lr 0.1"))
    assert named["model 0"].label == ["control lstm 1", "lr 0.1"]
    assert named["model 1"].title == "db12-gru-2 (lr 0.1)"
    assert named["db12-gru-2 (lr 0.1)"] is named["model 1"], "as tables name it"


def test_networks_with_the_same_choices_keep_their_names_in_files():
    named = named_models(models_of("../control-lstm-1-seed0", "../control-lstm-1-seed1", "../control-gru-1-seed0"))
    assert [named[f"model {number}"].title for number in range(3)] == ["model 0", "model 1", "model 2"]
    assert [named[f"model {number}"].label for number in range(3)] == [["model 0"], ["model 1"], ["control gru 1"]]


def test_unknown_choices_and_given_names(tmp_path):
    config = {"dataset": {"representation": {"_target_": "melgen.music.Control"}}, "layers": 2}
    write_json(tmp_path / "half" / "config.yaml", config)
    given = {"runs": ["../control-lstm-1-seed0"], "has_own_name": True}
    stated = {"runs": ["none"], "dataset": "db12", "cell": "nas", "layers": 3}
    named = named_models({"half": {"runs": [str(tmp_path / "half")]}, "gone": {}, "given": given, "stated": stated})
    labels = {"half": ["half"], "gone": ["gone"], "given": ["given"], "stated": ["db12 nas 3"]}
    assert {name: named[name].label for name in labels} == labels
