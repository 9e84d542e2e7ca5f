import copy
import io
import pickle
import re

import pytest
import torch
from torch.nn import functional as F

from melgen.networks import (
    GRU,
    LSTM,
    NAS,
    RNN,
    UGRNN,
    MelodyModel,
    count_parameters,
    estimate_parameters,
    map_state,
    mixed,
)
from melgen.pasting import override
from tests.networks.conftest import CELLS

TOLERANCE = 1e-10
MIXED = ["rnn", "nas", "lstm"]


def model_of(cell, **options):
    return MelodyModel(11, **{"hidden_size": 8, "layers": 2, "cell": cell, **options})


def three_ways(model):
    """Logits of a whole sequence, of two chunks, and note by note."""
    tokens = torch.randint(11, (3, 12))
    for sizes in ([12], [5, 7], [1] * 12):
        state, logits = None, []
        for chunk in tokens.split(sizes, dim=1):
            output, state = model(chunk, map_state(torch.Tensor.detach, state))
            logits.append(output)
        yield torch.cat(logits, 1)


@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_one_pass_equals_two_chunks_equals_note_by_note(double, cell, initialization):
    whole, chunks, notes = three_ways(model_of(cell, initialization=initialization))
    assert whole.shape == (3, 12, 11)
    torch.testing.assert_close(chunks, whole, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(notes, whole, atol=TOLERANCE, rtol=0)


def test_a_mixed_stack_carries_its_states(double):
    whole, chunks, notes = three_ways(model_of(mixed(MIXED), layers=3))
    torch.testing.assert_close(chunks, whole, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(notes, whole, atol=TOLERANCE, rtol=0)


@pytest.mark.slow
def test_overfits_one_batch(cell):
    """Sixteen tokens in a circle: after a few dozen steps the next one is nearly certain."""
    model = MelodyModel(16, hidden_size=32, layers=2, cell=cell)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    tokens = torch.stack([torch.randperm(16) for _ in range(4)])
    targets = tokens.roll(-1, dims=1)
    losses = []
    for _ in range(120):
        loss = F.cross_entropy(model(tokens)[0].flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # hgrn2 normalises its output, so that its first scores are larger.
    assert losses[0] == pytest.approx(torch.tensor(16.0).log().item(), abs=0.8 if cell is CELLS["hgrn2"] else 0.3)
    assert losses[-1] < 0.2


def test_every_trained_parameter_has_a_gradient(cell):
    model = model_of(cell)
    F.cross_entropy(model(torch.randint(11, (4, 9)))[0].flatten(0, 1), torch.randint(11, (36,))).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or parameter.grad.any(), name


def test_inference_of_one_note(cell):
    model = model_of(cell).eval()
    with torch.inference_mode():
        logits, state = model(torch.tensor([[3]]))
        logits, _ = model(torch.tensor([[4]]), state)
    assert logits.shape == (1, 1, 11)
    assert not logits.requires_grad


def test_copies_and_pickles(cell):
    model = model_of(cell)
    tokens = torch.randint(11, (2, 5))
    logits, _ = model(tokens)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(tokens)[0], logits)
        assert count_parameters(twin) == count_parameters(model)
        assert all(a is not b for a, b in zip(twin.parameters(), model.parameters(), strict=True))


def test_weights_and_state_load_with_weights_only(cell):
    model, other = model_of(cell), model_of(cell)
    tokens = torch.randint(11, (2, 5))
    _, state = model(tokens)
    file = io.BytesIO()
    torch.save({"weights": model.state_dict(), "state": map_state(torch.Tensor.detach, state)}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    other.load_state_dict(loaded["weights"])
    assert torch.equal(other(tokens, loaded["state"])[0], model(tokens, state)[0])


def test_float64_stays_float64(cell):
    model = model_of(cell).double()
    logits, state = model(torch.randint(11, (2, 5)))
    dtypes = []
    map_state(lambda tensor: dtypes.append(tensor.dtype) or tensor, state)
    assert logits.dtype == torch.float64
    assert set(dtypes) == {torch.float64}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("ignore:RNN module weights")  # a copy's are apart until it is moved
def test_equal_on_a_gpu(cell):
    model = model_of(cell).double()
    tokens = torch.randint(11, (2, 5))
    logits, state = model(tokens)
    on_gpu = copy.deepcopy(model).cuda()
    there, _ = copy.deepcopy(on_gpu)(tokens.cuda())
    torch.testing.assert_close(there.cpu(), logits)
    there.sum().backward()
    carried = map_state(lambda tensor: tensor.detach().cuda(), state)
    torch.testing.assert_close(on_gpu(tokens.cuda(), carried)[0].cpu(), model(tokens, state)[0])


def test_map_state_passes_none_and_nesting():
    assert map_state(torch.neg, None) is None
    one = torch.ones(1)
    assert map_state(torch.neg, (one, (one, one))) == (-one, (-one, -one))


# By hand, for V = 11, E = 5, H = 8: embedding 55, output 99, a layer over I blocks * 8 * (I + 8 + bias).
@pytest.mark.parametrize(
    ("kind", "blocks", "bias"), [(LSTM, 4, 1), (GRU, 3, 1), (RNN, 1, 1), (UGRNN, 2, 1), (NAS, 8, 0)]
)
def test_parameters_are_counted(kind, blocks, bias):
    expected = 55 + 99 + blocks * 8 * (5 + 8 + bias) + 2 * blocks * 8 * (8 + 8 + bias)
    assert count_parameters(model_of(kind, layers=3, embedding_size=5)) == expected
    assert estimate_parameters(11, 8, 3, kind, embedding_size=5) == expected


def test_estimates_equal_counts(cell):
    for layers in (1, 2, 4):
        for initialization in ("paper", "torch"):
            options = {"layers": layers, "initialization": initialization}
            assert estimate_parameters(11, 8, cell=cell, **options) == count_parameters(model_of(cell, **options))
    stack = mixed(MIXED)
    assert estimate_parameters(11, 8, 3, stack) == count_parameters(model_of(stack, layers=3))


def test_estimates_need_no_memory():
    assert estimate_parameters(100, 10**6, 10**9) > 10**21
    with pytest.raises(ValueError, match=r"hidden_size=10000000000 .* more bytes than a computer can address"):
        estimate_parameters(100, 10**10)
    with pytest.raises(ValueError, match=r"hidden_size=10.*: must be at most"):
        estimate_parameters(100, 10**20)


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "layers", "embedding_size"])
@pytest.mark.parametrize("value", [0, -3, 2.0, True, "4"])
def test_sizes_are_checked(key, value):
    options = {"vocab_size": 11, key: value}
    message = re.escape(f"{override(key, value)}: must be a whole number of at least 1")
    with pytest.raises(ValueError, match=message):
        MelodyModel(**options)
    with pytest.raises(ValueError, match=message):
        estimate_parameters(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": [LSTM, NAS], "layers": 3}, "layers must equal the length of the stack, got 3 for 2 cells"),
        ({"cell": [LSTM, NAS, LSTM], "layers": 2}, "got 2 for 3 cells"),
        ({"cell": [], "layers": 1}, "got 1 for 0 cells"),
        ({"cell": "lstm"}, "cell must be a class or partial that builds a layer, .* got 'lstm'"),
        ({"cell": ["lstm", LSTM]}, "cell must be a class or partial"),
        ({"cell": None}, "cell must be a class or partial"),
        ({"cell": torch.nn.LSTM}, "cell must build an AbstractRecurrentLayer, got LSTM"),
        ({"initialization": "random"}, "initialization=random: must be paper or torch"),
        ({"input_keep_prob": 0.0}, "input_keep_prob=0.0: must be"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MelodyModel(11, **options)


@pytest.mark.parametrize("shape", [(4,), (2, 0), (2, 3, 4)])
def test_tokens_must_be_batch_by_time(shape):
    with pytest.raises(ValueError, match=r"tokens must be \[B, T\] with T of at least 1, got"):
        model_of(LSTM)(torch.zeros(shape, dtype=torch.int64))
