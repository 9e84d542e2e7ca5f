import math

import pytest
import torch
from scipy import stats
from torch import nn

from melgen.generation.sampling import check_sampling, sample_melodies, sample_values, select, uniform_draws
from melgen.music import REPRESENTATIONS, Interval, Vocabulary, representation_named
from tests.tiers import quick_rows

DRAWS = 20_000
# A correct sampler fails a chi-square test at this level once in ten thousand seeds; the seeds are fixed.
SIGNIFICANCE = 1e-4


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


def draw(probabilities, **options):
    logits = torch.tensor(probabilities).log().expand(DRAWS, -1)
    tokens = select(logits, generator=torch.Generator().manual_seed(0), **options)
    return torch.bincount(tokens, minlength=len(probabilities)).tolist()


def power(probabilities, exponent):
    raised = [p**exponent for p in probabilities]
    return [p / sum(raised) for p in raised]


@pytest.mark.parametrize(
    ("probabilities", "options", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], {}, [0.1, 0.2, 0.3, 0.4]),
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 0.5}, power([0.1, 0.2, 0.3, 0.4], 2)),
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 2.0}, power([0.1, 0.2, 0.3, 0.4], 0.5)),
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 0.6}, [0, 0, 3 / 7, 4 / 7]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 0.75}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ([0.1, 0.2, 0.3, 0.4], {"top_p": 1.0}, [0.1, 0.2, 0.3, 0.4]),
        # Of the two most probable, 4/7 alone reaches a half of what top_k left.
        ([0.1, 0.2, 0.3, 0.4], {"top_k": 2, "top_p": 0.5}, [0, 0, 0, 1]),
        # Squared and renormalised, the likeliest has 16/30, which reaches a half only after the temperature.
        ([0.1, 0.2, 0.3, 0.4], {"temperature": 0.5, "top_p": 0.5}, [0, 0, 0, 1]),
        ([0.4, 0.0, 0.6], {}, [0.4, 0, 0.6]),
    ],
)
def test_sampling_draws_from_the_stated_distribution(probabilities, options, expected):
    counts = draw(probabilities, **options)
    possible = [i for i, p in enumerate(expected) if p > 0]
    assert sum(counts[i] for i in possible) == DRAWS
    test = stats.chisquare([counts[i] for i in possible], [DRAWS * expected[i] for i in possible])
    assert len(possible) == 1 or test.pvalue > SIGNIFICANCE


def test_ties_are_settled_towards_lower_tokens():
    logits = torch.zeros(5, 6)
    assert select(logits, top_k=1).tolist() == [0] * 5
    assert select(logits, top_p=1e-9).tolist() == [0] * 5
    assert select(torch.tensor([[1.0, 3.0, 3.0]]), "max").tolist() == [1]


@pytest.mark.parametrize(
    ("probabilities", "top_p", "nucleus"),
    [
        ([0.5, 0.25, 0.25], 0.5, {0}),
        ([0.25, 0.25, 0.5], 0.5, {2}),
        ([0.5, 0.25, 0.25], 0.500001, {0, 1}),
        ([0.5, 0.25, 0.25], 0.499999, {0}),
        ([0.5, 0.25, 0.25], 0.75, {0, 1}),
        ([0.5, 0.25, 0.25], 0.750002, {0, 1, 2}),
        ([0.5, 0.25, 0.25], 1.0, {0, 1, 2}),
        # Ties: the lower tokens are the more probable ones.
        ([0.25, 0.25, 0.25, 0.25], 0.5, {0, 1}),
        ([0.25, 0.25, 0.25, 0.25], 0.25, {0}),
        ([0.2, 0.4, 0.4], 0.4, {1}),
        ([0.2, 0.4, 0.4], 0.8, {1, 2}),
        # Eight times 0.1 add up to 0.7999999999999999.
        *(([0.1] * 10, n / 10, set(range(n))) for n in range(1, 11)),
        ([1 / 3] * 3, 1 / 3, {0}),
        ([1 / 3] * 3, 2 / 3, {0, 1}),
        ([0.7, 0.2, 0.1], 0.9, {0, 1}),
        ([0.3, 0.3, 0.3, 0.1], 0.9, {0, 1, 2}),
        ([0.4, 0.3, 0.2, 0.1], 0.7, {0, 1}),
        ([1.0, 0.0, 0.0], 1.0, {0}),
    ],
)
@quick_rows(1, "dtype", [torch.float32, torch.float64])
@quick_rows(1, "shift", [0.0, 3.7])
def test_the_nucleus_at_an_exact_boundary(probabilities, top_p, nucleus, dtype, shift):
    """The fewest tokens that reach ``top_p``, for logits of either precision."""
    logits = torch.tensor(probabilities, dtype=dtype).log() + shift
    evenly = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    assert set(select(logits.expand(4000, -1), top_p=top_p, draws=evenly).tolist()) == nucleus


@pytest.mark.parametrize("temperature", [1e-300, 5e-324])
def test_a_temperature_near_zero_is_the_maximum(temperature):
    logits = torch.tensor([[1.0, 1.0 + 1e-6, -50.0], [-1e30, 1e30, 3.0]])
    assert select(logits, temperature=temperature).tolist() == select(logits, "max").tolist()


def test_a_high_temperature_is_even():
    counts = draw([0.01, 0.09, 0.9], temperature=1e9)
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_impossible_tokens_are_never_drawn_even_by_the_largest_draw(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size, dtype=torch.float64))
    assert select(torch.tensor([[0.0, 0.0, -math.inf]])).tolist() == [1]


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


@pytest.mark.parametrize("selection", ["sample", "greedy"])
def test_nan_is_refused(selection):
    with pytest.raises(ValueError, match="NaN"):
        select(torch.tensor([[0.0, math.nan]]), selection)


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
    with pytest.raises(ValueError, match=rf"primer \[.*{message}"):
        sample_melodies(network, Interval(), Vocabulary([-2, 2]), primer, songs=1, notes=1)
