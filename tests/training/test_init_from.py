"""Starting from another run's weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from melgen.checkpoint import load_model
from melgen.data import Split
from melgen.errors import CheckpointError, IdentityError
from melgen.music import Vocabulary
from melgen.networks import GRU, HGRN2, LSTM, SLSTM, MelodyModel, ResidualBlock
from melgen.runs.directory import RunDirectory
from melgen.train import train
from melgen.training.init_from import StartingPoint
from tests.data.melodies import stream_of, walks, write_songs
from tests.tiers import quick_rows
from tests.training.small import same, small_config

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    """A trained run, and another file of songs with higher pitches."""
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    train(small_config(tmp_path, "trainer.max_steps=5", f"run_dir={tmp_path}/old"))
    own = [[pitch + 7 for pitch in song] for song in walks(20, seed=9)]
    write_songs(tmp_path / "own_song_list.p", own)
    return tmp_path


def tuned(folder, *overrides):
    return small_config(
        folder,
        f"path={folder}/own_song_list.p",
        f"init_from={folder}/old",
        f"run_dir={folder}/new",
        *overrides,
    )


def test_known_rows_are_copied_and_new_ones_keep_their_chance(folder):
    start = StartingPoint.read(folder / "old")
    old = start.trained.model
    larger = start.vocabulary.union(Vocabulary([1, 2, 127]))
    model = MelodyModel(len(larger), 8, 1)
    chance = {key: value.clone() for key, value in model.state_dict().items()}
    start.apply(model, larger)
    for token, value in enumerate(larger.values.tolist()):
        if value in start.vocabulary.values:
            row = start.vocabulary.values.tolist().index(value)
            assert torch.equal(model.embedding.weight[token], old.embedding.weight[row])
            assert torch.equal(model.output.weight[token], old.output.weight[row])
            assert model.output.bias[token] == old.output.bias[row]
        else:
            assert torch.equal(model.embedding.weight[token], chance["embedding.weight"][token])
            assert torch.equal(model.output.weight[token], chance["output.weight"][token])
    assert same(dict(model.stack.state_dict()), dict(old.stack.state_dict()))


@pytest.mark.slow
def test_known_melodies_score_as_before_but_for_the_new_values(folder):
    start = StartingPoint.read(folder / "old")
    larger = start.vocabulary.union(Vocabulary([1, 127]))
    model = MelodyModel(len(larger), 8, 1).eval()
    start.apply(model, larger)
    tokens = torch.arange(6)[None]
    place = torch.as_tensor(start.vocabulary.tokens_in(larger))
    torch.testing.assert_close(model(place[tokens])[0][..., place], start.trained.model(tokens)[0])


@quick_rows(
    1,
    ("model", "named"),
    [
        (lambda v: MelodyModel(v, 16, 1, embedding_size=8), "hidden_size: 8 there, 16 now"),
        (lambda v: MelodyModel(v, 16, 2, embedding_size=8), "hidden_size: 8 there, 16 now; layers: 1 there, 2 now"),
        (lambda v: MelodyModel(v, 8, 2), "layers: 1 there, 2 now"),
        (lambda v: MelodyModel(v, 8, 1, GRU), "cell: lstm there, gru now"),
        (lambda v: MelodyModel(v, 8, 2, [LSTM, GRU]), r"layers: 1 there, 2 now; cell: lstm there, lstm \+ gru now"),
        (lambda v: MelodyModel(v, 8, 1, block=ResidualBlock), "block: none there, residual now"),
        (lambda v: MelodyModel(v, 8, 1, embedding_size=4), "embedding_size: 8 there, 4 now"),
    ],
)
def test_another_network_is_refused_and_left_alone(folder, model, named):
    start = StartingPoint.read(folder / "old")
    made = model(len(start.vocabulary))
    before = {key: value.clone() for key, value in made.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"another network than this run's; {named}$"):
        start.apply(made, start.vocabulary)
    assert same(dict(made.state_dict()), before)


def test_options_of_cells_are_named_one_by_one(folder):
    start = StartingPoint.read(folder / "old")
    size = len(start.vocabulary)
    theirs = MelodyModel(size, 8, 2, partial(HGRN2, heads=4, norm=False))
    start = replace(start, trained=replace(start.trained, model=theirs))
    with pytest.raises(CheckpointError, match=r"run's; cell.heads: 4 there, 2 now$"):
        start.apply(MelodyModel(size, 8, 2, partial(HGRN2, heads=2, norm=False)), start.vocabulary)
    both = [partial(HGRN2, heads=heads, norm=False) for heads in (4, 2)]
    with pytest.raises(CheckpointError, match=r"cell.heads: 4 there, \[4, 2\] now$"):
        start.apply(MelodyModel(size, 8, 2, both), start.vocabulary)
    with pytest.raises(CheckpointError, match=r"run's; cell: hgrn2 there, slstm now$"):
        start.apply(MelodyModel(size, 8, 2, SLSTM), start.vocabulary)


@pytest.mark.slow
def test_another_representation_is_refused(folder):
    with pytest.raises(CheckpointError, match=r"trained with dataset=control, and this run has dataset=interval"):
        train(tuned(folder, "dataset=interval", "trainer.max_steps=5"))
    assert not (folder / "new").exists()


@pytest.mark.slow
def test_the_vocabulary_is_kept_and_extended(folder):
    train(tuned(folder, "trainer.max_steps=1"))
    old, new = (load_model(folder / name).vocabulary.values.tolist() for name in ("old", "new"))
    assert set(old) < set(new)
    assert max(new) > max(old)


@pytest.mark.slow
def test_it_matters_at_the_first_start_only(folder):
    train(tuned(folder, "trainer.max_steps=5"))
    (folder / "old" / "checkpoints" / "best.ckpt").unlink()
    (folder / "old" / "checkpoints" / "last.ckpt").unlink()
    train(tuned(folder, "trainer.max_steps=9"))
    whole = load_model(folder / "new" / "checkpoints" / "last.ckpt")
    assert whole.updates == 9


@pytest.mark.slow
def test_a_resumed_tuning_equals_an_undisturbed_one(folder):
    train(tuned(folder, "trainer.max_steps=5"))
    train(tuned(folder, "trainer.max_steps=9"))
    train(tuned(folder, "trainer.max_steps=9", f"run_dir={folder}/undisturbed"))
    resumed, undisturbed = (
        load_model(folder / name / "checkpoints" / "last.ckpt").model.state_dict() for name in ("new", "undisturbed")
    )
    assert same(dict(resumed), dict(undisturbed))


@pytest.mark.slow
def test_a_run_from_chance_is_another_run(folder):
    train(tuned(folder, "trainer.max_steps=2"))
    (folder / "new" / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(IdentityError, match=r"started_from: [0-9a-f]+ there, None now"):
        train(tuned(folder, "trainer.max_steps=2", "init_from=null"))


@pytest.mark.slow
def test_the_weights_name_themselves(folder):
    first, again = (StartingPoint.read(folder / "old").digest for _ in range(2))
    train(small_config(folder, "trainer.max_steps=5", "seed=1", f"run_dir={folder}/other"))
    assert first == again != StartingPoint.read(folder / "other").digest


@pytest.mark.slow
def test_a_path_without_weights_is_refused(folder):
    with pytest.raises(CheckpointError, match="nowhere: no such file or directory"):
        train(tuned(folder, f"init_from={folder}/nowhere", "trainer.max_steps=1"))
    assert not (folder / "new").exists()


def leaks(run):
    return json.loads((run / "data.json").read_text())["init_from"]


def split_of(run):
    _, *lines = (run / "splits.tsv").read_text().splitlines()
    return {line.split("\t")[1]: line.split("\t")[0] for line in lines}


def strip_record(path):
    """A checkpoint as an older melgen wrote it."""
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["melgen"]["training_tunes"]
    torch.save(checkpoint, path)


def transposed(songs, semitones):
    return [[pitch + semitones for pitch in song] for song in songs]


@pytest.fixture
def overlapping(folder):
    """The trained run, and a corpus in which every second tune is a transposed training tune of that run."""
    trained_on = [number for number, split in enumerate(split_of(folder / "old").values()) if split == "train"]
    known = transposed([walks(30)[number] for number in trained_on[:20]], 3)
    songs = [song for pair in zip(known, walks(20, seed=5), strict=True) for song in pair]
    write_songs(folder / "own_song_list.p", songs)
    return folder


def tuned_otherwise(folder, *overrides):
    """A run with other splits: with equal ones, no tune could be trained on in one run and held out in the other."""
    return tuned(folder, "split_seed=1", *overrides)


def is_known(source):
    return int(source.rpartition("#")[2]) % 2 == 1  # songs are counted from 1


@pytest.mark.slow
def test_training_tunes_of_the_start_are_trained_on_and_not_held_out(overlapping, caplog):
    train(tuned_otherwise(overlapping, "trainer.max_steps=2", "init_from=null", f"run_dir={overlapping}/chance"))
    before = split_of(overlapping / "chance")
    known = [source for source, split in before.items() if is_known(source) and split != "train"]
    assert known
    train(tuned_otherwise(overlapping, "trainer.max_steps=2"))
    found = leaks(overlapping / "new")
    assert found == {
        "tunes": "checked",
        "held_out_tunes_known": len(known),
        "known_tunes_are": "in the training split now",
    }
    assert f"its network was trained on {len(known)} of the held-out tunes" in caplog.text
    assert split_of(overlapping / "new") == before | dict.fromkeys(known, "train")
    assert "init_from" not in json.loads((overlapping / "chance" / "data.json").read_text())


@pytest.mark.slow
def test_readers_of_the_corpus_keep_the_splits_of_a_tuned_run(overlapping):
    config = tuned_otherwise(overlapping, "trainer.max_steps=2")
    train(config)
    train(tuned_otherwise(overlapping, "trainer.max_steps=2", "init_from=null", f"run_dir={overlapping}/chance"))
    kept = RunDirectory(overlapping / "new").splits_to_keep
    assert kept == overlapping / "new" / "splits.tsv"
    assert RunDirectory(overlapping / "chance").splits_to_keep is None
    data = instantiate(config.dataset)
    data.recorded_splits = (kept,)
    data.setup()
    assert [Split(split).name.lower() for split in data.splits] == list(split_of(overlapping / "new").values())


@pytest.mark.slow
def test_a_checkpoint_that_is_copied_alone_knows_them(overlapping):
    shutil.copy(overlapping / "old" / "checkpoints" / "best.ckpt", overlapping / "alone.ckpt")
    shutil.rmtree(overlapping / "old")
    train(tuned_otherwise(overlapping, "trainer.max_steps=2", f"init_from={overlapping}/alone.ckpt"))
    assert leaks(overlapping / "new")["held_out_tunes_known"] > 0


@pytest.mark.slow
def test_the_start_of_the_start_counts_too(overlapping):
    write_songs(overlapping / "between_song_list.p", transposed(walks(30, seed=77), 2))
    between = [f"path={overlapping}/between_song_list.p", f"run_dir={overlapping}/between", "trainer.max_steps=2"]
    train(tuned_otherwise(overlapping, *between))
    assert leaks(overlapping / "between")["held_out_tunes_known"] == 0
    train(tuned_otherwise(overlapping, "trainer.max_steps=2", f"init_from={overlapping}/between"))
    direct = tuned_otherwise(overlapping, "trainer.max_steps=2", f"run_dir={overlapping}/direct")
    train(direct)
    assert leaks(overlapping / "new") == leaks(overlapping / "direct")
    assert split_of(overlapping / "new") == split_of(overlapping / "direct")


@pytest.mark.slow
def test_a_resumed_tuning_keeps_its_splits(overlapping):
    train(tuned_otherwise(overlapping, "trainer.max_steps=2"))
    before, seen = split_of(overlapping / "new"), load_model(overlapping / "new").seen
    shutil.rmtree(overlapping / "old")
    train(tuned_otherwise(overlapping, "trainer.max_steps=4"))
    assert split_of(overlapping / "new") == before
    again = load_model(overlapping / "new" / "checkpoints" / "last.ckpt")
    assert again.updates == 4
    assert np.array_equal(again.seen.own, seen.own)
    assert np.array_equal(again.seen.inherited, seen.inherited)


@pytest.mark.slow
def test_declared_splits_stay_and_known_tunes_are_left_out_of_the_scores(overlapping, caplog):
    trained_on = [number for number, split in enumerate(split_of(overlapping / "old").values()) if split == "train"]
    known = transposed([walks(30)[number] for number in trained_on[:6]], 5)
    for split, songs in {
        "train": walks(20, seed=5),
        "validation": [*known[:2], *walks(5, seed=6)],
        "evaluation": [*walks(5, seed=7), *known[2:]],
    }.items():
        write_songs(overlapping / "declared" / f"{split}_song_list.p", songs)
    train(tuned_otherwise(overlapping, f"path={overlapping}/declared", "trainer.max_steps=2"))
    assert leaks(overlapping / "new") == {
        "tunes": "checked",
        "held_out_tunes_known": 6,
        "known_tunes_are": "left out, since the corpus declares its splits",
    }
    numbers = json.loads((overlapping / "new" / "data.json").read_text())
    assert [numbers[f"{split}_tunes"] for split in ("train", "validation", "test")] == [20, 5, 5]
    assert "6 of the held-out tunes; they are left out" in caplog.text
    assert len(split_of(overlapping / "new")) == 30


@pytest.mark.slow
def test_a_start_without_a_record_is_unchecked_and_so_are_trainings_from_it(overlapping, caplog):
    for path in (overlapping / "old" / "checkpoints").glob("*.ckpt"):
        strip_record(path)
    train(tuned_otherwise(overlapping, "trainer.max_steps=2"))
    assert leaks(overlapping / "new") == {"tunes": "unchecked", "held_out_tunes_known": 0, "known_tunes_are": None}
    assert "the training tunes of its network are not recorded; some of them may" in caplog.text
    train(
        tuned_otherwise(
            overlapping, "trainer.max_steps=2", f"init_from={overlapping}/new", f"run_dir={overlapping}/third"
        )
    )
    assert leaks(overlapping / "third")["tunes"] == "unchecked"
    assert "are not recorded completely" in caplog.text


@pytest.mark.slow
def test_a_start_that_knows_all_held_out_tunes_is_refused(folder):
    splits = split_of(folder / "old").values()
    known = [song for song, split in zip(walks(30), splits, strict=True) if split == "train"]
    write_songs(folder / "own_song_list.p", known)
    with pytest.raises(ValueError, match="trained on all tunes of the validation split"):
        train(tuned(folder, "trainer.max_steps=2"))
    assert not (folder / "new" / "checkpoints").exists()


@pytest.mark.slow
def test_a_stream_of_intervals_is_recognised_too(tmp_path):
    songs = walks(30)
    write_songs(tmp_path / "tiny_song_list.p", songs)
    train(small_config(tmp_path, "dataset=interval", "trainer.max_steps=2", f"run_dir={tmp_path}/old"))
    trained_on = [
        song for song, split in zip(songs, split_of(tmp_path / "old").values(), strict=True) if split == "train"
    ]
    parts = {
        "train": walks(20, seed=5),
        "validation": walks(5, seed=6),
        "evaluation": [*trained_on[:3], *walks(4, seed=8)],
    }
    for split, part in parts.items():
        intervals = [np.diff(song).tolist() for song in part]
        write_songs(tmp_path / "own" / f"{split}_intervals_final.p", stream_of(intervals))
    options = ["dataset=interval", "trainer.max_steps=2", f"path={tmp_path}/own", f"init_from={tmp_path}/old"]
    train(small_config(tmp_path, *options, f"run_dir={tmp_path}/new"))
    assert leaks(tmp_path / "new")["held_out_tunes_known"] == 3


def test_a_damaged_record_is_refused(folder):
    path = folder / "old" / "checkpoints" / "best.ckpt"
    whole = torch.load(path, weights_only=True)
    own = whole["melgen"]["training_tunes"]["own"]
    for damage in (None, {}, [own], {"own": own}, {"own": own.float(), "inherited": own, "is_complete": True}):
        torch.save(whole | {"melgen": whole["melgen"] | {"training_tunes": damage}}, path)
        with pytest.raises(CheckpointError, match="training tunes is damaged"):
            load_model(path)
