import math

import pytest
import torch
from scipy import stats
from torch import nn

from melgen.generation import sampling
from melgen.generation.sampling import check_room, check_sampling, sample_melodies, sample_values, uniform_draws
from melgen.generation.selection import select
from melgen.music import REPRESENTATIONS, Interval, Vocabulary, representation_named
from melgen.networks import MelodyModel
from tests.networks.conftest import CELLS
from tests.tiers import quick_rows

SIGNIFICANCE = 1e-4
"""A correct sampler fails a test at this level once in ten thousand seeds; the seeds are fixed."""


class Network(nn.Module):
    """A small recurrent network that records the mode and the input of each call."""

    def __init__(self, vocab_size=7):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 8)
        self.recurrent = nn.LSTM(8, 8, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(8, vocab_size)
        self.calls = []

    def forward(self, tokens, state):
        self.calls.append((tuple(tokens.shape), state is None, self.training))
        hidden, state = self.recurrent(self.embedding(tokens), state)
        return 4 * self.output(self.dropout(hidden)), state


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"selection": "rulette"}, "selection=rulette: must be sample or greedy"),
        ({"temperature": 0}, "temperature=0: must be a number above 0; selection=greedy takes the most probable"),
        ({"temperature": -0.0}, "temperature=-0.0: must be a number above 0; selection=greedy"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": 0}, "top_k=0: must be a whole number of at least 1"),
        ({"top_p": 0.0}, "top_p=0.0: must be a number above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_p": math.nan}, "top_p"),
    ],
)
def test_options_out_of_range(options, message, network):
    with pytest.raises(ValueError, match=message):
        select(torch.zeros(1, 3), **options)
    with pytest.raises(ValueError, match=message):
        sample_values(network, [0], songs=1, notes=1, **options)
    with pytest.raises(ValueError, match=message):
        check_sampling(songs=1, notes=1, **options)
    assert not network.calls


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"songs": 0}, "songs=0: must be a whole number of at least 1"),
        ({"notes": -3}, "notes=-3: must be a whole number of at least 1"),
        ({"primer_tokens": []}, "a primer must be a list of at least one token"),
        ({"primer_tokens": [[1, 2]]}, "a primer must be a list"),
        ({"seed": -1}, "seed=.*: must be a whole number from 0 to"),
        ({"seed": 2**64}, "seed=.*: must be a whole number from 0 to"),
    ],
)
def test_numbers_out_of_range(wrong, message, network):
    with pytest.raises(ValueError, match=message):
        sample_values(network, **{"primer_tokens": [1], "songs": 2, "notes": 2, **wrong})
    if "primer_tokens" not in wrong:
        with pytest.raises(ValueError, match=message):
            check_sampling(**{"songs": 2, "notes": 2, **wrong})


