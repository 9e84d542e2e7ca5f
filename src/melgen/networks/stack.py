"""Stacked layers: the loop over layers, with their blocks and dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor, nn

from melgen.checking import check_number
from melgen.networks.blocks import AbstractBlock, NoBlock
from melgen.networks.embedding_tables import embed
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, State
from melgen.networks.layers.state_checks import check_stack_state, fits, refusal
from melgen.networks.size_checks import check_count


class RecurrentStack(nn.Module):
    """Layers on top of each other, each reading the output of the one below.

    Dropout is that of the original's ``DropoutWrapper`` around each layer: in training, values of the layer's
    input and output are kept with a probability and divided by it, independently at each time step. The
    layer's state is never dropped. (The original also dropped the embedded inputs a second time, with the
    *output* keep probability; we do not reproduce that mistake.)

    Args:
        layers: the layers, lowest first.
        input_keep_prob: share of each layer's input that is kept, above 0 and up to 1.
        output_keep_prob: share of each layer's output that is kept.
        blocks: the surroundings of each layer, see `melgen.networks.blocks`; nothing around them if None.

    Shape:
        input ``[B, T, I]``, output ``[B, T, output_size]``; the state is a tuple with the state of each layer.

    Attributes:
        output_size: width of what the highest block returns; without blocks H.

    Raises:
        ValueError: for no layers, for layers and blocks whose widths or numbers do not match, for a probability out
            of range, and, when called, for a state that its layers cannot have.

    >>> import torch
    >>> from melgen.networks import GRU, LSTM
    >>> stack = RecurrentStack([LSTM(3, 4), GRU(4, 5)])
    >>> output, state = stack(torch.zeros(2, 7, 3))
    >>> output.shape, len(state)
    (torch.Size([2, 7, 5]), 2)
    """

    def __init__(
        self,
        layers: Iterable[AbstractRecurrentLayer],
        input_keep_prob: float = 1.0,
        output_keep_prob: float = 1.0,
        blocks: Iterable[AbstractBlock] | None = None,
    ):
        super().__init__()
        built = list(layers)
        self.layers = nn.ModuleList(built)
        check_count("layers", len(self.layers))
        around = [NoBlock(each.input_size, each.hidden_size) for each in built] if blocks is None else [*blocks]
        if len(around) != len(self.layers):
            raise ValueError(f"each layer needs a block, got {len(around)} blocks for {len(self.layers)} layers")
        for below, above in zip(around, built[1:], strict=False):
            if below.output_size != above.input_size:
                raise ValueError(
                    f"a layer must read the width below it, got input_size {above.input_size} "
                    f"on top of hidden_size {below.output_size}"
                )
        self.blocks = nn.ModuleList(around)
        self.output_size = around[-1].output_size
        self.last = around[-1].last()
        self.input_dropout = _dropout("input_keep_prob", input_keep_prob)
        self.output_dropout = _dropout("output_keep_prob", output_keep_prob)

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        self.check_state(state, input.shape[0], input)
        return self._run_all(input, state)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read tokens by their embedding, the sum of a row of each table.

        The lowest layer may be faster with the tables than with a sequence of their rows.

        Shape:
            tokens ``[B, T]`` int64 for one table, ``[B, T, tables]`` for several; each table ``[V, I]``.
        """
        self.check_state(state, len(tokens), tables[0])
        return self.forward_rows_unchecked(tokens, tables, state)

    def forward_rows_unchecked(self, tokens: Tensor, tables: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
        """`forward_rows` from a state that it returned or `check_state` allows: one step after another is faster so."""
        if not self.can_use_tables(len(tables), self.training):
            return self._run_all(embed(tokens, tables), state)
        return self._run(lambda before: self._lowest_by_tables(tokens, tables, before), state)

    def check_state(self, state: State, batch_size: int, like: Tensor) -> None:
        """Refuse a state that the layers cannot have; None, for zeros, is one, also for a single layer.

        Args:
            state: what was given.
            batch_size: B.
            like: what the layers read, or another tensor of its type and on its device.

        Raises:
            ValueError: with the layer, what was found and what is needed.
        """
        if state is None:
            return
        check_stack_state(state, len(self.layers))
        for number, (layer, part) in enumerate(zip(self.layers, state, strict=True), 1):
            assert isinstance(layer, AbstractRecurrentLayer)
            if part is not None and not fits(part, layer.state_shape, batch_size, like):
                name = f"layer {number} ({layer.stored_name()})"
                raise ValueError(refusal(part, layer.state_shape, batch_size, like, name))

    def can_use_tables(self, tables: int, training: bool) -> bool:
        """Whether the lowest layer can use this many tables, instead of a sequence of their rows.

        A block changes what the layer reads: of one table each row, which is a table again; of several tables the sum
        of their rows, which is none. Dropout of the input, in training, differs from step to step, so that equal tokens
        would need different rows.
        """
        drops = training and not isinstance(self.input_dropout, nn.Identity)
        return not drops and (tables == 1 or type(self.blocks[0]) is NoBlock)

    def _lowest_by_tables(self, tokens: Tensor, tables: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
        """The lowest layer with its block, which reads rows of tables and has no dropout of its input."""
        layer, block = self.layers[0], self.blocks[0]
        assert isinstance(layer, AbstractRecurrentLayer)
        assert isinstance(block, AbstractBlock)
        if type(block) is NoBlock:  # a subclass may change what it returns
            output, after = layer.forward_rows(tokens, tables, state)
            return self.output_dropout(output), after
        output, after = layer.forward_rows(tokens, [block.before(table) for table in tables], state)
        stream = embed(tokens, tables)
        return block.after(stream, block.before(stream), self.output_dropout(output)), after

    def _layer(self, number: int, stream: Tensor, state: State) -> tuple[Tensor, State]:
        """A layer with its block."""
        block = self.blocks[number]
        assert isinstance(block, AbstractBlock)
        cell_input = self.input_dropout(block.before(stream))
        output, after = self.layers[number](cell_input, state)
        return block.after(stream, cell_input, self.output_dropout(output)), after

    def _run_all(self, input: Tensor, state: State) -> tuple[Tensor, State]:
        """Run all layers on a sequence."""
        return self._run(lambda before: self._layer(0, input, before), state)

    def _run(self, lowest: Callable[[State], tuple[Tensor, State]], state: State) -> tuple[Tensor, State]:
        """Run all layers, the lowest one with ``lowest``."""
        states = [None] * len(self.layers) if state is None else state
        output, after = lowest(states[0])
        last = [after]
        for number, before in enumerate(states[1:], 1):
            output, after = self._layer(number, output, before)
            last.append(after)
        return self.last(output), tuple(last)


def _dropout(key: str, keep_prob: float) -> nn.Module:
    check_number(key, keep_prob, above=0, most=1)
    # torch's Dropout(0) would still draw a mask.
    return nn.Dropout(1 - keep_prob) if keep_prob < 1 else nn.Identity()
