"""Numbers with a fixed number of decimals, and with more where a number other than 0 would print as 0."""

from __future__ import annotations

import math

_NOISE = 1e-9
"""What is nearer to 0 than this is taken for the rounding error of a sum."""


def with_decimals(value: float, decimals: int) -> str:
    """A number as text: rounded, without a sign at 0, and with one digit that is not 0 unless it is 0.

    An end of an interval that prints as 0 reads as if the interval contained 0. ``show`` in ``assets/numbers.js`` does
    the same.

    >>> with_decimals(1.23456, 3), with_decimals(0.0004, 3), with_decimals(-0.00004, 2), with_decimals(-1e-17, 3)
    ('1.235', '0.0004', '-0.00004', '0.000')
    """
    text = rounded(value, decimals)
    if float(text) != 0 or abs(value) < _NOISE:
        return text
    return f"{value:.{-math.floor(math.log10(abs(value)))}f}"


def rounded(value: float, decimals: int) -> str:
    """A number as text: rounded, without a sign at 0.

    >>> rounded(-0.00004, 3)
    '0.000'
    """
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.removeprefix("-")


def in_percent(share: float) -> str:
    """A share that somebody chose, such as the confidence of intervals, in percent with all its digits.

    >>> in_percent(0.95), in_percent(0.975), in_percent(0.995), in_percent(0.57)
    ('95%', '97.5%', '99.5%', '57%')
    """
    return f"{100 * share:.10g}%"  # without the rounding error of the product