def test_same_seed_same_songs_and_global_generators_stay_still(network):
    before = torch.get_rng_state()
    songs = sample_values(network, [1, 2], songs=5, notes=20, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert torch.equal(sample_values(network, [1, 2], songs=5, notes=20, seed=3), songs)
    assert not torch.equal(sample_values(network, [1, 2], songs=5, notes=20, seed=4), songs)
    assert len({tuple(song) for song in songs.tolist()}) == 5
    assert not songs.is_inference()


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_fewer_songs_or_notes_are_the_beginning_of_more(network, seed):
    many = sample_values(network, [1, 2], songs=100, notes=40, seed=seed)
    for songs, notes in [(1, 40), (3, 40), (99, 40), (100, 7), (17, 1)]:
        fewer = sample_values(network, [1, 2], songs=songs, notes=notes, seed=seed)
        assert torch.equal(fewer, many[:songs, :notes])


def test_draws_of_other_songs_notes_and_seeds_are_others():
    draws = torch.stack([uniform_draws(seed, note, 500) for seed in range(5) for note in range(4)])
    assert draws.unique().numel() == draws.numel()
    assert (draws.min() >= 0) & (draws.max() < 1)
    assert stats.kstest(draws.flatten().numpy(), "uniform").pvalue > SIGNIFICANCE
    # A song's own numbers, note by note, are as even as those of many songs at one note.
    one_song = [uniform_draws(0, note, 3)[2].item() for note in range(2000)]
    assert stats.kstest(one_song, "uniform").pvalue > SIGNIFICANCE
    assert abs(torch.corrcoef(draws)[0, 1:]).max() < 5 / math.sqrt(500)


def test_greedy_selection_takes_a_temperature_of_zero(network):
    greedy = sample_values(network, [1], songs=2, notes=5, selection="greedy")
    assert torch.equal(sample_values(network, [1], songs=2, notes=5, selection="greedy", temperature=0), greedy)


def test_the_names_of_the_original_select_the_same(network):
    for former, now in (("roulette", "sample"), ("max", "greedy")):
        songs = sample_values(network, [1], songs=4, notes=8, selection=now, seed=2)
        assert torch.equal(sample_values(network, [1], songs=4, notes=8, selection=former, seed=2), songs)


def test_the_state_is_carried(network):
    """Sampling note by note equals reading the whole song again before every note."""
    primer = [1, 2, 3]
    songs = sample_values(network, primer, songs=3, notes=10, selection="max")
    network.eval()
    for song in songs.tolist():
        so_far = list(primer)
        for token in song:
            logits, _ = network(torch.tensor([so_far]), None)
            assert logits[0, -1].argmax() == token
            so_far.append(token)


def test_all_songs_are_one_batch_and_the_primer_is_read_once(network):
    sample_values(network, torch.tensor([1, 2, 3]), songs=4, notes=3)
    assert network.calls == [((4, 3), True, False), ((4, 1), False, False), ((4, 1), False, False)]


def small_model(cell, layers=2):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MelodyModel(7, 16, layers, cell, initialization="torch")


@quick_rows(2, "cell", list(CELLS.values()))
@pytest.mark.parametrize("primer", [[1, 2], [[1, 2], [3, 4], [0, 6]]], ids=["shared", "each"])
def test_a_melody_model_writes_what_its_ordinary_calls_write(cell, primer):
    model = small_model(cell)
    model.output.weight.data *= 30
    with torch.inference_mode():
        expected = sample_values(lambda tokens, state: model(tokens, state), primer, songs=3, notes=12, seed=1)
    songs = sample_values(model, torch.tensor(primer), songs=3, notes=12, seed=1)
    assert torch.equal(songs, expected)
    assert not songs.is_inference()


def test_a_song_does_not_depend_on_how_many_are_written():
    """From so few that torch multiplies to so many that oneDNN may."""
    model = small_model(CELLS["gru"])
    many = sample_values(model, [1, 2], songs=400, notes=9, seed=1)
    for songs in (1, 7, 399):
        assert torch.equal(sample_values(model, [1, 2], songs=songs, notes=9, seed=1), many[:songs])


def test_a_network_with_a_call_of_its_own_is_called():
    class Constant(MelodyModel):
        def forward(self, tokens, state=None):
            logits, state = super().forward(tokens, state)
            return logits + 1e9 * nn.functional.one_hot(torch.tensor(4), 7), state

    assert sample_values(Constant(7, 8, 1), [1], songs=2, notes=3).tolist() == [[4, 4, 4]] * 2


def test_each_part_gets_its_own_mode_back(network):
    network.train()
    network.dropout.eval()  # frozen on purpose
    sample_values(network, [1], songs=1, notes=1)
    assert network.training
    assert network.recurrent.training
    assert not network.dropout.training

    def fail(*_):
        raise RuntimeError("no")

    network.recurrent.forward = fail
    with pytest.raises(RuntimeError, match="no"):
        sample_values(network, [1], songs=1, notes=1)
    assert network.training


def test_any_callable_will_do():
    def next_is_one_more(tokens, state):
        return nn.functional.one_hot((tokens + 1) % 5, 5).float() * 1e9, state

    assert sample_values(next_is_one_more, [3], songs=2, notes=4).tolist() == [[4, 0, 1, 2]] * 2


@pytest.mark.parametrize("name", list(REPRESENTATIONS))
def test_melodies_begin_with_the_primer(name):
    representation = representation_named(name)
    tune = [60, 62, 64, 62, 60, 65, 67]
    vocabulary = Vocabulary.from_values([representation.encode(tune)])
    network = Network(len(vocabulary))
    songs = sample_melodies(network, representation, vocabulary, primer=tune[:4], songs=3, notes=30)
    assert [song.pitches[:4] for song in songs] == [tuple(tune[:4])] * 3
    assert [song.onsets[-1] < 34 * 24 for song in songs] == [True] * 3
    assert all(len(song) == 34 for song in songs) or name == "interval"


def test_melodies_follow_the_sampled_values():
    vocabulary = Vocabulary([-60, 2, 3])

    def always_the_lowest(tokens, state):
        return torch.tensor([1.0, 0.0, 0.0]).expand(*tokens.shape, 3), state

    (song,) = sample_melodies(
        always_the_lowest, Interval(), vocabulary, primer=[70, 73], songs=1, notes=2, selection="max"
    )
    assert song.pitches == (70, 73, 13)
    assert song.onsets == (0, 24, 48)


@pytest.mark.parametrize(
    ("primer", "message"),
    [
        ([], "or more notes"),
        ([60], "2 or more notes"),
        ([60, 128], "got 128"),
        ([60, 71], "value 11 never occurred"),
    ],
)
def test_melodies_with_an_impossible_primer(primer, message, network):
    with pytest.raises(ValueError, match=rf"primer=\[.*{message}"):
        sample_melodies(network, Interval(), Vocabulary([-2, 2]), primer, songs=1, notes=1)


def test_more_notes_than_the_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(sampling, "available_memory", lambda: 100 * 2**30)
    check_room(2**20, 2**10)
    with pytest.raises(
        ValueError, match=r"songs=1048576 with notes=1025: the notes need 100 GiB of memory, and 100 GiB can be"
    ):
        check_room(2**20, 2**10 + 1)
    with pytest.raises(ValueError, match=r"a=2 with b=10{15}: "):
        check_room(2, 10**15, ("a", "b"))
    monkeypatch.setattr(sampling, "available_memory", lambda: None)
    check_room(100, 10**15)
