"""What was compared of a log with its rollouts, and where the two disagree."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from modelassay.training.logged_statistics import Recomputed

ROLLOUTS: Final = "rollouts"
"""What is compared that nobody logged: the number of rollouts of a step;"""
ONE_TASK: Final = "one task in each group"
"""how many groups of a step are of several tasks;"""
GROUPS_OF: Final = "groups of "
"""and how many have another size than the one that follows."""


@dataclass(frozen=True)
class Disagreement:
    """One step in which the log does not follow from the rollouts."""

    step: int
    what: str
    """Name of the logged metric, ``advantage``, or what nobody logged."""
    logged: float
    recomputed: float
    in_groups: bool = False
    """Of numbers of rollouts: whether no group of the step lacks any, as far as their sizes tell."""


@dataclass
class Ledger:
    """What was compared so far."""

    compared: dict[str, int] = field(default_factory=dict)
    at: dict[str, set[int]] = field(default_factory=dict)
    """Steps at which something was compared, by what was compared."""
    largest: dict[str, float] = field(default_factory=dict)
    found: list[Disagreement] = field(default_factory=list)
    ways: dict[tuple[str, str], int] = field(default_factory=dict)
    """Steps in which a statistic agrees in another way than usual, by name and way."""

    def put_one_of(self, step: int, what: str, logged: float, among: Iterable[Recomputed]) -> None:
        """Compare a number with the first of `among` that it agrees with, or with the first."""
        first: Recomputed | None = None
        for each in among:
            first = first or each
            if abs(logged - each.value) <= each.allowed:
                if each.way:
                    self.ways[what, each.way] = self.ways.get((what, each.way), 0) + 1
                self.put(step, what, logged, each.value, each.allowed)
                return
        if first is not None:
            self.put(step, what, logged, first.value, first.allowed)

    def put(
        self,
        step: int,
        what: str,
        logged: float,
        recomputed: float,
        allowed: float,
        *,
        in_groups: bool = False,
    ) -> None:
        """Compare two numbers that should agree up to `allowed`; see `Disagreement` for `in_groups`."""
        self.compared[what] = self.compared.get(what, 0) + 1
        self.at.setdefault(what, set()).add(step)
        deviation = abs(logged - recomputed)
        if deviation > allowed or math.isnan(deviation):
            self.found.append(Disagreement(step, what, logged, recomputed, in_groups))
        else:
            self.largest[what] = max(self.largest.get(what, 0.0), deviation)
