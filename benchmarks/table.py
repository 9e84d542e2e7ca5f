"""One table for all benchmarks: what was compared, the ratio, its goal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure, and the goal that it is held against, if there is one.

    Attributes:
        what: what was measured.
        figure: the measured figure, higher being better unless ``lower`` is set.
        goal: the figure aimed at.
        note: what it was compared with, or measured on.
    """

    what: str
    figure: float
    goal: float | None = None
    note: str = ""
    lower: bool = False
    unit: str = ""

    @property
    def falls_short(self) -> bool:
        """Whether the goal is missed."""
        if self.goal is None:
            return False
        reached = self.figure <= self.goal if self.lower else self.figure >= self.goal
        return not reached  # what is no number reaches no goal

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"{'<=' if self.lower else '>='} {self.goal:g}"
        verdict = "" if self.goal is None else ("SHORT" if self.falls_short else "ok")
        return f"{self.what:<46}{self.figure:>10.2f}{self.unit:<4}{goal:>9}  {verdict:<6} {self.note}"


HEADER = f"{'':<46}{'figure':>10}    {'goal':>9}"


def show(rows: Iterator[Row]) -> list[Row]:
    """Print each row as it comes."""
    print(HEADER)
    kept = []
    for row in rows:
        print(row, flush=True)
        kept.append(row)
    return kept


def interleaved(*functions: Callable[[], object], repeats: int, warm_up: int = 1) -> list[float]:
    """Median seconds of each function, called in turns, so that other programs on the machine slow all equally."""
    seconds: list[list[float]] = [[] for _ in functions]
    for repeat in range(warm_up + repeats):
        for function, own in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            function()
            if repeat >= warm_up:
                own.append(time.perf_counter() - started)
    return [statistics.median(own) for own in seconds]
