"""The network: an embedding, a stack of recurrent layers, and a linear layer onto the vocabulary.

Letters, here and everywhere in the package:

    B   batch: melodies or streams side by side
    T   time steps: tokens of one melody
    V   vocabulary: number of different tokens
    E   embedding width
    H   hidden size, the width of a layer's output and state
    L   layers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from melgen.checking import check_one_of
from melgen.networks.cells import LSTM
from melgen.networks.initialization import check_initialization, glorot_uniform_
from melgen.networks.recurrent import IMPLEMENTATIONS, AbstractRecurrentLayer, LayerFactory, State, check_count
from melgen.networks.stack import RecurrentStack, imported_layer


class MelodyModel(nn.Module):
    """A recurrent network that gives a score (logit) to each possible next token, after every token it reads.

    Args:
        vocab_size: number of different tokens, V.
        hidden_size: H.
        layers: L.
        cell: the kind of recurrent layer: a class, a partial of a class with its options, or a list with one
            of these for each layer (see `mixed`).
        embedding_size: E; the hidden size, as in the paper, if None.
        input_keep_prob: share of each layer's input that dropout keeps in training.
        output_keep_prob: share of each layer's output that dropout keeps in training.
        initialization: ``paper`` or ``torch``, see `melgen.networks.initialization`.
        implementation: ``fast``, ``graphs`` or ``reference``, see `melgen.networks.recurrent`; not part of a
            description.

    Shape:
        tokens ``[B, T]`` (int64), logits ``[B, T, V]``. The state is a tuple with the opaque state of
        each layer; None is the zero state.

    Raises:
        ValueError: for a size or number of layers below 1, a list whose length is not ``layers``, a keep
            probability out of range or an unknown initialisation; when called, for tokens that are not ``[B,
            T]``.

    >>> model = MelodyModel(vocab_size=10, hidden_size=16, layers=3)
    >>> tokens = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    >>> logits, state = model(tokens)
    >>> logits.shape
    torch.Size([2, 4, 10])

    Reading in two parts, with the state in between, equals reading everything at once:

    >>> _, state = model(tokens[:, :3])
    >>> last, _ = model(tokens[:, 3:], state)
    >>> torch.allclose(last, logits[:, 3:], atol=1e-6)
    True
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int = 128,
        layers: int = 2,
        cell: LayerFactory | Sequence[LayerFactory] = LSTM,
        embedding_size: int | None = None,
        input_keep_prob: float = 1.0,
        output_keep_prob: float = 1.0,
        initialization: str = "paper",
        implementation: str = "fast",
    ):
        super().__init__()
        embedding_size = hidden_size if embedding_size is None else embedding_size
        _check_sizes(vocab_size, hidden_size, layers, embedding_size)
        check_initialization(initialization)
        self.vocab_size = vocab_size
        self._options = {
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "input_keep_prob": input_keep_prob,
            "output_keep_prob": output_keep_prob,
            "initialization": initialization,
        }
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        built = _build(_factories(cell, layers), embedding_size, hidden_size, initialization)
        self.stack = RecurrentStack(built, input_keep_prob, output_keep_prob)
        self.use(implementation)
        self.output = nn.Linear(hidden_size, vocab_size)
        if initialization == "paper":
            glorot_uniform_(self.embedding.weight, fan_in=vocab_size, fan_out=embedding_size)
            glorot_uniform_(self.output.weight, fan_in=hidden_size, fan_out=vocab_size)
            # TensorFlow's default applies to this bias too; both fans of a vector are its length.
            glorot_uniform_(self.output.bias, fan_in=vocab_size, fan_out=vocab_size)

    def forward(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Scores of the next token after each token, and the state after the last."""
        if tokens.ndim != 2 or tokens.shape[1] == 0:
            raise ValueError(f"tokens must be [B, T] with T of at least 1, got {list(tokens.shape)}")
        hidden, state = self.stack.forward_rows(tokens, self.embedding.weight, state)
        # The output of the layers is time first in memory; reading it in that order is faster.
        return self.output(hidden.transpose(0, 1)).transpose(0, 1), state

    def use(self, implementation: str) -> None:
        """Compute the recurrent layers with one of ``IMPLEMENTATIONS`` from now on.

        Raises:
            ValueError: for any other word.
        """
        check_one_of("implementation", implementation, IMPLEMENTATIONS)
        for module in self.stack.modules():
            if isinstance(module, AbstractRecurrentLayer):
                module.implementation = implementation

    def describe(self) -> dict[str, Any]:
        """Plain data from which `from_description` builds a network of the same shape."""
        stack = [{"cell": layer.reference(), "options": layer.options} for layer in self.layers]
        return {"vocab_size": self.vocab_size, **self._options, "stack": stack}

    @property
    def layers(self) -> list[AbstractRecurrentLayer]:
        """The recurrent layers, lowest first."""
        return [layer for layer in self.stack.layers if isinstance(layer, AbstractRecurrentLayer)]

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> MelodyModel:
        """A network of the described shape, with random weights.

        A description may come from someone else's file, so it can name only layers that are already imported;
        nothing is imported because of it.

        Raises:
            ValueError: for a layer that is not imported.

        >>> model = MelodyModel(vocab_size=10, hidden_size=16, layers=3)
        >>> MelodyModel.from_description(model.describe()).describe() == model.describe()
        True
        """
        options = dict(description)
        stack = [partial(imported_layer(entry["cell"]), **entry["options"]) for entry in options.pop("stack")]
        return cls(cell=stack, layers=len(stack), **options)


def count_parameters(module: nn.Module) -> int:
    """Number of trained parameters.

    >>> count_parameters(nn.Linear(3, 4))
    16
    """
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def estimate_parameters(
    vocab_size: int,
    hidden_size: int = 128,
    layers: int = 2,
    cell: LayerFactory | Sequence[LayerFactory] = LSTM,
    embedding_size: int | None = None,
    initialization: str = "paper",
) -> int:
    """Number of trained parameters of a `MelodyModel`, without the memory and time to build it.

    Raises:
        ValueError: as `MelodyModel` does, and for sizes beyond what a tensor can address.

    >>> estimate_parameters(vocab_size=10, hidden_size=16, layers=3)
    6666
    >>> f"{estimate_parameters(vocab_size=60, hidden_size=100_000, layers=1_000_000):.1e}"
    '8.0e+16'
    """
    embedding_size = hidden_size if embedding_size is None else embedding_size
    _check_sizes(vocab_size, hidden_size, layers, embedding_size)
    check_initialization(initialization)
    # From the second on, layers of one kind have equal sizes: a million of them need not be built.
    different = layers if isinstance(cell, Sequence) else min(layers, 2)
    try:
        with torch.device("meta"):
            built = _build(_factories(cell, different), embedding_size, hidden_size, initialization)
    except RuntimeError as error:  # torch counts bytes in 64 bits
        raise ValueError(
            f"hidden_size {hidden_size} with embedding_size {embedding_size} is too large for a tensor"
        ) from error
    each = [count_parameters(layer) for layer in built]
    return sum(each) + (layers - different) * each[-1] + vocab_size * (embedding_size + hidden_size + 1)


def _check_sizes(vocab_size: int, hidden_size: int, layers: int, embedding_size: int) -> None:
    check_count("vocab_size", vocab_size)
    check_count("hidden_size", hidden_size)
    check_count("layers", layers)
    check_count("embedding_size", embedding_size)


def _factories(cell: LayerFactory | Sequence[LayerFactory], layers: int) -> list[LayerFactory]:
    """A factory for each layer."""
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        if len(cell) != layers:
            raise ValueError(f"layers must equal the length of the stack, got {layers} for {len(cell)} cells")
        factories = list(cell)
    else:
        factories = [cell] * layers
    for factory in factories:
        if not callable(factory):
            raise ValueError(f"cell must be a class or partial that builds a layer, or a list of them, got {factory!r}")
    return factories


def _build(
    factories: Sequence[LayerFactory], embedding_size: int, hidden_size: int, initialization: str
) -> list[AbstractRecurrentLayer]:
    """The layers, with their first weights."""
    layers: list[AbstractRecurrentLayer] = []
    for factory in factories:
        layer = factory(hidden_size if layers else embedding_size, hidden_size)
        if not isinstance(layer, AbstractRecurrentLayer):
            raise ValueError(f"cell must build an AbstractRecurrentLayer, got {type(layer).__name__}")
        layer.initialize(initialization)
        layers.append(layer)
    return layers
