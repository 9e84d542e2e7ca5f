"""Tables of an embedding, and sums of their rows: one row of each table for each token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def embed(tokens: Tensor, tables: Sequence[Tensor]) -> Tensor:
    """The sum of a row of each table.

    Shape:
        tokens ``[...]`` for one table, ``[..., tables]`` for several; each table ``[V, E]``; the sums ``[..., E]``.

    >>> embed(torch.tensor([[0, 1]]), [torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])])
    tensor([[21.]])
    """
    if len(tables) == 1:
        return F.embedding(tokens, tables[0])
    total, *others = (F.embedding(column, table) for column, table in zip(tokens.unbind(-1), tables, strict=True))
    for found in others:
        total = total + found
    return total


def embed_into(out: Tensor, tokens: Tensor, tables: Sequence[Tensor]) -> None:
    """`embed` without a gradient, into ``out``, ``[B, E]``, for the tokens of one step, ``[B]`` or ``[B, tables]``.

    >>> embed_into(out := torch.empty(1, 1), torch.tensor([1]), [torch.tensor([[1.0], [2.0]])])
    >>> out
    tensor([[2.]])
    """
    lowest, *others = tables
    first, *columns = [tokens] if tokens.ndim == 1 else tokens.unbind(-1)
    torch.index_select(lowest, 0, first, out=out)
    for column, table in zip(columns, others, strict=True):
        out.add_(F.embedding(column, table))


def projected_tables(tables: Sequence[Tensor], weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The tables whose sums of rows are the products of the given tables' sums of rows, with the bias.

    The bias is added once, to the rows of the first table.

    Shape:
        each table ``[V, E]``, weight ``[N, E]``, bias ``[N]``; each result ``[V, N]``.

    >>> tables, weight, bias = [torch.ones(2, 3), torch.ones(4, 3)], torch.ones(1, 3), torch.ones(1)
    >>> embed(torch.tensor([[0, 1]]), projected_tables(tables, weight, bias))
    tensor([[7.]])
    """
    first, *others = tables
    return [F.linear(first, weight, bias), *(F.linear(table, weight) for table in others)]
