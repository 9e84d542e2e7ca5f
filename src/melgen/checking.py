"""Checks of single values, with one wording: the key and its value, then the rule that the value breaks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, TypeGuard

from melgen.pasting import hydra_value

_UNQUOTED = re.compile(r"[^\s'\"\[\]{}(),=]+")
_NUMBER = re.compile(r"[+-]?(?:[\d_]+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|nan)", re.IGNORECASE)
COUNT = "a whole number of at least 1"
SEED = "a whole number from 0 to 2**32-1"
"""NumPy, whose generators Lightning seeds too, takes no others."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; true and false are not.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool)


def is_seed(value: object) -> bool:
    """Whether a value can be the seed of a training.

    >>> is_seed(0), is_seed(2**32 - 1), is_seed(2**32), is_seed(-1), is_seed(True)
    (True, True, False, False, False)
    """
    return is_whole(value) and 0 <= value < 2**32


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are not.

    >>> is_number(0.5), is_number(10**400), is_number(math.inf), is_number("1")
    (True, True, False, False)
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    number: Any = value  # `Real` has no types for <
    # Not `math.isfinite`, which cannot convert the largest whole numbers.
    return -math.inf < number < math.inf


def require(holds: bool, key: str, value: Any, rule: str, error: type[ValueError] = ValueError) -> None:
    """Refuse the value of a key unless its rule holds.

    Args:
        holds: whether it does.
        key, value: as in the configuration, or an argument with its name.
        rule: what the value must be.
        error: the class of the error.

    Raises:
        ValueError: naming key, value and rule.

    >>> require("4" == 4, "layers", "4", COUNT)
    Traceback (most recent call last):
        ...
    ValueError: layers="4": must be a whole number of at least 1
    """
    if not holds:
        raise error(f"{key}={shown(value)}: must be {rule}")


def shown(value: Any) -> str:
    """A value in a message: as it is typed, text in quotes only where it would otherwise be read as something else.

    >>> shown("6/7"), shown("4"), shown(""), shown("a b"), shown([1, "6/8"])
    ('6/7', '"4"', '""', '"a b"', '[1,6/8]')
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(shown, value)) + "]"
    if isinstance(value, str) and _UNQUOTED.fullmatch(value) and not _NUMBER.fullmatch(value):
        return value if value.lower() not in ("null", "true", "false") else hydra_value(value)
    return hydra_value(value)


def whole_number_of(value: object) -> int | None:
    """The whole number that is written with a decimal point or an exponent, if it is one.

    >>> whole_number_of(1e3), whole_number_of(1.5), whole_number_of(1000)
    (1000, None, None)
    """
    return int(value) if isinstance(value, float) and value.is_integer() else None


def check_whole(
    key: str,
    value: Any,
    least: int = 1,
    most: int | None = None,
    *,
    null: str | None = None,
    error: type[ValueError] = ValueError,
) -> None:
    """Refuse what is not a whole number within its bounds.

    Args:
        key, value, error: as in `require`.
        least, most: the bounds, which are allowed themselves.
        null: the meaning of None, which is then allowed too: ``for no limit``.

    Raises:
        ValueError: naming key, value and rule.

    >>> check_whole("keep", None, null="for all"); check_whole("keep", 0, null="for all")
    Traceback (most recent call last):
        ...
    ValueError: keep=0: must be a whole number of at least 1, or null for all
    >>> check_whole("songs", 1e3)
    Traceback (most recent call last):
        ...
    ValueError: songs=1000.0: must be a whole number of at least 1; write 1000
    """

    def is_within(number: int) -> bool:
        return number >= least and (most is None or number <= most)

    holds = is_whole(value) and is_within(value)
    rule = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    if null is not None:
        holds, rule = holds or value is None, f"{rule}, or null {null}"
    if (whole := whole_number_of(value)) is not None and is_within(whole):
        rule += f"; write {whole}"
    require(holds, key, value, rule, error)


def check_number(
    key: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    error: type[ValueError] = ValueError,
) -> None:
    """Refuse what is not a finite number within its bounds.

    Args:
        key, value, error: as in `require`.
        least, most: bounds that are allowed themselves.
        above, below: bounds that are not.

    Raises:
        ValueError: naming key, value and rule.

    >>> check_number("top_p", 0, above=0, most=1)
    Traceback (most recent call last):
        ...
    ValueError: top_p=0: must be a number above 0 and at most 1
    """
    holds = is_number(value) and not (
        (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    )
    if least is not None and most is not None:
        rule = f"a number from {least} to {most}"
    else:
        bounds = {"of at least": least, "above": above, "at most": most, "below": below}
        rule = "a number " + " and ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)
    if value in (math.inf, -math.inf):
        rule = rule.replace("a number", "a finite number")
    require(holds, key, value, rule, error)


def check_one_of(key: str, value: Any, options: Iterable[Any]) -> None:
    """Refuse what is not one of the options.

    Raises:
        ValueError: naming key, value and options.

    >>> check_one_of("paper", "a5", ("a4", "letter"))
    Traceback (most recent call last):
        ...
    ValueError: paper=a5: must be a4 or letter
    """
    options = tuple(options)
    require(value in options, key, value, one_of(options))


def one_of(options: Iterable[Any]) -> str:
    """The rule for a value that must be one of several.

    >>> one_of(["a4", "letter"]), one_of([8000, 16000, 48000])
    ('a4 or letter', 'one of 8000, 16000, 48000')
    """
    words = [str(option) for option in options]
    return " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"
