"""The rules of exclusion of a listening test, fixed before anybody listens and kept in its key."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from melgen.checking import check_number, check_whole, require
from melgen.decimals import in_percent


@dataclass(frozen=True)
class Rules:
    """Who and what is left out of the analysis.

    Attributes:
        failed_checks: attention checks that a listener may get wrong; with more the listener is left out.
        answered: the share of comparisons that a listener must have answered.
        pace: a listener's median time for a judgement, as a share of the length of both tunes, must be at least this.
            The page itself lets nobody answer before 80% of both tunes were heard, so only a changed file is quicker.
        one_side: whether a listener is left out who gives the same side, A or B, in all of at least 8 judgements.
        known: whether judgements of tunes are left out that the listener knew before.

    Raises:
        ValueError: for a value that a rule cannot have.
    """

    failed_checks: int = 0
    answered: float = 0.5
    pace: float = 0.75
    one_side: bool = True
    known: bool = True

    def __post_init__(self) -> None:
        check_whole("exclusion.failed_checks", self.failed_checks, 0)
        check_number("exclusion.answered", self.answered, least=0, most=1)
        check_number("exclusion.pace", self.pace, least=0)
        for name in ("one_side", "known"):
            require(isinstance(asdict(self)[name], bool), f"exclusion.{name}", asdict(self)[name], "true or false")

    @property
    def in_words(self) -> list[str]:
        """The rules for readers."""
        checks = "an attention check" if self.failed_checks == 0 else f"more than {self.failed_checks} attention checks"
        words = [
            f"A listener is left out who fails {checks}.",
            f"A listener is left out who answers fewer than {in_percent(self.answered)} of the comparisons.",
            f"A listener is left out whose median judgement takes less than {self.pace:g} times as long as both tunes.",
        ]
        if self.one_side:
            words.append(
                f"A listener is left out who answers A, or B, in all of {FEWEST_ON_ONE_SIDE} judgements or more."
            )
        if self.known:
            words.append("A judgement is left out if the listener knew one of its tunes before.")
        return words


FEWEST_ON_ONE_SIDE = 8
"""Judgements that are all for one side by chance once in 128 times, or less often."""
