"""Checks of the sizes of networks and layers."""

from __future__ import annotations

import sys

from melgen.checking import check_whole, require


def check_count(key: str, value: object) -> int:
    """Check that a value, such as a size or a number of layers, is a whole number of at least 1, and return it.

    Raises:
        ValueError: if it is not; names key, value and rule.

    >>> check_count("layers", 0)
    Traceback (most recent call last):
        ...
    ValueError: layers=0: must be a whole number of at least 1
    """
    check_whole(key, value)
    assert isinstance(value, int)
    require(value <= sys.maxsize, key, value, f"at most {sys.maxsize}, the largest number in torch")
    return value


def check_heads(heads: object, hidden_size: int) -> int:
    """Check that a layer can be divided into as many heads of equal width, and return their number.

    Raises:
        ValueError: if it cannot.

    >>> check_heads(4, 128)
    4
    >>> check_heads(3, 128)
    Traceback (most recent call last):
        ...
    ValueError: heads=3: must be a divisor of hidden_size, which is 128
    """
    count = check_count("heads", heads)
    require(hidden_size % count == 0, "heads", heads, f"a divisor of hidden_size, which is {hidden_size}")
    return count


def check_sizes(vocab_size: int, hidden_size: int, layers: int, embedding_size: int) -> None:
    """Check the sizes of a network.

    Raises:
        ValueError: for a size below 1; names it.
    """
    check_count("vocab_size", vocab_size)
    check_count("hidden_size", hidden_size)
    check_count("layers", layers)
    check_count("embedding_size", embedding_size)
