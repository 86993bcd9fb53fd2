"""What every benchmark prints: figures with a goal, beside a peer and a limit where there are any."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number. The name is stable and says the set or size, such as ``gate.seconds[50]``."""

    name: str
    value: float
    unit: str = ""
    better: Literal["lower", "higher"]
    goal: float | None = None
    peer: dict[str, Any] | None = None
    """The best rival measured the same way: its ``name``, its ``value``, maybe the ``ratio`` to ours."""
    limit: dict[str, Any] | None = None
    """What nobody can beat, in the same form."""
    interval: tuple[float, float] | None = None
    n: int | None = None
    """How many cases the value rests on."""

    @property
    def met(self) -> bool:
        """Whether the goal, if there is one, is reached."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def show(figures: list[Figure], *, as_json: bool) -> None:
    """Print `figures` as one JSON list, or as a table for people.

    JSON has no infinities: a value that is none becomes null.
    """
    if as_json:
        rows = [asdict(each) | {"value": _finite(each.value)} for each in figures]
        print(json.dumps(rows, indent=2, allow_nan=False))
    else:
        print(table(figures))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def table(figures: list[Figure]) -> str:
    """A line for each figure: value, interval, goal and whether it is met, what stands beside it."""
    width = max((len(each.name) for each in figures), default=0)
    lines = [f"{'figure':{width}} {'value':>16}  {'interval':16} {'goal':>9}        beside"]
    for each in figures:
        value = f"{each.value:g} {each.unit}".rstrip()
        low_high = f"{each.interval[0]:.3f} to {each.interval[1]:.3f}" if each.interval else ""
        goal = "" if each.goal is None else f"{'≤' if each.better == 'lower' else '≥'} {each.goal:g}"
        met = "" if each.goal is None else ("met" if each.met else "MISSED")
        beside = ", ".join(_beside(other) for other in (each.peer, each.limit) if other)
        lines.append(f"{each.name:{width}} {value:>16}  {low_high:16} {goal:>9} {met:6} {beside}".rstrip())
    return "\n".join(lines)


def _beside(other: dict[str, Any]) -> str:
    ratio = f" ({other['ratio']}×)" if other.get("ratio") else ""
    return f"{other['name']} {other['value']}{ratio}"
