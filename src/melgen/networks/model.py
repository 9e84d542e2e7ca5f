"""The network: an embedding, a stack of recurrent layers, and a linear layer onto the vocabulary.

A network of tunes with rhythm may read tokens that it does not predict (a metre, the start), and a second token in each
step, a duration, which it predicts from its state and the first token.

Letters, here and everywhere in the package:

    B   batch: melodies or streams side by side
    T   time steps: tokens of one melody
    V   vocabulary: number of different tokens
    P   number of tokens that are predicted, the first of the vocabulary: V, or fewer if some are only read
    D   number of different durations, where they have tokens of their own
    E   embedding width
    H   hidden size, the width of a layer's output and state
    W   width of what the output layers read: H, or with a block around the layers E
    L   layers

A block of a weight is H of its rows, such as those of one gate. A block of a network, as in `melgen.networks.blocks`,
surrounds a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.checking import check_one_of
from melgen.networks.blocks import AbstractBlock, BlockFactory, NoBlock, find_block
from melgen.networks.cell_names import imported_layer
from melgen.networks.cells import LSTM
from melgen.networks.initialization import check_initialization, glorot_uniform_
from melgen.networks.layer_building import build_layers
from melgen.networks.layers.recurrent import IMPLEMENTATIONS, AbstractRecurrentLayer, LayerFactory, State
from melgen.networks.products.autocast import backend_for
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.products.linear import linear
from melgen.networks.scans.fast_path import can_be_fast
from melgen.networks.size_checks import check_count, check_sizes
from melgen.networks.stack import RecurrentStack


class MelodyModel(nn.Module):
    """A recurrent network that gives a score (logit) to each possible next token, after every token it reads.

    Args:
        vocab_size: number of different tokens that it reads, V.
        hidden_size: H.
        layers: L.
        cell: the kind of recurrent layer: a class, a partial of a class with its options, or a list with one
            of these for each layer (see `mixed`).
        embedding_size: E; the hidden size, as in the paper, if None.
        input_keep_prob: share of each layer's input that dropout keeps in training.
        output_keep_prob: share of each layer's output that dropout keeps in training.
        initialization: ``paper`` or ``torch``, see `melgen.networks.initialization`.
        implementation: ``fast`` or ``reference``, see `melgen.networks.layers.recurrent`; not part of a description.
        output_size: number of tokens that it predicts, P, the first ones of the vocabulary; all if None.
        duration_size: D, if it reads and predicts a second token in each step; the token D is "none", only read.
        block: what surrounds each layer, a class of `melgen.networks.blocks`.

    Shape:
        tokens ``[B, T]`` (int64), logits ``[B, T, P]``; with durations tokens ``[B, T, 2]``, and the logits those of
        the first token (see `duration_logits`). The state is a tuple with the opaque state of
        each layer; None is the zero state.

    Raises:
        ValueError: for a size or number of layers below 1, a list whose length is not ``layers``, a keep
            probability out of range or an unknown initialisation; when called, for tokens of another shape.

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

    backend: Backend = TORCH
    """Who computes the products of the output layers."""

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
        output_size: int | None = None,
        duration_size: int | None = None,
        block: BlockFactory = NoBlock,
    ):
        super().__init__()
        embedding_size = hidden_size if embedding_size is None else embedding_size
        check_sizes(vocab_size, hidden_size, layers, embedding_size)
        check_initialization(initialization)
        self.vocab_size, self.duration_size = vocab_size, duration_size
        self.output_size = vocab_size if output_size is None else check_count("output_size", output_size)
        self._options = {
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "input_keep_prob": input_keep_prob,
            "output_keep_prob": output_keep_prob,
            "initialization": initialization,
        }
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        built = build_layers(cell, layers, block, embedding_size, hidden_size, initialization)
        self.stack = RecurrentStack(
            [layer for layer, _ in built], input_keep_prob, output_keep_prob, [around for _, around in built]
        )
        self.use(implementation)
        width = self.stack.output_size
        self.output = nn.Linear(width, self.output_size)
        output_layers = [self.output]
        if duration_size is not None:
            check_count("duration_size", duration_size)
            self.duration_embedding = nn.Embedding(duration_size + 1, embedding_size)
            self.duration_hidden = nn.Linear(width + embedding_size, width)
            self.duration_output = nn.Linear(width, duration_size)
            output_layers += [self.duration_hidden, self.duration_output]
        if initialization == "paper":
            glorot_uniform_(self.embedding.weight, fan_in=vocab_size, fan_out=embedding_size)
            if duration_size is not None:
                glorot_uniform_(self.duration_embedding.weight, fan_in=duration_size + 1, fan_out=embedding_size)
            for each in output_layers:
                glorot_uniform_(each.weight, fan_in=each.in_features, fan_out=each.out_features)
                # TensorFlow's default applies to this bias too; both fans of a vector are its length.
                glorot_uniform_(each.bias, fan_in=each.out_features, fan_out=each.out_features)

    def forward(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Scores of the next token after each token, and the state after the last."""
        output, state = self.read(tokens, state)
        return self.logits(output), state

    def read(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:
        """What the output layers read after each token, ``[B, T, W]``, and the state after the last."""
        streams = 1 if self.duration_size is None else 2
        if tokens.ndim != 1 + streams or tokens.shape[1] == 0 or (streams == 2 and tokens.shape[2] != 2):
            shape = "[B, T]" if streams == 1 else "[B, T, 2]"
            raise ValueError(f"tokens must be {shape} with T of at least 1, got {list(tokens.shape)}")
        return self.stack.forward_rows(tokens, self.tables, state)

    def logits(self, output: Tensor) -> Tensor:
        """Scores of the next token, ``[B, T, P]``, by what `read` returned."""
        # The output of the layers is time first in memory; reading it in that order is faster.
        return self._linear(output.transpose(0, 1), self.output.weight, self.output.bias).transpose(0, 1)

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.implementation != "reference" and input.device.type == "cpu" and can_be_fast(input):
            return linear(backend_for(input, self.backend), input, weight, bias)
        return F.linear(input, weight, bias)

    def duration_logits(self, output: Tensor, tokens: Tensor) -> Tensor:
        """Scores of the duration of the next token, given that token.

        Shape:
            output ``[B, T, W]`` as `read` returned it, tokens ``[B, T]``; scores ``[B, T, D]``.
        """
        of_output, of_tokens = self.duration_hidden.weight.split(
            [self.output.in_features, self.embedding.embedding_dim], dim=1
        )
        # As with the lowest layer, each row of the embedding is multiplied once, not for each token.
        table = F.linear(self.embedding.weight[: self.output_size], of_tokens, self.duration_hidden.bias)
        hidden = self._linear(output.transpose(0, 1), of_output, None) + F.embedding(tokens.transpose(0, 1), table)
        last = self.duration_output
        return self._linear(torch.tanh(hidden), last.weight, last.bias).transpose(0, 1)

    @property
    def tables(self) -> list[Tensor]:
        """The embeddings whose rows the lowest layer reads: of tokens, and of durations if there are any."""
        if self.duration_size is None:
            return [self.embedding.weight]
        return [self.embedding.weight, self.duration_embedding.weight]

    def use(self, implementation: str) -> None:
        """Choose one of ``IMPLEMENTATIONS`` for all recurrent layers and the output.

        Raises:
            ValueError: for any other word.
        """
        check_one_of("implementation", implementation, IMPLEMENTATIONS)
        self.implementation = implementation
        for module in self.stack.modules():
            if isinstance(module, AbstractRecurrentLayer):
                module.implementation = implementation

    def describe(self) -> dict[str, Any]:
        """Plain data from which `from_description` builds a network of the same shape."""
        stack = [{"cell": layer.stored_name(), "options": layer.options} for layer in self.layers]
        sizes = {"vocab_size": self.vocab_size}
        if self.output_size != self.vocab_size:
            sizes["output_size"] = self.output_size
        if self.duration_size is not None:
            sizes["duration_size"] = self.duration_size
        block = {} if self.block == NoBlock.name else {"block": self.block}
        return {**sizes, **self._options, **block, "stack": stack}

    @property
    def block(self) -> str:
        """The name of the block around each layer, as a checkpoint stores it."""
        around = self.stack.blocks[0]
        assert isinstance(around, AbstractBlock)
        return around.stored_name()

    @property
    def layers(self) -> list[AbstractRecurrentLayer]:
        """The recurrent layers, lowest first."""
        return [layer for layer in self.stack.layers if isinstance(layer, AbstractRecurrentLayer)]

    @property
    def layers_in_words(self) -> str:
        """The cells of its layers.

        >>> MelodyModel(vocab_size=10, hidden_size=16, layers=3).layers_in_words
        '3 x lstm'
        """
        cells = [layer.stored_name() for layer in self.layers]
        return f"{len(cells)} x {cells[0]}" if len(set(cells)) == 1 else " + ".join(cells)

    @property
    def shape_in_words(self) -> str:
        """The layers with their width and block.

        >>> MelodyModel(vocab_size=10, hidden_size=16, layers=3).shape_in_words
        '3 x lstm of 16 units'
        """
        around = "" if self.block == NoBlock.name else f" in {self.block} blocks"
        return f"{self.layers_in_words} of {self._options['hidden_size']} units{around}"

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> MelodyModel:
        """A network of the described shape, with random weights.

        A description may come from someone else's file, so it can name only layers that are already imported;
        nothing is imported because of it.

        Raises:
            ValueError: for a layer or a block that is not imported, or a value out of range.
            TypeError: for options that the layer or the network does not have.

        >>> model = MelodyModel(vocab_size=10, hidden_size=16, layers=3)
        >>> MelodyModel.from_description(model.describe()).describe() == model.describe()
        True
        """
        options = dict(description)
        stack = [partial(imported_layer(entry["cell"]), **entry["options"]) for entry in options.pop("stack")]
        block = find_block(options.pop("block", NoBlock.name))
        return cls(cell=stack, layers=len(stack), block=block, **options)
