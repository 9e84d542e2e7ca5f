"""The differences between runs that are shown together, in a few words."""

from __future__ import annotations

import pytest

from melgen.files import write_json
from melgen.runs.choices import Choices
from melgen.runs.variants import LONGEST_SLUG, Variant, variants_in, variants_of


def texts(*settings, **more):
    return [variant.text for variant in variants_in([Choices("control", "lstm", one, **more) for one in settings])]


def test_what_all_runs_have_in_common_is_left_out():
    common = {"batch_size": 20, "seq_length": 16, "cleaning.min_length_notes": 3}
    assert texts(common | {"hidden_size": 8}, common | {"hidden_size": 16}) == ["hidden_size 8", "hidden_size 16"]
    assert texts(common, common) == ["", ""]


def test_a_key_that_repeats_another_is_stated_once():
    both = [{"hidden_size": n, "model.hidden_size": n, "model.embedding_size": n} for n in (8, 16)]
    assert texts(*both) == ["embedding_size 8, hidden_size 8", "embedding_size 16, hidden_size 16"]
    assert texts(*({"hidden_size": n, "model.hidden_size": n} for n in (8, 16))) == ["hidden_size 8", "hidden_size 16"]


def test_of_several_keys_a_run_states_those_in_which_it_departs():
    usual = {"hidden_size": 128, "optimizer.lr": 0.002, "model.input_keep_prob": 1.0}
    others = [{"hidden_size": 64}, {"optimizer.lr": 0.01}, {"model.input_keep_prob": 0.5, "optimizer.lr": 0.01}]
    found = texts(usual, *(usual | other for other in (*others, {"hidden_size": 32})))
    assert found == ["usual values", "hidden_size 64", "lr 0.01", "input_keep_prob 0.5, lr 0.01", "hidden_size 32"]


def test_a_grid_states_both_keys():
    grid = [{"hidden_size": size, "optimizer.lr": lr} for size in (8, 16) for lr in (0.1, 0.2)]
    assert texts(*grid)[0] == "hidden_size 8, lr 0.1"
    assert len(set(texts(*grid))) == 4


def test_the_class_of_a_part_is_stated_without_its_options():
    schedules = [
        {"scheduler.schedule._target_": "torch.optim.lr_scheduler.StepLR", "scheduler.schedule.gamma": 0.9},
        {"scheduler.schedule._target_": "torch.optim.lr_scheduler.ConstantLR", "scheduler.schedule.factor": 1.0},
    ]
    assert texts(*schedules) == ["scheduler StepLR", "scheduler ConstantLR"]


def test_parts_of_a_cell_belong_to_its_name_unless_that_cell_has_two():
    lstm, gru = {"cell._target_": "LSTM", "cell.forget": 1.0}, {"cell._target_": "GRU"}
    runs = [Choices("control", "lstm", lstm), Choices("control", "gru", gru)]
    assert variants_in(runs) == [Variant(), Variant()]
    runs.append(Choices("control", "lstm", lstm | {"cell.forget": 5.0}))
    assert [variant.text for variant in variants_in(runs)] == ["forget 1", "", "forget 5"]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ((None, "multirun/essen/control-lstm-2-seed0"), ["from scratch", "from essen"]),
        (("a/control-lstm-2-seed0", "/x/b/control-lstm-2-seed0"), ["from a", "from b"]),
        (("a/control-lstm-2-seed0", "a/control-lstm-2-seed1"), ["from seed0", "from seed1"]),
        (("a/control-lstm-2-seed0-lr-1", "a/control-lstm-2-seed0-lr-2"), ["from lr-1", "from lr-2"]),
        (
            ("a/r/checkpoints/step-00000010.ckpt", "a/r/checkpoints/step-00000020.ckpt"),
            ["from update 10", "from update 20"],
        ),
        (("a/best.ckpt", None), ["from a", "from scratch"]),
    ],
)
def test_a_fine_tuned_run_is_named_by_its_start(sources, expected):
    found = variants_in([Choices("control", "lstm", {"init_from": each}, layers=2) for each in sources])
    assert [variant.text for variant in found] == expected
    assert len({variant.slug for variant in found}) == 2


def test_each_seed_may_start_from_the_same_seed_of_another_sweep():
    runs = [
        Choices("control", "lstm", {"init_from": start and f"m/essen/control-lstm-2-seed{seed}"}, layers=2, seed=seed)
        for start in (True, None)
        for seed in (0, 1)
    ]
    assert [variant.text for variant in variants_in(runs)] == ["from essen"] * 2 + ["from scratch"] * 2


def test_a_label_replaces_the_differing_keys():
    runs = [Choices("control", "lstm", {"hidden_size": n}, label=f"size {n}") for n in (8, 16)]
    assert variants_in(runs) == [Variant("hidden_size-8", "size 8"), Variant("hidden_size-16", "size 16")]


def test_a_label_that_two_variants_share_is_not_enough():
    runs = [Choices("control", "lstm", {"hidden_size": n}, label="mine" if n < 32 else "other") for n in (8, 16, 32)]
    assert [v.text for v in variants_in(runs)] == ["mine, hidden_size 8", "mine, hidden_size 16", "other"]
    same = [Choices("control", "lstm", {"hidden_size": n}, label="mine") for n in (8, 16)]
    assert [v.text for v in variants_in(same)] == ["hidden_size 8", "hidden_size 16"]
    (alone,) = variants_in([Choices("control", "lstm", {}, label="mine")])
    assert alone == Variant("", "mine")


def test_slugs_are_short_and_fit_for_files():
    keys = {f"model.some_long_option_{i}": 0 for i in range(9)}
    for variant in variants_in([Choices("control", "lstm", dict.fromkeys(keys, n)) for n in (1, 2)]):
        assert len(variant.slug) <= LONGEST_SLUG
    odd = variants_in([Choices("control", "lstm", {"model.x": text}) for text in ("a/b c", "d")])
    assert all("/" not in variant.slug and " " not in variant.slug for variant in odd)


def test_without_a_configuration_the_directory_gives_the_name(tmp_path):
    names = ["control-lstm-2-seed0-lr-1", "control-lstm-2-seed0-lr-2"]
    assert [v.slug for v in variants_of([tmp_path / name for name in names])] == ["lr-1", "lr-2"]
    assert variants_of([tmp_path / names[0]]) == [Variant()]
    for name, lr in zip(names, (1, 2), strict=True):
        write_json(tmp_path / name / "config.yaml", {"optimizer": {"lr": lr}, "label": None})  # JSON is YAML
    assert [v.text for v in variants_of([tmp_path / name for name in names])] == ["lr 1", "lr 2"]
    found = variants_of([tmp_path / name for name in names], {tmp_path / names[0]: "slow"})
    assert [v.text for v in found] == ["slow", "lr 2"]


def test_rhythms_are_named_as_the_user_types_them():
    factored = {"rhythm._target_": "melgen.music.Factored", "rhythm.condition": "header"}
    assert texts({}, factored) == ["rhythm none", "rhythm factored"]
    assert texts(factored, factored | {"hidden_size": 8}) == ["", "hidden_size 8"]
    own = {"rhythm._target_": "mine.Swing"}
    assert texts(own, factored) == ["rhythm Swing", "rhythm factored"]
