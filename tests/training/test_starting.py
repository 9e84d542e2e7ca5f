"""Starting from another run's weights."""

from __future__ import annotations

import pytest
import torch

from melgen.music import Vocabulary
from melgen.networks import GRU, MelodyModel
from melgen.runs.identity import IdentityError
from melgen.train import train
from melgen.trained import CheckpointError, load_model
from melgen.training.starting import StartingPoint
from tests.data.melodies import walks, write_songs
from tests.training.small import same, small_config


@pytest.fixture
def folder(tmp_path):
    """A trained run, and beside it other songs with higher pitches."""
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


def test_known_melodies_score_as_before_but_for_the_new_values(folder):
    start = StartingPoint.read(folder / "old")
    larger = start.vocabulary.union(Vocabulary([1, 127]))
    model = MelodyModel(len(larger), 8, 1).eval()
    start.apply(model, larger)
    tokens = torch.arange(6)[None]
    place = torch.as_tensor(start.vocabulary.tokens_in(larger))
    torch.testing.assert_close(model(place[tokens])[0][..., place], start.trained.model(tokens)[0])


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda v: MelodyModel(v, 16, 1), "hidden_size: 8 there, 16 now"),
        (lambda v: MelodyModel(v, 8, 2), "stack: "),
        (lambda v: MelodyModel(v, 8, 1, GRU), "stack: "),
        (lambda v: MelodyModel(v, 8, 1, embedding_size=4), "embedding_size: 8 there, 4 now"),
    ],
)
def test_another_network_is_refused_and_left_alone(folder, model, named):
    start = StartingPoint.read(folder / "old")
    made = model(len(start.vocabulary))
    before = {key: value.clone() for key, value in made.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"another network than this run's; .*{named}"):
        start.apply(made, start.vocabulary)
    assert same(dict(made.state_dict()), before)


def test_another_representation_is_refused(folder):
    with pytest.raises(CheckpointError, match=r"trained with dataset=control, and this run has dataset=interval"):
        train(tuned(folder, "dataset=interval", "trainer.max_steps=5"))
    assert not (folder / "new").exists()


def test_the_vocabulary_is_kept_and_extended(folder):
    train(tuned(folder, "trainer.max_steps=1"))
    old, new = (load_model(folder / name).vocabulary.values.tolist() for name in ("old", "new"))
    assert set(old) < set(new)
    assert max(new) > max(old)


def test_it_matters_at_the_first_start_only(folder):
    train(tuned(folder, "trainer.max_steps=5"))
    (folder / "old" / "checkpoints" / "best.ckpt").unlink()
    (folder / "old" / "checkpoints" / "last.ckpt").unlink()
    train(tuned(folder, "trainer.max_steps=9"))
    whole = load_model(folder / "new" / "checkpoints" / "last.ckpt")
    assert whole.updates == 9


def test_a_resumed_tuning_equals_an_undisturbed_one(folder):
    train(tuned(folder, "trainer.max_steps=5"))
    train(tuned(folder, "trainer.max_steps=9"))
    train(tuned(folder, "trainer.max_steps=9", f"run_dir={folder}/undisturbed"))
    resumed, undisturbed = (
        load_model(folder / name / "checkpoints" / "last.ckpt").model.state_dict() for name in ("new", "undisturbed")
    )
    assert same(dict(resumed), dict(undisturbed))


def test_a_run_from_chance_is_another_run(folder):
    train(tuned(folder, "trainer.max_steps=2"))
    (folder / "new" / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(IdentityError, match=r"started_from: [0-9a-f]+ there, None now"):
        train(tuned(folder, "trainer.max_steps=2", "init_from=null"))


def test_the_weights_name_themselves(folder):
    first, again = (StartingPoint.read(folder / "old").digest for _ in range(2))
    train(small_config(folder, "trainer.max_steps=5", "seed=1", f"run_dir={folder}/other"))
    assert first == again != StartingPoint.read(folder / "other").digest


def test_nothing_to_start_from_is_refused(folder):
    with pytest.raises(CheckpointError, match="nowhere: no such file or directory"):
        train(tuned(folder, f"init_from={folder}/nowhere", "trainer.max_steps=1"))
    assert not (folder / "new").exists()
